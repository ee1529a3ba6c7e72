"""How the layers of an ensemble compute all members at once, and what does so one member after the other.

together    : stacked network, n, keys? -> the network that computes all members      apart : its gradient -> stacked
as_they_are : stacked network -> whether its layers do so by themselves

Dense layers take a stack, and activation functions any axes. A layer without parameters that looks at each row alone
takes the rows of all members as rows. Norms and recurrent layers have ways of their own (``_side_by_side``). Any other
layer serves its members in turn, each with a key of its own: it draws, or gains nothing from more than that.
"""

from __future__ import annotations

import functools
from typing import Any, NoReturn

import attrs
import numpy as np

from fnn.core import tree
from fnn.core._errors import LayerError, LayerValueError
from fnn.core._members import rows_of, stack
from fnn.core._structure import walk
from fnn.core.keys import Key, fold_in
from fnn.core.record import Record, children
from fnn.core.vjp import Pullback, registered, vjp
from fnn.layers import activations, smooth
from fnn.layers.dense import Dense
from fnn.layers.gated import Glu, SwiGlu
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.hard import HardSigmoid, HardSwish, HardTanh
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.positional import Sinusoidal
from fnn.layers.recurrent import LastStep
from fnn.layers.shape import Flatten, Reshape
from fnn.layers.softmax import LogSoftmax, Softmax
from fnn.networks._side_by_side import OfFeatures, OfRows, OfSteps, side_by_side
from fnn.networks.branches import Parallel, Pick, Residual
from fnn.networks.joins import Add, Concatenate, Multiply
from fnn.networks.serial import Serial

_EACH_VALUE = frozenset({
    activations.Identity, activations.Heaviside, activations.Sigmoid, activations.Tanh, activations.Relu,
    activations.LeakyRelu, smooth.Elu, smooth.Selu, smooth.Gelu, smooth.Silu,
    smooth.Softplus, smooth.Mish, smooth.Softsign, HardTanh, HardSigmoid, HardSwish,
})  # fmt: skip
_ANY_AXES = _EACH_VALUE | {Dense}
_EACH_ROW = _EACH_VALUE | {
    Softmax, LogSoftmax, Glu, SwiGlu, Flatten, Reshape, MaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool,
    LastStep, Sinusoidal, Pick,
    Concatenate, Add, Multiply,
}  # fmt: skip


@attrs.frozen
class Keys:
    """A key for each member, and the address below it, folded into them when somebody draws."""

    keys: tuple[Key, ...]
    path: tuple[int, ...] = ()

    def at(self, i: int) -> Keys:
        """Return the keys one address further down."""
        return Keys(self.keys, (*self.path, i))

    def each(self) -> list[Key]:
        """Return each member's key."""
        return [functools.reduce(fold_in, self.path, key) for key in self.keys]

    def apart(self) -> tuple[Key, tuple[Key, ...]]:
        """Return the address, as a key that networks fold places into, and the keys that it is below."""
        return Key(0, self.path), self.keys


def as_they_are(network: Any) -> bool:
    """Return True if all layers of a stacked network compute all members by themselves, on an array."""
    if type(network) is Serial:
        for layer in network.layers:  # noqa: SIM110 (asked at each step of training)
            if type(layer) not in _ANY_AXES and not as_they_are(layer):
                return False
        return True
    return type(network) in _ANY_AXES


class Merged(Record):
    """A layer that looks at each row alone, and is given the rows of all members."""

    layer: Any
    n: int


class Each(Record):
    """A layer that serves one member after the other."""

    layer: Any
    n: int
    keys: Any


class OnArrays(Record):
    """A layer that computes all members of an array; of (x, lengths), one by one."""

    layer: Any
    n: int
    keys: Any


@functools.singledispatch
def together(layer: Any, n: int, keys: tuple[Key, ...] | None) -> Any:
    """Return the layer that computes all members of a stacked one."""
    # Of a residual block the body is made ready where it is evaluated, and not here as well.
    if type(layer) is Residual or type(layer) is Dense or side_by_side(layer, n) is not None:
        return OnArrays(layer, n, keys)
    # An axis other than the last may be that of the rows.
    by_row = type(layer) in _EACH_ROW and getattr(layer, "axis", -1) == -1
    return Merged(layer, n) if by_row else Each(layer, n, keys)


