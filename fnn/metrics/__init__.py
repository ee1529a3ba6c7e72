"""A metric judges the predictions of a finished network in terms that people care about; it has no gradient.

    metric : prediction, target -> number          evaluate : metric, params, data -> number

Read in this order:

1. ``classification``: ``accuracy``, ``balanced_accuracy``, ``matthews``, ``confusion_matrix``, ``precision``,
   ``recall``, ``f1``.
2. ``regression``: ``rmse``, ``mae``, ``mape``, ``r2``, ``explained_variance``.
3. ``curves``: ``roc_curve``, ``roc_auc``, ``precision_recall_curve``, ``average_precision``, for every threshold.
4. ``ranking``: ``top_k_accuracy``, ``perplexity``, which look at more than the largest score.
5. ``uncertainty``: ``log_loss``, ``calibration_error``, and how sure the members of an ensemble are:
   ``predictive_entropy``, ``mutual_information``, ``predictive_variance``.
6. ``evaluation``: ``evaluate``, a metric or loss of a network on data that is too large for one batch.

``_predictions`` has what predictions and targets are, ``_members`` what a metric is of an ensemble's predictions. All
are by scikit-learn's definitions; where its number is NaN with a warning, here is an error.

Shapes are checked: ``(n, 1)`` against ``(n,)`` would compare everything with everything. NaN is refused, since the
number would mean nothing.
"""

from fnn.metrics.classification import accuracy, balanced_accuracy, confusion_matrix, f1, matthews, precision, recall
from fnn.metrics.curves import average_precision, precision_recall_curve, roc_auc, roc_curve
from fnn.metrics.evaluation import evaluate
from fnn.metrics.ranking import perplexity, top_k_accuracy
from fnn.metrics.regression import explained_variance, mae, mape, r2, rmse
from fnn.metrics.uncertainty import (
    calibration_error,
    log_loss,
    mutual_information,
    predictive_entropy,
    predictive_variance,
)

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "calibration_error",
    "confusion_matrix",
    "evaluate",
    "explained_variance",
    "f1",
    "log_loss",
    "mae",
    "mape",
    "matthews",
    "mutual_information",
    "perplexity",
    "precision",
    "precision_recall_curve",
    "predictive_entropy",
    "predictive_variance",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "roc_curve",
    "top_k_accuracy",
]
