"""A recurrent layer reads a sequence step by step, and carries what it has seen along as its state, h.

    rnn       : units -> constructor
    Rnn       : x (n, time, features)                     -> y (n, time, units)
                (x, lengths)                              -> (y, lengths)
                (x, lengths or None, first state or None) -> (y, lengths or None, last state)
    last_step : x (n, time, features), or (x, lengths)    -> y (n, features)

h' = tanh(x W + h U + b). ``lstm`` and ``gru`` take the same forms of x. The state of an LSTM is the pair (h, c), of the
others h; without one it starts at 0. Lengths are integers (n,) from 0: y is 0 beyond the length of a row, and
what x holds there changes nothing. The last state of a row of length 0 is its first.

Backpropagation through time is a fold and its reverse: a loop over the steps that carries the state, and one over the
reversed steps that carries its gradient. What the gates get from x and what the weights get from them are sums over
all steps, and so one product each, before and after the loops.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core._errors import LayerTypeError
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._gates import dbias, dweight, inputs, product
from fnn.layers._recurrent import Steps, allocate_states, incoming, outgoing, read, recurrent, result
from fnn.layers._sequences import last_steps, unpack
from fnn.layers._stable import first_of, widened
from fnn.layers.initializers import Initializer, glorot_uniform


class Rnn(Record):
    """h' = tanh(x @ input_weight + h @ hidden_weight + bias) (Elman, 1990).

    ``input_weight`` is (features, units), ``hidden_weight`` (units, units) and ``bias`` (units,).
    """

    input_weight: np.ndarray
    hidden_weight: np.ndarray
    bias: np.ndarray


@vjp.register
@partial(widened, like=first_of)
def rnn_vjp(layer: Rnn, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    return rnn_over(layer, read("rnn", layer, x))


def rnn_over(layer: Rnn, steps: Steps) -> tuple[Any, Pullback]:
    """Evaluate a layer, or a stack of them, over the steps of a batch."""
    from_x = inputs(steps.x, layer.input_weight[None], layer.bias[None])[0]
    h = allocate_states(steps, from_x, layer.hidden_weight.shape[-1])
    for t in range(len(from_x)):
        product(h[t], layer.hidden_weight, out=h[t + 1])
        h[t + 1] += from_x[t]
        np.tanh(h[t + 1], out=h[t + 1])

    def rnn_pullback(dy):
        dys, _ = incoming(steps, dy)
        back = layer.hidden_weight.mT
        dsums, dh = 1 - h[1:] * h[1:], np.zeros_like(h[0])  # dsums: the gradient of what tanh is taken of
        for t in reversed(range(len(from_x))):
            dh += dys[t]
            dsums[t] *= dh
            product(dsums[t], back, out=dh)
        dlayer = Rnn(
            dweight(layer.input_weight, steps.x, dsums),
            dweight(layer.hidden_weight, h[:-1], dsums),
            dbias(layer.bias, dsums),
        )
        return dlayer, outgoing(steps, dy, dsums, layer.input_weight, dh)

    return result(steps, h), rnn_pullback


@constructor
def rnn(
    units: int, input_weight: Initializer = glorot_uniform, hidden_weight: Initializer = glorot_uniform
) -> Construct:
    """Construct a recurrent layer; its features and its dtype come from the data, its bias starts at 0.

    Args:
        units: the number of outputs at each step.
        input_weight: the initializer of the weight of x.
        hidden_weight: the initializer of the weight of h.

    Raises ``TypeError`` or ``ValueError`` unless ``units`` is an integer, 1 or more.

    >>> rnn(3)(Key(0), np.zeros((1, 5, 2)))
    Rnn(input_weight=f64[2,3], hidden_weight=f64[3,3], bias=f64[3])
    """
    return recurrent(Rnn, units, (input_weight, hidden_weight), (0.0,))


class LastStep(Record):
    """y = x at the last step of each row: of (n, time, features), or of the pair with lengths; (n, features).

    Of a row of length 0, y is 0.

    >>> last_step((np.array([[[1.0], [2.0], [0.0]]]), np.array([2])))
    array([[2.]])
    """


@vjp.register
@widened
def last_step_vjp(layer: LastStep, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, lengths, _, parts = unpack("last_step", x)
    if parts == 3:
        raise LayerTypeError("last_step", "expects x or (x, lengths), got a tuple of 3; put pick(0) before it")
    last, rows = last_steps(lengths, *x.shape[:2])
    y = x[rows, last]
    none = None if lengths is None or lengths.all() else (lengths == 0)[:, None]
    if none is not None:
        y = np.where(none, np.zeros((), y.dtype), y)

    def last_step_pullback(dy):
        def dx():
            dsequences = np.zeros(x.shape, dy.dtype)
            dsequences[rows, last] = dy if none is None else np.where(none, 0, dy)
            return dsequences if lengths is None else (dsequences, np.zeros(lengths.shape, dy.dtype))

        return layer, dx

    return y, last_step_pullback


last_step: LastStep = LastStep()
