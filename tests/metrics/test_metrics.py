"""Laws of metrics: the number of a hand calculation, whatever the order of the rows and the size of the batches."""

import inspect
import math
import re
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from fnn import Key, Record, cross_entropy, dense, identity, metrics, mlp, mse, tree, vjp
from fnn.core.keys import normals, permutation, uniforms
from fnn.metrics import (
    accuracy,
    confusion_matrix,
    evaluate,
    f1,
    perplexity,
    precision,
    r2,
    recall,
    rmse,
    roc_auc,
    top_k_accuracy,
)

T, V = TypeError, ValueError
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 4])
GUESS = np.array([0, 0, 0, 1, 1, 1, 2, 0, 2, 2])  # class 3 does not occur, class 4 is never predicted
SCORES = np.eye(5)[GUESS]

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
    "rmse": (rmse, OUTPUTS, AIM),
    "r2": (r2, OUTPUTS, AIM),
    "perplexity": (perplexity, LOGITS, LABELS),
}
each_case = pytest.mark.parametrize(("measure", "prediction", "target"), CASES.values(), ids=CASES)


def test_every_public_function_is_listed_and_under_the_laws():
    public = {name for name, value in vars(metrics).items() if inspect.isfunction(value) and name[0] != "_"}
    written_here = {name for name in public if getattr(metrics, name).__module__.startswith("fnn.metrics.")}
    assert set(metrics.__all__) == written_here == {name.split()[0] for name in CASES} | {"evaluate"}


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
def test_inputs_are_never_written_and_may_lie_in_memory_as_they_like(measure, prediction, target):
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


@pytest.mark.parametrize(
    "measure", [accuracy, partial(top_k_accuracy, k=1), precision, recall, f1, roc_auc, perplexity]
)
def test_perfect_is_1_for_labels_and_for_one_hot_rows(measure):
    scores = (1e4 if measure is perplexity else 1) * np.eye(4)[LABELS]
    assert measure(scores, LABELS) == measure(scores, np.eye(4)[LABELS]) == 1.0


def test_perfect_is_an_error_of_0_and_everything_explained():
    assert (rmse(AIM, AIM), r2(AIM, AIM)) == (0.0, 1.0)


# --- classes ---------------------------------------------------------------------------------------------------------


