"""What recurrent layers share: they read time first, and need not know of lengths.

    recurrent : class, units, initializers, biases -> the function (key, x -> layer) behind a constructor
    read      : caller, layer, x -> steps
    result    : steps, states -> y, or (y, lengths), or (y, lengths, last state), as x came
    incoming  : steps, dy -> the gradients that reach h and c from outside, at each step
    outgoing  : steps, dy, dinputs, weight -> dx, a function without arguments

Nothing after the end of a row can change what comes before it. So the loops over time go through all steps, and x and
dy are set to 0 beyond the lengths before them, and y after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.layers._constructor import Construct
from fnn.layers._gates import product
from fnn.layers._sequences import last_steps, unpack, zero_padding
from fnn.layers.initializers import Initializer


@attrs.frozen
class Steps:
    """A batch of sequences: ``x`` is (time, n, features), ``first`` the arrays of the first state, each (n, units)."""

    x: np.ndarray
    lengths: np.ndarray | None
    first: tuple[np.ndarray, ...] | None
    parts: int  # how many the input had, and the output gets


def read(caller: str, layer: Any, x: Any, gates: int = 1, states: int = 1) -> Steps:
    """Return the steps in the input of a recurrent layer.

    Args:
        caller: the layer's name, for messages.
        layer: a record with ``input_weight``, ``hidden_weight`` and ``bias``.
        x: the input, in any of its three forms.
        gates: how many times its units a step computes.
        states: how many arrays its state has: 1, or 2 for the pair (h, c).

    Raises ``TypeError`` or ``ValueError`` if the input does not fit the layer, or its weights not each other.
    """
    shapes = [layer.input_weight.shape, layer.hidden_weight.shape, layer.bias.shape]
    features, units = (shape[0] if shape else 0 for shape in shapes[:2])
    width = gates * units
    if shapes != [(features, width), (units, width), (width,)]:
        wanted = "units" if gates == 1 else f"{gates} units"
        raise LayerValueError(
            caller, f"expects weights (features, {wanted}), (units, {wanted}) and a bias ({wanted},), got {shapes}"
        )
    x, lengths, first, parts = unpack(caller, x)
    if x.shape[2] != features:
        raise LayerValueError(caller, f"expects sequences (n, time, {features}), got {x.shape}")
    dtype = np.result_type(x, layer.input_weight)
    first = None if first is None else _state(caller, first, states, (len(x), units), dtype)
    return Steps(np.ascontiguousarray(zero_padding(x, lengths).swapaxes(0, 1), dtype), lengths, first, parts)


def _state(
    caller: str, given: Any, states: int, shape: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[np.ndarray, ...]:
    if states == 2 and not (isinstance(given, tuple) and len(given) == 2):
        raise LayerTypeError(caller, f"expects the pair (h, c) as its state, got {describe(given)}")
    arrays = tuple([floats(f"{caller}: the state", each) for each in (given if states == 2 else (given,))])
    for array in arrays:
        if array.shape != shape:
            raise LayerValueError(caller, f"expects a state {shape}, rows and units, got {array.shape}")
    return tuple([array.astype(dtype, copy=False) for array in arrays])


def allocate_states(
    steps: Steps, like: np.ndarray, units: int, state: int = 0, out: np.ndarray | None = None
) -> np.ndarray:
    """Return an array for the states before and after all steps, (time + 1, n, units), with the first one filled in.

    Args:
        steps: the input.
        like: an array of the wanted dtype.
        units: the width of the state.
        state: which of the first state's arrays is meant.
        out: the array, if there is one.
    """
    time, n, _ = steps.x.shape
    states = np.empty((time + 1, n, units), like.dtype) if out is None else out
    states[0] = 0 if steps.first is None else steps.first[state]
    return states


def result(steps: Steps, *states: np.ndarray) -> Any:
    """Return the output of a layer with these states, (time + 1, n, units), of which the first is its y."""
    # Time first in memory: the next recurrent layer takes it as it is.
    y = zero_padding(states[0][1:].swapaxes(0, 1), steps.lengths)
    if steps.parts < 3:
        return (y, steps.lengths) if steps.parts == 2 else y
    last, rows = last_steps(steps.lengths, *steps.x.shape[1::-1])
    return y, steps.lengths, _packed([state[last + 1, rows] for state in states])  # states[0] is the first one


def incoming(steps: Steps, dy: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the gradients that reach h from outside after each step, (time, n, units), and an LSTM's c, or None.

    For h that is dy, and at the last step of each row also the gradient of the last state, if the layer returned it.
    """
    dh = zero_padding(dy if steps.parts == 1 else dy[0], steps.lengths).swapaxes(0, 1)
    if steps.parts < 3:
        return dh, None
    last, rows = last_steps(steps.lengths, *steps.x.shape[1::-1])
    if steps.lengths is not None:
        rows = np.flatnonzero(steps.lengths)  # the last state of a row of no steps is its first one: see outgoing
        last = last[rows]
    dh_last, *dc_last = _arrays(dy[2])
    dh = dh.copy()
    dh[last, rows] += dh_last[rows]
    if not dc_last:
        return dh, None
    dc = np.zeros_like(dh)
    dc[last, rows] = dc_last[0][rows]
    return dh, dc


