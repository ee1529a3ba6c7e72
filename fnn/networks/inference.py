"""Mode is another network, not a flag: training semantics belong to ``vjp``, and evaluation is a network without them.

    inference       : params, x? -> params
    needs_inference : params -> the path of the first layer that trains in another way than it evaluates, or None

What a layer becomes depends on its type, and can be seen in the network's repr: ``Dropout`` becomes ``Identity``,
``BatchNorm`` a ``Scale`` with the statistics of x (Ioffe and Szegedy, 2015, algorithm 2). So training keeps no running
means, and on the sample itself both modes agree. A layer that does the same in both is left as it is; for one of your
own that does not, register a function with ``inference.register``.
"""

from __future__ import annotations

import functools
from typing import Any

from fnn.core._errors import LayerTypeError, describe
from fnn.core._structure import walk
from fnn.core.record import children, is_record
from fnn.core.vjp import forward
from fnn.layers.activations import Identity, identity
from fnn.layers.dropout import Dropout
from fnn.layers.noise import GaussianNoise
from fnn.layers.norm import BatchNorm, Scale, fixed
from fnn.networks._parts import inside
from fnn.networks.branches import Parallel, Residual
from fnn.networks.serial import Serial


@functools.singledispatch
def inference(params: Any, x: Any = None) -> Any:
    """Return the network to evaluate with. ``x`` is a sample of the training set, for layers that need its statistics.

    Raises ``TypeError`` if ``params`` is no finished network, or without ``x`` where a layer needs it; the error names
    the layer's path.

    >>> from fnn import relu
    >>> inference(Serial((Dropout(0.5), relu)))
    Serial(layers=(Identity(), Relu()))
    """
    if not is_record(params):
        raise TypeError(
            f"inference expects a finished network, got {describe(params)}; make it first: constructor(key, x)"
        )
    return params


@inference.register
def serial_inference(params: Serial, x: Any = None) -> Serial:
    layers = []
    for place, layer in enumerate(params.layers):
        with inside(f"layers[{place}]"):
            layers.append(inference(layer, x))
            x = None if x is None else forward(layers[-1], x)
    return Serial(tuple(layers))


@inference.register
def parallel_inference(params: Parallel, x: Any = None) -> Parallel:
    branches = []
    for place, branch in enumerate(params.branches):
        with inside(f"branches[{place}]"):
            branches.append(inference(branch, x))
    return Parallel(tuple(branches))


@inference.register
def residual_inference(params: Residual, x: Any = None) -> Residual:
    with inside("body"):
        return Residual(inference(params.body, x))


@inference.register(Dropout)
@inference.register(GaussianNoise)
def dropout_inference(params: Dropout | GaussianNoise, x: Any = None) -> Identity:
    return identity


@inference.register
def batch_norm_inference(params: BatchNorm, x: Any = None) -> Scale:
    if x is None:
        raise LayerTypeError(
            "batch_norm", "needs statistics: call inference(params, x) with x a sample of the training set"
        )
    return fixed(params, x)


def needs_inference(params: Any) -> str | None:
    """Return the path of the first layer that trains in another way than it evaluates, or None if there is none.

    Such are the layers for which a function is registered with ``inference.register``, but for those that hold others.

    >>> from fnn import relu
    >>> needs_inference(Serial((relu, Dropout(0.5)))), needs_inference(relu)
    ('layers[1]', None)
    """
    unchanged = inference.dispatch(object)
    for path, node in walk(params, every=True):
        if inference.dispatch(type(node)) is not unchanged and not any(map(_is_structure, children(node))):
            return path or "the root"
    return None


def _is_structure(part: Any) -> bool:
    return is_record(part) or isinstance(part, tuple)
