"""An ensemble is many networks of one architecture as one: the same tree, whose arrays have an axis more, in front.

    ensemble : constructor, n -> constructor          Ensemble : x (n, rows, ...) -> y (n, rows, ...)
    members  : ensemble -> a tuple of n networks      replicate : x, n -> the same x for each of n members

A step of a small network is a little arithmetic and much Python around it; a step of an ensemble has as much Python as
that of one network. Member i computes what it would compute alone: to the bit if the network is of dense layers and
activation functions, otherwise to rounding. What is a number for one network is an array (n,) for an ensemble: the
loss, and if you like the learning rate, the momentum, the strength of weight decay and of a penalty.

>>> import numpy as np
>>> from fnn import mlp
>>> nets = ensemble(mlp(3, 1), 5)(Key(0), np.zeros((1, 2)))
>>> nets.network.layers[0], members(nets)[4].layers[0]
(Dense(weight=f64[5,2,3], bias=f64[5,3]), Dense(weight=f64[2,3], bias=f64[3]))
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_array, is_tuple
from fnn.core._errors import LayerValueError, describe, integer
from fnn.core._flat import FLAT, Layout, take_apart
from fnn.core._members import flat_rows, replicate, rows_of, stack
from fnn.core.keys import Key, fold_in, require_key, require_keys, split
from fnn.core.record import Record, children, is_record, rebuild
from fnn.core.vjp import Pullback, registered, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.networks._parts import Part, constructed, inside, require_constructors
from fnn.networks._together import Keys, apart, as_they_are, together
from fnn.networks.inference import inference

__all__ = ["Ensemble", "ensemble", "members", "replicate"]


def _count(n: Any) -> int:
    # A step makes several ensembles, of a number that was checked before.
    return n if n.__class__ is int and n > 0 else integer("Ensemble: n", n)


class Ensemble(Record):
    """y[i] = member i on x[i], for ``n`` networks; every array of ``network`` has a first axis of n.

    A key is one for each member: a tuple of n, or a single key, which stands for ``split(key, n)``.

    >>> from fnn import Dense
    >>> Ensemble(Dense(np.array([[[1.0]], [[10.0]]]), np.zeros((2, 1))), 2)(np.array([[[3.0]], [[3.0]]])).tolist()
    [[[3.0]], [[30.0]]]
    """

    network: Any
    n: int = attrs.field(converter=_count)


@vjp.register
def ensemble_vjp(nets: Ensemble, x: Any, key: Any = None) -> tuple[Any, Pullback]:
    network, n = nets.network, nets.n
    require_members(n, x)
    if type(x) is np.ndarray and as_they_are(network):
        y, pullback = registered(type(network), vjp)(network, x)
        return y, lambda dy: _as_ensemble(n, *pullback(dy))
    address, keys = (None, None) if key is None else keys_of("ensemble", key, n).apart()
    y, pullback = vjp(together(network, n, keys), x, address)

    def ensemble_pullback(dy):
        dnetwork, dx = pullback(dy)
        return Ensemble(apart(dnetwork), n), dx

    return y, ensemble_pullback


def _as_ensemble(n: int, dnetwork: Any, dx: Any) -> tuple[Ensemble, Any]:
    return Ensemble(dnetwork, n), dx


def require_members(n: int, x: Any, what: str = "x") -> None:
    """Raise unless every array of x is (n, rows, ...)."""
    for array in (x,) if type(x) is np.ndarray else take_apart(x)[0]:
        if array.shape[:1] != (n,) or array.ndim < 2:
            hint = f"; write replicate({what}, {n}) for the same rows for each" if array.ndim else ""
            raise LayerValueError("ensemble", f"of {n} expects {what} ({n}, rows, ...), got {array.shape}{hint}")


def keys_of(caller: str, key: Any, n: int) -> Keys:
    """Return a key for each of n members, of a tuple of n, or of a single one, or raise in the name of ``caller``."""
    if isinstance(key, Keys):
        keys = key
    elif is_tuple(key):
        keys = Keys(require_keys(caller, key))
    else:
        if isinstance(key, list):
            raise TypeError(f"{caller} expects a key, or a tuple of them, got {describe(key)}; write tuple(keys)")
        keys = Keys(split(require_key(caller, key), n))
    if len(keys.keys) != n:
        raise ValueError(
            f"{caller} expects a key for each of {n} members, got {len(keys.keys)}; write split(Key(0), {n})"
        )
    return keys


def _flat_ensemble(nets: Ensemble) -> tuple[np.ndarray, Layout]:
    return flat_rows(nets, nets.n, "network")


FLAT[Ensemble] = _flat_ensemble


@constructor
def ensemble(network: Part, n: int) -> Construct:
    """Construct ``n`` networks as one: member i is ``network(fold_in(key, i), x)``, to the bit.

    Args:
        network: a constructor, which sees the rows x that any network would see; or a finished network, of which each
            member is then a copy.
        n: how many.

    Raises ``TypeError`` for what is no constructor and an ``n`` that is no integer, ``ValueError`` for an n below 1, or
    if members differ in structure.

    >>> from fnn import dense
    >>> ensemble(dense(2), 3)(Key(0), np.zeros((1, 4), np.float32))
    Ensemble(network=Dense(weight=f32[3,4,2], bias=f32[3,2]), n=3)
    """
    require_constructors("ensemble", (network,), "network")
    return partial(_construct_ensemble, network, integer("ensemble: n", n))


def _construct_ensemble(network: Part, n: int, key: Key, x: Any) -> Ensemble:
    require_key("ensemble", key)
    made: list[Any] = []
    for i in range(n):
        with inside(f"member {i}"):
            made.append(constructed(network, fold_in(key, i), x))
    return Ensemble(stack(made), n)


def members(nets: Any) -> tuple[Any, ...]:
    """Return the networks of an ensemble, one for each member: views, nothing is copied.

    Of a training state of an ensemble, the states of its members, from which each can be trained on alone.

    Raises ``TypeError`` for what holds no ensemble.

    >>> from fnn import Dense
    >>> [net.bias for net in members(Ensemble(Dense(np.zeros((2, 1, 1)), np.array([[1.0], [2.0]])), 2))]
    [array([1.]), array([2.])]
    """
    n = _n_of(nets)
    if n is None:
        raise TypeError(f"members expects an ensemble, or a state of one, got {describe(nets)}")
    return tuple(_members(nets, n))


def _n_of(node: Any) -> int | None:
    if isinstance(node, Ensemble):
        return node.n
    return next((n for n in map(_n_of, children(node)) if n is not None), None)


def _members(node: Any, n: int) -> list[Any]:
    """Return what of a tree is each member's: of an ensemble its network, of any other array a row."""
    if isinstance(node, Ensemble):
        return [*rows_of(node.network, n)]
    if is_array(node):
        return [row if row.ndim else row.item() for row in rows_of(node, n)]
    if is_record(node) or is_tuple(node):
        parts = [_members(part, n) for part in children(node)]
        return [rebuild(node, [part[i] for part in parts]) for i in range(n)]
    return [node] * n


@inference.register
def ensemble_inference(params: Ensemble, x: Any = None) -> Ensemble:
    if x is not None:
        require_members(params.n, x)
    samples = (None,) * params.n if x is None else rows_of(x, params.n)
    return Ensemble(stack([inference(net, each) for net, each in zip(members(params), samples, strict=True)]), params.n)
