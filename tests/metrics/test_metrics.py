"""Laws of metrics: the number of a hand calculation, whatever the order of the rows, their layout and dtype."""

import inspect
import re
from functools import partial

import numpy as np
import pytest

from fnn import Key, metrics
from fnn.core.keys import permutation
from fnn.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    confusion_matrix,
    explained_variance,
    f1,
    log_loss,
    mae,
    mape,
    matthews,
    perplexity,
    precision,
    precision_recall_curve,
    r2,
    recall,
    rmse,
    roc_auc,
    roc_curve,
    top_k_accuracy,
)
from tests.each_of import each_of
from tests.metrics.cases import AIM, CASES, LABELS, LOGITS, N, each_case

T, V = TypeError, ValueError
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 4])
GUESS = np.array([0, 0, 0, 1, 1, 1, 2, 0, 2, 2])  # class 3 does not occur, class 4 is never predicted

ELSEWHERE = {
    "evaluate",
    "predictive_entropy",
    "mutual_information",
    "predictive_variance",
    "roc_curve",
    "precision_recall_curve",
}  # they take no target, or give curves


def test_every_public_function_is_listed_and_under_the_laws():
    public = {name for name, value in vars(metrics).items() if inspect.isfunction(value) and name[0] != "_"}
    written_here = {name for name in public if getattr(metrics, name).__module__.startswith("fnn.metrics.")}
    assert set(metrics.__all__) == written_here == {name.split()[0] for name in CASES} | ELSEWHERE


# --- laws of all metrics ---------------------------------------------------------------------------------------------


@each_case
def test_the_order_of_the_rows_means_nothing(measure, prediction, target):
    for seed in range(5):
        order = permutation(Key(seed), N)
        np.testing.assert_allclose(measure(prediction[order], target[order]), measure(prediction, target), rtol=1e-13)


@each_case
def test_every_row_twice_says_the_same_as_every_row_once(measure, prediction, target):
    once, twice = measure(prediction, target), measure(np.repeat(prediction, 2, 0), np.repeat(target, 2, 0))
    np.testing.assert_allclose(twice / (2 if measure is confusion_matrix else 1), once, rtol=1e-13)


@each_case
def test_inputs_are_never_written_and_may_have_any_memory_layout(measure, prediction, target):
    expected = measure(prediction, target)
    for lay in (np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1].copy()[::-1]):
        inputs = lay(prediction).copy("K"), lay(target).copy("K")
        for array in inputs:
            array.setflags(write=False)
        np.testing.assert_allclose(measure(*inputs), expected, rtol=1e-13)


@each_case
def test_float32_says_the_same_up_to_its_rounding(measure, prediction, target):
    small = target.astype(np.float32) if target.dtype.kind == "f" else target.astype(np.int8)
    value = measure(prediction.astype(np.float32), small)
    np.testing.assert_allclose(value, measure(prediction, target), rtol=1e-5)
    assert isinstance(value, float | np.ndarray)