def outgoing(steps: Steps, dy: Any, dinputs: np.ndarray, weight: np.ndarray, *dfirst: np.ndarray) -> Callable[[], Any]:
    """Return dx, a function whose result has the form of x.

    Args:
        steps: the input.
        dy: the gradient of the output.
        dinputs: the gradient of ``inputs``, (time, n, width).
        weight: the weight that ``inputs`` was given.
        dfirst: the gradient of the first state.
    """

    def dx():
        dsequences = product(dinputs, weight.mT).swapaxes(0, 1)
        if steps.parts == 1:
            return dsequences
        dlengths = None if steps.lengths is None else np.zeros(steps.lengths.shape, dsequences.dtype)
        dstate = None if steps.first is None else _packed(_with_rows_of_no_steps(steps, dy[2], dfirst))
        return (dsequences, dlengths, dstate)[: steps.parts]

    return dx


def _with_rows_of_no_steps(steps: Steps, dlast: Any, dfirst: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Return the gradient of the first state, which in rows of length 0 is the last one too."""
    if steps.lengths is None or steps.lengths.all():
        return list(dfirst)
    none = (steps.lengths == 0)[:, None]
    return [np.where(none, last, first) for last, first in zip(_arrays(dlast), dfirst, strict=True)]


def _arrays(state: Any) -> tuple[np.ndarray, ...]:
    return state if isinstance(state, tuple) else (state,)


def _packed(arrays: list[np.ndarray]) -> Any:
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def recurrent(
    kind: Callable[..., Any],
    units: int,
    weights: tuple[Initializer, Initializer],
    *biases: tuple[float, ...],
    caller: str = "",
) -> Construct:
    """Return the function that constructs a recurrent layer.

    Args:
        kind: its class, whose fields are the weights of x and of h, and biases; or what makes one of them.
        units: its outputs at each step.
        weights: the initializers of the two weights; each gate draws with a key of its own.
        biases: for each bias, the value that it starts at for each gate; the first has all gates.
        caller: the layer's name, that of the class if it is empty.

    Raises ``TypeError`` or ``ValueError`` unless ``units`` is an integer, 1 or more.
    """
    caller = caller or kind.__name__.lower()
    if isinstance(units, Key):
        raise TypeError(f"{caller} expects its number of units before the key and the data; write {caller}(64)")
    return partial(_construct_recurrent, caller, kind, integer(f"{caller}: units", units), weights, biases)


def _construct_recurrent(
    caller: str,
    kind: Callable[..., Any],
    units: int,
    weights: tuple[Initializer, Initializer],
    biases: tuple[tuple[float, ...], ...],
    key: Key,
    x: Any,
) -> Any:
    require_key(caller, key)
    sequences = unpack(caller, x)[0]
    dtype = sequences.dtype

    def side_by_side(place: int, rows: int) -> np.ndarray:
        keys = [fold_in(fold_in(key, place), gate) for gate in range(len(biases[0]))]
        return read_only(np.concatenate([weights[place](each, (rows, units), dtype) for each in keys], axis=1))

    started = [read_only(np.repeat(np.array(bias, dtype), units)) for bias in biases]
    return kind(side_by_side(0, sequences.shape[2]), side_by_side(1, units), *started)
