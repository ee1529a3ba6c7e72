"""A transformer is attention and a small network at each step, again and again, each added to its own input.

    transformer_block : heads, hidden -> constructor          x (n, time, d) -> y (n, time, d)
                                                              (x, lengths)   -> (y, lengths)
    decoder_block     : heads, hidden -> constructor          (x, memory) -> (y, memory), either with lengths

A block is no layer of its own: it is made of ``residual``, ``serial`` and ``Graph``, and shows these in its repr.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs

from fnn.core._arrays import as_array
from fnn.core._errors import LayerTypeError, LayerValueError, boolean, describe, integer, number
from fnn.core.keys import Key, fold_in, require_key
from fnn.layers._constructor import Construct, Constructor, constructor
from fnn.layers._sequences import is_pair, values_of
from fnn.layers.activations import identity
from fnn.layers.attention import Attention, attention
from fnn.layers.dense import dense
from fnn.layers.dropout import dropout as dropping
from fnn.layers.layer_norm import layer_norm
from fnn.layers.smooth import gelu
from fnn.networks._parts import Part, constructed, inside, part_vjp, require_constructors, unseen
from fnn.networks.branches import residual
from fnn.networks.graph import Graph, Node
from fnn.networks.joins import add
from fnn.networks.serial import serial


@constructor
def transformer_block(
    heads: int | Constructor,
    hidden: int,
    causal: bool = False,
    dropout: float = 0.0,
    activation: Part = gelu,
    norm_first: bool = True,
) -> Construct:
    """Construct z = x + attention(norm(x)) and, after it, y = z + dense(activation(dense(norm(z)))).

    Each norm stands before the layer that it serves (pre-norm: Xiong et al., 2020); put a ``layer_norm`` after the last
    block. With ``norm_first=False`` it stands after the sum (post-norm: Vaswani et al., 2017): z = norm(x +
    attention(x)), y = norm(z + ...). For the pair (x, lengths) the block returns a pair again, 0 beyond a row's length.

    Args:
        heads: the number of attention heads, which must divide d; or an attention with settings of its own, say
            ``attention(8, causal=True, kv_heads=2, rotary=rotary)``.
        hidden: units between the two dense layers.
        causal: whether each step sees only itself and the steps before it; so it is too if the attention says so.
        dropout: the rate at which to drop values of what each half adds (Vaswani et al., 2017, section 5.4).
        activation: the activation function between the two dense layers.
        norm_first: whether the norms stand before the layers.

    Raises ``TypeError`` or ``ValueError`` unless ``heads`` and ``hidden`` are integers, 1 or more, and d a multiple of
    ``heads``.

    >>> import numpy as np
    >>> from fnn import Key
    >>> block = transformer_block(2, 16)(Key(0), np.zeros((1, 5, 4)))
    >>> [type(part).__name__ for part in block.layers], block(np.ones((3, 7, 4))).shape
    (['Residual', 'Residual'], (3, 7, 4))
    """
    return partial(
        _construct_transformer_block,
        attend=_attending("transformer_block", heads, causal),
        widen=_widening("transformer_block", hidden, activation),
        drop=_dropping("transformer_block", dropout),
        norm_first=boolean("transformer_block: norm_first", norm_first),
    )


@constructor
def decoder_block(
    heads: int | Constructor,
    hidden: int,
    causal: bool = True,
    dropout: float = 0.0,
    activation: Part = gelu,
    norm_first: bool = True,
    memory_heads: int | Constructor | None = None,
) -> Construct:
    """Construct a block that looks at its own steps, then at a memory: z = x + attention(norm(x)),
    c = z + attention(norm(z), memory), y = c + dense(activation(dense(norm(c)))).

    It takes ``(x, memory)`` and returns ``(y, memory)``, so that blocks follow each other; put ``pick(0)`` after the
    last one. Each of the two may come with lengths. ``advance`` takes a step at a time: ``(step, memory)``.

    Args:
        heads: as in ``transformer_block``.
        hidden: units between the two dense layers.
        causal: as in ``transformer_block``.
        dropout: the rate at which to drop values of what each third adds.
        activation: the activation function between the two dense layers.
        norm_first: whether the norms stand before the layers, or after the sums.
        memory_heads: the same for the attention to the memory; its number is that of ``heads`` if None.

    Raises ``TypeError`` or ``ValueError`` as ``transformer_block`` does.

    >>> import numpy as np
    >>> from fnn import Key, pick
    >>> given = np.ones((3, 7, 4)), np.ones((3, 5, 6))
    >>> net = serial(decoder_block(2, 16), decoder_block(2, 16), pick(0))(Key(0), given)
    >>> net(given).shape
    (3, 7, 4)
    """
    own = _attending("decoder_block", heads, causal)
    if memory_heads is None and isinstance(heads, Constructor):
        raise TypeError("decoder_block expects memory_heads beside an attention of its own; write memory_heads=8")
    return partial(
        _construct_decoder_block,
        attend=own,
        look=_attending("decoder_block", heads if memory_heads is None else memory_heads, False, "memory_heads"),
        widen=_widening("decoder_block", hidden, activation),
        drop=_dropping("decoder_block", dropout),
        norm_first=boolean("decoder_block: norm_first", norm_first),
    )


def _attending(caller: str, heads: Any, causal: bool, name: str = "heads") -> Construct:
    if not isinstance(heads, Constructor):
        return attention(integer(f"{caller}: {name}", heads), causal)
    if not boolean(f"{caller}: causal", causal):
        return heads
    return Constructor(partial(_construct_causal, heads), repr(heads))


def _construct_causal(attend: Construct, key: Key, x: Any) -> Any:
    """Construct an attention that does not look ahead, whatever its own setting is."""
    layer = attend(key, x)
    return attrs.evolve(layer, causal=True) if isinstance(layer, Attention) else layer


def _widening(caller: str, hidden: int, activation: Part) -> tuple[Part, Part]:
    require_constructors(caller, (activation,), "activation")
    return dense(integer(f"{caller}: hidden", hidden)), activation


def _dropping(caller: str, rate: float) -> tuple[Part, ...]:
    rate = number(f"{caller}: dropout", rate, below=1)
    return (dropping(rate),) if rate else ()


def _construct_transformer_block(
    key: Key, x: Any, *, attend: Construct, widen: tuple[Part, Part], drop: tuple[Part, ...], norm_first: bool
) -> Any:
    require_key("transformer_block", key)
    feed = *widen, dense(_width("transformer_block", x)), *drop
    if norm_first:
        return serial(residual(layer_norm(), attend, *drop), residual(layer_norm(), *feed))(key, x)
    return serial(residual(attend, *drop), layer_norm(), residual(*feed), layer_norm())(key, x)


def _width(caller: str, x: Any) -> int:
    sequences = as_array(caller, values_of(x))
    if sequences.ndim != 3:
        hint = "; put an embedding before it" if sequences.ndim < 3 else ""
        raise LayerValueError(caller, f"expects sequences (n, time, features), got {sequences.shape}{hint}")
    return sequences.shape[2]


def _construct_decoder_block(
    key: Key,
    x: Any,
    *,
    attend: Construct,
    look: Construct,
    widen: tuple[Part, Part],
    drop: tuple[Part, ...],
    norm_first: bool,
) -> Graph:
    require_key("decoder_block", key)
    if not isinstance(x, tuple) or len(x) != 2 or is_pair(x):
        raise LayerTypeError("decoder_block", f"expects (x, memory), either with lengths, got {describe(x)}")
    feed = *widen, dense(_width("decoder_block", x[0])), *drop
    parts = decoder_parts((attend, *drop), (look, *drop), feed, (layer_norm(),) * 3, norm_first, residual, serial)
    values: dict[str, Any] = {"x": x[0], "memory": x[1]}
    nodes: list[Node] = []
    for place, (part, names, output) in enumerate(parts):
        several = [values[name] for name in names]
        given: Any = tuple(several) if len(several) > 1 else several[0]
        node_key = fold_in(key, place)
        with inside(f"nodes[{place}].layer"):
            layer = constructed(part, node_key, given)
        values[output], _ = part_vjp(unseen(layer), given, node_key, f"nodes[{place}].layer")
        nodes.append(Node(layer, names, output))
    return Graph(tuple(nodes), ("x", "memory"), ("y", "kept"))


def decoder_parts(
    own: Sequence[Any],
    look: Sequence[Any],
    feed: Sequence[Any],
    norms: Sequence[Any],
    norm_first: bool,
    residual: Callable[..., Any],
    serial: Callable[..., Any],
) -> list[tuple[Any, tuple[str, ...], str]]:
    """Return the parts of a decoder block, each with the names of its inputs and of its output.

    Args:
        own: the attention to the block's own steps, and what follows it before the sum.
        look: the attention to the memory, likewise.
        feed: the small network at each step, likewise.
        norms: one for each of the three.
        norm_first: whether the norms stand before the layers, or after the sums.
        residual: what makes a residual of parts.
        serial: what makes one part of several.
    """
    first, second, third = norms
    seen, found = "seen", "found" if len(look) > 1 else "seen"
    if norm_first:
        begin = [(residual(first, *own), ("x",), "own"), (second, ("own",), "query")]
        end = [(add, ("own", found), "both"), (residual(third, *feed), ("both",), "y")]
    else:
        begin = [(serial(residual(*own), first), ("x",), "own")]
        end = [(add, ("own", found), "sum"), (second, ("sum",), "both")]
        end.append((serial(residual(*feed), third), ("both",), "y"))
    asked = "query" if norm_first else "own"
    middle = [(look[0], (asked, "memory"), seen), *[(each, (seen,), found) for each in look[1:]]]
    return [*begin, *middle, *end, (identity, ("memory",), "kept")]
