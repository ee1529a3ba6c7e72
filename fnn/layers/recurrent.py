"""A recurrent layer reads a sequence step by step, and carries what it has seen along as its state, h.

rnn  : units -> constructor          h' = tanh(x W + h U + b)
lstm : units -> constructor          c' = f c + i g, h' = o tanh(c'): a state that is added to, not made anew at each step
gru  : units -> constructor          h' = (1 - z) n + z h: what is kept and what is new add up to 1

    Rnn, Lstm, Gru : x (n, time, features) -> y (n, time, units)
                     (x, lengths) -> (y, lengths)
                     (x, lengths or None, state or None) -> (y, lengths or None, last state)

The state of an LSTM is the pair (h, c), of the others h; without one it starts at 0. Lengths are integers (n,): y
is 0 beyond the length of a row, and what x holds there changes nothing.

Backpropagation through time is a fold and its reverse: a loop over the steps that carries the state, and one over the
reversed steps that carries its gradient. What the gates get from x and what the weights get from them are sums over
all steps, and so one product each, before and after the loops.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import float_dtype, read_only, sum_of_rows
from fnn.core._errors import integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import apart, arriving, inputs, leaving, of_weight, places, read, result
from fnn.layers.gru import Gru
from fnn.layers.initializers import glorot_uniform
from fnn.layers.lstm import Lstm


class Rnn(Record):
    """h' = tanh(x @ input_weight + h @ hidden_weight + bias) (Elman, 1990).

    ``input_weight`` is (features, units), ``hidden_weight`` (units, units) and ``bias`` (units,).
    """

    input_weight: np.ndarray
    hidden_weight: np.ndarray
    bias: np.ndarray


@vjp.register
def rnn_vjp(layer: Rnn, x, key=None):
    steps = read("rnn", layer, x)
    given = inputs(steps, layer.input_weight, layer.bias)
    h = places(steps, given, layer.hidden_weight.shape[0])
    for t in range(len(given)):
        np.dot(h[t], layer.hidden_weight, out=h[t + 1])
        h[t + 1] += given[t]
        np.tanh(h[t + 1], out=h[t + 1])

    def rnn_pullback(dy):
        dys, _ = arriving(steps, dy)
        back = layer.hidden_weight.T.copy()
        dgiven, dh = 1 - h[1:] * h[1:], np.zeros_like(h[0])
        for t in reversed(range(len(given))):
            dh += dys[t]
            dgiven[t] *= dh
            np.dot(dgiven[t], back, out=dh)
        dlayer = Rnn(of_weight(steps.x, dgiven), of_weight(h[:-1], dgiven), sum_of_rows(dgiven))
        return dlayer, leaving(steps, dgiven, layer.input_weight, dh)

    return result(steps, h), rnn_pullback


@constructor
def rnn(units: int, input_weight: Callable = glorot_uniform, hidden_weight: Callable = glorot_uniform) -> Construct:
    """Make a recurrent layer of ``units`` outputs at each step; its features and its dtype come from the data.

    The weights are made by initializers, the bias is 0. Raises unless ``units`` is an integer, 1 or more.

    >>> rnn(3)(Key(0), np.zeros((1, 5, 2)))
    Rnn(input_weight=f64[2,3], hidden_weight=f64[3,3], bias=f64[3])
    """
    return _recurrent(Rnn, "rnn", (0.0,), units, input_weight, hidden_weight)


@constructor
def lstm(units: int, input_weight: Callable = glorot_uniform, hidden_weight: Callable = glorot_uniform) -> Construct:
    """Make an LSTM of ``units`` outputs at each step, as ``rnn`` does; each gate has weights of its own key.

    The bias of the forget gate starts at 1, so that it remembers until it has learned what to forget (Jozefowicz et
    al., 2015).

    >>> lstm(3)(Key(0), np.zeros((1, 5, 2), np.float32))
    Lstm(input_weight=f32[2,12], hidden_weight=f32[3,12], bias=f32[12])
    """
    return _recurrent(Lstm, "lstm", (0.0, 1.0, 0.0, 0.0), units, input_weight, hidden_weight)


@constructor
def gru(units: int, input_weight: Callable = glorot_uniform, hidden_weight: Callable = glorot_uniform) -> Construct:
    """Make a gated recurrent unit of ``units`` outputs at each step, as ``rnn`` does; each gate has its own key.

    >>> gru(3)(Key(0), np.zeros((1, 5, 2), np.float32))
    Gru(input_weight=f32[2,9], hidden_weight=f32[3,9], bias=f32[9], hidden_bias=f32[3])
    """
    return _recurrent(Gru, "gru", (0.0, 0.0, 0.0), units, input_weight, hidden_weight)


def _recurrent(kind: type, caller: str, biases: tuple[float, ...], units: Any, *weights: Callable) -> Construct:
    if isinstance(units, Key):
        raise TypeError(f"{caller} expects its number of units before the key and the data; write {caller}(64)")
    return partial(_construct_recurrent, kind, caller, biases, integer(f"{caller}: units", units), weights)


def _construct_recurrent(kind: type, caller: str, biases: tuple, units: int, weights: tuple, key: Key, x: Any) -> Any:
    require_key(caller, key)
    sequences = apart(caller, x)[0]
    dtype = float_dtype(sequences)

    def side_by_side(place: int, rows: int) -> np.ndarray:
        keys = [fold_in(fold_in(key, place), gate) for gate in range(len(biases))]
        return read_only(np.concatenate([weights[place](each, (rows, units), dtype) for each in keys], axis=1))

    bias = read_only(np.repeat(np.array(biases, dtype), units))
    parameters = side_by_side(0, sequences.shape[2]), side_by_side(1, units), bias
    return kind(*parameters, read_only(np.zeros(units, dtype))) if kind is Gru else kind(*parameters)
