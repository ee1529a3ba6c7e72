"""Every test runs with floating-point overflow, invalid and division raised; correct formulas may underflow."""

import os
from pathlib import Path

# Before NumPy is loaded: on arrays as small as these, threads that wait for each other cost more than they save, and
# on a busy machine several times as much.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _floating_point_errors_are_errors():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _nobody_waits_for_the_disk():
    """Only ``test_atomic.py`` does, whose matter it is: hundreds of files elsewhere would wait for it in turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _the_processes_that_tests_start_import_this_package():
    """Also from a checkout that is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
        yield
