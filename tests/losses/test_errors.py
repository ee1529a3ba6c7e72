"""Errors of losses and penalties, in all their words."""

from functools import partial

import numpy as np

from fnn import (
    BinaryCrossEntropy,
    BinaryFocal,
    CrossEntropy,
    Focal,
    Huber,
    Parallel,
    Record,
    Serial,
    binary_cross_entropy,
    binary_focal,
    combined,
    cross_entropy,
    focal,
    grad,
    hinge,
    huber,
    kl_divergence,
    l1,
    l2,
    mae,
    mse,
    nll,
    regularized,
    relu,
    sgd,
    sigmoid,
    softmax,
    start,
    train_step,
    value_and_grad,
    vjp,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import COLUMN, FLAT, LOGITS, NET, T, V, X, Y


def plain_function(prediction, target):
    """What a loss is in other packages."""
    return float(((prediction - target) ** 2).mean())


class OtherTree(Record):
    """A penalty whose gradient is no tree like the parameters."""


@vjp.register
def other_tree_vjp(penalty: OtherTree, params):
    return 0.0, lambda dvalue: (penalty, lambda: (np.ones(1),))


ROWS = [
    # --- shapes and weights ---
    (
        lambda: mse(COLUMN, FLAT),
        V,
        "mse expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (
        lambda: mse(FLAT, COLUMN),
        V,
        "mse expects a target of the prediction's shape (5,), got (5, 1); write target[:, 0]",
    ),
    (
        lambda: binary_cross_entropy(LOGITS, Y),
        V,
        "binary_cross_entropy expects a target of the prediction's shape (5, 3), got (5,); for labels write "
        "fnn.data.one_hot(target, 3), or cross_entropy",
    ),
    (
        lambda: binary_cross_entropy(FLAT, np.where(Y > 0, 1, -1)),
        V,
        "binary_cross_entropy expects targets from 0 to 1, got -1.0 at row 0; for -1 and 1 write (target + 1) / 2",
    ),
    (
        lambda: cross_entropy(LOGITS, LOGITS + 1),
        V,
        "cross_entropy expects the rows of a target (n, classes) to be probabilities that sum to 1, got values from "
        "1.0 that sum to 3.0 at row 0; for several classes a row, or none, write binary_cross_entropy",
    ),
    (
        lambda: mse(COLUMN, COLUMN, COLUMN[:, None]),
        V,
        "mse expects one weight a row, (5,), got (5, 1, 1); for one a step or value, they may be up to (5, 1)",
    ),
    (
        lambda: cross_entropy(LOGITS, Y, COLUMN),
        V,
        "cross_entropy expects one weight a row, (5,), got (5, 1); write weights[:, 0]",
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
    (lambda: Huber(delta=0.0), V, "huber: delta must be above 0, got 0.0"),
    (lambda: Huber(delta=np.inf), V, "huber: delta must be at least 0 and finite, got inf"),
    (
        lambda: mse(COLUMN, COLUMN, FLAT * [1, 1, np.nan, 1, 1]),
        V,
        "mse expects weights that are finite and not negative, got nan at [2, 0]",
    ),
    (
        lambda: mse(np.float64(1.0), np.float64(1.0), np.float64(1.0)),
        V,
        "mse expects one weight a row, (), got ()",
    ),
    (
        lambda: mse(FLAT, ["a", "b", "c", "d", "e"]),
        T,
        "mse expects an array of real numbers, got <U1 array (5,); write names, target = np.unique(target, "
        "return_inverse=True)",
    ),
    (
        lambda: mse(FLAT, FLAT.astype(object)),
        T,
        "mse expects an array of real numbers, got object array (5,); write target.astype(float)",
    ),
    # --- lengths ---
    (
        lambda: mse((LOGITS, np.array([1, 2, 3, 4, 0])), LOGITS),
        V,
        "mse expects lengths from 0 to 3, the steps there are, got some from 0 to 4",
    ),
    (lambda: mse((LOGITS, np.array([1, 2])), LOGITS), V, "mse expects one length a row, (5,), got (2,)"),
    (
        lambda: mse((LOGITS, LOGITS), LOGITS),
        T,
        "mse expects an array, got a tuple of 2; join them with concatenate or add, or take one with pick",
    ),
    (
        lambda: cross_entropy((LOGITS, Y), Y),
        V,
        "cross_entropy expects a prediction for each step beside lengths, got (5,) for all that there is",
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
    (
        lambda: cross_entropy(LOGITS, Y - 1),
        V,
        "cross_entropy expects labels from 0 to 2, got -1 at row 0; they go from -1 to 1; cross_entropy(ignore=-1) "
        "leaves such rows out",
    ),
    (
        lambda: CrossEntropy(ignore=-1)(np.zeros((2, 2, 3)), np.array([[-1, 0], [-1, 3]])),
        V,
        "cross_entropy expects labels from 0 to 2, got 3 at [1, 1]; they go from 0 to 3",
    ),
    (
        lambda: cross_entropy(LOGITS, ["cat", "dog", "cat", "dog", "cat"]),
        T,
        "cross_entropy expects integers as labels, got <U3 array (5,); write names, target = np.unique(target, "
        "return_inverse=True)",
    ),
    (
        lambda: cross_entropy(LOGITS, 0.5 * FLAT),
        T,
        "cross_entropy expects integers as labels, got float64 array (5,); target holds fractions or NaN, which are "
        "no labels",
    ),
    (
        lambda: cross_entropy(LOGITS[:, :1], 0 * Y),
        V,
        "cross_entropy expects logits (n, classes), got (5, 1); of one class there is nothing to learn: write "
        "binary_cross_entropy",
    ),
    # --- settings ---
    (
        lambda: CrossEntropy(ignore=True),
        T,
        "ignore must be an integer, the label of rows that are not there, got bool True",
    ),
    (
        lambda: CrossEntropy(ignore=1.5),
        T,
        "ignore must be an integer, the label of rows that are not there, got float 1.5",
    ),
    (
        lambda: CrossEntropy(ignore=-1)(LOGITS, LOGITS + 1 / 3),
        V,
        "cross_entropy that ignores a label expects labels (5,), got probabilities (5, 3)",
    ),
    (
        lambda: CrossEntropy(class_weights=[1.0, 2.0]),
        T,
        "class_weights must be a tuple, a number for each class, got list [1.0, 2.0]; write tuple(weights)",
    ),
    (
        lambda: CrossEntropy(class_weights=np.ones(2)),
        T,
        "class_weights must be a tuple, a number for each class, got float64 array (2,); write tuple(weights.tolist())",
    ),
    (
        lambda: CrossEntropy(class_weights=2.0),
        T,
        "class_weights must be a tuple, a number for each class, got float 2.0",
    ),
    (lambda: CrossEntropy(class_weights=(1, -1)), V, "class_weights: each must be at least 0 and finite, got -1"),
    (lambda: CrossEntropy(class_weights=(1, "a")), T, "class_weights: each must be a number, got str 'a'"),
    (
        lambda: CrossEntropy(class_weights=(0, 0.0)),
        V,
        "class_weights must not be all zero, since nothing would be learned, got (0.0, 0.0)",
    ),
    (
        lambda: CrossEntropy(class_weights=()),
        V,
        "class_weights must not be all zero, since nothing would be learned, got ()",
    ),
    (
        lambda: CrossEntropy(class_weights=(1, 2))(LOGITS, Y),
        V,
        "cross_entropy expects class_weights for 3 classes, got 2",
    ),
    # --- focal ---
    (lambda: Focal(gamma=-1), V, "focal: gamma must be at least 0 and finite, got -1"),
    (lambda: BinaryFocal(positive_weight=0), V, "positive_weight must be above 0, got 0"),
    (lambda: focal(LOGITS, Y - 1), V, "focal expects labels from 0 to 2, got -1 at row 0;…focal(ignore=-1) leaves…"),
    (lambda: binary_focal(COLUMN, 2 * COLUMN), V, "binary_focal expects targets from 0 to 1, got 2.0 at [0, 0]"),
    (
        lambda: value_and_grad(focal, softmax, (LOGITS, Y)),
        T,
        "Focal takes logits, but the network ends in Softmax, at its root; leave…",
    ),
    # --- of log-probabilities ---
    (lambda: nll(LOGITS[:, 0], Y), V, "nll expects log-probabilities (n, classes), got (5,)"),
    (
        lambda: nll(LOGITS, Y + 0.5),
        T,
        "nll expects integers as labels, got float64 array (5,); target holds fractions…",
    ),
    (
        lambda: nll(LOGITS, Y - 1),
        V,
        "nll expects labels from 0 to 2, got -1 at row 0; they go from -1 to 1; nll(ignore=-1) leaves such rows out",
    ),
    (lambda: nll(class_weights=(1, 2))(LOGITS, Y), V, "nll expects class_weights for 3 classes, got 2"),
    (
        lambda: value_and_grad(nll, softmax, (LOGITS, Y)),
        T,
        "NLL takes log-probabilities, but the network ends in Softmax, at its root; write log_softmax there, or leave "
        "that out and take cross_entropy",
    ),
    (lambda: BinaryCrossEntropy(positive_weight=0), V, "positive_weight must be above 0, got 0"),
    (lambda: BinaryCrossEntropy(positive_weight=np.inf), V, "positive_weight must be at least 0 and finite, got inf"),
    (
        lambda: kl_divergence(LOGITS, Y),
        V,
        "kl_divergence expects probabilities (5, 3), got (5,); for labels write cross_entropy",
    ),
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
    (lambda: combined(), V, "combined expects at least one loss, got none; write combined(mse, cross_entropy)"),
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
    (
        lambda: combined(mse, mae, weights=(0.0, 0)),
        V,
        "combined: the weights must not be all zero, since nothing would be learned, got (0.0, 0.0)",
    ),
    (
        lambda: combined(regularized(mse, l2(0.1)), mae),
        T,
        "combined expects losses, got Regularized…; a penalty is on all parameters: write regularized(combined(mse, "
        "cross_entropy), l2(1e-4))",
    ),
    (lambda: regularized(l2(0.1), mse), T, "regularized expects a loss, got L2…; write regularized(mse, l2(1e-4))"),
    *[
        (call, T, f"{words}, got the function {name}; a {kind} is a record and a function: class My…")
        for call, words, name, kind in (
            (
                lambda: value_and_grad(plain_function, NET, (X, Y)),
                "value_and_grad expects a loss",
                "plain_function",
                "loss",
            ),
            (lambda: value_and_grad(max, NET, (X, Y)), "value_and_grad expects a loss", "max", "loss"),
            (
                lambda: grad(partial(plain_function), NET, (X, Y)),
                "value_and_grad expects a loss",
                "plain_function",
                "loss",
            ),
            (
                lambda: train_step(plain_function, sgd(0.1))(start(NET, sgd(0.1)), (X, Y)),
                "value_and_grad expects a loss",
                "plain_function",
                "loss",
            ),
            (lambda: regularized(plain_function), "regularized expects a loss", "plain_function", "loss"),
            (lambda: regularized(mse, plain_function), "regularized expects penalties", "plain_function", "penalty"),
            (lambda: combined(mse, plain_function), "combined expects losses", "plain_function", "loss"),
        )
    ],
    (
        lambda: value_and_grad(regularized(mse, OtherTree()), NET, (X, LOGITS)),
        V,
        "regularized: parameters and the gradient of OtherTree(): trees differ at the root: Serial against tuple",
    ),
    (
        lambda: value_and_grad(regularized(mse, l2(0.1)), NET, (X.astype(np.float64), LOGITS)),
        V,
        "regularized: parameters and the gradient of the loss: trees differ at layers[0].weight: float32 array …; a "
        "batch in float64 makes a gradient in float64: write x.astype(np.float32)",
    ),
    (lambda: combined(mse, weights=3), T, "combined expects weights as a tuple, a number for each loss, got int 3"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
