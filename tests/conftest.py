"""Every test runs with floating-point overflow, invalid and division raised; correct formulas may underflow."""

from importlib.util import find_spec

import numpy as np
import pytest

collect_ignore = [] if find_spec("matplotlib") else ["messages/pictures.py"]


@pytest.fixture(autouse=True)
def _floating_point_errors_are_errors():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield
