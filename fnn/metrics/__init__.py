"""A metric judges a finished network in terms that people care about; nobody descends it.

    metric : prediction, target -> number          evaluate : metric, params, data -> number

Shapes are checked: ``(n, 1)`` against ``(n,)`` would compare everything with everything. NaN is refused, since the
number would mean nothing.
"""

from fnn.metrics.classification import accuracy, confusion_matrix, f1, precision, recall
from fnn.metrics.evaluation import evaluate
from fnn.metrics.ranking import perplexity, roc_auc, top_k_accuracy
from fnn.metrics.regression import r2, rmse

__all__ = [
    "accuracy",
    "confusion_matrix",
    "evaluate",
    "f1",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "top_k_accuracy",
]
