"""The words that PyTorch has as functions alone, as modules, so that a whole network can be an ``nn.Sequential``.

Residual, Branches, Graph, Concatenate, Add, Multiply, Pick : networks with branches
ChannelsFirst, ChannelsLast                : (n, ..., channels) -> (n, channels, ...), and back
Steps, LastStep                            : what a recurrent module returns at each step; the last of the steps
SelfAttention                              : ``nn.MultiheadAttention`` of x alone, or of a tuple
Scale, Positional, Sinusoidal, Heaviside   : layers of fnn that PyTorch lacks
SwiGlu                                     : the product of two halves, one behind silu
Same                                       : windows over an edge, as many as ceil(length / stride)
Images                                     : rows as images
Group                                      : the modules that one layer becomes
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """y = x + body(x)."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Branches(nn.ModuleList):
    """y = (branch(x), ...)."""

    def forward(self, x: Any) -> tuple[Any, ...]:
        return tuple(branch(x) for branch in self)


class Graph(nn.Module):
    """y = the values named ``outputs``: each step takes values by their names, and gives its own a name."""

    def __init__(
        self,
        steps: list[tuple[nn.Module, tuple[str, ...], str]],
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
    ):
        super().__init__()
        self.steps = nn.ModuleList([module for module, _, _ in steps])
        self.names = [(takes, gives) for _, takes, gives in steps]
        self.inputs, self.outputs = inputs, outputs

    def forward(self, x: Any) -> Any:
        values = dict(zip(self.inputs, x if len(self.inputs) > 1 else (x,), strict=True))
        for step, (takes, gives) in zip(self.steps, self.names, strict=True):
            given = tuple([values[name] for name in takes])
            values[gives] = step(given if len(given) > 1 else given[0])
        y = tuple([values[name] for name in self.outputs])
        return y if len(y) > 1 else y[0]


class Concatenate(nn.Module):
    """y = several arrays side by side."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x: tuple[Tensor, ...]) -> Tensor:
        return torch.cat(x, self.dim)


class Add(nn.Module):
    """y = the sum of several arrays."""

    def forward(self, x: tuple[Tensor, ...]) -> Tensor:
        return reduce(torch.add, x)


class Multiply(nn.Module):
    """y = the product of several arrays."""

    def forward(self, x: tuple[Tensor, ...]) -> Tensor:
        return reduce(torch.mul, x)


class SwiGlu(nn.Module):
    """y = silu(a) b, with a and b the halves of x along an axis."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, self.dim)
        return F.silu(a) * b


class Pick(nn.Module):
    """y = x[place], one of several."""

    def __init__(self, place: int):
        super().__init__()
        self.place = place

    def forward(self, x: tuple[Any, ...]) -> Any:
        return x[self.place]


class ChannelsFirst(nn.Module):
    """(n, ..., channels) -> (n, channels, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)


class ChannelsLast(nn.Module):
    """(n, channels, ...) -> (n, ..., channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(1, -1)


class Steps(nn.Module):
    """y = what a recurrent module returns at each step, without its last state."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class LastStep(nn.Module):
    """y = x at the last step."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


class SelfAttention(nn.Module):
    """y = attention(x, x, x), or of (query, key) or (query, key, value); if causal, no step looks ahead."""

    def __init__(self, attention: nn.MultiheadAttention, causal: bool):
        super().__init__()
        self.attention, self.causal = attention, causal

    def forward(self, x: Any) -> Tensor:
        query, key, value = (*x, x[-1])[:3] if isinstance(x, tuple) else (x, x, x)
        times = query.shape[1], key.shape[1]
        ahead = torch.ones(times, dtype=torch.bool, device=query.device).triu(1) if self.causal else None
        return self.attention(query, key, value, attn_mask=ahead, need_weights=False)[0]


class Scale(nn.Module):
    """y = x weight + bias, channel by channel; ``axes`` come after that of the channels."""

    def __init__(self, channels: int, axes: int, dtype: torch.dtype | None = None, device: Any = None):
        super().__init__()
        self.axes = axes
        self.weight = nn.Parameter(torch.ones(channels, dtype=dtype, device=device))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=dtype, device=device))

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * self.axes)
        return x * self.weight.view(shape) + self.bias.view(shape)


class Positional(nn.Module):
    """y = x + weight[:time]."""

    def __init__(self, positions: int, features: int, dtype: torch.dtype | None = None, device: Any = None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(positions, features, dtype=dtype, device=device))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class Sinusoidal(nn.Module):
    """y = x + waves of many lengths (Vaswani et al., 2017, section 3.5)."""

    def forward(self, x: Tensor) -> Tensor:
        time, width = x.shape[1:]
        lengths = 10000.0 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.arange(time, dtype=torch.float64)[:, None] / lengths
        waves = torch.stack([angles.sin(), angles.cos()], 2).view(time, -1)[:, :width]
        return x + waves.to(x)


class Heaviside(nn.Module):
    """y = 1 where x > 0, else 0."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


class Images(nn.Module):
    """y = rows as (height, width, channels), with these first."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.shape).movedim(-1, 1)


class Same(nn.Module):
    """y = a convolution or pooling with ceil(length / stride) windows: cells are added around x, an odd one at the end.

    In a mean, cells of the margin do not count.
    """

    def __init__(self, layer: nn.Module, span: tuple[int, ...], stride: tuple[int, ...], value: float):
        super().__init__()
        self.layer, self.span, self.stride, self.value = layer, span, stride, value

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(self.padded(x))
        if isinstance(self.layer, nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d):
            y = y / self.layer(self.padded(torch.ones_like(x[:1, :1])))
        return y

    def padded(self, x: Tensor) -> Tensor:
        sides: list[int] = []
        for length, span, stride in zip(x.shape[2:], self.span, self.stride, strict=True):
            missing = max((-(-length // stride) - 1) * stride + span - length, 0)
            sides = [missing // 2, missing - missing // 2, *sides]  # PyTorch begins with the last axis
        return F.pad(x, sides, value=self.value)


class Group(nn.Sequential):
    """The modules that one layer of fnn becomes."""
