"""Networks that branch: with the ``joins`` they are the graphs of Keras' functional model, as values inside values.

    parallel    : constructor, ... -> constructor          Parallel    : x -> (y, ...), a y from each branch: fan-out
    residual    : constructor, ... -> constructor          Residual    : x -> x + body(x)
    pick        : place -> layer                           Pick        : (x, ...) -> x, one of several inputs

Several inputs are a tuple, and so are several outputs. A layer that is used twice, as one record at two places, is one
layer: its gradient is the sum over both uses.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import attrs
import numpy as np

from fnn.core import tree
from fnn.core._arrays import floats
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import as_lengths, is_pair, zero_padding
from fnn.networks._parts import Part, constructed, inside, part_vjp, require_constructors
from fnn.networks.serial import serial


class Parallel(Record):
    """y = (branch(x), ...): every branch sees the same x."""

    branches: tuple[Any, ...]


@vjp.register
def parallel_vjp(net: Parallel, x: Any, key: Key | None = None) -> tuple[tuple[Any, ...], Pullback]:
    if type(net.branches) is not tuple:
        raise TypeError(
            f"Parallel expects a tuple of branches, got {describe(net.branches)}; write Parallel((one, other))"
        )
    ys, pullbacks = [], []
    for place, branch in enumerate(net.branches):
        branch_key = key if key is None else fold_in(key, place)
        y, pullback = part_vjp(branch, x, branch_key, f"branches[{place}]")
        ys.append(y)
        pullbacks.append(pullback)

    def parallel_pullback(dy):
        pulled = [pullback(each) for pullback, each in zip(pullbacks, dy, strict=True)]
        return Parallel(tuple([dbranch for dbranch, _ in pulled])), lambda: reduce(plus, [dx() for _, dx in pulled])

    return tuple(ys), parallel_pullback


def plus(a: Any, b: Any) -> Any:
    """Add two gradients of an input, which may be a tuple; None stands for a state that was not given."""
    if a is None:
        return None
    return tuple(map(plus, a, b)) if isinstance(a, tuple) else a + b


class Residual(Record):
    """y = x + body(x): the body learns what to change (He et al., 2016)."""

    body: Any


@vjp.register
def residual_vjp(net: Residual, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if is_pair(x):
        return _residual_of_pair(net, x, key)
    x = floats("residual", x)
    change, pullback = part_vjp(net.body, x, key, "body")
    if np.shape(change) != x.shape:
        raise LayerValueError("residual", f"expects a body that keeps the shape {x.shape}, got {np.shape(change)}")

    def residual_pullback(dy):
        dbody, dx = pullback(dy)
        return Residual(dbody), lambda: dy + dx()

    return x + change, residual_pullback


def _residual_of_pair(net: Residual, x: Any, key: Key | None) -> tuple[Any, Pullback]:
    """Evaluate on (x, lengths), of which the body returns a pair too."""
    values = floats("residual", x[0])
    lengths = as_lengths("residual", x[1], *values.shape[:2])
    change, pullback = part_vjp(net.body, x, key, "body")
    if not is_pair(change) or change[0].shape != values.shape or not np.array_equal(change[1], lengths):
        wanted = f"a body that keeps the shape {values.shape} and the lengths"
        raise LayerValueError("residual", f"expects {wanted}, got {describe(change)}")

    def residual_of_pair_pullback(dy):
        dbody, dx = pullback(dy)

        def dpair():
            dvalues, dlengths = dx()
            return zero_padding(dy[0], lengths) + dvalues, dlengths

        return Residual(dbody), dpair

    return (zero_padding(values, lengths) + change[0], lengths), residual_of_pair_pullback


class Pick(Record):
    """y = x[place], one of a tuple of inputs."""

    place: int = attrs.field(converter=partial(integer, "pick: the place", minimum=0))


@vjp.register
def pick_vjp(layer: Pick, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if not isinstance(x, tuple) or len(x) <= layer.place:
        raise LayerTypeError("pick", f"expects a tuple of at least {layer.place + 1} inputs, got {describe(x)}")

    def pick_pullback(dy):
        def zero(array: np.ndarray) -> np.ndarray:
            # Of integers too it is a float: integers beside the float32 of another branch would make float64.
            return np.zeros(array.shape, array.dtype if array.dtype.kind == "f" else getattr(dy, "dtype", np.float32))

        return layer, lambda: tuple([dy if i == layer.place else tree.map(zero, each) for i, each in enumerate(x)])

    return x[layer.place], pick_pullback


def pick(place: int) -> Pick:
    """Construct the layer that returns the input at ``place``, counted from 0, of several inputs.

    Raises ``TypeError`` or ``ValueError`` unless ``place`` is an integer, 0 or more.

    >>> pick(1)((np.zeros(2), np.ones(2)))
    array([1., 1.])
    """
    return Pick(place)


@constructor
def parallel(*branches: Part) -> Construct:
    """Construct branches that all see the same input, from constructors and finished layers; the output is a tuple.

    Raises ``ValueError`` if there is no branch, ``TypeError`` for what is neither a constructor nor a layer.

    >>> from fnn import dense
    >>> net = parallel(dense(2), dense(3))(Key(0), np.zeros((5, 4)))
    >>> [y.shape for y in net(np.zeros((5, 4)))]
    [(5, 2), (5, 3)]
    """
    if not branches:
        raise ValueError("parallel expects at least one branch, got none; write parallel(dense(3), dense(4))")
    require_constructors("parallel", branches, "branches")
    return partial(_construct_parallel, branches)


def _construct_parallel(branches: tuple[Part, ...], key: Key, x: Any) -> Parallel:
    require_key("parallel", key)
    finished = []
    for place, branch in enumerate(branches):
        with inside(f"branches[{place}]"):
            finished.append(constructed(branch, fold_in(key, place), x))
    return Parallel(tuple(finished))


@constructor
def residual(*parts: Part) -> Construct:
    """Construct x + body(x), the body from constructors and finished layers one after the other.

    The body must keep the shape of x. Raises ``ValueError`` if there is none, ``TypeError`` for what is neither a
    constructor nor a layer.

    >>> from fnn import dense, relu
    >>> residual(dense(4), relu)(Key(0), np.zeros((1, 4), np.float32))
    Residual(body=Serial(layers=(Dense(weight=f32[4,4], bias=f32[4]), Relu())))
    """
    if not parts:
        raise ValueError("residual expects a body, got none; write residual(dense(64), relu, dense(64))")
    require_constructors("residual", parts, "body")
    return partial(_construct_residual, parts[0] if len(parts) == 1 else serial(*parts))


def _construct_residual(part: Part, key: Key, x: Any) -> Residual:
    require_key("residual", key)
    with inside("body"):
        return Residual(constructed(part, key, x))
