"""A gated recurrent unit mixes its old state with a new one: what is kept and what is new add up to 1.

    gru : units -> constructor          Gru : x (n, time, features) -> y (n, time, units)

h' = (1 - z) n + z h. The other forms of x are those of ``rnn``, in ``recurrent.py``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import LayerValueError, boolean
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._gates import (
    blocks,
    by_gate,
    by_member,
    dbias,
    dweight,
    for_gates,
    for_rows,
    inputs,
    product,
    sigmoid_of_minus,
)
from fnn.layers._recurrent import Steps, allocate_states, incoming, outgoing, read, recurrent, result
from fnn.layers._stable import first_of, widened
from fnn.layers.initializers import Initializer, glorot_uniform


class Gru(Record):
    """The gated recurrent unit (Cho et al., 2014), its reset gate r after the product, as in PyTorch, or before it.

    r, z = sigmoid(...) of x @ input_weight + h @ hidden_weight + bias, in the order r, z, n, and
    n = tanh(x @ W_n + b_n + r (h @ U_n + hidden_bias)). Weights (features, 3 units), (units, 3 units), (3 units,), and
    ``hidden_bias`` (units,), PyTorch's second bias of n; those of r and z are in ``bias``, added to the first. Without
    ``reset_after``, as in the paper, n = tanh(x @ W_n + b_n + (r h) @ U_n + hidden_bias).
    """

    input_weight: np.ndarray
    hidden_weight: np.ndarray
    bias: np.ndarray
    hidden_bias: np.ndarray
    reset_after: bool = attrs.field(default=True, converter=partial(boolean, "gru: reset_after"))


@vjp.register
@partial(widened, like=first_of)
def gru_vjp(layer: Gru, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    return gru_over(layer, read("gru", layer, x, gates=3))


_ORDER = [0, 1, 2]  # the sigmoids, r and z, come first as they are


def gru_over(layer: Gru, steps: Steps) -> tuple[Any, Pullback]:
    """Evaluate a layer, or a stack of them, over the steps of a batch."""
    *members, units, _ = layer.hidden_weight.shape
    if layer.hidden_bias.shape != (*members, units):
        raise LayerValueError("gru", f"expects a hidden_bias {(*members, units)}, got {layer.hidden_bias.shape}")
    input_weight, hidden_weight, bias = [
        for_gates(leaf, _ORDER, 2) for leaf in (layer.input_weight, layer.hidden_weight, layer.bias)
    ]
    from_x = inputs(steps.x, input_weight, bias)
    h = allocate_states(steps, from_x, units)
    if not layer.reset_after:
        return _reset_before(layer, steps, from_x, h)
    each_step = np.empty((len(h) - 1, *from_x[:, 0].shape), from_x.dtype)
    gates = each_step.swapaxes(0, 1)
    from_h, memory = np.empty_like(from_x[:, 0]), np.empty_like(h[1:])  # h @ U, and its part for n plus hidden_bias
    h_of_each, from_h_of_each = by_member(layer, h), by_member(layer, from_h)
    hidden_bias = for_rows(layer.hidden_bias, h.shape[1])
    with np.errstate(over="ignore"):
        for t in range(len(memory)):
            np.matmul(h_of_each[t], hidden_weight, out=from_h_of_each)
            now = each_step[t]
            r, z, n = now
            np.add(from_x[:2, t], from_h[:2], out=now[:2])
            sigmoid_of_minus(now[:2])
            np.add(from_h[2], hidden_bias, out=memory[t])
            np.multiply(r, memory[t], out=n)
            n += from_x[2, t]
            np.tanh(n, out=n)
            np.subtract(h[t], n, out=h[t + 1])
            h[t + 1] *= z
            h[t + 1] += n

    def gru_pullback(dy):
        dys, _ = incoming(steps, dy)
        # From x the gates get all of their inputs, from h that of n only through r. So there are four gradients, of
        # what n gets from h, of r, of z and of what n gets from x, and both kinds lie side by side.
        time, rows, _ = memory.shape
        dinputs = np.empty((time, rows, 4 * units), gates.dtype)
        each_dinput = by_gate(dinputs, 4)
        dfrom_x, dfrom_h = dinputs[..., units:], dinputs[..., : 3 * units]
        back = np.roll(layer.hidden_weight, units, axis=-1).mT
        dh, scratch = np.zeros_like(h[0]), np.empty_like(h[0])
        dfrom_h_of_each, scratch_of_each = by_member(layer, dfrom_h), by_member(layer, scratch)
        for begin, end in blocks(time, 4 * rows * units):
            slopes = _slopes(gates[:, begin:end], h[begin:end], memory[begin:end])
            for t in reversed(range(begin, end)):
                dh += dys[t]
                np.multiply(dh, slopes[:, t - begin], out=each_dinput[:, t])
                dh *= gates[1, t]
                np.matmul(dfrom_h_of_each[t], back, out=scratch_of_each)
                dh += scratch
        dbiases = dbias(layer.bias, dinputs)
        dlayer = Gru(
            dweight(layer.input_weight, steps.x, dfrom_x),
            read_only(np.roll(dweight(layer.hidden_weight, h[:-1], dfrom_h), -units, axis=-1)),
            dbiases[..., units:],
            dbiases[..., :units],
        )
        return dlayer, outgoing(steps, dy, dfrom_x, layer.input_weight, dh)

    return result(steps, h), gru_pullback


def _slopes(gates: np.ndarray, h: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Return the slopes of h' by what n gets from h, by what r and z are taken of, and by what n gets from x.

    They depend on no gradient, and so many steps are computed at once.
    """
    r, z, n = gates
    slopes = np.empty((len(h), 4, *h.shape[1:]), h.dtype).swapaxes(0, 1)
    by_memory, by_r, by_z, by_n = slopes
    np.subtract(1, z, out=by_n)
    np.subtract(h, n, out=by_z)
    by_z *= z
    by_z *= by_n
    np.multiply(n, n, out=by_r)
    np.subtract(1, by_r, out=by_r)
    by_n *= by_r
    np.multiply(by_n, r, out=by_memory)
    np.subtract(1, r, out=by_r)
    by_r *= by_memory
    by_r *= memory
    return slopes


