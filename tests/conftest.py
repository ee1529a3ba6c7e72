"""Every test runs with floating-point overflow, invalid and division raised; correct formulas may underflow."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

collect_ignore = [] if find_spec("matplotlib") else ["messages/pictures.py"]


@pytest.fixture(autouse=True)
def _floating_point_errors_are_errors():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _nobody_waits_for_the_disk():
    """Only ``test_durable.py`` does, whose matter it is: hundreds of files elsewhere would wait for it in turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
