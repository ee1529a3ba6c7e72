"""Errors of losses and penalties, in all their words."""

import pytest

from fnn import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Parallel,
    Serial,
    binary_cross_entropy,
    combined,
    cross_entropy,
    hinge,
    huber,
    kl_divergence,
    l1,
    l2,
    mae,
    mse,
    regularized,
    relu,
    sigmoid,
    softmax,
    value_and_grad,
)
from tests.errors import check, message
from tests.laws.test_bad_input import COLUMN, FLAT, LOGITS, NET, T, V, X, Y

ROWS = [
    # --- shapes and weights ---
    (
        lambda: mse(COLUMN, FLAT),
        V,
        "mse expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (lambda: mse(COLUMN[:0], COLUMN[:0]), V, "mse expects at least one row, got the shape (0, 1)"),
    (
        lambda: mse(COLUMN, COLUMN, FLAT[:3]),
        V,
        "mse expects one weight a row, (5,), got (3,); for one a step or value, they may be up to (5, 1)",
    ),
    (
        lambda: mse(COLUMN, COLUMN, -FLAT),
        V,
        "mse expects weights that are finite and not negative, got -1.0 at [0, 0]",
    ),
    (
        lambda: huber(COLUMN, FLAT),
        V,
        "huber expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (
        lambda: mae(COLUMN, FLAT),
        V,
        "mae expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (lambda: Huber(delta=-1), V, "huber: delta must be at least 0 and finite, got -1"),
    (lambda: Huber(delta="1"), T, "huber: delta must be a number, got str '1'"),
    # --- classes ---
    (
        lambda: cross_entropy(LOGITS[0], Y[0]),
        V,
        "cross_entropy expects logits (n, classes), got (3,)",
    ),
    (
        lambda: cross_entropy(LOGITS, FLAT),
        T,
        "cross_entropy expects integers as labels, got float64 array (5,); write target.astype(int)",
    ),
    (
        lambda: cross_entropy(LOGITS, Y[:, None]),
        V,
        "cross_entropy expects labels (5,) or probabilities (5, 3) for logits (5, 3), got (5, 1); write target[:, 0]",
    ),
    (
        lambda: cross_entropy(LOGITS, Y[:3]),
        V,
        "cross_entropy expects labels (5,) or probabilities (5, 3) for logits (5, 3), got (3,)",
    ),
    (
        lambda: cross_entropy(LOGITS, LOGITS),
        V,
        "cross_entropy expects the rows of a target (n, classes) to be probabilities that sum to 1, got "
        "values from 0.0 that sum to 0.0 at row 0",
    ),
    (
        lambda: cross_entropy(LOGITS, Y + 1),
        V,
        "cross_entropy expects labels from 0 to 2, got 3 at row 2; they go from 1 to 3, so write target - 1",
    ),
    (lambda: kl_divergence(LOGITS, Y), V, "kl_divergence expects probabilities (5, 3), got (5,)"),
    (
        lambda: kl_divergence(LOGITS, LOGITS),
        V,
        "kl_divergence expects the rows of a target (n, classes) to be probabilities that sum to 1, got "
        "values from 0.0 that sum to 0.0 at row 0",
    ),
    (
        lambda: binary_cross_entropy(COLUMN, 2 * COLUMN),
        V,
        "binary_cross_entropy expects targets from 0 to 1, got 2.0 at [0, 0]",
    ),
    (
        lambda: hinge(COLUMN, 0 * COLUMN),
        V,
        "hinge expects targets -1 and 1, got 0.0 at [0, 0]; for labels 0 and 1 write 2 * target - 1",
    ),
    (lambda: CrossEntropy(label_smoothing=1), V, "label_smoothing must be at least 0 and below 1, got 1"),
    (lambda: BinaryCrossEntropy(label_smoothing=-0.1), V, "label_smoothing must be at least 0 and below 1, got -0.1"),
    (
        lambda: value_and_grad(cross_entropy, softmax, (LOGITS, Y)),
        T,
        "CrossEntropy takes logits, but the network ends in Softmax, at its root; leave that out of the "
        "network, and apply it to what the trained network returns",
    ),
    (
        lambda: value_and_grad(cross_entropy, Serial((relu, Serial((relu, softmax)))), (LOGITS, Y)),
        T,
        "CrossEntropy takes logits, but the network ends in Softmax, at layers[-1].layers[-1]; leave "
        "that out of the network, and apply it to what the trained network returns",
    ),
    (
        lambda: value_and_grad(binary_cross_entropy, Serial((relu, sigmoid)), (LOGITS, LOGITS)),
        T,
        "BinaryCrossEntropy takes logits, but the network ends in Sigmoid, at layers[-1]; leave that out "
        "of the network, and apply it to what the trained network returns",
    ),
    (
        lambda: value_and_grad(
            combined(cross_entropy, mse), Serial((Parallel((softmax, relu)),)), (LOGITS, (Y, LOGITS))
        ),
        T,
        "CrossEntropy takes logits, but the network ends in Softmax, at its root; leave that out of the "
        "network, and apply it to what the trained network returns",
    ),
    # --- objectives ---
    (
        lambda: regularized(mse, l2(0.1))(X, X),
        T,
        "a regularized loss looks at the parameters: use it in value_and_grad or train_step; for a "
        "prediction alone there is its part MeanSquaredError()",
    ),
    (
        lambda: regularized(mse, 0.1),
        T,
        "regularized expects penalties, got float 0.1; write regularized(mse, l2(1e-4))",
    ),
    (lambda: l1(-1), V, "l1: the strength must be at least 0 and finite, got -1"),
    (lambda: l2("strong"), T, "l2: the strength must be a number, got str 'strong'"),
    (
        lambda: l2(0.1, "layers[9]")(NET),
        V,
        "l2: str 'layers[9]' chooses no leaf; there are layers[0].weight, layers[0].bias, "
        "layers[2].weight, layers[2].bias",
    ),
    (lambda: l2(0.1, "weight")(relu), V, "l2: str 'weight' chooses no leaf; there are none"),
    (lambda: combined(), V, "combined expects a weight for each of its losses (0), got 0"),
    (lambda: combined(mse, mae, weights=(1.0,)), V, "combined expects a weight for each of its losses (2), got 1"),
    (
        lambda: combined(mse, mae, weights=(1.0, -1.0)),
        V,
        "combined: each weight must be at least 0 and finite, got -1.0",
    ),
    (lambda: combined(mse, mae)(X, (X, X)), T, "combined expects a tuple of 2 as prediction, got float32 array (5, 4)"),
    (
        lambda: combined(mse, mae)((X, X), (X,)),
        T,
        "combined expects a tuple of 2 as target, got tuple of float32 array (5, 4)",
    ),
    (
        lambda: value_and_grad(mse, NET, [X, Y]),
        T,
        "a batch is (x, target) or (x, target, weights), got list of float32 array (5, 4), int64 array (5,)",
    ),
    (lambda: regularized(3, l2(0.1)), T, "regularized expects a loss, got int 3; write regularized(mse, l2(1e-4))"),
    (lambda: combined(mse, 3), T, "combined expects losses, got int 3; write combined(mse, cross_entropy)"),
    (lambda: combined(mse, weights=3), T, "combined expects weights as a tuple, a number for each loss, got int 3"),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