def _reset_before(layer: Gru, steps: Steps, gates: np.ndarray, h: np.ndarray) -> tuple[Any, Pullback]:
    """Evaluate with the reset before the product, given what x adds to the gates and room for the states."""
    time, rows, units = len(h) - 1, *h.shape[1:]
    of_rz, of_n = layer.hidden_weight[..., : 2 * units], layer.hidden_weight[..., 2 * units :]
    of_each_of_rz = for_gates(of_rz, _ORDER[:2], 2)
    kept = np.empty_like(h[1:])  # r h
    h_of_each = by_member(layer, h)
    gates[2] += for_rows(layer.hidden_bias, rows)
    with np.errstate(over="ignore"):
        for t in range(time):
            rz = gates[:2, t]
            rz += np.matmul(h_of_each[t], of_each_of_rz).reshape(rz.shape)
            sigmoid_of_minus(rz)
            r, z, n = gates[:, t]
            np.multiply(r, h[t], out=kept[t])
            n += product(kept[t], of_n)
            np.tanh(n, out=n)
            h[t + 1] = n + z * (h[t] - n)

    def gru_pullback(dy):
        dys, _ = incoming(steps, dy)
        dgates = np.empty((time, rows, 3 * units), gates.dtype)
        each_dgate = by_gate(dgates, 3)
        dh = np.zeros_like(h[0])
        for t in reversed(range(time)):
            dh += dys[t]
            r, z, n = gates[:, t]
            dr, dz, dn = each_dgate[:, t]
            np.multiply(dh * (h[t] - n), z * (1 - z), out=dz)
            np.multiply(dh * (1 - z), 1 - n * n, out=dn)
            dkept = product(dn, of_n.mT)
            np.multiply(dkept * h[t], r * (1 - r), out=dr)
            dh *= z
            dh += dkept * r
            dh += product(dgates[t][:, : 2 * units], of_rz.mT)
        drz, dn = dgates[..., : 2 * units], dgates[..., 2 * units :]
        dhidden = [dweight(of_rz, h[:-1], drz), dweight(of_n, kept, dn)]
        dlayer = Gru(
            dweight(layer.input_weight, steps.x, dgates),
            read_only(np.concatenate(dhidden, axis=-1)),
            dbias(layer.bias, dgates),
            dbias(layer.hidden_bias, dn),
            reset_after=False,
        )
        return dlayer, outgoing(steps, dy, dgates, layer.input_weight, dh)

    return result(steps, h), gru_pullback


@constructor
def gru(
    units: int,
    input_weight: Initializer = glorot_uniform,
    hidden_weight: Initializer = glorot_uniform,
    reset_after: bool = True,
) -> Construct:
    """Construct a gated recurrent unit; its features and its dtype come from the data, its biases start at 0.

    Args:
        units: the number of outputs at each step.
        input_weight: the initializer of the weights of x, called for each gate with a key of its own.
        hidden_weight: the initializer of the weights of h, called likewise.
        reset_after: whether the reset gate comes after the product with the hidden weight, or before it.

    Raises ``TypeError`` or ``ValueError`` unless ``units`` is an integer, 1 or more.

    >>> gru(3)(Key(0), np.zeros((1, 5, 2), np.float32))
    Gru(input_weight=f32[2,9], hidden_weight=f32[3,9], bias=f32[9], hidden_bias=f32[3], reset_after=True)
    """
    kind = partial(Gru, reset_after=boolean("gru: reset_after", reset_after))
    return recurrent(kind, units, (input_weight, hidden_weight), (0.0, 0.0, 0.0), (0.0,), caller="gru")
