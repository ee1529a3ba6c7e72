"""A transformer is attention and a small network at each step, again and again, each added to its own input.

    transformer_block : heads, hidden -> constructor          x (n, time, d) -> y (n, time, d)
                                                              (x, lengths)   -> (y, lengths)

A block is no layer of its own: it is made of ``residual`` and ``serial``, and shows these in its repr.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fnn.core._arrays import as_array
from fnn.core._errors import LayerValueError, integer, number
from fnn.core.keys import Key, require_key
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import values_of
from fnn.layers.attention import attention
from fnn.layers.dense import dense
from fnn.layers.dropout import dropout as dropping
from fnn.layers.layer_norm import layer_norm
from fnn.layers.smooth import gelu
from fnn.networks._parts import Part, require_constructors
from fnn.networks.branches import residual
from fnn.networks.serial import serial


@constructor
def transformer_block(
    heads: int, hidden: int, causal: bool = False, dropout: float = 0.0, activation: Part = gelu
) -> Construct:
    """Construct z = x + attention(norm(x)) and, after it, y = z + dense(activation(dense(norm(z)))).

    Each norm stands before the layer that it serves (pre-norm: Xiong et al., 2020); put a ``layer_norm`` after the last
    block. For the pair (x, lengths) the block returns a pair again, 0 beyond a row's length.

    Args:
        heads: the number of attention heads; it must divide d.
        hidden: units between the two dense layers.
        causal: whether each step sees only itself and the steps before it.
        dropout: the rate at which to drop values of what each half adds (Vaswani et al., 2017, section 5.4).
        activation: the activation function between the two dense layers.

    Raises ``TypeError`` or ``ValueError`` unless ``heads`` and ``hidden`` are integers, 1 or more, and d a multiple of
    ``heads``.

    >>> import numpy as np
    >>> from fnn import Key
    >>> block = transformer_block(2, 16)(Key(0), np.zeros((1, 5, 4)))
    >>> [type(part).__name__ for part in block.layers], block(np.ones((3, 7, 4))).shape
    (['Residual', 'Residual'], (3, 7, 4))
    """
    rate = number("transformer_block: dropout", dropout, below=1)
    require_constructors("transformer_block", (activation,), "activation")
    return partial(
        _construct_transformer_block,
        attend=attention(integer("transformer_block: heads", heads), causal),
        widen=(layer_norm(), dense(integer("transformer_block: hidden", hidden)), activation),
        drop=(dropping(rate),) if rate else (),
    )


def _construct_transformer_block(
    key: Key, x: Any, *, attend: Construct, widen: tuple[Part, ...], drop: tuple[Part, ...]
) -> Any:
    require_key("transformer_block", key)
    sequences = as_array("transformer_block", values_of(x))
    if sequences.ndim != 3:
        hint = "; put an embedding before it" if sequences.ndim < 3 else ""
        raise LayerValueError(
            "transformer_block", f"expects sequences (n, time, features), got {sequences.shape}{hint}"
        )
    feed = residual(*widen, dense(sequences.shape[2]), *drop)
    return serial(residual(layer_norm(), attend, *drop), feed)(key, x)