@each_case
def test_nan_is_refused(measure, prediction, target):
    prediction = prediction.copy()
    prediction[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        measure(prediction, target)


PERFECT_IS_1 = [accuracy, balanced_accuracy, matthews, partial(top_k_accuracy, k=1), precision, recall, f1, roc_auc]


@each_of("measure", [*PERFECT_IS_1, average_precision, perplexity])
def test_perfect_is_1_for_labels_and_for_one_hot_rows(measure):
    scores = (1e4 if measure is perplexity else 1) * np.eye(4)[LABELS]
    assert measure(scores, LABELS) == measure(scores, np.eye(4)[LABELS]) == 1.0


def test_perfect_is_an_error_of_0_and_everything_explained():
    assert (rmse(AIM, AIM), mae(AIM, AIM), mape(AIM, AIM), r2(AIM, AIM), explained_variance(AIM, AIM)) == (
        0,
        0,
        0,
        1,
        1,
    )


# --- what is refused -------------------------------------------------------------------------------------------------

COLUMN, FLAT = AIM[:, :1], AIM[:, 0]
EVEN = np.full((6, 3), 1 / 3)
RAGGED = [[1], [1, 2]]


@each_of(
    ("judge", "kind", "message"),
    [
        (lambda: accuracy(LOGITS * np.nan, LABELS), V, "accuracy: NaN in the prediction"),
        (lambda: accuracy(LOGITS, LOGITS * np.nan), V, "accuracy: NaN in the target"),
        (lambda: accuracy(LOGITS + 1j, LABELS), T, "accuracy expects an array of real numbers, got complex128 array"),
        (
            lambda: top_k_accuracy(LOGITS, LABELS),
            V,
            "top_k_accuracy: k must be at most 4, the number of classes, got 5",
        ),
        (lambda: top_k_accuracy(LOGITS, LABELS, 0), V, "top_k_accuracy: k must be at least 1, got 0"),
        (lambda: top_k_accuracy(LOGITS, LABELS, 2.0), T, "top_k_accuracy: k must be an integer, got float 2.0"),
        (
            lambda: top_k_accuracy(LABELS, LABELS, 1),
            V,
            "top_k_accuracy expects scores (n, classes), got int64 array (105",
        ),
        (lambda: top_k_accuracy(LOGITS, LABELS + 1, 1), V, "top_k_accuracy expects labels from 0 to 3, got 4 at row"),
        (
            lambda: top_k_accuracy(LOGITS, LABELS - 1, 1),
            V,
            "top_k_accuracy expects labels from 0 to 3, got -1 at row 2 of",
        ),
        (lambda: top_k_accuracy(LOGITS, LABELS[:5], 1), V, "one label a row, got (105,) against a target (5,)"),
        (lambda: top_k_accuracy(LOGITS, FLAT, 1), T, "top_k_accuracy expects the target as integers"),
        (
            lambda: confusion_matrix(LABELS - 9, LABELS - 9),
            V,
            "confusion_matrix expects labels from 0 to 0, got -7 at row 0",
        ),
        (lambda: precision(LOGITS, LABELS + 4), V, "precision expects labels from 0 to 3, got 6 at row 0 of the"),
        (lambda: recall(GUESS - 1, TRUE), V, "recall expects labels from 0 to 4, got -1 at row 0 of the pr"),
        (lambda: f1(GUESS[:0], TRUE[:0]), V, "f1 expects one label a row, got (0,) against a target (0,)"),
        (lambda: f1(GUESS, TRUE[:, None]), V, "f1 expects one label a row, got (10,) against a target (10, 1)"),
        (lambda: f1(COLUMN, LABELS), V, "for one logit a row write (logits[:, 0] > 0).astype(int)"),
        (
            lambda: f1(GUESS, TRUE, "mean"),
            V,
            "f1: average must be macro, micro, weighted, binary, samples or None, got str 'mean'",
        ),
        (
            lambda: recall(GUESS, TRUE, 1),
            T,
            "recall: average must be macro, micro, weighted, binary, samples or None, got int 1",
        ),
        (lambda: precision(GUESS, TRUE, np.ones(10)), T, "binary, samples or None, got float64 array (10,)"),
        (
            lambda: precision(GUESS, TRUE, "binary"),
            V,
            "precision: average 'binary' is for the classes 0 and 1, got 5 classes; write 'macro'",
        ),
        (lambda: roc_auc(COLUMN, COLUMN > 0), V, "got (105, 1) for (105, 1); write scores[:, 0]"),
        (lambda: roc_auc(COLUMN, LABELS % 2), V, "got (105, 1) for (105,); write scores[:, 0]"),
        (
            lambda: roc_auc(FLAT, COLUMN > 0),
            V,
            "roc_auc expects scores (n,) for a target (n,), got (105,) for (105, 1)",
        ),
        (lambda: roc_auc(FLAT, LABELS), V, "roc_auc expects a target of 0 and 1, got some from 0 to 3"),
        (lambda: roc_auc(FLAT, 0.5 * (LABELS > 1)), V, "roc_auc expects a target of 0 and 1, got some from 0.0 to 0.5"),
        (lambda: roc_auc(FLAT, np.ones(N)), V, "roc_auc expects rows of class 1 and of others, got 105 and 0"),
        (lambda: roc_auc(FLAT[:0], FLAT[:0]), V, "roc_auc expects at least one row, got the shape (0,)"),
        (lambda: roc_auc(FLAT * np.nan, FLAT > 0), V, "roc_auc: NaN in the scores"),
        (lambda: roc_auc(FLAT, FLAT * np.nan), V, "roc_auc: NaN in the target"),
        (lambda: roc_auc(list("ab"), [0, 1]), T, "roc_auc expects an array of real numbers, got <U1 array (2,)"),
        (lambda: roc_auc(RAGGED, [0, 1]), T, "roc_auc expects an array, got rows of unequal lengths"),
        (
            lambda: roc_auc(3 * np.eye(3)[[0, 1, 2]], np.arange(3)),
            V,
            "roc_auc expects the rows of scores (n, classes) to be probabilities that sum to 1, "
            "got numbers from 0.0 to 3.0; write softmax(logits)",
        ),
        (lambda: roc_auc(np.full((2, 3), 3e38, np.float32), np.arange(2)), V, "to be probabilities that sum to 1"),
        (lambda: roc_auc(np.full((2, 3), 0.5), np.arange(2)), V, "to be probabilities that sum to 1"),
        (lambda: roc_auc(EVEN[:2] + [0.5, -0.5, 0], np.arange(2)), V, "to be probabilities that sum to 1"),
        (lambda: roc_auc(EVEN, np.arange(6) % 2), V, "roc_auc expects rows of class 2 and of others, got 0 and 6"),
        (lambda: roc_auc(EVEN, np.arange(6)), V, "roc_auc expects labels from 0 to 2, got 3 at row 3 of the target"),
        (
            lambda: rmse(COLUMN, FLAT),
            V,
            "rmse expects a target of the prediction's shape (105, 1), got (105,); write target[:, None]",
        ),
        (
            lambda: r2(FLAT, COLUMN),
            V,
            "r2 expects a target of the prediction's shape (105,), got (105, 1); write target[:, 0]",
        ),
        (lambda: rmse(AIM, FLAT), V, "rmse expects a target of the prediction's shape (105, 2), got (105,)"),
        (lambda: rmse(FLAT[:0], FLAT[:0]), V, "rmse expects at least one row, got the shape (0,)"),
        (lambda: rmse(1.0, 2.0), V, "rmse expects at least one row, got the shape ()"),
        (lambda: r2(FLAT, FLAT * np.nan), V, "r2: NaN in the target"),
        (lambda: r2(FLAT * np.nan, FLAT), V, "r2: NaN in the prediction"),
        (lambda: r2(FLAT, FLAT + np.inf), V, "r2: infinity in the target"),
        (lambda: r2(FLAT[:1], FLAT[:1]), V, "r2 expects at least two rows, got 1: a single target does not vary"),
        (lambda: rmse(["a"], ["b"]), T, "rmse expects an array of real numbers, got <U1 array (1,)"),
        (lambda: perplexity(LOGITS * np.nan, LABELS), V, "perplexity: NaN or infinity in the logits"),
        (lambda: perplexity(LOGITS + np.inf, LABELS), V, "perplexity: NaN or infinity in the logits"),
        (lambda: perplexity(LOGITS, LABELS + 1), V, "cross_entropy expects labels from 0 to 3, got 4 at row 4"),
        (lambda: perplexity(LOGITS[:0], LABELS[:0]), V, "expects at least one row"),
        (lambda: roc_curve(FLAT, np.ones(N)), V, "roc_curve expects rows of class 1 and of others, got 105 and 0"),
        (lambda: roc_curve(FLAT[:0], FLAT[:0]), V, "roc_curve expects at least one row, got the shape (0,)"),
        (
            lambda: precision_recall_curve(LOGITS, LABELS),
            V,
            "precision_recall_curve expects scores (n,) of one class, got float64 array (105, 4); write "
            "precision_recall_curve(scores[:, i], labels == i) for a class i",
        ),
        (
            lambda: average_precision(FLAT, LABELS % 2, "samples"),
            V,
            "average_precision: average must be macro, micro, weighted or None, got str 'samples'",
        ),
        (lambda: roc_auc(FLAT, LABELS % 2, 1), T, "average must be macro, micro, weighted or None, got int 1"),
        (lambda: mae(FLAT * np.nan, FLAT), V, "mae: NaN in the prediction"),
        (lambda: mape(FLAT, FLAT[:3]), V, "mape expects a target of the prediction's shape (105,), got (3,)"),
        (lambda: explained_variance(FLAT, FLAT + np.inf), V, "explained_variance: infinity in the target"),
        (
            lambda: log_loss(LOGITS, LABELS),
            V,
            "log_loss expects probabilities, which sum to 1 in each row, got numbers",
        ),
        (lambda: log_loss(np.array([0.2, 0.3]), np.array([0, 2])), V, "log_loss expects a target of 0 and 1 for"),
        (
            lambda: matthews(GUESS - 1, TRUE),
            V,
            "matthews expects labels from 0 to 4, got -1 at row 0 of the prediction",
        ),
        (lambda: balanced_accuracy(GUESS[:0], TRUE[:0]), V, "balanced_accuracy expects one label a row, got (0,)"),
        (
            lambda: accuracy(LOGITS, np.eye(4)[LABELS] + np.eye(4)[0] > 0),
            V,
            "accuracy expects a target of one class a row, got rows of 0 and 1 of another sum; for several classes a "
            "row give booleans, say prediction > 0.5",
        ),
        (
            lambda: matthews(LOGITS, np.zeros((N, 4))),
            V,
            "matthews expects a target of one class a row, got rows of 0 and 1 of another sum",
        ),
        (
            lambda: f1(LOGITS > 0, np.zeros((N, 3))),
            V,
            "f1 expects a target of the prediction's shape (105, 4), got (105, 3)",
        ),
        (
            lambda: recall(LOGITS > 0, 0.5 * np.ones((N, 4))),
            V,
            "recall expects a target of 0 and 1 for booleans (n, classes), got float64 array (105, 4)",
        ),
        (
            lambda: f1(LOGITS, LABELS, "samples"),
            V,
            "f1: average 'samples' is for several classes a row, given as booleans (n, classes)",
        ),
        (
            lambda: f1(LOGITS > 0, LOGITS > 0, "binary"),
            V,
            "f1: average 'binary' is for the classes 0 and 1, got 4 classes; write 'macro'",
        ),
    ],
)
def test_what_would_give_a_number_without_meaning_is_refused_with_what_to_write(judge, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        judge()
