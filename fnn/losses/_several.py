"""Losses of several predictions at once, such as a mean and a variance: as one array with a last axis more.

together : caller, names, prediction -> that array, or a pair of it and lengths; gradient -> a tuple like the prediction
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import floats, is_tuple
from fnn.core._errors import describe
from fnn.layers._sequences import is_pair


def together(caller: str, names: tuple[str, ...], prediction: Any, hint: str) -> tuple[Any, Callable[[Any], Any]]:
    """Return a tuple of predictions of one shape as one array, and the function that takes its gradient apart again.

    Each may be a pair with lengths, the same for all. Raises in the name of ``caller``.
    """
    if not is_tuple(prediction) or len(prediction) != len(names):
        raise TypeError(
            f"{caller} expects a tuple ({', '.join(names)}) as prediction, got {describe(prediction)}; {hint}"
        )
    paired = all(map(is_pair, prediction))
    parts = [floats(caller, part[0] if paired else part) for part in prediction]
    lengths = [part[1] for part in prediction] if paired else []
    for name, part in zip(names[1:], parts[1:], strict=True):
        if part.shape != parts[0].shape:
            raise ValueError(f"{caller} expects {name} of the shape of {names[0]}, {parts[0].shape}, got {part.shape}")
    if any(not np.array_equal(each, lengths[0]) for each in lengths[1:]):
        raise ValueError(f"{caller} expects the same lengths beside {' and '.join(names)}")

    def apart(gradient: Any) -> tuple[Any, ...]:
        values = gradient[0] if paired else gradient
        each = [values[..., place].astype(part.dtype, copy=True) for place, part in enumerate(parts)]
        return tuple([(one, gradient[1]) for one in each] if paired else each)

    stacked = np.stack(parts, axis=-1)
    return (stacked, lengths[0]) if paired else stacked, apart
