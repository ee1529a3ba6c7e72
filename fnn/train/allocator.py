"""Keep the memory that a step of training frees for the next step, which will ask for as much.

The C library gives memory back to the system as soon as some of it lies free, and the system then hands the same pages
out anew, and cleared, in the next step: a fifth of the time of a step with large arrays. Other frameworks keep a pool
of their own for this; here malloc is told to keep what it has, 256 MB at most. No result depends on it. Where the C
library is another than GNU's, or where the environment already sets malloc's limits, nothing is done.
"""

from __future__ import annotations

import ctypes
import os

# What malloc.h calls M_TRIM_THRESHOLD: how much may lie free before it is given back. M_MMAP_THRESHOLD: from what size
# on a block is asked of the system by itself, and given back at once; 32 MB is the most that malloc accepts.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LIMITS = {_TRIM_THRESHOLD: 2**28, _MMAP_THRESHOLD: 2**25}


def keep_freed_memory() -> bool:
    """Tell malloc to keep what is freed; give whether it was told."""
    set_outside = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if set_outside or not _is_gnu():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(parameter, value) for parameter, value in _LIMITS.items())


def _is_gnu() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):  # Windows has no confstr, other systems not this name
        return False
