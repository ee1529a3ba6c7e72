"""A metric judges the predictions of a finished network in terms that people care about; it has no gradient.

    metric : prediction, target -> number          evaluate : metric, params, data -> number

Read in this order:

1. ``classification``: ``accuracy``, ``confusion_matrix``, ``precision``, ``recall``, ``f1``.
2. ``regression``: ``rmse``, ``r2``.
3. ``ranking``: ``top_k_accuracy``, ``roc_auc``, ``perplexity``, which look at more than the largest score.
4. ``uncertainty``: ``calibration_error``, and how sure the members of an ensemble are: ``predictive_entropy``,
   ``mutual_information``, ``predictive_variance``.
5. ``evaluation``: ``evaluate``, a metric or loss of a network on data that is too large for one batch.

Shapes are checked: ``(n, 1)`` against ``(n,)`` would compare everything with everything. NaN is refused, since the
number would mean nothing.
"""

from fnn.metrics.classification import accuracy, confusion_matrix, f1, precision, recall
from fnn.metrics.evaluation import evaluate
from fnn.metrics.ranking import perplexity, roc_auc, top_k_accuracy
from fnn.metrics.regression import r2, rmse
from fnn.metrics.uncertainty import calibration_error, mutual_information, predictive_entropy, predictive_variance

__all__ = [
    "accuracy",
    "calibration_error",
    "confusion_matrix",
    "evaluate",
    "f1",
    "mutual_information",
    "perplexity",
    "precision",
    "predictive_entropy",
    "predictive_variance",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "top_k_accuracy",
]
