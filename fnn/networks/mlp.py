"""A multi-layer perceptron: dense layers with an activation function between them.

mlp : width, ... -> constructor
"""

from __future__ import annotations

from fnn.core._errors import describe
from fnn.layers._constructor import Construct, constructor
from fnn.layers.activations import relu
from fnn.layers.dense import dense
from fnn.networks._parts import Part
from fnn.networks.serial import serial


@constructor
def mlp(*widths: int, activation: Part = relu) -> Construct:
    """Construct a dense layer for each width, with an activation function between them.

    The last layer has none: its outputs are values or logits. Raises ``ValueError`` if there is no width,
    ``TypeError`` for a list of them, and what ``dense`` and ``serial`` raise.

    >>> import numpy as np
    >>> from fnn import Key
    >>> mlp(3, 1)(Key(0), np.zeros((1, 2), np.float32))
    Serial(layers=(Dense(weight=f32[2,3], bias=f32[3]), Relu(), Dense(weight=f32[3,1], bias=f32[1])))
    """
    if not widths:
        raise ValueError("mlp expects at least one width, got none; write mlp(64, 10)")
    if isinstance(widths[0], list | tuple):
        raise TypeError(f"mlp expects widths one after the other, got {describe(widths[0])}; write mlp(*widths)")
    body = [part for width in widths for part in (dense(width), activation)]
    return serial(*body[:-1])
