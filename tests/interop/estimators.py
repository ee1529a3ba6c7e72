"""Small tables, and what several tests of the estimators need."""

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6")

from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from fnn.interop.sklearn import NetworkClassifier, NetworkRegressor


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(x), StandardScaler().fit_transform(y[:, None])[:, 0]


def classifier(**settings):
    """A classifier that is done in little time, and that is not told to be unfinished."""
    return NetworkClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0, **settings})


def regressor(**settings):
    return NetworkRegressor(**{"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0, **settings})


unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
