"""Metrics are scikit-learn's, on 200 random cases each: ties, classes that are rare, missing or alone, few rows.

Those not here are in ``test_sklearn.py``.
"""

import warnings

import numpy as np
import pytest

from fnn import metrics
from fnn.core.keys import Key
from fnn.data import kfold, train_test_split
from tests.each_of import each_of

theirs = pytest.importorskip("sklearn.metrics")
model_selection = pytest.importorskip("sklearn.model_selection")

CASES = 200
pytestmark = pytest.mark.long


def close(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


def draws(seed):
    """Yield a generator, rows and classes for each case: from few of both to some."""
    for case in range(CASES):
        draw = np.random.default_rng((seed, case))
        yield draw, int(draw.integers(1, [6, 60][case % 2])), int(draw.integers(2, 6))


def classes_of(draw, n, k):
    """Labels of which some are rare, and some cases have one class alone."""
    return draw.choice(k, n, p=draw.dirichlet(np.full(k, 0.5)))


def probabilities_of(draw, n, k):
    """Rows that sum to 1, coarse in half of the cases, so that there are ties and zeros."""
    p = draw.dirichlet(np.full(k, 0.4), n)
    if draw.random() < 0.5:
        counts = np.round(p * 4)
        counts[:, 0] += counts.sum(axis=1) == 0
        p = counts / counts.sum(axis=1, keepdims=True)
    return p


def scores_of(draw, shape):
    scores = draw.normal(size=shape)
    return np.round(scores) if draw.random() < 0.5 else scores


def quiet(function, *given, **named):
    """Their number without their warnings: what is undefined is told otherwise here."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*given, **named)


# --- classes ---------------------------------------------------------------------------------------------------------

OF_LABELS = {
    "balanced_accuracy": (metrics.balanced_accuracy, theirs.balanced_accuracy_score),
    "matthews": (metrics.matthews, theirs.matthews_corrcoef),
}


@each_of(("ours", "reference"), OF_LABELS.values(), ids=OF_LABELS)
def test_what_looks_at_labels(ours, reference):
    for draw, n, k in draws(0):
        prediction, target = classes_of(draw, n, k), classes_of(draw, n, k)
        close(ours(prediction, target), quiet(reference, target, prediction))


AVERAGED = {
    "precision": (metrics.precision, theirs.precision_score),
    "recall": (metrics.recall, theirs.recall_score),
    "f1": (metrics.f1, theirs.f1_score),
}


@each_of(("ours", "reference"), AVERAGED.values(), ids=AVERAGED)
@each_of("average", ["macro", "micro", "weighted", "samples", None])
def test_averages_where_a_row_may_be_of_several_classes(ours, reference, average):
    for draw, n, k in draws(2):
        prediction, target = (draw.random((n, k)) < draw.random(k) for _ in range(2))
        expected = quiet(reference, target.astype(int), prediction.astype(int), average=average, zero_division=0)
        close(ours(prediction, target.astype(draw.choice(["?", "i8", "f4"])), average), expected)
        close(metrics.accuracy(prediction, target), theirs.accuracy_score(target, prediction))


# --- scores ----------------------------------------------------------------------------------------------------------


def test_curves():
    seen = set()
    for draw, n, _ in draws(3):
        scores, target = scores_of(draw, n), (draw.random(n) < draw.random()).astype(int)
        seen.add(len(np.unique(target)))
        expected = quiet(theirs.precision_recall_curve, target, scores, pos_label=1)
        for ours, reference in zip(metrics.precision_recall_curve(scores, target), expected, strict=True):
            close(ours, reference)
        close(metrics.average_precision(scores, target), quiet(theirs.average_precision_score, target, scores))
        if len(np.unique(target)) == 1:  # theirs is NaN
            for ours in (metrics.roc_curve, metrics.roc_auc):
                with pytest.raises(ValueError, match="expects rows of class 1 and of others"):
                    ours(scores, target)
            continue
        for ours, reference in zip(metrics.roc_curve(scores, target), theirs.roc_curve(target, scores), strict=True):
            close(ours, reference)
        close(metrics.roc_auc(scores, target), theirs.roc_auc_score(target, scores))
    assert seen == {1, 2}


@each_of("average", ["macro", "micro", "weighted", None])
def test_areas_over_several_classes(average):
    for draw, n, k in draws(4):
        n, k = n + k, max(k, 3)
        target = np.concatenate([np.arange(k), classes_of(draw, n, k)])  # theirs expects that each class occurs
        scores = probabilities_of(draw, len(target), k)
        one_hot = np.eye(k, dtype=int)[target]
        close(
            metrics.average_precision(scores, target, average),
            theirs.average_precision_score(target, scores, average=average),
        )
        expected = theirs.roc_auc_score(target, scores, multi_class="ovr", average=average)
        close(metrics.roc_auc(scores, target, average), expected)
        close(metrics.roc_auc(scores, one_hot, average), expected)


@each_of("average", ["macro", "micro", "weighted", None])
def test_areas_where_a_row_may_be_of_several_classes(average):
    for draw, n, k in draws(5):
        target = draw.random((n, k)) < draw.random(k)
        scores = scores_of(draw, (n, k))
        close(
            metrics.average_precision(scores, target, average),
            quiet(theirs.average_precision_score, target.astype(int), scores, average=average),
        )
        some = target.any(axis=0) & ~target.all(axis=0)
        if some.sum() > 1:
            target, scores = target[:, some], scores[:, some]
            expected = theirs.roc_auc_score(target.astype(int), scores, average=average)
            close(metrics.roc_auc(scores, target, average), expected)


@each_of("dtype", [np.float64, np.float32])
def test_log_loss(dtype):
    for draw, n, k in draws(6):
        p, target = probabilities_of(draw, n, k).astype(dtype), classes_of(draw, n, k)
        expected = quiet(theirs.log_loss, target, p, labels=np.arange(k))
        rtol = 1e-10 if dtype == np.float64 else 1e-6
        np.testing.assert_allclose(metrics.log_loss(p, target), expected, rtol=rtol, atol=1e-7)
        expected = quiet(theirs.log_loss, target % 2, p[:, 0], labels=[0, 1])
        np.testing.assert_allclose(metrics.log_loss(p[:, 0], target % 2), expected, rtol=rtol, atol=1e-7)


# --- values ----------------------------------------------------------------------------------------------------------

OF_VALUES = {
    "mae": (metrics.mae, theirs.mean_absolute_error),
    "mape": (metrics.mape, theirs.mean_absolute_percentage_error),
    "explained_variance": (metrics.explained_variance, theirs.explained_variance_score),
}


@each_of(("ours", "reference"), OF_VALUES.values(), ids=OF_VALUES)
def test_what_looks_at_values(ours, reference):
    for draw, n, k in draws(8):
        shape = draw.choice([1, 2])
        target = draw.integers(-2, 3, (n, k)[:shape]) * 0.5  # zeros, and columns that are constant
        prediction = target + draw.choice([0.0, 1.0, 1.0]) * draw.integers(-1, 2, target.shape)
        close(ours(prediction, target), quiet(reference, target, prediction))


# --- rows set aside ---------------------------------------------------------------------------------------------------


def test_folds_by_class_are_of_the_sizes_of_theirs():
    for draw, _, k in draws(9):
        folds = int(draw.integers(2, 6))
        target = np.sort(np.concatenate([np.repeat(np.arange(k), folds), draw.integers(0, k, 20)]))
        ours = [np.bincount(t, minlength=k) for _, (t,) in kfold((target,), folds, Key(0), stratify=target)]
        split = model_selection.StratifiedKFold(folds).split(target, target)
        reference = [np.bincount(target[test], minlength=k) for _, test in split]
        assert sorted(map(tuple, ours)) == sorted(map(tuple, reference))
        (_, (aside,)) = train_test_split((target,), 0.5, Key(0), stratify=target)
        assert np.abs(np.bincount(aside, minlength=k) - np.bincount(target) / 2).max() <= 1
