"""A gated recurrent unit mixes its old state with a new one: what is kept and what is new add up to 1.

Gru : x (n, time, features) -> y (n, time, units)          h' = (1 - z) n + z h

The other forms of x, and the constructor, are in ``recurrent.py``.
"""

from __future__ import annotations

import numpy as np

from fnn.core._arrays import sum_of_rows
from fnn.core._errors import LayerValueError
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._sequences import arriving, by_gate, inputs, leaving, of_weight, places, read, result


class Gru(Record):
    """The gated recurrent unit (Cho et al., 2014), its reset gate r after the product, as in PyTorch.

    r, z = sigmoid(...) of x @ input_weight + h @ hidden_weight + bias, in the order r, z, n, and
    n = tanh(x @ W_n + b_n + r (h @ U_n + hidden_bias)). Weights (features, 3 units), (units, 3 units), (3 units,), and
    ``hidden_bias`` (units,), PyTorch's second bias of n; those of r and z are in ``bias``, added to the first.
    """

    input_weight: np.ndarray
    hidden_weight: np.ndarray
    bias: np.ndarray
    hidden_bias: np.ndarray


@vjp.register
def gru_vjp(layer: Gru, x, key=None):
    steps = read("gru", layer, x, gates=3)
    units = layer.hidden_weight.shape[0]
    if layer.hidden_bias.shape != (units,):
        raise LayerValueError("gru", f"expects a hidden_bias ({units},), got {layer.hidden_bias.shape}")
    gates = inputs(steps, layer.input_weight, layer.bias)
    h = places(steps, gates, units)
    through, memory = np.empty_like(gates[0]), np.empty_like(h[1:])  # h @ U, and its n part plus hidden_bias
    each_gate = by_gate(gates, 3)
    through_rz, through_n = through[:, : 2 * units], through[:, 2 * units :]
    for t in range(len(gates)):
        np.dot(h[t], layer.hidden_weight, out=through)
        rz = gates[t][:, : 2 * units]
        rz += through_rz
        _sigmoid(rz)
        r, z, n = each_gate[t]
        np.add(through_n, layer.hidden_bias, out=memory[t])
        n += np.multiply(r, memory[t], out=through_n)
        np.tanh(n, out=n)
        np.subtract(h[t], n, out=h[t + 1])
        h[t + 1] *= z
        h[t + 1] += n

    def gru_pullback(dy):
        dys, _ = arriving(steps, dy)
        back = layer.hidden_weight.T.copy()
        # From x the gates get all of their inputs, from h that of n only through r: two gradients, equal in r and z.
        dgates, dthrough = np.empty_like(gates), np.empty_like(gates)
        each_dgate, each_dthrough = by_gate(dgates, 3), by_gate(dthrough, 3)
        dh, scratch = np.zeros_like(h[0]), np.empty_like(h[0])
        for t in reversed(range(len(gates))):
            dh += dys[t]
            r, z, n = each_gate[t]
            dr, dz, dn = each_dgate[t]
            np.subtract(h[t], n, out=dz)
            dz *= dh
            dz *= _slope_of_sigmoid(z, scratch)
            np.subtract(1, z, out=dn)
            dn *= dh
            dn *= np.subtract(1, np.multiply(n, n, out=scratch), out=scratch)
            np.multiply(dn, memory[t], out=dr)
            dr *= _slope_of_sigmoid(r, scratch)
            dthrough[t] = dgates[t]
            each_dthrough[t][2] *= r
            dh *= z
            dh += np.dot(dthrough[t], back, out=scratch)
        of_input, of_hidden = of_weight(steps.x, dgates), of_weight(h[:-1], dthrough)
        dlayer = Gru(of_input, of_hidden, sum_of_rows(dgates), sum_of_rows(each_dthrough[:, 2]))
        return dlayer, leaving(steps, dgates, layer.input_weight, dh)

    return result(steps, h), gru_pullback


def _sigmoid(a: np.ndarray) -> None:
    """Put 1/2 + tanh(a / 2) / 2 in the place of a: no exponential to overflow, and fast."""
    a *= 0.5
    np.tanh(a, out=a)
    a *= 0.5
    a += 0.5


def _slope_of_sigmoid(y: np.ndarray, out: np.ndarray) -> np.ndarray:
    np.subtract(1, y, out=out)
    out *= y
    return out
