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
from fnn.layers._recurrent import (
    Steps,
    allocate_states,
    by_gate,
    dbias,
    dweight,
    for_rows,
    incoming,
    inputs,
    outgoing,
    product,
    read,
    recurrent,
    result,
)
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


def gru_over(layer: Gru, steps: Steps) -> tuple[Any, Pullback]:
    """Evaluate a layer, or a stack of them, over the steps of a batch."""
    *members, units, _ = layer.hidden_weight.shape
    if layer.hidden_bias.shape != (*members, units):
        raise LayerValueError("gru", f"expects a hidden_bias {(*members, units)}, got {layer.hidden_bias.shape}")
    gates = inputs(steps, layer.input_weight, layer.bias)
    h = allocate_states(steps, gates, units)
    if not layer.reset_after:
        return _reset_before(layer, steps, gates, h)
    from_h, memory = np.empty_like(gates[0]), np.empty_like(h[1:])  # h @ U, and its part for n plus hidden_bias
    each_gate = by_gate(gates, 3)
    from_h_rz, from_h_n = from_h[:, : 2 * units], from_h[:, 2 * units :]
    hidden_bias = for_rows(layer.hidden_bias, len(from_h))
    for t in range(len(gates)):
        product(h[t], layer.hidden_weight, out=from_h)
        rz = gates[t][:, : 2 * units]
        rz += from_h_rz
        _sigmoid_in_place(rz)
        r, z, n = each_gate[t]
        np.add(from_h_n, hidden_bias, out=memory[t])
        n += np.multiply(r, memory[t], out=from_h_n)
        np.tanh(n, out=n)
        np.subtract(h[t], n, out=h[t + 1])
        h[t + 1] *= z
        h[t + 1] += n

    def gru_pullback(dy):
        dys, _ = incoming(steps, dy)
        back = layer.hidden_weight.mT.copy()
        # From x the gates get all of their inputs, from h that of n only through r: two gradients, equal in r and z.
        dgates, dfrom_h = np.empty_like(gates), np.empty_like(gates)
        each_dgate, each_dfrom_h = by_gate(dgates, 3), by_gate(dfrom_h, 3)
        dh, scratch = np.zeros_like(h[0]), np.empty_like(h[0])
        for t in reversed(range(len(gates))):
            dh += dys[t]
            r, z, n = each_gate[t]
            dr, dz, dn = each_dgate[t]
            np.subtract(h[t], n, out=dz)
            dz *= dh
            dz *= _sigmoid_slope(z, scratch)
            np.subtract(1, z, out=dn)
            dn *= dh
            dn *= np.subtract(1, np.multiply(n, n, out=scratch), out=scratch)
            np.multiply(dn, memory[t], out=dr)
            dr *= _sigmoid_slope(r, scratch)
            dfrom_h[t] = dgates[t]
            each_dfrom_h[t][2] *= r
            dh *= z
            dh += product(dfrom_h[t], back, out=scratch)
        dlayer = Gru(
            dweight(layer.input_weight, steps.x, dgates),
            dweight(layer.hidden_weight, h[:-1], dfrom_h),
            dbias(layer.bias, dgates),
            dbias(layer.hidden_bias, each_dfrom_h[:, 2]),
        )
        return dlayer, outgoing(steps, dy, dgates, layer.input_weight, dh)

    return result(steps, h), gru_pullback


def _reset_before(layer: Gru, steps: Steps, gates: np.ndarray, h: np.ndarray) -> tuple[Any, Pullback]:
    """Evaluate with the reset before the product, given what x adds to the gates and room for the states."""
    units = h.shape[2]
    each_gate = by_gate(gates, 3)
    of_rz, of_n = layer.hidden_weight[..., : 2 * units], layer.hidden_weight[..., 2 * units :]
    kept = np.empty_like(h[1:])  # r h
    gates[..., 2 * units :] += for_rows(layer.hidden_bias, gates.shape[1])
    for t in range(len(gates)):
        rz = gates[t][:, : 2 * units]
        rz += product(h[t], of_rz)
        _sigmoid_in_place(rz)
        r, z, n = each_gate[t]
        np.multiply(r, h[t], out=kept[t])
        n += product(kept[t], of_n)
        np.tanh(n, out=n)
        h[t + 1] = n + z * (h[t] - n)

    def gru_pullback(dy):
        dys, _ = incoming(steps, dy)
        dgates = np.empty_like(gates)
        each_dgate = by_gate(dgates, 3)
        dh = np.zeros_like(h[0])
        for t in reversed(range(len(gates))):
            dh += dys[t]
            r, z, n = each_gate[t]
            dr, dz, dn = each_dgate[t]
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


def _sigmoid_in_place(a: np.ndarray) -> None:
    """Replace a by sigmoid(a) = 1/2 + tanh(a / 2) / 2: there is no exponential to overflow, and it is fast."""
    a *= 0.5
    np.tanh(a, out=a)
    a *= 0.5
    a += 0.5


def _sigmoid_slope(y: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return (1 - y) y, the slope of y = sigmoid(a), in ``out``."""
    np.subtract(1, y, out=out)
    out *= y
    return out


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
