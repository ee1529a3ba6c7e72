"""What layers over time share: sequences are read time first, and what lies beyond the end of a row counts for nothing.

    read     : caller, layer, x -> steps          x (n, time, features), or (x, lengths), or (x, lengths, first state)
    inputs   : steps, weight, bias -> x @ weight + bias of all steps, in one product
    result   : steps, states -> y, or (y, lengths), or (y, lengths, last state)
    arriving : steps, dy -> what comes to h and c from outside, at each step
    leaving  : steps, dinputs, weight -> dx, a thunk

A layer answers in the form in which it was asked. Nothing after the end of a row can change what comes before it, so
the loops over time need not know of lengths: here x and dy are set to 0 beyond them, and so is y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array, counting, floats, read_only, unshared
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.record import Record
from fnn.core.vjp import vjp


@attrs.frozen
class Steps:
    """A batch of sequences: ``x`` is (time, n, features), ``first`` the arrays of the first state, each (n, units)."""

    x: np.ndarray
    lengths: np.ndarray | None
    first: tuple[np.ndarray, ...] | None
    parts: int  # in how many the input came, and the output goes


def read(caller: str, layer: Any, x: Any, gates: int = 1, states: int = 1) -> Steps:
    """Take the input of a recurrent layer apart; raise in the name of ``caller`` for what does not fit it."""
    units = layer.hidden_weight.shape[0]
    shapes = [layer.input_weight.shape, layer.hidden_weight.shape, layer.bias.shape]
    features, width = shapes[0][0], gates * units
    if shapes != [(features, width), (units, width), (width,)]:
        wanted = "units" if gates == 1 else f"{gates} units"
        raise LayerValueError(
            caller, f"expects weights (features, {wanted}), (units, {wanted}) and a bias ({wanted},), got {shapes}"
        )
    x, lengths, first, parts = apart(caller, x)
    if x.shape[2] != features:
        raise LayerValueError(caller, f"expects sequences (n, time, {features}), got {x.shape}")
    dtype = np.result_type(x, layer.input_weight)
    first = None if first is None else _state(caller, first, states, (len(x), units), dtype)
    return Steps(np.ascontiguousarray(blank(x, lengths).swapaxes(0, 1), dtype), lengths, first, parts)


def apart(caller: str, x: Any) -> tuple[np.ndarray, np.ndarray | None, Any, int]:
    """Give the sequences, lengths and first state in ``x``, None for what is not there, and how many parts it had."""
    parts: tuple[Any, ...] = x if isinstance(x, tuple) else (x,)
    if len(parts) not in (1, 2, 3):
        raise LayerTypeError(caller, f"expects x, (x, lengths) or (x, lengths, state), got a tuple of {len(parts)}")
    array = floats(caller, parts[0])
    if array.ndim != 3 or 0 in array.shape[1:]:
        hint = "; write x[..., None] if a step is one number, put embedding before it if it is a symbol"
        hint = hint if array.ndim == 2 else ""
        raise LayerValueError(caller, f"expects sequences (n, time, features), got {array.shape}{hint}")
    _, lengths, state = (*parts, None, None)[:3]
    if len(parts) == 2 or lengths is not None:
        lengths = _lengths(caller, lengths, *array.shape[:2])
    return array, lengths, state, len(parts)


def _lengths(caller: str, given: Any, n: int, time: int) -> np.ndarray:
    lengths = as_array(caller, given)
    if lengths.dtype.kind not in "iu":
        raise LayerTypeError(caller, f"expects integers as lengths, got {describe(given)}; convert them to int")
    if lengths.shape != (n,):
        raise LayerValueError(caller, f"expects one length a row, ({n},), got {lengths.shape}")
    if n and not 1 <= lengths.min() <= lengths.max() <= time:
        found = f"from {lengths.min()} to {lengths.max()}"
        raise LayerValueError(caller, f"expects lengths from 1 to {time}, the steps there are, got some {found}")
    return unshared(lengths)


def _state(caller: str, given: Any, states: int, shape: tuple[int, int], dtype: np.dtype) -> tuple[np.ndarray, ...]:
    if states == 2 and not (isinstance(given, tuple) and len(given) == 2):
        raise LayerTypeError(caller, f"expects the pair (h, c) as its state, got {describe(given)}")
    arrays = tuple([floats(f"{caller}: the state", each) for each in (given if states == 2 else (given,))])
    for array in arrays:
        if array.shape != shape:
            raise LayerValueError(caller, f"expects a state {shape}, rows and units, got {array.shape}")
    return tuple([array.astype(dtype, copy=False) for array in arrays])


def within(lengths: np.ndarray, time: int) -> np.ndarray:
    """Tell which steps belong to their rows, (n, time).

    >>> within(np.array([1, 3]), 3).astype(int)
    array([[1, 0, 0],
           [1, 1, 1]])
    """
    return counting(time) < lengths[:, None]


def blank(values: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Give (n, time, ...) with 0 beyond the lengths, whatever stood there."""
    return values if lengths is None else np.where(within(lengths, values.shape[1])[..., None], values, 0)


def inputs(steps: Steps, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Give what x contributes to every step, (time, n, width): one large product is faster than many small ones."""
    everything = _rows(steps.x).dot(weight)
    everything += bias
    return everything.reshape(*steps.x.shape[:2], -1)


def places(steps: Steps, like: np.ndarray, units: int, state: int = 0) -> np.ndarray:
    """Give room for a state at each border between steps, (time + 1, n, units), the first one filled in."""
    time, n, _ = steps.x.shape
    room = np.empty((time + 1, n, units), like.dtype)
    room[0] = 0 if steps.first is None else steps.first[state]
    return room


def result(steps: Steps, *states: np.ndarray) -> Any:
    """Give the output of a layer with these states, (time + 1, n, units), the first of which it shows."""
    # Time first in memory: the next recurrent layer takes it as it is.
    y = blank(states[0][1:].swapaxes(0, 1), steps.lengths)
    if steps.parts < 3:
        return (y, steps.lengths)[: steps.parts] if steps.parts == 2 else y
    last, rows = _ends(steps.lengths, *steps.x.shape[1::-1])
    return y, steps.lengths, _packed([state[1:][last, rows] for state in states])


def arriving(steps: Steps, dy: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Give what arrives from outside at h after each step, (time, n, units), and at the c of an LSTM, None for nothing.

    At h that is dy, and at the last step of each row also what arrives at the last state, if the layer gave that.
    """
    dh = blank(dy if steps.parts == 1 else dy[0], steps.lengths).swapaxes(0, 1)
    if steps.parts < 3:
        return dh, None
    last, rows = _ends(steps.lengths, *steps.x.shape[1::-1])
    dh_last, dc_last = dy[2] if isinstance(dy[2], tuple) else (dy[2], None)
    dh = dh.copy()
    dh[last, rows] += dh_last
    if dc_last is None:
        return dh, None
    dc = np.zeros_like(dh)
    dc[last, rows] = dc_last
    return dh, dc


def leaving(steps: Steps, dinputs: np.ndarray, weight: np.ndarray, *dfirst: np.ndarray) -> Callable[[], Any]:
    """Give dx, in the form of x, from the gradient of ``inputs``, of a weight, and of the first state."""

    def dx():
        of_x = _rows(dinputs).dot(weight.T).reshape(steps.x.shape).swapaxes(0, 1)
        if steps.parts == 1:
            return of_x
        of_lengths = None if steps.lengths is None else np.zeros(steps.lengths.shape, of_x.dtype)
        of_state = None if steps.first is None else _packed(list(dfirst))
        return (of_x, of_lengths, of_state)[: steps.parts]

    return dx


def by_gate(gates: np.ndarray, count: int) -> np.ndarray:
    """Give a view (time, gate, n, units) of gates that lie side by side, (time, n, count units)."""
    time, n, width = gates.shape
    return gates.reshape(time, n, count, width // count).swapaxes(1, 2)


def of_weight(into: np.ndarray, dgates: np.ndarray) -> np.ndarray:
    """Give the gradient of a weight that was used at every step: the sum over all, as one product."""
    return read_only(_rows(into).T.dot(_rows(dgates)))


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(values.shape[0] * values.shape[1], values.shape[2])


def _ends(lengths: np.ndarray | None, n: int, time: int) -> tuple[Any, np.ndarray]:
    """Give the last step of each row, and the rows."""
    return (time if lengths is None else lengths) - 1, counting(n)


def _packed(arrays: list[np.ndarray]) -> Any:
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


class LastStep(Record):
    """y is x at the last step of each row: of (n, time, features), or of the pair with lengths; (n, features).

    >>> last_step((np.array([[[1.0], [2.0], [0.0]]]), np.array([2])))
    array([[2.]])
    """


@vjp.register
def last_step_vjp(layer: LastStep, x, key=None):
    x, lengths, _, parts = apart("last_step", x)
    if parts == 3:
        raise LayerTypeError("last_step", "expects x or (x, lengths), got a tuple of 3; put pick(0) before it")
    last, rows = _ends(lengths, *x.shape[:2])

    def last_step_pullback(dy):
        def dx():
            of_x = np.zeros(x.shape, dy.dtype)
            of_x[rows, last] = dy
            return of_x if lengths is None else (of_x, np.zeros(lengths.shape, dy.dtype))

        return layer, dx

    return x[rows, last], last_step_pullback


last_step: Any = LastStep()
