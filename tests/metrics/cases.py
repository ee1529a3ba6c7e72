"""A prediction and a target for each metric, and what they are made of."""

from functools import partial

import numpy as np

from fnn import Key
from fnn.core.keys import normals, uniforms
from fnn.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    explained_variance,
    f1,
    log_loss,
    mae,
    mape,
    matthews,
    perplexity,
    precision,
    r2,
    recall,
    rmse,
    roc_auc,
    top_k_accuracy,
)
from tests.each_of import each_of

N = 105
LABELS = (uniforms(Key(0), N) * 4).astype(int)
LOGITS = normals(Key(1), (N, 4)) + 1.5 * np.eye(4)[LABELS]
COARSE = np.round(LOGITS)  # with ties
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
OUTPUTS, AIM = LOGITS[:, :2], LOGITS[:, 2:]

CASES = {
    "accuracy": (accuracy, LOGITS, LABELS),
    "top_k_accuracy": (partial(top_k_accuracy, k=2), COARSE, LABELS),
    "confusion_matrix": (confusion_matrix, LOGITS, LABELS),
    "precision": (precision, LOGITS, LABELS),
    "recall": (partial(recall, average="weighted"), LOGITS, LABELS),
    "f1": (partial(f1, average=None), LOGITS, LABELS),
    "roc_auc": (roc_auc, COARSE[:, 0], LABELS % 2),
    "roc_auc of several": (roc_auc, PROBABILITIES, LABELS),
    "balanced_accuracy": (balanced_accuracy, LOGITS, LABELS),
    "matthews": (matthews, LOGITS, LABELS),
    "average_precision": (average_precision, COARSE[:, 0], LABELS % 2),
    "average_precision of several": (partial(average_precision, average="weighted"), PROBABILITIES, LABELS),
    "log_loss": (log_loss, PROBABILITIES, LABELS),
    "mae": (mae, OUTPUTS, AIM),
    "mape": (mape, OUTPUTS, AIM),
    "explained_variance": (explained_variance, OUTPUTS, AIM),
    "rmse": (rmse, OUTPUTS, AIM),
    "r2": (r2, OUTPUTS, AIM),
    "perplexity": (perplexity, LOGITS, LABELS),
    "calibration_error": (calibration_error, PROBABILITIES, LABELS),
}
each_case = each_of(("measure", "prediction", "target"), CASES.values(), ids=CASES)
