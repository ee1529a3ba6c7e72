"""What layers the operators of ONNX are that attend, or turn features by their positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.interop.onnx._reading.reader import Cannot, Op, Reader, Tensor, constant, operator
from fnn.layers.dot_product import DotProductAttention
from fnn.layers.rotary import Rotary
from fnn.networks.branches import Parallel, Pick
from fnn.networks.joins import Concatenate

_MODES = {0: "products", 1: "products", 2: "scores", 3: "weights"}
_HEADS_FIRST = (0, 2, 1, 3)  # of ONNX, where fnn has them behind the steps


@operator("Attention", "ai.onnx.preview.FlexAttention")
def attention(
    reader: Reader,
    op: Op,
    query: Tensor,
    key: Any,
    value: Any,
    mask: Any = None,
    past_key: Any = None,
    past_value: Any = None,
    lengths: Any = None,
) -> Any:
    if not isinstance(key, Tensor) or not isinstance(value, Tensor):
        raise Cannot("of constant keys or values")
    heads = op["q_num_heads"] or query.shape[1]
    few = op["kv_num_heads"] or key.shape[1]
    by_head = query.rank == 4
    steps = [_side_by_side(reader, each) for each in (query, key, value)]
    earlier = 0
    if past_key is not None:
        if not isinstance(past_key, Tensor) or not isinstance(past_value, Tensor):
            raise Cannot("with a constant past")
        before = [_side_by_side(reader, each) for each in (past_key, past_value)]
        earlier = before[0].sample.shape[1]
        steps[1:] = [reader.add(Concatenate(1), *each) for each in zip(before, steps[1:], strict=True)]
    present = [_by_head(reader, each, few) if any(op.outputs[1:3]) else None for each in steps[1:]]
    causal, window = bool(op["is_causal"]), _window(op)
    seen, causal, window = (
        _constant_mask(mask, causal, window) if isinstance(mask, np.ndarray) else (mask, causal, window)
    )
    offset: int | str = earlier
    if lengths is not None:
        if not isinstance(lengths, Tensor):
            raise Cannot("with constant lengths")
        steps[1] = reader.add(Parallel((Pick(0), Pick(1))), steps[1], lengths)
        offset = "end"
    also = None
    if any(op.outputs[3:]):
        mode = op["qk_matmul_output_mode"] or 0
        if mode == 0 and op["softcap"]:
            raise Cannot("that returns products before their cap")
        also = _MODES[mode]
    scale, softcap = op["scale"], op["softcap"] or None
    layer = DotProductAttention(heads, causal, None if few == heads else few, window, scale, softcap, also, offset)
    whole = reader.add(layer, *steps, *([] if seen is None else [reader.plain(seen)]))
    y = whole if also is None else reader.add(Pick(0), whole, order=(0, 1, 2))
    y = _by_head(reader, y, heads) if by_head else y
    beside = None if also is None else reader.add(Pick(1), whole, order=(0, 1, 2, 3))
    return (y, *present, beside)[: len(op.outputs)]


def _side_by_side(reader: Reader, x: Tensor) -> Tensor:
    """Return (n, time, heads size) of a tensor that is so, or (n, heads, time, size)."""
    if x.rank == 3:
        return reader.plain(x)
    _, heads, time, size = x.shape
    return reader.reshaped(reader.laid(x, _HEADS_FIRST), (time, heads * size))


def _by_head(reader: Reader, x: Tensor, heads: int) -> Tensor:
    """Return a tensor (n, heads, time, size) of (n, time, heads size)."""
    _, time, width = x.sample.shape
    return reader.reshaped(x, (time, heads, width // heads), order=_HEADS_FIRST)


def _window(op: Op) -> tuple[int | None, int | None] | None:
    sides = [op["left_window_size"], op["right_window_size"]]
    before, after = (None if side is None or side < 0 else side for side in sides)
    return None if before is None and after is None else (before, after)


def _constant_mask(mask: np.ndarray, causal: bool, window: Any) -> tuple[None, bool, Any]:
    """Return a constant mask as the settings of a layer, if it lets each query see a band of keys."""
    if mask.dtype.kind == "f" and not np.isin(mask, (0, -np.inf)).all():
        raise Cannot("with a constant bias")
    seen: Any = mask if mask.dtype.kind == "b" else mask == 0
    if any(n != 1 for n in seen.shape[:-2]) or seen.ndim < 2 or window is not None:
        raise Cannot(f"with a constant mask of shape {mask.shape}")
    seen = seen.reshape(seen.shape[-2:])
    ahead = np.arange(seen.shape[1]) - np.arange(seen.shape[0])[:, None]
    if seen.all():
        return None, causal, None
    before, after = -int(ahead[seen].min(initial=0)), int(ahead[seen].max(initial=0))
    before, after = max(before, 0), max(after, 0)
    if not np.array_equal(seen, (ahead >= -before) & (ahead <= after)):
        raise Cannot("with a constant mask that is no band")
    whole = before >= seen.shape[0] - 1
    if after == 0 and whole:
        return None, True, None
    return None, causal, (None if whole else before, None if after >= seen.shape[1] - 1 else after)


@operator("RotaryEmbedding")
def rotary_embedding(reader: Reader, op: Op, x: Tensor, cos: Any, sin: Any, positions: Any = None) -> Tensor:
    layer = Rotary(features=op["rotary_embedding_dim"] or None, interleaved=bool(op["interleaved"]))
    if not all(isinstance(each, Tensor) for each in (cos, sin)):
        raise Cannot("with constant cosines")
    if positions is not None and not isinstance(positions, Tensor):
        positions = constant(positions, "positions")
        raise Cannot("with constant positions")
    tables = [reader.plain(each) for each in (cos, sin, positions) if each is not None]
    if x.rank == 4:
        return reader.add(layer, reader.laid(x, _HEADS_FIRST), *tables, order=_HEADS_FIRST)
    heads, (_, time, width) = op["num_heads"], x.shape
    by_head = reader.reshaped(reader.plain(x), (time, heads, width // heads))
    return reader.reshaped(reader.add(layer, by_head, *tables), (time, width))
