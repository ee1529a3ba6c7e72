"""Metrics agree with scikit-learn on random cases: few rows or many, balanced or not, absent classes, ties."""

import numpy as np
import pytest

from fnn import metrics
from fnn.metrics import f1, precision, recall

reference = pytest.importorskip("sklearn.metrics")

SEEDS = range(200)
same = pytest.approx


def generator(seed):
    return np.random.Generator(np.random.PCG64(seed))


def labels_of(random, n, classes):
    """True labels, often unbalanced and often without some of the classes, and predictions that are partly right."""
    shares = random.dirichlet(np.full(classes, random.choice([0.2, 1.0, 50.0])))
    true = random.choice(classes, n, p=shares)
    guessed = random.integers(0, random.integers(1, classes + 1), n)
    return np.where(random.random(n) < random.random(), true, guessed), true


def scores_of(random, *shape):
    """Scores without ties, or rounded to have many."""
    return random.normal(size=shape) if random.random() < 0.5 else random.integers(0, 4, shape) / 4


def test_precision_recall_and_f1():
    absent = 0
    for seed in SEEDS:
        random = generator(seed)
        classes = int(random.integers(2, 7))
        predicted, true = labels_of(random, int(random.integers(1, 80)), classes)
        scores = np.eye(classes)[predicted] + random.random((len(true), classes)) / 2
        absent += len(set(predicted) | set(true)) < classes
        for average in ("macro", "micro", "weighted", None, "binary"):
            if average == "binary":
                predicted, true, scores = predicted % 2, true % 2, np.eye(2)[predicted % 2]
            named = range(classes) if average is None else None
            expected = reference.precision_recall_fscore_support(
                true, predicted, average=average, labels=named, zero_division=0
            )
            for measure, number in zip((precision, recall, f1), expected, strict=False):
                np.testing.assert_allclose(measure(scores, true, average), number, rtol=0, atol=1e-12)
                if average is not None:
                    assert measure(predicted, true, average) == same(number, abs=1e-12), (seed, average)
    assert absent > 50


def test_accuracy_and_the_confusion_matrix():
    for seed in SEEDS:
        random = generator(seed)
        predicted, true = labels_of(random, int(random.integers(1, 80)), 5)
        assert metrics.accuracy(predicted, true) == same(reference.accuracy_score(true, predicted), abs=1e-12)
        expected = reference.confusion_matrix(true, predicted, labels=range(5))
        np.testing.assert_array_equal(metrics.confusion_matrix(predicted, true, 5), expected)


def test_top_k_accuracy_with_and_without_ties():
    tied = 0
    for seed in SEEDS:
        random = generator(seed)
        n, classes = int(random.integers(1, 80)), int(random.integers(3, 9))
        _, true = labels_of(random, n, classes)
        scores, k = scores_of(random, n, classes), int(random.integers(1, classes))
        tied += len(np.unique(scores)) < scores.size
        expected = reference.top_k_accuracy_score(true, scores, k=k, labels=range(classes))
        assert metrics.top_k_accuracy(scores, true, k) == same(expected, abs=1e-12), seed
    assert 50 < tied < 150


def test_the_area_under_the_roc_curve_with_and_without_ties():
    for seed in SEEDS:
        random = generator(seed)
        n = int(random.integers(2, 300))
        target = random.permutation(np.arange(n) < random.integers(1, n)).astype(int)
        scores = scores_of(random, n) + target * random.random()
        assert metrics.roc_auc(scores, target) == same(reference.roc_auc_score(target, scores), abs=1e-12), seed


def test_the_area_under_the_roc_curve_of_each_class_against_the_rest():
    for seed in SEEDS:
        random = generator(seed)
        classes = int(random.integers(3, 7))
        n = int(random.integers(classes, 100))
        target = random.permutation(np.arange(n) % classes if seed % 2 else np.minimum(np.arange(n), classes - 1))
        scores = random.integers(1, 5, (n, classes)) if seed % 3 else random.exponential(size=(n, classes))
        scores = scores / scores.sum(axis=1, keepdims=True)
        expected = reference.roc_auc_score(target, scores, multi_class="ovr")
        assert metrics.roc_auc(scores, target) == same(expected, abs=1e-12), seed


def test_rmse_and_r2():
    for seed in SEEDS:
        random = generator(seed)
        shape = (int(random.integers(2, 80)), *([int(random.integers(1, 5))] if seed % 2 else []))
        target = random.normal(random.normal() * 10, 1, shape)
        prediction = target + random.normal(size=shape) * random.choice([0.01, 1.0, 5.0])
        if seed % 5 == 0:
            target[..., -1] = 3.0
        if seed % 10 == 0:
            prediction[..., -1] = 3.0
        if target.ndim == 1:
            expected = reference.root_mean_squared_error(target, prediction)
        else:
            expected = np.sqrt(reference.mean_squared_error(target, prediction))  # over all numbers, as our mse is
        assert metrics.rmse(prediction, target) == same(expected, rel=1e-12), seed
        assert metrics.r2(prediction, target) == same(reference.r2_score(target, prediction), rel=1e-12, abs=1e-12), (
            seed
        )


def test_perplexity_is_the_exponential_of_the_log_loss():
    for seed in SEEDS:
        random = generator(seed)
        n, classes = int(random.integers(1, 80)), int(random.integers(2, 9))
        _, true = labels_of(random, n, classes)
        logits = random.normal(size=(n, classes)) * 3
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        expected = np.exp(reference.log_loss(true, probabilities, labels=range(classes)))
        assert metrics.perplexity(logits, true) == same(expected, rel=1e-12), seed
