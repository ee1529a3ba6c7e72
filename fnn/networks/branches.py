"""Networks that branch and join: the graphs that Keras draws with its functional model, as values inside values.

    parallel    : constructor, ... -> constructor          x -> (y, ...), each branch's own of the same x: fan-out
    pick        : place -> layer               (x, ...) -> x, one of several inputs
    concatenate : (x, ...) -> y, side by side along the last axis: fan-in
    add         : (x, ...) -> y, their sum
    residual    : constructor, ... -> constructor          x -> x + body(x)

Several inputs are a tuple, and so are several outputs. A layer that is used twice, as one record at two places, is one
layer: its gradient is the sum over both.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record, is_record
from fnn.core.tree import zeros_like
from fnn.core.vjp import forward, registered, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.networks._parts import constructed, inside, locate, require_constructors
from fnn.networks.serial import serial


class Parallel(Record):
    """Every branch sees the same x, and y is the tuple of what they give."""

    branches: tuple[Any, ...]


@vjp.register
def parallel_vjp(net: Parallel, x, key=None):
    if type(net.branches) is not tuple:
        raise TypeError(
            f"Parallel expects a tuple of branches, got {describe(net.branches)}; write Parallel((one, other))"
        )
    ys, pullbacks = [], []
    for place, branch in enumerate(net.branches):
        try:
            y, pullback = registered(type(branch), vjp)(branch, x, key if key is None else fold_in(key, place))
        except Exception as error:
            locate(error, f"branches[{place}]")
            raise
        ys.append(y)
        pullbacks.append(pullback)

    def parallel_pullback(dy):
        pulled = [pullback(each) for pullback, each in zip(pullbacks, dy, strict=True)]
        return Parallel(tuple([d for d, _ in pulled])), lambda: reduce(_plus, [dx() for _, dx in pulled])

    return tuple(ys), parallel_pullback


def _plus(a: Any, b: Any) -> Any:
    if a is None:  # in the place of a state that was not given
        return None
    return tuple(map(_plus, a, b)) if isinstance(a, tuple) else a + b


class Residual(Record):
    """y = x + body(x): the body learns what to change (He et al., 2016)."""

    body: Any


@vjp.register
def residual_vjp(net: Residual, x, key=None):
    x = floats("residual", x)
    try:
        change, pullback = registered(type(net.body), vjp)(net.body, x, key)
    except Exception as error:
        locate(error, "body")
        raise
    if np.shape(change) != x.shape:
        raise LayerValueError("residual", f"expects a body that keeps the shape {x.shape}, got {np.shape(change)}")

    def residual_pullback(dy):
        dbody, dx = pullback(dy)
        return Residual(dbody), lambda: dy + dx()

    return x + change, residual_pullback


class Pick(Record):
    """Give the input at ``place`` of a tuple of inputs."""

    place: int


@vjp.register
def pick_vjp(layer: Pick, x, key=None):
    if not isinstance(x, tuple) or len(x) <= layer.place:
        raise LayerTypeError("pick", f"expects a tuple of at least {layer.place + 1} inputs, got {describe(x)}")

    def pick_pullback(dy):
        return layer, lambda: tuple([dy if i == layer.place else zeros_like(each) for i, each in enumerate(x)])

    return x[layer.place], pick_pullback


def _join(layer: Any, *inputs: Any, **named: Any) -> Any:
    """Join arrays; or, given constructors, make branches that are joined."""
    if inputs and all(is_record(each) or callable(each) for each in inputs):
        return serial(parallel(*inputs), layer)
    return forward(layer, *inputs, **named)


class Concatenate(Record):
    """Put arrays side by side, along the last axis. ``concatenate(a, b)`` is ``serial(parallel(a, b), concatenate)``.

    >>> concatenate((np.ones((1, 2)), np.zeros((1, 1))))
    array([[1., 1., 0.]])
    """

    __call__ = _join


@vjp.register
def concatenate_vjp(layer: Concatenate, x, key=None):
    arrays = _several("concatenate", x, slice(-1))
    ends = np.cumsum([array.shape[-1] for array in arrays])[:-1]

    def concatenate_pullback(dy):
        return layer, lambda: tuple(np.split(dy, ends, axis=-1))

    return np.concatenate(arrays, axis=-1), concatenate_pullback


class Add(Record):
    """Add arrays of one shape. ``add(a, b)`` of constructors is short for ``serial(parallel(a, b), add)``.

    >>> add((np.ones((1, 2)), np.ones((1, 2))))
    array([[2., 2.]])
    """

    __call__ = _join


@vjp.register
def add_vjp(layer: Add, x, key=None):
    arrays = _several("add", x, slice(None))

    def add_pullback(dy):
        return layer, lambda: (dy,) * len(arrays)

    return reduce(np.add, arrays[1:], arrays[0].copy()), add_pullback


def _several(caller: str, x: Any, equal: slice) -> list[np.ndarray]:
    """Give a tuple's arrays as floats, if their shapes are equal as far as they must be."""
    if not isinstance(x, tuple) or not x:
        raise LayerTypeError(caller, f"expects a tuple of arrays, got {describe(x)}; put parallel(...) before it")
    arrays = [floats(caller, array) for array in x]
    shapes = [array.shape for array in arrays]
    if any(len(shape) < 2 or shape[equal] != shapes[0][equal] for shape in shapes):
        but = " but for the last axis" if equal.stop else ""
        raise LayerValueError(caller, f"expects arrays of one shape{but}, got {' and '.join(map(str, shapes))}")
    return arrays


concatenate: Any = Concatenate()
add: Any = Add()


def pick(place: int) -> Pick:
    """Make the layer that gives the input at ``place``, from 0, of a network with several.

    >>> pick(1)((np.zeros(2), np.ones(2)))
    array([1., 1.])
    """
    return Pick(integer("pick: the place", place, 0))


@constructor
def parallel(*branches: Any) -> Construct:
    """Make branches that all see the same input; the output is a tuple. From constructors and finished layers.

    >>> from fnn import dense
    >>> net = parallel(dense(2), dense(3))(Key(0), np.zeros((5, 4)))
    >>> [y.shape for y in net(np.zeros((5, 4)))]
    [(5, 2), (5, 3)]
    """
    if not branches:
        raise ValueError("parallel expects at least one branch, got none; write parallel(dense(3), dense(4))")
    require_constructors("parallel", branches, "branches")
    return partial(_construct_parallel, branches)


def _construct_parallel(branches: tuple, key: Key, x: Any) -> Parallel:
    require_key("parallel", key)
    finished = []
    for place, branch in enumerate(branches):
        with inside(f"branches[{place}]"):
            finished.append(constructed(branch, fold_in(key, place), x))
    return Parallel(tuple(finished))


@constructor
def residual(*parts: Any) -> Construct:
    """Make x + body(x); several constructors are the body one after the other. The body must keep the shape of x.

    >>> from fnn import dense, relu
    >>> residual(dense(4), relu)(Key(0), np.zeros((1, 4), np.float32))
    Residual(body=Serial(layers=(Dense(weight=f32[4,4], bias=f32[4]), Relu())))
    """
    if not parts:
        raise ValueError("residual expects a body, got none; write residual(dense(64), relu, dense(64))")
    require_constructors("residual", parts, "body")
    return partial(_construct_residual, parts[0] if len(parts) == 1 else serial(*parts))


def _construct_residual(part: Any, key: Key, x: Any) -> Residual:
    require_key("residual", key)
    with inside("body"):
        return Residual(constructed(part, key, x))
