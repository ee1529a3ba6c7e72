"""A transformer is attention and a small network at each step, again and again, each added to what was there before.

    transformer_block : heads, hidden -> constructor          x (n, time, d), or (x, lengths) -> the same again

It is no layer of its own: a block is written with ``residual`` and ``serial``, or ``parallel``, ``pick`` and ``add``
where lengths come along, and shows these in its repr.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fnn.core._arrays import as_array
from fnn.core._errors import LayerValueError, integer, number
from fnn.core.keys import require_key
from fnn.layers._constructor import Construct, constructor
from fnn.layers.activations import gelu
from fnn.layers.attention import attention
from fnn.layers.dense import dense
from fnn.layers.dropout import dropout as dropping
from fnn.layers.norm import layer_norm
from fnn.networks._parts import require_constructors
from fnn.networks.branches import add, parallel, pick, residual
from fnn.networks.serial import serial


@constructor
def transformer_block(
    heads: int, hidden: int, causal: bool = False, dropout: float = 0.0, activation: Any = gelu
) -> Construct:
    """Make x + attention(norm(x)), and from that, x + dense(activation(dense(norm(x)))), ``hidden`` units between.

    The norm stands inside, before what it serves (pre-norm: Xiong et al., 2020); put a ``layer_norm`` after the last
    block. ``dropout`` is the share to drop of what each of the two adds (Vaswani et al., 2017, section 5.4). For the
    pair (x, lengths) the block gives a pair again; what stands in it beyond a row's length means nothing, and whatever
    looks at lengths leaves it out.

    Raises unless ``heads`` and ``hidden`` are integers, 1 or more, and ``heads`` divides d.

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


def _construct_transformer_block(key: Any, x: Any, *, attend: Construct, widen: tuple, drop: tuple) -> Any:
    require_key("transformer_block", key)
    sequences = as_array("transformer_block", x[0] if isinstance(x, tuple) and x else x)
    if sequences.ndim != 3:
        hint = "; put an embedding before it" if sequences.ndim < 3 else ""
        raise LayerValueError(
            "transformer_block", f"expects sequences (n, time, features), got {sequences.shape}{hint}"
        )
    feed = residual(*widen, dense(sequences.shape[2]), *drop)
    if not isinstance(x, tuple):
        return serial(residual(layer_norm(), attend, *drop), feed)(key, x)
    normed = parallel(serial(pick(0), layer_norm()), pick(1))
    return parallel(serial(add(pick(0), serial(normed, attend, pick(0), *drop)), feed), pick(1))(key, x)
