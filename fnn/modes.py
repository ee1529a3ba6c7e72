"""Mode is another network, not a flag: training semantics belong to ``vjp``, and evaluation is a network without them.

    inference : params, x? -> params

What a layer becomes is decided by its type, and can be seen in the network's repr. A layer that behaves the same in
both modes is left as it is; one that does not registers a rule here.
"""

from __future__ import annotations

import functools
from typing import Any

from fnn.compose import Serial, located
from fnn.core import forward
from fnn.errors import describe
from fnn.records import is_record


@functools.singledispatch
def inference(params: Any, x: Any = None) -> Any:
    """Give the network to evaluate with. ``x`` is a sample of the training set, for layers that need its statistics.

    >>> from fnn import relu
    >>> inference(relu)
    Relu()
    """
    if not is_record(params):
        raise TypeError(f"inference expects a finished network, got {describe(params)}; make it first: maker(key, x)")
    return params


@inference.register
def _(params: Serial, x: Any = None) -> Serial:
    layers = []
    for place, layer in enumerate(params.layers):
        try:
            layers.append(inference(layer, x))
            x = None if x is None else forward(layers[-1], x)
        except Exception as error:
            raise located(error, place) from None
    return Serial(tuple(layers))
