"""How sure a prediction is, and whether it is right as often as it says: of one network, or of many that vote.

log_loss            : probabilities, target          -> mean of -ln(probability of the true class)
calibration_error   : probabilities, target          -> mean gap between confidence and accuracy, from 0 to 1
predictive_entropy  : probabilities (n, rows, k)     -> nats (rows,), how unsure the n members are altogether
mutual_information  : probabilities (n, rows, k)     -> nats (rows,), the part of it in which they disagree
predictive_variance : outputs (n, rows, k), variance? -> variance (rows, k) of the mixture of the members

The members' probabilities are ``p = softmax(nets(x))``, of which ``p.mean(axis=0)`` is what an ensemble predicts
(Lakshminarayanan, Pritzel and Blundell, 2017).
"""

from __future__ import annotations

import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe, integer
from fnn.metrics._members import each_member
from fnn.metrics._predictions import classified, without_nan


@each_member("scores")
def log_loss(probabilities: np.ndarray, target: np.ndarray) -> float:
    """Return the mean of -ln(probability of the true class), in nats: 0 is sure and right, ln k a guess among k.

    ``cross_entropy`` is the same of logits, and exact where this one sees a 0: probabilities are clipped to the
    smallest step of their dtype at 1, as in scikit-learn, which makes 36 of a row at most in float64.

    ``probabilities`` are (n, classes), rows that sum to 1, or (n,), of class 1 against class 0; ``target`` is labels
    (n,), or one-hot rows.

    Raises what ``calibration_error`` does.

    >>> round(log_loss(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])), 4)
    0.4904
    """
    p, true = _of_classes("log_loss", probabilities, target)
    given = np.asarray(probabilities).dtype
    smallest = np.finfo(given if given.kind == "f" else np.float64).eps
    chosen = np.where(true == 1, p, 1 - p) if p.ndim == 1 else np.take_along_axis(p, true[:, None], axis=1)
    return float(-np.log(np.clip(chosen, smallest, 1 - smallest)).mean())


@each_member("scores")
def calibration_error(probabilities: np.ndarray, target: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error, sum over bins of rows in it / rows |accuracy - mean confidence|.

    The bins are equally wide, (0, 1/bins] and so on; a row's confidence is its largest probability (Guo et al., 2017).
    Of probabilities (n,) of class 1 against class 0, the gap is that between the mean of these and
    the fraction of rows that are of class 1.

    Args:
        probabilities: (n, classes), rows that sum to 1; or (n,).
        target: labels (n,), or one-hot rows (n, classes).
        bins: how many.

    Raises what ``accuracy`` does, and ``ValueError`` unless the rows are probabilities, with ``softmax(logits)`` as the
    remedy.

    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.3, 0.7]])
    >>> round(calibration_error(p, np.array([0, 0, 1, 0])), 3)  # always right at 0.9, half of the time at 0.7
    0.15
    """
    gaps, _, _, n = calibration("calibration_error", probabilities, target, bins)
    return float(np.abs(gaps).sum() / n)


def calibration(
    caller: str, probabilities: np.ndarray, target: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return for each bin of confidence sum(right - confidence), sum(right) and the rows in it, and the rows in all.

    >>> calibration("calibration_error", np.array([0.25, 0.75]), np.array([0, 1]), 2)[:3]
    (array([-0.25,  0.25]), array([0., 1.]), array([1, 1]))
    """
    bins = integer(f"{caller}: bins", bins)
    p, true = _of_classes(caller, probabilities, target)
    confidence, right = (p, true == 1) if p.ndim == 1 else (p.max(axis=1), p.argmax(axis=1) == true)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    hits = np.bincount(place, right, bins)
    return hits - np.bincount(place, confidence, bins), hits, np.bincount(place, minlength=bins), len(p)


