"""Every test runs with floating-point overflow, invalid and division raised; correct formulas may underflow."""

import os
from pathlib import Path

# Before NumPy is loaded: on arrays as small as these, threads that wait for each other cost more than they save, and
# on a busy machine several times as much.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

from tests import each_of

# For good, and before any test is imported: a fixture would do it anew for each of them.
np.seterr(over="raise", invalid="raise", divide="raise")


def pytest_addoption(parser):
    parser.addoption(
        "--separate", action="store_true", help="each case of each_of is a test of its own, for -k and --pdb"
    )


def pytest_configure(config):
    each_of.separate = config.getoption("--separate")


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
