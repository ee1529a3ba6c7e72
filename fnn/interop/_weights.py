"""The same numbers in two orders: a layer's parameters, and the arrays that PyTorch keeps for its module, by name.

entries : layer        -> {"weight": array, "bias": array}, in PyTorch's shapes
filled  : layer, {...} -> a layer like it with these numbers

PyTorch keeps a matrix as (outputs, inputs), a kernel as (outputs, inputs, height, width), so all of these are turned
around on their way. A bias that is missing is 0; of two biases that are added, one is their sum. No array of the one
shares memory with the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import describe
from fnn.layers._convolution import exchanged
from fnn.layers.attention import Attention
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose
from fnn.layers.dense import Dense
from fnn.layers.embedding import Embedding
from fnn.layers.group_norm import GroupNorm
from fnn.layers.gru import Gru
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.lstm import Lstm
from fnn.layers.norm import BatchNorm, Scale
from fnn.layers.positional import Positional
from fnn.layers.prelu import PRelu
from fnn.layers.recurrent import Rnn
from fnn.networks.bidirectional import Bidirectional

State = Mapping[str, np.ndarray]
RECURRENT = (Rnn, Gru, Lstm)


@singledispatch
def entries(layer: Any) -> dict[str, np.ndarray]:
    """Return the parameters of a layer by PyTorch's names and in its shapes.

    Raises ``TypeError`` for a layer that PyTorch has no module for.

    >>> entries(Dense(np.ones((3, 2)), np.zeros(2)))["weight"].shape
    (2, 3)
    """
    raise TypeError(f"entries: PyTorch has no module for {describe(layer)}")


@singledispatch
def filled(layer: Any, state: State) -> Any:
    """Return a layer like this one with the numbers of PyTorch's module, whose names and shapes are those of a state.

    Raises ``TypeError`` for a layer that PyTorch has no module for.

    >>> filled(Dense(np.ones((3, 2)), np.zeros(2)), {"weight": np.zeros((2, 3))})
    Dense(weight=f64[3,2], bias=f64[2])
    """
    raise TypeError(f"filled: PyTorch has no module for {describe(layer)}")


@entries.register
def dense_entries(layer: Dense) -> dict[str, np.ndarray]:
    return _copies(weight=layer.weight.T, bias=layer.bias)


@filled.register
def dense_filled(layer: Dense, state: State) -> Dense:
    return Dense(_own(state["weight"].T), _bias(state, len(state["weight"])))


@entries.register
def conv_entries(layer: Conv) -> dict[str, np.ndarray]:
    return _copies(weight=np.moveaxis(layer.weight, (-1, -2), (0, 1)), bias=layer.bias)


@filled.register
def conv_filled(layer: Conv, state: State) -> Conv:
    weight = np.moveaxis(state["weight"], (0, 1), (-1, -2))
    return attrs.evolve(layer, weight=_own(weight), bias=_bias(state, weight.shape[-1]))


@entries.register
def conv_transpose_entries(layer: ConvTranspose) -> dict[str, np.ndarray]:
    weight = exchanged(layer.weight, layer.groups)
    return _copies(weight=np.moveaxis(weight, (-1, -2), (0, 1)), bias=layer.bias)


@filled.register
def conv_transpose_filled(layer: ConvTranspose, state: State) -> ConvTranspose:
    weight = exchanged(np.moveaxis(state["weight"], (0, 1), (-1, -2)), layer.groups)
    return attrs.evolve(layer, weight=_own(weight), bias=_bias(state, weight.shape[-1]))


@entries.register
def prelu_entries(layer: PRelu) -> dict[str, np.ndarray]:
    return _copies(weight=layer.slope)


@filled.register
def prelu_filled(layer: PRelu, state: State) -> PRelu:
    return PRelu(_own(state["weight"]))


@entries.register(Scale)
@entries.register(BatchNorm)
@entries.register(LayerNorm)
@entries.register(GroupNorm)
def norm_entries(layer: Any) -> dict[str, np.ndarray]:
    return _copies(weight=layer.scale, bias=layer.shift)


@filled.register(Scale)
@filled.register(LayerNorm)
@filled.register(GroupNorm)
def norm_filled(layer: Any, state: State) -> Any:
    if "running_mean" in state:  # a batch norm's, whose epsilon is PyTorch's default
        return fixed(state, 1e-5)
    return attrs.evolve(layer, scale=_own(state["weight"]), shift=_bias(state, state["weight"].shape))


@filled.register
def batch_norm_filled(layer: BatchNorm, state: State) -> BatchNorm | Scale:
    if "running_mean" in state:
        return fixed(state, layer.epsilon)
    return norm_filled(layer, state)


def fixed(state: State, epsilon: float) -> Scale:
    """Return what a batch norm of PyTorch does in evaluation: x times a scale, plus a shift."""
    mean, variance = (state[name].astype(np.float64) for name in ("running_mean", "running_var"))
    scale = state.get("weight", np.ones_like(mean)) / np.sqrt(variance + epsilon)
    shift = state.get("bias", np.zeros_like(mean)) - mean * scale
    dtype = state["running_mean"].dtype
    return Scale(read_only(scale.astype(dtype)), read_only(shift.astype(dtype)))


@entries.register
def rms_norm_entries(layer: RMSNorm) -> dict[str, np.ndarray]:
    return _copies(weight=layer.scale)


@filled.register
def rms_norm_filled(layer: RMSNorm, state: State) -> RMSNorm:
    return attrs.evolve(layer, scale=_own(state["weight"]))


@entries.register(Embedding)
@entries.register(Positional)
def table_entries(layer: Any) -> dict[str, np.ndarray]:
    return _copies(weight=layer.weight)


@filled.register(Embedding)
@filled.register(Positional)
def table_filled(layer: Any, state: State) -> Any:
    return type(layer)(_own(state["weight"]))


@entries.register
def attention_entries(layer: Attention) -> dict[str, np.ndarray]:
    weights = {"in_proj_weight": layer.weight.T}
    if layer.key_weight is not None and layer.value_weight is not None:
        apart = {"q": layer.weight, "k": layer.key_weight, "v": layer.value_weight}
        weights = {f"{name}_proj_weight": weight.T for name, weight in apart.items()}
    return _copies(
        **weights,
        in_proj_bias=layer.bias,
        **{"out_proj.weight": layer.output_weight.T, "out_proj.bias": layer.output_bias},
    )


@filled.register
def attention_filled(layer: Attention, state: State) -> Attention:
    out, apart = state["out_proj.weight"].T, "q_proj_weight" in state
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight") if apart else ("in_proj_weight",)
    fields = dict(zip(("weight", "key_weight", "value_weight"), (_own(state[name].T) for name in names), strict=False))
    columns = sum(each.shape[1] for each in fields.values())
    biases = _bias(state, columns, "in_proj_bias"), _bias(state, out.shape[1], "out_proj.bias")
    return attrs.evolve(layer, **fields, bias=biases[0], output_weight=_own(out), output_bias=biases[1])


@entries.register(Rnn)
@entries.register(Gru)
@entries.register(Lstm)
def recurrent_entries(layer: Any) -> dict[str, np.ndarray]:
    hidden_bias = np.zeros_like(layer.bias)
    if isinstance(layer, Gru):
        hidden_bias[-layer.hidden_bias.size :] = layer.hidden_bias
    return _copies(
        weight_ih_l0=layer.input_weight.T,
        weight_hh_l0=layer.hidden_weight.T,
        bias_ih_l0=layer.bias,
        bias_hh_l0=hidden_bias,
    )


@filled.register(Rnn)
@filled.register(Gru)
@filled.register(Lstm)
def recurrent_filled(layer: Any, state: State) -> Any:
    return recurrent_of(type(layer), state, "_l0")


def recurrent_of(kind: Any, state: State, ending: str) -> Any:
    """Return one of the layers of a recurrent module; its entries end in, say, ``_l1`` or ``_l0_reverse``."""
    of_x, of_h = (_own(state[name + ending].T) for name in ("weight_ih", "weight_hh"))
    units = len(of_h)
    from_x, from_h = (_bias(state, of_x.shape[1], name + ending) for name in ("bias_ih", "bias_hh"))
    if kind is not Gru:
        return kind(of_x, of_h, read_only(from_x + from_h))
    bias = from_x.copy()
    bias[: 2 * units] += from_h[: 2 * units]
    return Gru(of_x, of_h, read_only(bias), _own(from_h[2 * units :]))


@entries.register
def bidirectional_entries(layer: Bidirectional) -> dict[str, np.ndarray]:
    back = {f"{name}_reverse": array for name, array in entries(layer.backwards).items()}
    return entries(layer.forwards) | back


@filled.register
def bidirectional_filled(layer: Bidirectional, state: State) -> Bidirectional:
    forwards = recurrent_of(type(layer.forwards), state, "_l0")
    return Bidirectional(forwards, recurrent_of(type(layer.backwards), state, "_l0_reverse"))


def in_order(layer: Any, order: np.ndarray) -> Any:
    """Return a layer that takes features in another order: the k-th one given is the order[k]-th that it knew.

    Returns None for a layer whose features cannot be told apart so.

    >>> in_order(Dense(np.array([[1.0], [2.0]]), np.zeros(1)), np.array([1, 0])).weight.tolist()
    [[2.0], [1.0]]
    """
    match layer:
        case Dense():
            return Dense(_own(layer.weight[order]), layer.bias)
        case Scale() | BatchNorm() | LayerNorm():
            return attrs.evolve(layer, scale=_own(layer.scale[order]), shift=_own(layer.shift[order]))
        case RMSNorm():
            return attrs.evolve(layer, scale=_own(layer.scale[order]))
    return None


def channels_first(shape: tuple[int, ...]) -> np.ndarray:
    """Return, for the values of a row (..., channels) one after the other, their places with the channels first.

    >>> channels_first((2, 3)).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    order = np.arange(int(np.prod(shape))).reshape(shape[-1], *shape[:-1])
    return np.moveaxis(order, 0, -1).ravel()


def _bias(state: State, size: int | tuple[int, ...], name: str = "bias") -> np.ndarray:
    """Return a bias, or zeros where there is none, in the dtype of the weights."""
    found = state.get(name)
    return _own(np.zeros(size, next(iter(state.values())).dtype) if found is None else found)


def _own(array: np.ndarray) -> np.ndarray:
    return read_only(np.array(array, order="C"))


def _copies(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.array(array, order="C") for name, array in arrays.items()}
