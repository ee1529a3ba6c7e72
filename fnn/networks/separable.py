"""A separable convolution looks at each channel alone, and then mixes the channels place by place: far fewer weights.

separable_conv : filters, size -> constructor of a ``Serial`` of two convolutions
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fnn.core._arrays import floats
from fnn.core._errors import integer
from fnn.core.keys import Key
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import values_of
from fnn.layers._windows import Padding, Sizes
from fnn.layers.conv import conv
from fnn.layers.initializers import Initializer, he_uniform, zeros
from fnn.networks.serial import Serial, serial


@constructor
def separable_conv(
    filters: int,
    size: Sizes,
    stride: Sizes = 1,
    padding: Padding = "same",
    dilation: Sizes = 1,
    multiplier: int = 1,
    weight: Initializer = he_uniform,
    bias: Initializer = zeros,
) -> Construct:
    """Construct a convolution of each channel by itself, and one of a single cell across the channels (Chollet, 2016).

    Args:
        filters: the number of outputs at each place.
        size, stride, padding, dilation: those of the first, as for ``conv``.
        multiplier: how many outputs the first makes of each channel.
        weight, bias: the initializers of both.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> import numpy as np
    >>> net = separable_conv(8, 3)(Key(0), np.zeros((1, 28, 28, 4)))
    >>> [layer.weight.shape for layer in net.layers], net(np.zeros((1, 28, 28, 4))).shape
    ([(3, 3, 1, 4), (1, 1, 4, 8)], (1, 28, 28, 8))
    """
    multiplier, across = integer("separable_conv: multiplier", multiplier), conv(filters, 1, weight=weight, bias=bias)
    conv(1, size, stride, padding, dilation)  # refuses what makes no sense before there are data
    return partial(_construct, across, multiplier, (size, stride, padding, dilation), (weight, bias))


def _construct(
    across: Any, multiplier: int, settings: tuple[Any, ...], initializers: tuple[Any, Any], key: Key, x: Any
) -> Serial:
    values, (weight, bias) = floats("separable_conv", values_of(x)), initializers
    channels = max(values.shape[-1], 1) if values.ndim else 1  # of none conv says what is wrong
    return serial(conv(channels * multiplier, *settings, groups=channels, weight=weight, bias=bias), across)(key, x)
