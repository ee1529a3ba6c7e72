"""How unlikely the target is under a distribution that a network describes.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

The distribution is over classes by their log-probabilities (``nll``), over counts by the logarithm of their rate
(``poisson_nll``), or normal by its mean and variance (``gaussian_nll``). Terms that no network can change are left out.
What is squared or raised is computed in float64: the square of a float32 overflows at 2e19.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import attrs
import numpy as np

from fnn.core._arrays import counting
from fnn.core._errors import number
from fnn.core.grad import value_and_grad
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.data._labels import WrongRow
from fnn.layers.softmax import Softmax
from fnn.losses._classes import class_weights_of, ignored_label, probabilities, weights_of_classes
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import Matched, same_shape, scaled
from fnn.losses._several import together
from fnn.losses.classification import logits_value_and_grad, matched_logits, require_classes


class NLL(Record):
    """mean(-log_p[label]): the mean negative log likelihood of the labels, by log-probabilities log_p.

    These are (n, classes), what ``log_softmax`` returns or a table of them; perhaps with more axes between these two.
    Of logits ``cross_entropy`` is the same and loses less. Targets and settings are those of ``cross_entropy``; with
    probabilities as target the loss is mean(-sum(target log_p)), where what is never expected costs nothing.

    >>> nll(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([1, 1]))
    1.25
    >>> nll(class_weights=(1.0, 4.0))(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([1, 0]))  # (4 * 2 + 3) / 2
    5.5
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax,)
    takes: ClassVar[str] = "log-probabilities"

    ignore: int | None = attrs.field(default=None, converter=ignored_label)
    class_weights: tuple[float, ...] | None = attrs.field(default=None, converter=weights_of_classes)


_matched = partial(matched_logits, what="log-probabilities")


@vjp.register
def nll_vjp(loss: NLL, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("nll", loss, nll_rows, prediction, target, weights, _matched)


def nll_rows(loss: NLL, log_p: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute what each row costs, by labels or by probabilities."""
    n, classes = log_p.shape
    weights = None if loss.class_weights is None else class_weights_of("nll", loss, classes)
    if target.ndim == 1:
        cells = counting(n), require_classes(target, classes, "nll")
        mass = np.ones(n, log_p.dtype) if weights is None else weights[cells[1]]

        def label_slopes(scale):
            dlog_p = np.zeros(log_p.shape, np.result_type(log_p, mass))
            dlog_p[cells] = -mass * scale
            return dlog_p

        return scaled(mass, -log_p[cells]), label_slopes
    mass = probabilities("nll", log_p, target)
    mass = mass if weights is None else mass * weights
    return scaled(mass, -log_p).sum(axis=1), lambda scale: (-mass.T * scale).T


class PoissonNLL(Record):
    """mean(exp(x) - target x), over all values: x is the logarithm of the rate of what is counted.

    ``target`` has the shape of x and is 0 or more. log(target!) is left out, so that the loss may be negative; its
    least, where exp(x) = target, is target (1 - x). The gradient is (exp(x) - target) over the number of values.

    >>> poisson_nll(np.array([[0.0], [0.0]]), np.array([[3], [0]]))
    1.0
    """


@vjp.register
def poisson_nll_vjp(loss: PoissonNLL, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("poisson_nll", loss, _poisson_nll_rows, prediction, target, weights)


def _poisson_nll_rows(loss: PoissonNLL, x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    if not (target >= 0).all():
        row = int(np.flatnonzero(~(target >= 0))[0])
        raise WrongRow(f"poisson_nll expects counts from 0 as target, got {target.flat[row]}", row)
    with np.errstate(over="ignore"):  # a rate that no float64 holds is infinite, and so is the loss
        rate = np.exp(x.astype(np.float64))
    return rate - scaled(target, x), lambda scale: (rate - target) * scale


class GaussianNLL(Record):
    """mean(log(v) + (target - mean)**2 / v) / 2, over all values, for the prediction (mean, v), v the variance.

    A network returns the pair from two branches, of which ``softplus`` makes the second positive:
    ``parallel(dense(1), serial(dense(1), softplus))``. Both have the target's shape. A variance below ``epsilon`` is
    taken for ``epsilon``, with the slope that it has there, so that it can rise again; one below 0 is an error.
    log(2 pi) / 2 is left out. PyTorch's gaussian_nll_loss (Nix and Weigend, 1994).

    >>> round(gaussian_nll((np.array([1.0, 3.0]), np.array([1.0, 4.0])), np.array([1.0, 1.0])), 4)  # (log(4) + 1) / 4
    0.5966
    """

    epsilon: float = attrs.field(default=1e-6, converter=partial(number, "gaussian_nll: epsilon"))


@vjp.register
def gaussian_nll_vjp(loss: GaussianNLL, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    hint = "write parallel(dense(1), serial(dense(1), softplus)) at the end of the network"
    both, apart = together("gaussian_nll", ("mean", "variance"), prediction, hint)
    value, pullback = reduced("gaussian_nll", loss, _gaussian_nll_rows, both, target, weights, _matched_means)

    def gaussian_nll_pullback(dvalue):
        _, dboth = pullback(dvalue)
        return loss, lambda: apart(dboth())

    return value, gaussian_nll_pullback


def _matched_means(caller: str, loss: Any, prediction: Any, target: Any) -> Matched:
    _, target, shape, there = same_shape(caller, loss, prediction[..., 0], target)
    return prediction, target, shape, there


def _gaussian_nll_rows(loss: GaussianNLL, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    both = prediction.astype(np.float64)
    mean, given = both[..., 0], both[..., 1]
    variance = np.maximum(given, loss.epsilon)
    good = (given >= 0) & (variance > 0) | np.isnan(given)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        hint = "; end that branch of the network in softplus"
        raise WrongRow(f"gaussian_nll expects a variance above 0, got {prediction[..., 1].flat[row]}", row, hint)
    d = mean - target
    precision = 1 / variance
    ratio = d * d * precision

    def slopes(scale):
        dprediction = np.empty_like(both)
        np.multiply(d, precision, out=dprediction[..., 0])
        np.multiply(precision, 0.5 * (1 - ratio), out=dprediction[..., 1])
        dprediction *= np.expand_dims(scale, -1)
        return dprediction

    return 0.5 * (np.log(variance) + ratio), slopes


nll: NLL = NLL()
poisson_nll: PoissonNLL = PoissonNLL()
gaussian_nll: GaussianNLL = GaussianNLL()
value_and_grad.register(NLL)(logits_value_and_grad)
