"""Where a run is computed: the same arithmetic on another machine, or with more threads, may end in another last bit.

    fingerprint     : -> what the bits depend on, by name
    warn_if_changed : name of a file, its fingerprint -> nothing, or a warning

Matrix products and sums are split among threads and vector registers, and floating-point sums depend on how they are
split. So two runs agree to the bit where the fingerprint is the same, and to rounding where it is not.
"""

from __future__ import annotations

import functools
import os
import platform
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

# The variable that sets the threads of a BLAS, by what the name of the BLAS contains; all heed the last one too.
_THREADS = {"openblas": "OPENBLAS_NUM_THREADS", "mkl": "MKL_NUM_THREADS", "accelerate": "VECLIB_MAXIMUM_THREADS"}
_ANY_THREADS = "OMP_NUM_THREADS"


class EnvironmentChanged(UserWarning):
    """A run goes on in another environment: its results will agree with the first run to rounding, not bit for bit."""


def fingerprint() -> dict[str, str]:
    """Return what the bits of a run depend on, besides its seed and data: NumPy, the machine, its BLAS and its threads.

    It is looked up once, at the first call: a BLAS reads its variables when it is loaded.

    >>> list(fingerprint())
    ['NumPy', 'machine', 'system', 'CPU kernel', 'BLAS', 'BLAS threads']
    """
    return dict(_found())


@functools.cache
def _found() -> tuple[tuple[str, str], ...]:
    config = np.show_config(mode="dicts") or {}
    blas = config.get("Build Dependencies", {}).get("blas", {})
    name, version = blas.get("name", "unknown"), blas.get("version", "")
    return (
        ("NumPy", np.__version__),
        ("machine", platform.machine()),
        ("system", platform.system()),
        ("CPU kernel", _kernel(config.get("SIMD Extensions", {}))),
        ("BLAS", f"{name} {version}".strip()),
        ("BLAS threads", str(_threads(name))),
    )


def _kernel(extensions: Mapping[str, Any]) -> str:
    """Name the instructions that NumPy found on this CPU, and the kernel that OpenBLAS was told to use, if any."""
    names = [*extensions.get("baseline", []), *extensions.get("found", [])]
    kernel = os.environ.get("OPENBLAS_CORETYPE")
    if kernel:
        names.append(f"OPENBLAS_CORETYPE={kernel}")
    return " ".join(names) or "unknown"


def _threads(blas: str) -> int:
    """Return the number of threads that a variable asks for, but no more than the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    own = [variable for part, variable in _THREADS.items() if part in blas.lower()]
    for variable in (*own, _ANY_THREADS):
        asked = os.environ.get(variable, "").strip()
        if asked.isdecimal() and int(asked) > 0:
            return min(int(asked), cores)
    return cores


def warn_if_changed(where: str, then: Mapping[str, str], stacklevel: int = 2) -> None:
    """Warn with ``EnvironmentChanged`` if a file was written under another fingerprint than today's.

    Args:
        where: the name of the file.
        then: the fingerprint that it holds.
        stacklevel: as for ``warnings.warn``; with 2, the warning points at the caller of the function that calls this.

    >>> warn_if_changed("run.fnn", fingerprint())
    """
    now = fingerprint()
    names = [*now, *sorted(set(then) - set(now))]
    changed = [
        f"{name} {then.get(name, 'unknown')} then, {now.get(name, 'unknown')} now"
        for name in names
        if then.get(name) != now.get(name)
    ]
    if changed:
        warnings.warn(
            f"{where} was written in another environment ({'; '.join(changed)}): "
            "what follows will agree with the first run to rounding, not bit for bit",
            EnvironmentChanged,
            stacklevel + 1,
        )