def test_precision_recall_and_f1_of_each_class_by_hand():
    np.testing.assert_allclose(precision(SCORES, TRUE, None), [3 / 4, 2 / 3, 1 / 3, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(recall(SCORES, TRUE, None), [3 / 4, 2 / 3, 1 / 2, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(f1(SCORES, TRUE, None), [3 / 4, 2 / 3, 2 / 5, 0, 0], rtol=1e-15)
    assert precision(GUESS, TRUE, None).tolist() == precision(SCORES, TRUE, None).tolist()


def test_an_average_counts_what_its_name_says():
    # class 3 is in no average; class 4, never predicted, counts as 0
    assert precision(GUESS, TRUE) == pytest.approx((3 / 4 + 2 / 3 + 1 / 3 + 0) / 4, rel=1e-15)
    assert recall(GUESS, TRUE, "macro") == pytest.approx((3 / 4 + 2 / 3 + 1 / 2 + 0) / 4, rel=1e-15)
    assert f1(GUESS, TRUE, "macro") == pytest.approx((3 / 4 + 2 / 3 + 2 / 5 + 0) / 4, rel=1e-15)
    assert recall(np.array([0, 1]), np.array([0, 0])) == (1 / 2 + 0) / 2  # class 1, predicted but never true, as well
    assert precision(GUESS, TRUE, "weighted") == pytest.approx((4 * 3 / 4 + 3 * 2 / 3 + 2 * 1 / 3) / 10, rel=1e-15)
    assert f1(GUESS, TRUE, "weighted") == pytest.approx((4 * 3 / 4 + 3 * 2 / 3 + 2 * 2 / 5) / 10, rel=1e-15)


def test_over_all_classes_together_and_by_rows_recall_is_accuracy():
    for measure in (precision, recall, f1):
        assert measure(GUESS, TRUE, "micro") == accuracy(GUESS, TRUE) == 0.6
    assert recall(GUESS, TRUE, "weighted") == pytest.approx(0.6)


def test_binary_is_class_1_of_two():
    guess, true = np.array([1, 1, 1, 0, 0]), np.array([1, 0, 0, 1, 0])
    assert precision(guess, true, "binary") == 1 / 3
    assert recall(guess, true, "binary") == 1 / 2
    assert f1(guess, true, "binary") == 2 / 5
    for measure in (precision, recall, f1):
        assert measure(guess, true, "binary") == measure(guess, true, None)[1]
        assert measure(np.zeros(3, int), np.zeros(3, int), "binary") == 0.0  # nothing is of class 1
        assert measure(np.ones(3, int), np.ones(3, int), "binary") == 1.0


def test_f1_is_the_harmonic_mean_of_each_classs_precision_and_recall():
    p, r = precision(LOGITS, LABELS, None), recall(LOGITS, LABELS, None)
    np.testing.assert_allclose(f1(LOGITS, LABELS, None), 2 * p * r / (p + r), rtol=1e-14)


def test_precision_and_recall_are_the_diagonal_over_the_sums_of_the_confusion_matrix():
    counts = confusion_matrix(LOGITS, LABELS)
    np.testing.assert_allclose(precision(LOGITS, LABELS, None), np.diag(counts) / counts.sum(axis=0), rtol=1e-15)
    np.testing.assert_allclose(recall(LOGITS, LABELS, None), np.diag(counts) / counts.sum(axis=1), rtol=1e-15)


def test_a_label_alone_has_a_class_for_itself_and_each_below_it():
    assert f1(np.array([2]), np.array([2]), None).tolist() == [0, 0, 1]
    assert f1(np.array([2]), np.array([2])) == 1.0


# --- the k best ------------------------------------------------------------------------------------------------------


def test_top_k_is_that_of_sorting_each_row():
    for k in range(1, 5):
        hits = [label in sorted(range(4), key=lambda c: row[c])[-k:] for row, label in zip(LOGITS, LABELS, strict=True)]
        assert top_k_accuracy(LOGITS, LABELS, k) == pytest.approx(sum(hits) / N, rel=1e-15)


def test_top_1_is_accuracy_the_share_grows_with_k_and_all_classes_are_enough():
    shares = [top_k_accuracy(LOGITS, LABELS, k) for k in (1, 2, 3, 4)]
    assert shares[0] == accuracy(LOGITS, LABELS)
    assert shares == sorted(set(shares))
    assert shares[-1] == 1.0
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


@pytest.mark.parametrize("seed", range(40))
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


def test_neighbouring_whole_numbers_are_no_tie():
    assert roc_auc(np.array([2**24, 2**24 + 1]), np.array([0, 1])) == 1.0  # equal in float32
    assert top_k_accuracy(np.array([[2**24 + 1, 2**24]]), np.array([0]), 1) == 1.0


def test_for_several_classes_it_is_the_mean_of_each_against_the_rest():
    expected = [slow_auc(PROBABILITIES[:, c], np.equal(LABELS, c)) for c in range(4)]
    assert roc_auc(PROBABILITIES, LABELS) == pytest.approx(float(sum(expected) / 4), rel=1e-15)
    assert roc_auc(PROBABILITIES, np.eye(4)[LABELS]) == roc_auc(PROBABILITIES, LABELS)
    two = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]])
    assert roc_auc(two, np.array([0, 1, 1])) == roc_auc(two[:, 1], np.array([0, 1, 1])) == 1.0


# --- regression ------------------------------------------------------------------------------------------------------


def test_rmse_and_r2_by_hand():
    prediction, target = np.array([2.5, 0.0, 2.0, 8.0]), np.array([3.0, -0.5, 2.0, 7.0])
    assert rmse(prediction, target) == pytest.approx(math.sqrt((0.25 + 0.25 + 0 + 1) / 4), rel=1e-15)
    assert r2(prediction, target) == pytest.approx(1 - 1.5 / 29.1875, rel=1e-15)  # the mean is 2.875


def test_rmse_is_the_root_of_mse():
    assert rmse(OUTPUTS, AIM) == pytest.approx(math.sqrt(mse(OUTPUTS, AIM)), rel=1e-14)
    assert rmse(OUTPUTS[:, 0], AIM[:, 0]) == pytest.approx(rmse(OUTPUTS[:, :1], AIM[:, :1]), rel=1e-14)


def test_whole_numbers_and_float32_are_computed_with_in_float64():
    assert rmse(np.array([0, 255], np.uint8), np.array([255, 0], np.uint8)) == 255.0
    assert rmse(np.array([2**24 + 1]), np.array([2**24])) == 1.0
    assert rmse(np.full(3, 1e30, np.float32), np.zeros(3, np.float32)) == pytest.approx(1e30, rel=1e-6)


def test_the_mean_has_r2_0_and_neither_shift_nor_scale_matter():
    assert r2(np.full((N, 2), AIM.mean(axis=0)), AIM) == pytest.approx(0, abs=1e-15)
    assert r2(AIM + 1, AIM) < 0.5
    assert r2(3 * OUTPUTS + 50, 3 * AIM + 50) == pytest.approx(r2(OUTPUTS, AIM), rel=1e-12)


def test_r2_of_several_outputs_is_the_mean_of_theirs():
    cube, aim = LOGITS[:100].reshape(25, 4, 4), np.roll(LOGITS[:100], 1).reshape(25, 4, 4)
    expected = np.mean([r2(cube[:, i, j], aim[:, i, j]) for i in range(4) for j in range(4)])
    assert r2(cube, aim) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_a_target_that_does_not_vary_has_r2_1_if_met_and_0_if_not(value, n):
    target = np.full(n, value)  # the mean of three times 0.1 is not 0.1: 1 - left / total would be -5e33
    assert r2(target, target) == 1.0
    assert r2(target + 1, target) == 0.0
    assert r2(np.stack([target, target + 1], 1), np.stack([target, target], 1)) == 0.5


# --- perplexity ------------------------------------------------------------------------------------------------------


def test_perplexity_is_one_over_the_geometric_mean_of_the_probabilities():
    logits = np.log([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    assert perplexity(logits, np.array([1, 2])) == pytest.approx(math.sqrt(4 * 8), rel=1e-14)
    assert perplexity(np.stack([logits, logits]), np.array([[1, 2], [1, 2]])) == pytest.approx(math.sqrt(32), rel=1e-14)


@pytest.mark.parametrize("classes", [2, 10, 50_000])
def test_an_even_guess_has_the_perplexity_of_the_number_of_classes(classes):
    assert perplexity(np.full((1, 3, classes), 7.0), np.zeros((1, 3), int)) == pytest.approx(classes, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [1e4, 3e38, np.inf])
def test_what_is_too_large_for_a_float_is_infinity_without_a_warning(dtype, far):
    assert perplexity(np.array([[0.0, -far], [0.0, 0.0]], dtype), np.array([1, 0])) == math.inf
    if far < np.inf:
        assert perplexity(np.array([[far, -far]], dtype), np.array([1])) == math.inf


# --- evaluation of a network -----------------------------------------------------------------------------------------


class Watched(Record):
    """A layer that writes down how many rows it is shown, and gives them back."""

    seen: object


@vjp.register
def watched_vjp(layer: Watched, x, key=None):
    layer.seen.append(len(x))
    return x, None


class Crossed(Record):
    """A layer with two inputs and two outputs, their sum and their difference."""


@vjp.register
def crossed_vjp(layer: Crossed, x, key=None):
    left, (right,) = x
    return (left + right, (left - right,)), None


class Odd(Record):
    """A layer whose output has no row for each row of its input."""

    give: object


@vjp.register
def odd_vjp(layer: Odd, x, key=None):
    return layer.give(x), None


def parts_of(data, size=50):
    return [tuple(array[begin : begin + size] for array in data) for begin in range(0, N, size)]


@each_case
@pytest.mark.parametrize("size", [1, 50, 104, N, 10_000])
def test_an_evaluation_in_batches_gives_the_number_of_one_pass(measure, prediction, target, size):
    whole, batched = measure(prediction, target), evaluate(measure, identity, (prediction, target), size)
    assert np.array_equal(whole, batched)


def test_it_is_not_the_mean_of_the_batches():
    right = np.arange(N) % 50 != 7  # 49 of 50, 49 of 50, 5 of 5
    data = np.eye(2)[right.astype(int)], np.ones(N, int)
    means = [accuracy(*part) for part in parts_of(data)]
    assert means == [0.98, 0.98, 1.0]
    assert evaluate(accuracy, identity, data, 50) == 103 / 105
    assert abs(np.mean(means) - 103 / 105) > 0.005


@pytest.mark.parametrize("name", ["precision", "f1", "roc_auc", "rmse", "r2", "perplexity"])
def test_nor_is_any_other_measure(name):
    measure, prediction, target = CASES[name]
    mean = np.mean([measure(*part) for part in parts_of((prediction, target))], axis=0)
    assert np.abs(mean - evaluate(measure, identity, (prediction, target), 50)).max() > 1e-3


def test_a_network_is_shown_each_row_once_in_order_and_no_more_than_the_size_at_once():
    seen = []
    evaluate(accuracy, Watched(seen), (LOGITS, LABELS), size=50)
    assert seen == [50, 50, 5]
    seen.clear()
    evaluate(accuracy, Watched(seen), (np.repeat(LOGITS, 20, 0), np.repeat(LABELS, 20)))
    assert seen == [1024, 1024, 52]


def test_it_is_what_the_network_gives_in_one_pass():
    net = mlp(8, 4)(Key(0), LOGITS)
    for measure in (accuracy, cross_entropy, perplexity):
        assert evaluate(measure, net, (LOGITS, LABELS), 50) == pytest.approx(measure(net(LOGITS), LABELS), rel=1e-12)


def test_weights_are_handed_to_the_measure():
    weights = uniforms(Key(2), N)
    value = evaluate(cross_entropy, identity, (LOGITS, LABELS, weights), 50)
    assert value == cross_entropy(LOGITS, LABELS, weights) != cross_entropy(LOGITS, LABELS)


def test_inputs_predictions_and_targets_may_be_tuples():
    def distance(prediction, target):
        return sum(map(rmse, tree.leaves(prediction), tree.leaves(target)))

    x, target = (OUTPUTS, (AIM,)), (AIM, (OUTPUTS,))
    expected = rmse(OUTPUTS + AIM, AIM) + rmse(OUTPUTS - AIM, OUTPUTS)
    assert evaluate(distance, Crossed(), (x, target), 50) == expected
    weighted = evaluate(lambda p, t, w: (distance(p, t), w), Crossed(), (x, target, LABELS), 50)
    assert weighted[0] == expected
    assert weighted[1] is LABELS


def test_data_are_not_written_to_and_dtypes_are_kept():
    x = LOGITS.astype(np.float32)
    x.setflags(write=False)
    before = x.tobytes()
    prediction = evaluate(lambda prediction, target: prediction, identity, (x, LABELS), 50)
    assert prediction.dtype == np.float32
    assert prediction.tobytes() == before == x.tobytes()
    tokens = evaluate(lambda prediction, target: prediction, Watched([]), (LABELS.astype(np.uint8), LABELS), 50)
    assert tokens.dtype == np.uint8


def test_an_error_of_the_network_or_the_measure_passes_through():
    net = dense(2)(Key(0), OUTPUTS)
    with pytest.raises(ValueError, match=re.escape("dense expects rows (n, 2), got (50, 4)")):
        evaluate(accuracy, net, (LOGITS, LABELS), 50)
    with pytest.raises(TypeError, match="vjp expects a finished layer"):
        evaluate(accuracy, mlp(2), (LOGITS, LABELS))
    with pytest.raises(ValueError, match="rmse expects a target of the prediction's shape"):
        evaluate(rmse, identity, (LOGITS, LABELS), 50)
    with pytest.raises(TypeError, match="top_k_accuracy: k must be an integer, got float64 array"):
        evaluate(top_k_accuracy, identity, (LOGITS, LABELS, np.ones(N)))


# --- what is refused -------------------------------------------------------------------------------------------------

COLUMN, FLAT = AIM[:, :1], AIM[:, 0]
EVEN = np.full((6, 3), 1 / 3)
RAGGED = [[1], [1, 2]]


@pytest.mark.parametrize(
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
        (lambda: top_k_accuracy(LOGITS, LABELS + 1, 1), V, "top_k_accuracy expects labels from 0 to 3, got some from"),
        (
            lambda: top_k_accuracy(LOGITS, LABELS - 1, 1),
            V,
            "top_k_accuracy expects labels from 0 to 3, got some from -1",
        ),
        (lambda: top_k_accuracy(LOGITS, LABELS[:5], 1), V, "one label a row, got (105,) against a target (5,)"),
        (lambda: top_k_accuracy(LOGITS, FLAT, 1), T, "top_k_accuracy expects the target as integers"),
        (lambda: confusion_matrix(LABELS - 9, LABELS - 9), V, "confusion_matrix expects labels from 0 to 0, got some"),
        (lambda: precision(LOGITS, LABELS + 4), V, "precision expects labels from 0 to 3, got some from"),
        (lambda: recall(GUESS - 1, TRUE), V, "recall expects labels from 0 to 4, got some from -1 to 4"),
        (lambda: f1(GUESS[:0], TRUE[:0]), V, "f1 expects one label a row, got (0,) against a target (0,)"),
        (lambda: f1(GUESS, TRUE[:, None]), V, "f1 expects one label a row, got (10,) against a target (10, 1)"),
        (lambda: f1(COLUMN, LABELS), V, "for one logit a row write (logits[:, 0] > 0).astype(int)"),
        (
            lambda: f1(GUESS, TRUE, "mean"),
            V,
            "f1: average must be macro, micro, weighted, binary or None, got str 'mean'",
        ),
        (
            lambda: recall(GUESS, TRUE, 1),
            T,
            "recall: average must be macro, micro, weighted, binary or None, got int 1",
        ),
        (lambda: precision(GUESS, TRUE, np.ones(10)), T, "binary or None, got float64 array (10,)"),
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
        (lambda: roc_auc(FLAT[:0], FLAT[:0]), V, "roc_auc expects rows of class 1 and of others, got 0 and 0"),
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
        (lambda: roc_auc(EVEN, np.arange(6)), V, "roc_auc expects labels from 0 to 2, got some from 0 to 5"),
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
        (lambda: perplexity(LOGITS, LABELS + 1), V, "cross_entropy expects labels from 0 to 3, got some from"),
        (lambda: perplexity(LOGITS[:0], LABELS[:0]), V, "expects at least one row"),
        (
            lambda: evaluate(accuracy, identity, [LOGITS, LABELS]),
            T,
            "evaluate expects data as (x, target) or (x, target",
        ),
        (lambda: evaluate(accuracy, identity, (LOGITS,)), T, "evaluate expects data as (x, target) or (x, target, wei"),
        (lambda: evaluate(accuracy, identity, LOGITS), T, "(x, target, weights), got float64 array (105, 4)"),
        (
            lambda: evaluate(accuracy, identity, ([[0.0, 1.0]], LABELS[:1])),
            T,
            "evaluate: data[0] must be an array of real numbers, got list [[0.0, 1.0]]",
        ),
        (
            lambda: evaluate(accuracy, identity, (None, LABELS)),
            T,
            "data[0] must be an array of real numbers, got NoneType",
        ),
        (
            lambda: evaluate(accuracy, identity, ((AIM, [1]), LABELS)),
            T,
            "data[0][1] must be an array of real numbers, got list",
        ),
        (
            lambda: evaluate(accuracy, identity, (LOGITS, LABELS[:5])),
            V,
            "evaluate: the arrays must have the same number of rows, got 105 and 5",
        ),
        (lambda: evaluate(mse, identity, (LOGITS, LOGITS, FLAT[:1])), V, "rows, got 105 and 105 and 1"),
        (lambda: evaluate(mse, identity, ((AIM, AIM[:7]), AIM)), V, "rows, got 105 and 7 and 105"),
        (lambda: evaluate(accuracy, identity, (LOGITS[:0], LABELS[:0])), V, "evaluate: the data has no rows"),
        (
            lambda: evaluate(mse, identity, (np.array(1.0), np.array(1.0))),
            V,
            "evaluate: data[0] must have rows, got a single number",
        ),
        (lambda: evaluate(accuracy, identity, (LOGITS, LABELS), 0), V, "evaluate: size must be at least 1, got 0"),
        (
            lambda: evaluate(accuracy, identity, (LOGITS, LABELS), 9.0),
            T,
            "evaluate: size must be an integer, got fl",
        ),
        (
            lambda: evaluate(accuracy, Odd(lambda x: x.mean(axis=0)), (LOGITS, LABELS), 50),
            V,
            "evaluate expects a prediction for each of 105 rows, got float64 array (12,)",
        ),
        (lambda: evaluate(mse, Odd(lambda x: 0.5), (LOGITS, LABELS)), V, "for each of 105 rows, got float 0.5"),
    ],
)
def test_what_would_give_a_number_without_meaning_is_refused_with_what_to_write(judge, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        judge()
