"""How scores rank, by sorting and by comparing every pair; and how many equally likely classes are as hard."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fnn import Key
from fnn.core.keys import normals, permutation
from fnn.metrics import accuracy, perplexity, roc_auc, top_k_accuracy
from tests.each_of import each_of
from tests.metrics.cases import COARSE, LABELS, LOGITS, PROBABILITIES, N

# --- the k best ------------------------------------------------------------------------------------------------------


def test_top_k_is_that_of_sorting_each_row():
    for k in range(1, 5):
        hits = [label in sorted(range(4), key=lambda c: row[c])[-k:] for row, label in zip(LOGITS, LABELS, strict=True)]
        assert top_k_accuracy(LOGITS, LABELS, k) == pytest.approx(sum(hits) / N, rel=1e-15)


def test_top_1_is_accuracy_it_grows_with_k_and_all_classes_are_enough():
    fractions = [top_k_accuracy(LOGITS, LABELS, k) for k in (1, 2, 3, 4)]
    assert fractions[0] == accuracy(LOGITS, LABELS)
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1.0
    assert top_k_accuracy(np.eye(5), np.arange(5)) == 1.0  # k is 5


@pytest.mark.parametrize("scores", [COARSE, np.zeros((N, 4)), np.full((N, 4), -np.inf)], ids=["some", "all", "-inf"])
def test_at_ties_exactly_k_classes_count_in_each_row_the_later_ones_first(scores):
    for k in (1, 2, 3, 4):
        hits = np.array([[top_k_accuracy(row[None], np.array([c]), k) for c in range(4)] for row in scores[:20]])
        assert (hits.sum(axis=1) == k).all()
    assert top_k_accuracy(np.zeros((4, 4)), np.arange(4), 2) == 0.5
    assert [top_k_accuracy(np.zeros((1, 4)), np.array([c]), 2) for c in range(4)] == [0, 0, 1, 1]


# --- ranking ---------------------------------------------------------------------------------------------------------


def slow_auc(scores, target):
    """Each positive against each negative, a tie for one half, in exact fractions."""
    pairs = [(p, q) for p, one in zip(scores, target, strict=True) if one for q in scores[np.equal(target, 0)]]
    return Fraction(sum(2 * (p > q) + (p == q) for p, q in pairs), 2 * len(pairs))


@each_of("seed", range(40))
def test_roc_auc_is_that_of_comparing_every_pair(seed):
    n = 2 + seed
    scores = normals(Key(seed), n)
    scores = np.round(scores) if seed % 2 else scores
    target = (permutation(Key(seed, (1,)), n) < 1 + seed // 3).astype(int)
    assert roc_auc(scores, target) == float(slow_auc(scores, target))


def test_roc_auc_by_hand():
    assert roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 0.75
    assert roc_auc(np.array([1, 2, 3]), np.array([0, 0, 1])) == 1.0
    assert roc_auc(np.array([3, 2, 1]), np.array([0, 0, 1])) == 0.0
    assert roc_auc(np.zeros(9), np.arange(9) % 2) == 0.5
    assert roc_auc(np.array([-np.inf, 0.0, -0.0, np.inf]), np.array([0, 0, 1, 1])) == 0.875


def test_roc_auc_sees_only_the_order():
    scores, target = COARSE[:, 0], LABELS % 2
    value = roc_auc(scores, target)
    for growing in (np.exp, np.arctan, lambda s: 3 * s - 7, lambda s: s.astype(int), lambda s: s.astype(np.float32)):
        assert roc_auc(growing(scores), target) == value
    assert roc_auc(-scores, target) == pytest.approx(1 - value, rel=1e-15)
    assert roc_auc(scores, 1 - target) == pytest.approx(1 - value, rel=1e-15)


def test_zeros_and_ones_may_be_of_any_kind():
    scores, target = COARSE[:, 0], LABELS % 2
    for kind in (bool, np.uint8, np.float32):
        assert roc_auc(scores, target.astype(kind)) == roc_auc(scores, target)


def test_neighboring_integers_are_no_tie():
    assert roc_auc(np.array([2**24, 2**24 + 1]), np.array([0, 1])) == 1.0  # equal in float32
    assert top_k_accuracy(np.array([[2**24 + 1, 2**24]]), np.array([0]), 1) == 1.0


def test_for_several_classes_it_is_the_mean_of_each_against_the_rest():
    expected = [slow_auc(PROBABILITIES[:, c], np.equal(LABELS, c)) for c in range(4)]
    assert roc_auc(PROBABILITIES, LABELS) == pytest.approx(float(sum(expected) / 4), rel=1e-15)
    assert roc_auc(PROBABILITIES, np.eye(4)[LABELS]) == roc_auc(PROBABILITIES, LABELS)
    two = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]])
    assert roc_auc(two, np.array([0, 1, 1])) == roc_auc(two[:, 1], np.array([0, 1, 1])) == 1.0


# --- perplexity ------------------------------------------------------------------------------------------------------


def test_perplexity_is_one_over_the_geometric_mean_of_the_probabilities():
    logits = np.log([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    assert perplexity(logits, np.array([1, 2])) == pytest.approx(math.sqrt(4 * 8), rel=1e-14)
    assert perplexity(np.stack([logits, logits]), np.array([[1, 2], [1, 2]])) == pytest.approx(math.sqrt(32), rel=1e-14)


@pytest.mark.parametrize("classes", [2, 10, 50_000])
def test_an_even_guess_has_the_perplexity_of_the_number_of_classes(classes):
    assert perplexity(np.full((1, 3, classes), 7.0), np.zeros((1, 3), int)) == pytest.approx(classes, rel=1e-12)


@each_of("dtype", [np.float32, np.float64])
@each_of("far", [1e4, 3e38, np.inf])
def test_what_is_too_large_for_a_float_is_infinity_without_a_warning(dtype, far):
    assert perplexity(np.array([[0.0, -far], [0.0, 0.0]], dtype), np.array([1, 0])) == math.inf
    if far < np.inf:
        assert perplexity(np.array([[far, -far]], dtype), np.array([1])) == math.inf


def test_scores_in_float16_are_computed_with_in_more():
    assert roc_auc(np.full((40, 20), 0.05, np.float16), np.arange(40) % 20) == 0.5
    assert perplexity(np.zeros((4, 70_000), np.float16), np.arange(4)) == pytest.approx(70_000, rel=1e-6)
