"""What predictions and targets are: labels, scores of which the largest wins, or booleans for several classes a row.

labelled      : caller, prediction, target           -> labels (n,), labels (n,)
classified    : caller, prediction, target, classes? -> labels, labels, number of classes
several       : caller, prediction, target           -> booleans (n, classes) of both, or None if they are no such
one_a_column  : caller, scores, target               -> scores (n, k), whether a row is of the class (n, k)
names_several : target                               -> whether its rows of 0 and 1 name other than one class each
without_nan   : caller, name, array                  -> the array, or an error
"""

from __future__ import annotations

import numpy as np

from fnn.core._arrays import as_array, floats
from fnn.core._errors import describe, integer
from fnn.data._labels import coding, out_of_range

_MOST = 2**15  # a confusion matrix of as many classes has a thousand million cells
MULTI_LABEL = {"accuracy", "precision", "recall", "f1"}  # which take booleans


def labelled(caller: str, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and true labels, int64 (n,), or raise in the name of ``caller``.

    >>> labelled("accuracy", np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    (array([1, 0]), array([1, 1]))
    """
    prediction, target = as_array(caller, prediction), as_array(caller, target)
    if prediction.ndim == 2 and prediction.shape[1] > 1:
        if target.shape == prediction.shape:
            target = without_nan(caller, "target", target)
            if names_several(target):
                hint = (
                    "; for several classes a row give booleans, say prediction > 0.5" if caller in MULTI_LABEL else ""
                )
                raise ValueError(
                    f"{caller} expects a target of one class a row, got rows of 0 and 1 of another sum{hint}"
                )
            target = target.argmax(axis=1)
        prediction = without_nan(caller, "prediction", prediction).argmax(axis=1)
    elif prediction.ndim == 2:
        column = prediction.dtype.kind == "f"
        hint = "for one logit a row write (logits[:, 0] > 0).astype(int)" if column else "write prediction[:, 0]"
        raise ValueError(f"{caller} expects scores (n, classes) or labels (n,), got {describe(prediction)}; {hint}")
    elif prediction.ndim == 1 and target.ndim == 2 and target.shape[1] > 1 and target.dtype.kind in "biuf":
        one_hot = ((target == 0) | (target == 1)).all()
        hint = "write target.argmax(axis=1)" if one_hot else f"scores come first: write {caller}(scores, labels)"
        raise ValueError(
            f"{caller} expects one label a row, got {prediction.shape} against a target {target.shape}; {hint}"
        )
    for name, labels in (("prediction", prediction), ("target", target)):
        if labels.dtype.kind not in "biu":
            wanted = f"{caller} expects the {name} as integers or as scores (n, classes)"
            raise TypeError(f"{wanted}, {_thresholding(labels) if name == 'prediction' else coding(labels)}")
    if prediction.ndim != 1 or prediction.shape != target.shape or len(target) == 0:
        hint = "; write target[:, 0]" if target.shape == (*prediction.shape, 1) else ""
        found = f"got {prediction.shape} against a target {target.shape}{hint}"
        raise ValueError(f"{caller} expects one label a row, {found}")
    return prediction.astype(np.int64), target.astype(np.int64)


def _thresholding(prediction: np.ndarray) -> str:
    """Return what came, and what to write so that probabilities or logits of one class become labels."""
    hint = coding(prediction, "prediction")
    if prediction.dtype.kind == "f" and hint.endswith("no labels"):
        likely = ((prediction >= 0) & (prediction <= 1)).all()
        hint = f"got {describe(prediction)}; write prediction > {0.5 if likely else 0} for class 1 against class 0"
    return hint


def classified(
    caller: str, prediction: np.ndarray, target: np.ndarray, classes: int | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return predicted and true labels, and the number of classes: as many as there are scores, or as labels need.

    >>> classified("f1", np.array([0, 2]), np.array([0, 1]))
    (array([0, 2]), array([0, 1]), 3)
    """
    predicted, true = labelled(caller, prediction, target)
    high = max(predicted.max(), true.max())
    if classes is None:
        classes = int(np.shape(prediction)[1] if np.ndim(prediction) == 2 else max(high, 0) + 1)
    classes = integer(f"{caller}: classes", classes)
    for name, labels in (("prediction", predicted), ("target", true)):
        if labels.min() < 0 or labels.max() >= classes:
            raise out_of_range(caller, labels, classes, name, f" of the {name}").placed(labels.shape)
    if classes > _MOST:
        raise ValueError(
            f"{caller} counts up to {_MOST} classes, one by one, got labels to {high}, or classes={classes}"
        )
    return predicted, true, classes


def several(caller: str, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what is predicted and what is true as booleans (n, classes), or None unless that is what came.

    That several classes of a row may be true is said by predictions that are booleans, beside a target of their shape.

    >>> several("f1", np.array([[True, True]]), np.array([[0, 1]]))
    (array([[ True,  True]]), array([[False,  True]]))
    """
    prediction, target = as_array(caller, prediction), as_array(caller, target)
    if prediction.dtype != bool or prediction.ndim != 2 or target.ndim != 2:
        return None
    if prediction.shape != target.shape or prediction.size == 0:
        raise ValueError(f"{caller} expects a target of the prediction's shape {prediction.shape}, got {target.shape}")
    if not ((target == 0) | (target == 1)).all():
        raise ValueError(f"{caller} expects a target of 0 and 1 for booleans (n, classes), got {describe(target)}")
    return prediction, target == 1


def names_several(target: np.ndarray) -> bool:
    """Return True if a target (n, classes) is of 0 and 1, and not each of its rows names exactly one class.

    >>> names_several(np.array([[1, 1], [0, 1]])), names_several(np.eye(2)), names_several(np.full((1, 2), 0.5))
    (True, False, False)
    """
    return bool(((target == 0) | (target == 1)).all() and (np.count_nonzero(target, axis=1) != 1).any())


def one_a_column(caller: str, scores: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and whether the row is of the class, (n, classes) both, or (n, 1) for one class against the rest.

    A target with several classes a row, or none, takes scores of any scale. Rows of one class each take probabilities:
    to add a number to all logits of a row means nothing, but would change their order down a column.

    >>> one_a_column("roc_auc", np.array([0.2, 0.9]), np.array([0, 1]))
    (array([[0.2],
           [0.9]]), array([[False],
           [ True]]))
    """
    scores, target = without_nan(caller, "scores", scores), as_array(caller, target)
    if scores.ndim == 2 and scores.shape[1] > 1 and target.shape == scores.shape and target.dtype.kind in "biuf":
        target = without_nan(caller, "target", target)
        if scores.size and (target.dtype == bool or names_several(target)):
            return scores, target == 1
    if scores.ndim == 2 and scores.shape[1] > 1:
        _, true, classes = classified(caller, scores, target)
        low, high = scores.min(), scores.max()
        if low < 0 or high > 1 or np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() > 1e-3:
            raise ValueError(
                f"{caller} expects the rows of scores (n, classes) to be probabilities that sum to 1, "
                f"got numbers from {low} to {high}; write softmax(logits)"
            )
        return scores, true[:, None] == np.arange(classes)
    target = without_nan(caller, "target", target)
    if scores.ndim != 1 or target.shape != scores.shape:
        hint = "; write scores[:, 0]" if scores.ndim == 2 else ""
        hint = "; write target[:, 0]" if target.shape == (*scores.shape, 1) else hint
        raise ValueError(f"{caller} expects scores (n,) for a target (n,), got {scores.shape} for {target.shape}{hint}")
    if scores.size == 0:
        raise ValueError(f"{caller} expects at least one row, got the shape {scores.shape}")
    if not ((target == 0) | (target == 1)).all():
        found = f"got some from {target.min()} to {target.max()}"
        hint = "; write target == target.max() if that is class 1" if np.unique(target[:1000]).size == 2 else ""
        raise ValueError(f"{caller} expects a target of 0 and 1, {found}{hint}")
    return scores[:, None], target[:, None] == 1


def without_nan(caller: str, name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of real numbers, or raise if it holds NaN, which wins an ``argmax`` and loses any comparison.

    >>> without_nan("rmse", "target", [1.0, 2.0])
    array([1., 2.])
    """
    array = as_array(caller, array)
    if np.isnan(floats(caller, array)).any():
        raise ValueError(f"{caller}: NaN in the {name}")
    return array
