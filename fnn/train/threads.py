"""Threads as a map: the cores of this machine, each with a BLAS that keeps to one of them.

threads : n -> a context whose value is an ordered map
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from fnn.core._errors import integer
from fnn.train._maps import Map, blas_limit


def threads(n: int) -> Any:
    """Return a context whose value maps on ``n`` threads, for ``sharded``; in it BLAS uses one thread for each.

        with fnn.threads(2) as on_two:
            state = fit(sharded(cross_entropy, 2, map=on_two), optimizer, state, data, steps=1000, key=key)

    NumPy leaves Python's lock while it computes, so threads share the arrays and copy nothing. BLAS alone would start
    as many threads again in each of them, and its products would have other bits; so it is limited, in the whole
    process, and set back at the end of the context, also after an error. Needs threadpoolctl.

    Raises ``TypeError`` or ``ValueError`` unless ``n`` is an integer from 1, ``ImportError`` without threadpoolctl.

    >>> threads(0)
    Traceback (most recent call last):
    ValueError: threads: the number of threads must be at least 1, got 0
    """
    return _limited(integer("threads: the number of threads", n), blas_limit("threads"))


@contextmanager
def _limited(n: int, limit: Callable[[], Any]) -> Generator[Map]:
    with limit(), ThreadPoolExecutor(n, thread_name_prefix="fnn") as pool:
        yield pool.map