def _on_arrays(layer: Any, n: int, keys: tuple[Key, ...] | None) -> Any:
    """Return what computes all members of an array."""
    if type(layer) is Residual:
        return Residual(together(layer.body, n, keys))
    return layer if type(layer) is Dense else side_by_side(layer, n)


@together.register(Serial)
@together.register(Parallel)
def parts_together(layer: Any, n: int, keys: tuple[Key, ...] | None) -> Any:
    (parts,) = children(layer)
    return type(layer)(tuple([together(part, n, keys) for part in parts]))


def require_first_axis(layer: Any, n: int) -> None:
    """Raise unless the arrays of a stacked layer have a first axis of n."""
    for path, leaf in walk(layer):
        if leaf.shape[:1] != (n,):
            raise LayerValueError("ensemble", f"of {n} expects parameters ({n}, ...), got {leaf.shape} at {path}")


def apart(node: Any) -> Any:
    """Return a gradient as a tree like the stacked network."""
    if isinstance(node, Merged | Each | OnArrays | OfFeatures | OfRows | OfSteps):
        return node.layer
    if type(node) is Dense:
        return node
    if type(node) is Residual:
        return Residual(apart(node.body))
    (parts,) = children(node)
    return type(node)(tuple(map(apart, parts)))


@vjp.register
def on_arrays_vjp(layer: OnArrays, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if type(x) is not np.ndarray:
        return each_vjp(Each(layer.layer, layer.n, layer.keys), x, key)
    if type(layer.layer) is not Residual:  # whose body looks for itself
        require_first_axis(layer.layer, layer.n)
    try:
        y, pullback = vjp(_on_arrays(layer.layer, layer.n, layer.keys), x, key)
    except LayerError as error:
        _raise_as_alone(Each(layer.layer, layer.n, layer.keys), x, key, error)

    def on_arrays_pullback(dy):
        dlayer, dx = pullback(dy)
        return OnArrays(apart(dlayer), layer.n, layer.keys), dx

    return y, on_arrays_pullback


@vjp.register
def merged_vjp(layer: Merged, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    n = layer.n
    if type(x) is not np.ndarray and len({leaf.shape[:2] for leaf in tree.leaves(x)}) > 1:
        return each_vjp(Each(layer.layer, n, None), x)  # rows of one array go with all of another
    try:
        y, pullback = vjp(layer.layer, _merge(x))
    except LayerError as error:
        _raise_as_alone(Each(layer.layer, n, None), x, None, error)

    def merged_pullback(dy):
        _, dx = pullback(_merge(dy))
        return layer, lambda: _split(dx(), n)

    return _split(y, n), merged_pullback


def _raise_as_alone(layer: Each, x: Any, key: Key | None, error: LayerError) -> NoReturn:
    """Raise what the first member that fails says by itself: shapes merged for all of them are nobody's."""
    try:
        each_vjp(layer, x, key)
    except LayerError as alone:
        raise alone from None
    raise error


def _merge(x: Any) -> Any:
    """Return (n, rows, ...) as (n rows, ...)."""
    if type(x) is np.ndarray:
        return x.reshape(-1, *x.shape[2:]) if x.size else x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    return tree.map(_merge, x)


def _split(x: Any, n: int) -> Any:
    if type(x) is np.ndarray:
        return x.reshape(n, len(x) // n, *x.shape[1:])
    return tree.map(functools.partial(_split, n=n), x)


@vjp.register
def each_vjp(layer: Each, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    n = layer.n
    keys = [None] * n
    if key is not None:
        keys = Keys(layer.keys, key.path).each()
    require_first_axis(layer.layer, n)
    function = registered(type(layer.layer), vjp)
    ys, pullbacks = zip(
        *[function(*given) for given in zip(rows_of(layer.layer, n), rows_of(x, n), keys, strict=True)], strict=True
    )

    def each_pullback(dy):
        pulled = [pullback(each) for pullback, each in zip(pullbacks, rows_of(dy, n), strict=True)]
        dlayer = stack([dlayer for dlayer, _ in pulled])
        return Each(dlayer, n, layer.keys), lambda: stack([dx() for _, dx in pulled])

    return stack(ys), each_pullback