def _of_classes(caller: str, probabilities: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n, classes), or (n,) of class 1 against class 0, in float64, and labels (n,)."""
    if as_array(caller, probabilities).shape[1:] == (1,):  # as a sigmoid has them
        found = f"got {describe(probabilities)}; write probabilities[:, 0]"
        raise ValueError(f"{caller} expects probabilities (n, classes), or (n,) of class 1, {found}")
    p = _probabilities(caller, probabilities)
    if p.ndim == 2 and p.shape[1] > 1:
        return p, classified(caller, probabilities, target)[1]
    if p.ndim != 1:
        raise ValueError(f"{caller} expects probabilities (n, classes) or (n,), got {describe(probabilities)}")
    # Labels for ``classified``, which checks the target as well.
    _, true, classes = classified(caller, p > 0.5, target)
    if classes > 2:
        raise ValueError(f"{caller} expects a target of 0 and 1 for probabilities (n,), got {true.max()}")
    return p, true


def predictive_entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of the members' mean, -sum p ln p, in nats (rows,): 0 if it is sure, ln k if it guesses.

    ``probabilities`` are (n, rows, k), of n members, or (rows, k), of one network.

    Raises ``TypeError`` for what are no numbers, ``ValueError`` for other shapes, or rows that are no probabilities.

    >>> predictive_entropy(np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).round(3)
    array([0.693])
    """
    p = _of_members("predictive_entropy", probabilities, ranks=(2, 3))
    return _entropy(p.mean(axis=0) if p.ndim == 3 else p)


def mutual_information(probabilities: np.ndarray) -> np.ndarray:
    """Return by how much the entropy of the members' mean exceeds the mean of their entropies, in nats (rows,).

    It is 0 where all members say the same, however unsure each is; more data would lower it (Houlsby et al., 2011).
    The rest of the entropy, the mean of the members', is noise that they agree on.

    ``probabilities`` are (n, rows, k), of n members. Raises what ``predictive_entropy`` does.

    >>> mutual_information(np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])).round(3)
    array([0.693, 0.   ])
    """
    p = _of_members("mutual_information", probabilities)
    return np.maximum(_entropy(p.mean(axis=0)) - _entropy(p).mean(axis=0), 0.0)  # below 0 by rounding alone


def predictive_variance(outputs: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
    """Return the variance of a mixture of the members, var(outputs) + mean(variance), of each output (rows, k).

    Args:
        outputs: (n, rows, k), the predicted means, or probabilities, of n members.
        variance: of the same shape, the variance that each member predicts beside its mean; None if it predicts none.

    Raises ``TypeError`` for what are no numbers, ``ValueError`` for other shapes, NaN, or a variance below 0.

    >>> predictive_variance(np.array([[[1.0]], [[3.0]]])), predictive_variance(np.ones((2, 1, 1)), np.ones((2, 1, 1)))
    (array([[1.]]), array([[1.]]))
    """
    means = _finite("outputs", outputs)
    if means.ndim < 2 or 0 in means.shape:
        raise ValueError(f"predictive_variance expects outputs (n, rows, ...) of n members, got {describe(outputs)}")
    between = means.var(axis=0, dtype=np.float64)
    if variance is None:
        return between
    within = _finite("variance", variance)
    if within.shape != means.shape or within.min() < 0:
        wrong = describe(variance) if within.shape != means.shape else f"some of {within.min():g}"
        raise ValueError(f"predictive_variance expects a variance {means.shape} of 0 or more, got {wrong}")
    return between + within.mean(axis=0, dtype=np.float64)


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of finite numbers, or raise: among others an infinite one has no variance."""
    found = without_nan("predictive_variance", name, array)
    if np.isinf(found).any():
        raise ValueError(f"predictive_variance: infinity in the {name}")
    return found


def _entropy(p: np.ndarray) -> np.ndarray:
    """Return -sum p ln p over the last axis, where 0 ln 0 is 0."""
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1) + 0.0


def _of_members(caller: str, probabilities: np.ndarray, ranks: tuple[int, ...] = (3,)) -> np.ndarray:
    """Return probabilities (n, rows, classes) in float64, or raise in the name of ``caller``."""
    if as_array(caller, probabilities).ndim not in ranks:
        raise ValueError(
            f"{caller} expects probabilities (n, rows, classes) of n members, got {describe(probabilities)}"
        )
    return _probabilities(caller, probabilities)


def _probabilities(caller: str, probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities in float64, or raise in the name of ``caller`` if they cannot be any."""
    given = without_nan(caller, "probabilities", probabilities)
    if given.size == 0:
        raise ValueError(f"{caller} expects at least one row, got {describe(probabilities)}")
    p = given.astype(np.float64)
    # float16 keeps three digits.
    if p.min() < 0 or p.max() > 1.001 or (p.ndim > 1 and np.abs(p.sum(axis=-1) - 1).max() > 5e-3):
        got = f"numbers from {p.min():g} to {p.max():g}"
        hint = "sigmoid(logits)" if p.ndim == 1 else "softmax(logits)"
        sums = "" if p.ndim == 1 else ", which sum to 1 in each row"
        raise ValueError(f"{caller} expects probabilities{sums}, got {got}; write {hint}")
    return p
