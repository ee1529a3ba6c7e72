"""The estimator whose network says one number of each row, or several."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from fnn.interop.sklearn._epochs import Scaled
from fnn.interop.sklearn._network import Network
from fnn.interop.sklearn._rows import Rows
from fnn.interop.sklearn._settings import has_epochs
from fnn.interop.sklearn._targets import expected
from fnn.losses.likelihood import poisson_nll
from fnn.losses.regression import mse

_NAMED = {"squared_error": None, "poisson": poisson_nll}  # scikit-learn's names of losses of a regressor


class NetworkRegressor(RegressorMixin, Network):
    """A regressor whose model is a network of fnn: the settings of ``NetworkClassifier`` but for ``class_weight``.

    The loss, if there is no other, is half the squared error of a row, as in scikit-learn; "poisson", or
    ``poisson_nll``, is for counts, of which ``predict`` gives the rate. The score under early stopping is R squared.
    Scale the targets too if they are far from 1: ``TransformedTargetRegressor`` does it.

    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> model = NetworkRegressor((16,), "tanh", learning_rate_init=0.05, random_state=0)
    >>> model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.95
    True
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @available_if(has_epochs)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkRegressor:
        """Train for one epoch on these rows, those of ``fit``, and go on from the last call; return the estimator."""
        return self._once(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return what the network says of each row, (n,) or (n, outputs) as the targets were; of counts, their rate."""
        outputs = self._outputs(X)  # first: before the fit it says so
        outputs = expected(self._loss, outputs)
        return outputs[:, 0] if self._single else outputs

    def _targets(self, y: Any, first: bool, classes: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        target = y.reshape(len(y), -1).astype(dtype)
        if first:
            self._units, self._single = target.shape[1], y.ndim == 1
        elif target.shape[1] != self._units:
            raise ValueError(f"NetworkRegressor expects y with {self._units} values a row, got {target.shape[1]}")
        loss = _NAMED.get(self.loss, self.loss) if isinstance(self.loss, str) else self.loss
        self._loss = self._usual_loss() if loss is None else loss
        return target, target

    def _usual_loss(self) -> Any:
        return Scaled(mse, 0.5 * self._units)

    def _score(self, outputs: np.ndarray, rows: Rows) -> float:
        return float(r2_score(rows.true, expected(self._loss, outputs), sample_weight=rows.weights))
