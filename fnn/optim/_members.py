"""What a rule does with each member of an ensemble, where it looks at more than one element of the gradient.

shortened : max_norm, gradient (n, size) -> the gradient, in which no row is longer
"""

from __future__ import annotations

from typing import Any

import numpy as np


def shortened(max_norm: Any, g: np.ndarray) -> np.ndarray:
    """Shorten each row of g that is longer than ``max_norm``, as ``clip_by_global_norm`` does with the only one."""
    largest = np.abs(g).max(axis=1, initial=0.0, keepdims=True)
    parts = g / np.where(largest > 0, largest, 1)
    norm = np.sqrt(np.vecdot(parts, parts)).astype(np.float64)
    long = largest[:, 0].astype(np.float64) * norm > max_norm
    factor = np.divide(max_norm, norm, out=np.ones_like(norm), where=long)
    return np.multiply(parts, factor.astype(g.dtype)[:, None], out=g, where=long[:, None])
