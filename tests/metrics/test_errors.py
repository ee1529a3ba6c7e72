"""Errors of metrics, in all their words."""

import numpy as np

from fnn import Record, Serial, vjp
from fnn.metrics import (
    accuracy,
    confusion_matrix,
    evaluate,
    f1,
    log_loss,
    perplexity,
    precision,
    r2,
    recall,
    rmse,
    roc_auc,
    top_k_accuracy,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import COLUMN, FLAT, LOGITS, NET, T, V, X, Y


class SumOverRows(Record):
    """A layer that forgets which row is which."""


@vjp.register
def sum_over_rows_vjp(layer: SumOverRows, x, key=None):
    return x.sum(axis=0), None


ROWS = [
    (
        lambda: evaluate(accuracy, NET, (X, Y, FLAT)),
        T,
        "evaluate: the function accuracy takes no weights; write evaluate(measure, net, (x, target))",
    ),
    (
        lambda: accuracy(COLUMN, Y),
        V,
        "accuracy expects scores (n, classes) or labels (n,), got float64 array (5, 1); for one logit a "
        "row write (logits[:, 0] > 0).astype(int)",
    ),
    (
        lambda: accuracy(np.eye(3), np.array([1, 2, 3])),  # was 0
        V,
        "accuracy expects labels from 0 to 2, got 3 at row 2 of the target; they go from 1 to 3, so write target - 1",
    ),
    (
        lambda: accuracy(np.eye(3), np.array([-1, 1, 2])),  # was 2 / 3
        V,
        "accuracy expects labels from 0 to 2, got -1 at row 0 of the target; they go from -1 to 2",
    ),
    (
        lambda: accuracy(Y, np.eye(5)),
        V,
        "accuracy expects one label a row, got (5,) against a target (5, 5); write target.argmax(axis=1)",
    ),
    (
        lambda: accuracy(Y, LOGITS + 0.3),
        V,
        "accuracy expects one label a row, got (5,) against a target (5, 3); scores come first: write accuracy(scores, "
        "labels)",
    ),
    (
        lambda: accuracy(Y[:, None], Y),
        V,
        "accuracy expects scores (n, classes) or labels (n,), got int64 array (5, 1); write prediction[:, 0]",
    ),
    (
        lambda: f1(Y, Y[:, None]),
        V,
        "f1 expects one label a row, got (5,) against a target (5, 1); write target[:, 0]",
    ),
    (
        lambda: log_loss(np.full((5, 1), 0.5), Y),  # was told to take softmax, of which each row is 1
        V,
        "log_loss expects probabilities (n, classes), or (n,) of class 1, got float64 array (5, 1); write "
        "probabilities[:, 0]",
    ),
    (
        lambda: roc_auc(FLAT, (Y > 0)[:, None]),
        V,
        "roc_auc expects scores (n,) for a target (n,), got (5,) for (5, 1); write target[:, 0]",
    ),
    (
        lambda: roc_auc(FLAT, np.where(Y > 0, 1, -1)),
        V,
        "roc_auc expects a target of 0 and 1, got some from -1 to 1; write target == target.max() if that is class 1",
    ),
    (
        lambda: accuracy(FLAT, Y),
        T,
        "accuracy expects the prediction as integers or as scores (n, classes), got float64 array (5,); write "
        "prediction.astype(int)",
    ),
    (
        lambda: accuracy(Y, FLAT),
        T,
        "accuracy expects the target as integers or as scores (n, classes), got float64 array (5,); write "
        "target.astype(int)",
    ),
    (
        lambda: precision(0.3 * FLAT, Y > 0),
        T,
        "precision expects the prediction as integers or as scores (n, classes), got float64 array (5,); write "
        "prediction > 0.5 for class 1 against class 0",
    ),
    (
        lambda: f1(-0.3 * FLAT, Y > 0),
        T,
        "f1 expects the prediction as integers or as scores (n, classes), got float64 array (5,); write "
        "prediction > 0 for class 1 against class 0",
    ),
    (
        lambda: recall(Y, 0.3 * FLAT),
        T,
        "recall expects the target as integers or as scores (n, classes), got float64 array (5,); target holds "
        "fractions or NaN, which are no labels",
    ),
    (
        lambda: accuracy(Y, np.array(["cat", "dog", "cat", "dog", "cat"])),
        T,
        "accuracy expects the target as integers or as scores (n, classes), got <U3 array (5,); write names, target "
        "= np.unique(target, return_inverse=True)",
    ),
    (lambda: accuracy(Y, Y[:3]), V, "accuracy expects one label a row, got (5,) against a target (3,)"),
    (lambda: accuracy(LOGITS * np.nan, Y), V, "accuracy: NaN in the prediction"),
    (lambda: accuracy(LOGITS, LOGITS * np.nan), V, "accuracy: NaN in the target"),
    (
        lambda: confusion_matrix(Y, Y - 1),
        V,
        "confusion_matrix expects labels from 0 to 2, got -1 at row 0 of the target; they go from -1 to 1",
    ),
    (
        lambda: precision(Y, Y, average="mean"),
        V,
        "precision: average must be macro, micro, weighted, binary, samples or None, got str 'mean'",
    ),
    (
        lambda: recall(Y, Y, average=1),
        T,
        "recall: average must be macro, micro, weighted, binary, samples or None, got int 1",
    ),
    (
        lambda: f1(Y, Y, average="binary"),
        V,
        "f1: average 'binary' is for the classes 0 and 1, got 3 classes; write 'macro'",
    ),
    (lambda: top_k_accuracy(Y, Y), V, "top_k_accuracy expects scores (n, classes), got int64 array (5,)"),
    (lambda: top_k_accuracy(LOGITS, Y, 4), V, "top_k_accuracy: k must be at most 3, the number of classes, got 4"),
    (lambda: top_k_accuracy(LOGITS, Y, 0), V, "top_k_accuracy: k must be at least 1, got 0"),
    (
        lambda: roc_auc(LOGITS + 1, Y),
        V,
        "roc_auc expects the rows of scores (n, classes) to be probabilities that sum to 1, got numbers "
        "from 1.0 to 1.0; write softmax(logits)",
    ),
    (lambda: roc_auc(FLAT, Y[:3]), V, "roc_auc expects scores (n,) for a target (n,), got (5,) for (3,)"),
    (
        lambda: roc_auc(COLUMN, Y),
        V,
        "roc_auc expects scores (n,) for a target (n,), got (5, 1) for (5,); write scores[:, 0]",
    ),
    (lambda: roc_auc(FLAT, Y), V, "roc_auc expects a target of 0 and 1, got some from 0 to 2"),
    (lambda: roc_auc(FLAT, 0 * Y), V, "roc_auc expects rows of class 1 and of others, got 0 and 5"),
    (lambda: roc_auc(FLAT * np.nan, Y), V, "roc_auc: NaN in the scores"),
    (lambda: perplexity(LOGITS * np.nan, Y), V, "perplexity: NaN or infinity in the logits"),
    (
        lambda: rmse(COLUMN, FLAT),
        V,
        "rmse expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (
        lambda: rmse(FLAT, COLUMN),
        V,
        "rmse expects a target of the prediction's shape (5,), got (5, 1); write target[:, 0]",
    ),
    (lambda: rmse(FLAT, FLAT[:3]), V, "rmse expects a target of the prediction's shape (5,), got (3,)"),
    (lambda: rmse(FLAT[:0], FLAT[:0]), V, "rmse expects at least one row, got the shape (0,)"),
    (lambda: rmse(FLAT, FLAT * np.inf), V, "rmse: infinity in the target"),
    (lambda: r2(FLAT * np.nan, FLAT), V, "r2: NaN in the prediction"),
    (lambda: r2(FLAT[:1], FLAT[:1]), V, "r2 expects at least two rows, got 1: a single target does not vary"),
    (
        lambda: evaluate(accuracy, NET, [X, Y]),
        T,
        "evaluate expects data as (x, target) or (x, target, weights), got list of float32 array (5, 4), "
        "int64 array (5,)",
    ),
    (
        lambda: evaluate(accuracy, NET, (X, Y[:3])),
        V,
        "evaluate: the arrays must have the same number of rows, got 5 and 3",
    ),
    (lambda: evaluate(3, NET, (X, Y)), T, "evaluate expects a metric or a loss, say accuracy, got int 3"),
    (
        lambda: confusion_matrix(Y, Y, 2**15 + 1),
        V,
        "confusion_matrix counts up to 32768 classes, one by one, got labels to 2, or classes=32769",
    ),
    (lambda: evaluate(accuracy, NET, (X, Y), size=0), V, "evaluate: size must be at least 1, got 0"),
    (
        lambda: evaluate(accuracy, Serial((SumOverRows(),)), (X, Y)),
        V,
        "evaluate expects a prediction for each of 5 rows, got float32 array (4,)",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
