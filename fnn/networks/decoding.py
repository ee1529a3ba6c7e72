"""To generate is to take one step at a time: what a network returns for a step, and what it remembers for the next.

    advance : layer, x, state? -> y, state          x (n, 1, ...) -> y (n, 1, ...)

Step by step, ``advance`` returns what one call on the whole sequence returns. A state holds what was seen so far, and
is a value: a sequence can be resumed from any of them, or continued in two ways. None is the state before the first
step, and the state of a layer that looks at each step alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.vjp import forward
from fnn.layers._looking_back import look_back
from fnn.layers._sequences import is_pair
from fnn.layers._stable import first_of, widened
from fnn.layers.attention import Attention
from fnn.layers.dot_product import DotProductAttention
from fnn.layers.dropout import Dropout
from fnn.layers.gru import Gru
from fnn.layers.lstm import Lstm
from fnn.layers.norm import BatchNorm
from fnn.layers.positional import Positional, Sinusoidal, coded
from fnn.layers.recurrent import Rnn
from fnn.layers.rotary import Rotary, steps_of, turned
from fnn.layers.shape import Flatten, Reshape
from fnn.networks._parts import inside
from fnn.networks.bidirectional import Bidirectional
from fnn.networks.branches import Parallel, Residual
from fnn.networks.graph import Graph, Node, folded
from fnn.networks.serial import Serial


def wide_steps(step: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    """Decorate how a layer advances so that it computes float16 in float32, as its vjp does.

    The state stays in float32: between the steps of a whole sequence nothing is rounded either.
    """

    @functools.wraps(step)
    def wide_step(layer: Any, x: Any, state: Any = None) -> tuple[Any, Any]:
        following: list[Any] = []

        def evaluated(layer: Any, x: Any, key: Any = None) -> tuple[Any, Any]:
            y, after = step(layer, x, state)
            following.append(after)
            return y, None

        y, _ = widened(evaluated, first_of)(layer, x)
        return y, following[0]

    return wide_step


@functools.singledispatch
def advance(layer: Any, x: Any, state: Any = None) -> tuple[Any, Any]:
    """Take the next step of every row, and return y at this step and the state before the step after it.

    A layer of your own that looks beyond the step it is at needs a function registered with ``advance.register``.

    Args:
        layer: a layer or a finished network; ``last_step`` makes (n, features) of a step.
        x: the step, (n, 1, features), or (n, 1) symbols; a recurrent layer takes several steps at once too.
        state: what the step before returned; None for the first.

    Raises ``TypeError`` for a layer that needs a key or the whole sequence, and an error with the layer's path for a
    step or a state that does not fit.

    >>> import numpy as np
    >>> from fnn import Key
    >>> from fnn.layers.recurrent import rnn
    >>> layer, x = rnn(2)(Key(0), np.zeros((1, 1, 3))), np.ones((1, 2, 3))
    >>> first, state = advance(layer, x[:, :1])
    >>> second, state = advance(layer, x[:, 1:], state)
    >>> np.concatenate([first, second], axis=1) == layer(x)
    array([[[ True,  True],
            [ True,  True]]])
    """
    return forward(layer, x), None


@advance.register(Rnn)
@advance.register(Gru)
@advance.register(Lstm)
@wide_steps
def recurrent_advance(layer: Any, x: Any, state: Any = None) -> tuple[Any, Any]:
    if isinstance(x, tuple):
        raise LayerTypeError("advance", f"expects one step of every row, (n, 1, features), got a tuple of {len(x)}")
    y, _, state = forward(layer, (x, None, state))
    return y, state


@advance.register
def serial_advance(layer: Serial, x: Any, state: Any = None) -> tuple[Any, tuple[Any, ...]]:
    states = _state_of_each("Serial", state, layer.layers)
    following = []
    for place, (each, before) in enumerate(zip(layer.layers, states, strict=True)):
        with inside(f"layers[{place}]"):
            x, after = advance(each, x, before)
        following.append(after)
    return x, tuple(following)


@advance.register
def parallel_advance(layer: Parallel, x: Any, state: Any = None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    states = _state_of_each("Parallel", state, layer.branches)
    stepped = []
    for place, (each, before) in enumerate(zip(layer.branches, states, strict=True)):
        with inside(f"branches[{place}]"):
            stepped.append(advance(each, x, before))
    return tuple([y for y, _ in stepped]), tuple([after for _, after in stepped])


def _state_of_each(caller: str, state: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    if state is None:
        return (None,) * len(parts)
    if not isinstance(state, tuple) or len(state) != len(parts):
        expected = f"the state that advance returned, a tuple of {len(parts)}"
        raise LayerValueError(caller, f"expects {expected}, got {describe(state)}")
    return state


@advance.register
def graph_advance(net: Graph, x: Any, state: Any = None) -> tuple[Any, tuple[Any, ...]]:
    states, following = _state_of_each("Graph", state, net.nodes), []

    def evaluate(node: Node, x: Any, place: int) -> Any:
        with inside(f"nodes[{place}].layer"):
            y, after = advance(node.layer, x, states[place])
        following.append(after)
        return y

    return folded(net, x, evaluate), tuple(following)


@advance.register
def residual_advance(layer: Residual, x: Any, state: Any = None) -> tuple[Any, Any]:
    with inside("body"):
        change, state = advance(layer.body, x, state)
    return x + change, state


@advance.register
def dropout_advance(layer: Dropout, x: Any, state: Any = None) -> tuple[Any, Any]:
    raise LayerTypeError("Dropout", "cannot advance: call inference(params) first, which removes it")


@advance.register
def batch_norm_advance(layer: BatchNorm, x: Any, state: Any = None) -> tuple[Any, Any]:
    raise LayerTypeError("BatchNorm", "cannot advance on the statistics of one step: call inference(params, x) first")


@advance.register(Bidirectional)
@advance.register(Flatten)
@advance.register(Reshape)
def whole_sequence_advance(layer: Any, x: Any, state: Any = None) -> tuple[Any, Any]:
    raise LayerTypeError(
        type(layer).__name__, "cannot advance: it needs the whole sequence; call the network on all of it instead"
    )


@advance.register(Attention)
@wide_steps
def attention_advance(layer: Attention, x: Any, state: Any = None) -> tuple[Any, tuple[Any, ...]]:
    """Take a step whose state is the keys and values of all steps so far: only the new step's are computed.

    Those of a memory, in (x, memory), are computed once, and again if it is another one.
    """
    own = not isinstance(x, tuple) or all(each is None for each in x[1:3])
    if own and not layer.causal:
        raise LayerTypeError("attention", "cannot advance: it looks ahead; write attention(heads, causal=True)")
    if is_pair(x) or is_pair(x[0] if isinstance(x, tuple) else x):
        raise LayerTypeError("advance", "expects one step of every row, (n, 1, features), got a tuple of 2")
    return look_back(layer, x, state)


@advance.register
def dot_product_attention_advance(layer: DotProductAttention, x: Any, state: Any = None) -> tuple[Any, Any]:
    raise LayerTypeError("dot_product_attention", "cannot advance: it has no keys to keep; write attention(heads)")


@advance.register(Rotary)
@wide_steps
def rotary_advance(layer: Rotary, x: Any, state: Any = None) -> tuple[np.ndarray, int]:
    """Take a step whose state is its position."""
    position = integer("advance: the position", state, 0) if state is not None else 0
    x = steps_of(x)
    return turned(layer, x, position), position + x.shape[1]


@advance.register(Sinusoidal)
@advance.register(Positional)
@wide_steps
def positional_advance(layer: Any, x: Any, state: Any = None) -> tuple[Any, int]:
    """Take a step whose state is its position."""
    position = integer("advance: the position", state, 0) if state is not None else 0
    y, _ = coded(layer, x, position)
    return y, position + y.shape[1]
