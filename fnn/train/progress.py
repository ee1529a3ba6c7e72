"""A report tells the person who waits how far a run is; the stream itself is passed on unchanged.

progress : total, every? -> (stream -> the same stream)
"""

from __future__ import annotations

import functools
import importlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_array
from fnn.core._errors import integer


def progress(total: int, every: int | None = None) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Show how far the run is, and pass everything on: a bar if tqdm is installed, else lines on stderr.

    A report comes with the first element, then after every ``every`` steps, and at the end. It has the ``loss`` of an
    element that has one, the time since the first element, and the time that is left at this pace:

        step 450 of 900 (50 %), loss 0.04512, 0:00:02 elapsed, 0:00:02 left

    Args:
        total: the steps of the whole run, or its elements if they have no ``step``; if it is 0, nothing is shown.
        every: the steps from one report to the next; if not given, 1 for the bar, and such that there are 10 to 20
            lines without it.

    >>> list(progress(0)("abc"))
    ['a', 'b', 'c']
    """
    total = integer("progress: total", total, 0)
    return functools.partial(_progress, total, None if every is None else integer("progress: every", every))


def _progress(total: int, every: int | None, stream: Iterable[Any]) -> Iterator[Any]:
    if total == 0:
        yield from stream
        return
    display: _Display | None = None
    unreported: tuple[int, Any] | None = None
    due = -math.inf
    try:
        for place, element in enumerate(stream, 1):
            step = getattr(element, "step", None)
            position = int(step) if isinstance(step, Integral) else place
            if display is None:
                display = _display(total, position, every)
            unreported = position, element
            if position >= due:
                display.report(position, element)
                due, unreported = position + display.every, None
            yield element
    finally:  # also when nobody asks for the rest, or a step fails
        if display is not None:
            if unreported is not None:
                display.report(*unreported)
            display.close()


@attrs.frozen
class _Display:
    """A way to show reports, each of a position and the element there, ``every`` steps apart."""

    report: Callable[[int, Any], None]
    close: Callable[[], None]
    every: int


def _display(total: int, begin: int, every: int | None) -> _Display:
    try:
        tqdm: Any = importlib.import_module("tqdm")  # an extra, so it is looked for where it is used
    except ImportError:
        lines = functools.partial(_line, total, begin, time.monotonic())
        return _Display(lines, _nothing, every or -(-total // 16))
    bar = tqdm.tqdm(total=total, initial=begin, unit="step")
    return _Display(functools.partial(_move, bar), bar.close, every or 1)


def _move(bar: Any, position: int, element: Any) -> None:
    bar.set_postfix_str(_loss(element), refresh=False)
    bar.update(position - bar.n)


def _line(total: int, begin: int, began: float, position: int, element: Any) -> None:
    passed = time.monotonic() - began
    parts = [f"step {position} of {total} ({100 * position // total} %)", _loss(element), f"{_clock(passed)} elapsed"]
    if position > begin:
        parts.append(f"{_clock(passed * max(total - position, 0) / (position - begin))} left")
    print(", ".join(filter(None, parts)), file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _loss(element: Any) -> str:
    loss = getattr(element, "loss", None)
    if is_array(loss) and loss.ndim:  # of an ensemble; NaN where a member has diverged
        good = loss[np.isfinite(loss)]
        return f"loss {good.min():.4g} to {good.max():.4g} in {len(good)} of {len(loss)} members" if good.size else ""
    return f"loss {loss:.4g}" if isinstance(loss, Real) and not math.isnan(loss) else ""


def _nothing() -> None:
    pass
