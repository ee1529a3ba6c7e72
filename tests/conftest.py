"""Every test runs with floating-point overflow, invalid and division raised; correct formulas may underflow."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _floating_point_errors_are_errors():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield
