"""Where does a run go wrong? Look at a network on a batch: what flows through it, what comes back, what is not finite.

    diagnose : params, batch, loss?, key? -> Diagnosis, whose text is two tables and, below them, what was found

Sizes are root mean squares, which mean the same for a layer of ten numbers and for one of a million: an output near 1,
and a gradient that is about as large, against its parameters, in every layer, is what a good start looks like.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import describe
from fnn.core._members import rows_of
from fnn.core._structure import Tree, require_alike, walk
from fnn.core.grad import objective
from fnn.core.tree import leaves
from fnn.core.vjp import forward
from fnn.diagnostics._sentences import sentences
from fnn.diagnostics._table import Table
from fnn.diagnostics.summary import flow, shape_of
from fnn.layers._sequences import is_pair, mask
from fnn.layers.activations import Relu, Sigmoid, Tanh
from fnn.layers.hard import HardSigmoid, HardTanh
from fnn.layers.smooth import Gelu, Mish, Silu
from fnn.losses.binary import BinaryCrossEntropy
from fnn.losses.classification import CrossEntropy, cross_entropy
from fnn.losses.regularization import Regularized
from fnn.networks.branches import Parallel, Residual
from fnn.networks.ensemble import Ensemble, keys_of, members, require_members
from fnn.train.sharded import Sharded


def _is_zero(layer: Any, y: np.ndarray) -> np.ndarray:
    return y == 0


# Where each activation passes (nearly) no gradient, read from its output: for sigmoid and tanh, less than a
# twenty-fifth of what they pass at 0.
_FLAT: dict[type, Callable[[Any, np.ndarray], np.ndarray]] = {
    Relu: _is_zero,
    Gelu: _is_zero,
    Silu: _is_zero,
    Mish: _is_zero,
    Sigmoid: lambda layer, y: np.abs(2 * y - 1) > 0.98,
    Tanh: lambda layer, y: np.abs(y) > 0.98,
    HardTanh: lambda layer, y: (y <= layer.low) | (y >= layer.high),
    HardSigmoid: lambda layer, y: (y <= 0) | (y >= 1),
}


@attrs.frozen
class LayerOnBatch:
    """A layer on the batch: ``rms`` is the root mean square of its output.

    ``saturated`` is the fraction of its outputs where it passes (nearly) no gradient: they are 0 for a relu and its
    like, close to an end for sigmoid and tanh. ``dead`` is the fraction of its units (places along the last axis) that
    are so on every row. Both are None for other layers.
    """

    path: str
    layer: str
    output: str
    rms: float
    saturated: float | None
    dead: float | None


@attrs.frozen
class LeafOnBatch:
    """A leaf of the parameters: its root mean square, that of its gradient, and ``ratio``, gradient over leaf.

    With plain descent, the learning rate times ``ratio`` is the relative change of the leaf in a step. The ratio of a
    leaf of zeros is infinite; biases are such leaves at the start.
    """

    path: str
    rms: float
    gradient: float
    ratio: float


@attrs.frozen(repr=False)
class Diagnosis:
    """What ``diagnose`` found. Its text is a table of layers, one of leaves, and the sentences in ``found``.

    ``guess`` is the loss of guessing, ln k for k classes, or None where the loss has no such number. The last three
    are where numbers first are not finite: in the batch, in the parameters, in the output of a layer.
    """

    loss: float
    guess: float | None
    layers: tuple[LayerOnBatch, ...]
    leaves: tuple[LeafOnBatch, ...]
    first_bad_data: str | None
    first_bad_leaf: str | None
    first_bad_layer: str | None
    found: tuple[str, ...] = ()

    def _tables(self) -> list[Table]:
        outputs = [
            (each.path, each.layer, each.output, f"{each.rms:.3g}", _percent(each.saturated), _percent(each.dead))
            for each in self.layers
        ]
        parameters = [(each.path, *[f"{n:.3g}" for n in (each.rms, each.gradient, each.ratio)]) for each in self.leaves]
        tables = [Table(("path", "layer", "output", "rms", "saturated", "dead"), outputs)]
        return [*tables, Table(("path", "rms", "gradient", "ratio"), parameters)] if parameters else tables

    def __repr__(self) -> str:
        return "\n\n".join([*self._tables(), "\n".join(self.found)])

    def _repr_html_(self) -> str:
        tables = [table._repr_html_() for table in self._tables()]
        return "".join([*tables, *[f"<p>{html.escape(sentence)}</p>" for sentence in self.found]])


@attrs.frozen(repr=False)
class Diagnoses:
    """What ``diagnose`` found of an ensemble, of each member; its text has a line for each and what was found of it."""

    members: tuple[Diagnosis, ...]

    def __repr__(self) -> str:
        return "\n".join([f"member {i}: {'; '.join(each.found)}" for i, each in enumerate(self.members)])


def diagnose(params: Tree, batch: tuple[Any, ...], loss: Any = cross_entropy, key: Any = None) -> Any:
    """Examine a network on a batch, as a step of training sees it, and name by path what is wrong.

    After a run that diverged, write

        except Diverged as error:
            print(diagnose(error.state.params, batch))

    Of an ensemble the result has a ``Diagnosis`` for each of its ``members``.

    Args:
        params: a network. It may hold NaN and infinity, and so may the data: to find these is what this is for.
        batch: ``(x, target)`` or ``(x, target, weights)``.
        loss: a loss, such as ``mse``.
        key: for layers that draw random numbers; a step of training has ``fold_in(key, state.step)``.

    Raises what ``value_and_grad`` raises, and ``TypeError`` for a loss whose value is no number.

    >>> from fnn import Dense, Serial, relu
    >>> body = Dense(np.array([[1.0, 1.0, 1.0]]), np.array([0.0, -100.0, -100.0]))
    >>> net = Serial((body, relu, Dense(np.eye(3), np.zeros(3))))
    >>> print(diagnose(net, (np.array([[1.0], [2.0]]), np.array([0, 0]))))
    path       layer  output    rms  saturated  dead
    ------------------------------------------------
    layers[0]  Dense  (n, 3)   80.4
    layers[1]  Relu   (n, 3)  0.913        67%   67%
    layers[2]  Dense  (n, 3)  0.913
    <BLANKLINE>
    path                rms  gradient    ratio
    ------------------------------------------
    layers[0].weight      1     0.245    0.245
    layers[0].bias     81.6     0.184  0.00225
    layers[2].weight  0.577     0.173      0.3
    layers[2].bias        0     0.225      inf
    <BLANKLINE>
    the loss is 0.395, where guessing costs ln 3 = 1.10
    layers[1] Relu: 67% of its units are 0 on every row, and learn nothing; lower the learning rate or start \
with smaller weights
    """
    if isinstance(params, Ensemble):
        return Diagnoses(tuple([diagnose(net, *given) for net, given in _given_each(params, batch, loss, key)]))
    with np.errstate(all="ignore"):
        value, gradient = objective(loss)(loss, params, batch, key)
        outputs = list(flow(lambda layer, x, key: forward(layer, x, key), params, batch[0], key))
        if not isinstance(value, float):
            raise TypeError(f"diagnose expects a loss whose value is a number, got {describe(loss)}")
        require_alike("diagnose: parameters and gradient", params, gradient)
        gradients = dict(walk(gradient))
        diagnosis = Diagnosis(
            loss=value,
            guess=_guess(loss, outputs[-1][2] if outputs else batch[0]),
            layers=tuple([_layer_on_batch(*each) for each in outputs]),
            leaves=tuple([_leaf_on_batch(path, leaf, gradients[path]) for path, leaf in walk(params)]),
            first_bad_data=_first_bad_data(batch),
            first_bad_leaf=next((path for path, leaf in walk(params) if not np.isfinite(leaf).all()), None),
            first_bad_layer=_first_bad_layer(outputs),
        )
        return attrs.evolve(diagnosis, found=sentences(diagnosis))


def _given_each(nets: Ensemble, batch: tuple[Any, ...], loss: Any, key: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """Return each member, and what ``diagnose`` is given with it."""
    for name, part in zip(("x", "target", "weights"), batch, strict=False):
        if part is not None:
            require_members(nets.n, part, name)
    parts = zip(*[[None] * nets.n if part is None else rows_of(part, nets.n) for part in batch], strict=True)
    keys = [None] * nets.n if key is None else keys_of("diagnose", key, nets.n).each()
    return [(net, (part, loss, own)) for net, part, own in zip(members(nets), parts, keys, strict=True)]


def _guess(loss: Any, prediction: Any) -> float | None:
    while isinstance(loss, Regularized | Sharded):
        loss = loss.loss
    if isinstance(loss, BinaryCrossEntropy):
        return math.log(2)
    return math.log(np.shape(prediction)[-1]) if isinstance(loss, CrossEntropy) else None


def _layer_on_batch(path: str, layer: Any, y: Any) -> LayerOnBatch:
    saturated = dead = None
    values = y[0][mask(y[1], y[0].shape[1])] if is_pair(y) else y  # of sequences the steps that are there
    if type(layer) in _FLAT and values.ndim > 1 and values.size:
        flat = _FLAT[type(layer)](layer, values).reshape(-1, values.shape[-1])
        saturated, dead = float(flat.mean()), float(flat.all(axis=0).mean())
    return LayerOnBatch(path, type(layer).__name__, shape_of(y), _root_mean_square(y), saturated, dead)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.0%}"


def _leaf_on_batch(path: str, leaf: np.ndarray, gradient: np.ndarray) -> LeafOnBatch:
    size, of_gradient = _root_mean_square(leaf), _root_mean_square(gradient)
    return LeafOnBatch(path, size, of_gradient, of_gradient / size if size else math.inf)


def _root_mean_square(tree: Any) -> float:
    numbers = [leaf.reshape(-1).astype(np.float64) for leaf in leaves(tree) if leaf.dtype.kind == "f"]
    values = np.concatenate([np.zeros(0), *numbers])
    largest = float(np.abs(values).max(initial=0.0))
    if not 0 < largest < math.inf:  # nothing to divide by; NaN is not below infinity either
        return largest
    return largest * math.sqrt(np.mean(np.square(values / largest)))  # squares of what is large would overflow


def _not_finite(y: Any) -> bool:
    return not all(np.isfinite(leaf).all() for leaf in leaves(y))


def _first_bad_data(batch: tuple[Any, ...]) -> str | None:
    for name, part in zip(("x", "target", "weights"), batch, strict=False):
        for path, array in () if part is None else walk(part if isinstance(part, tuple) else np.asarray(part)):
            rows = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
            if rows.size:
                return f"{name}{path}[{rows[0]}]"
    return None


def _first_bad_layer(outputs: list[tuple[str, Any, Any]]) -> str | None:
    """Return the path of the first layer whose output is not finite; of a layer with branches, that of such a part."""
    first: tuple[str, Any] | None = None
    for path, layer, y in outputs:
        if _not_finite(y) and (first is None or _is_part(path, *first)):
            first = path, layer
    return None if first is None else first[0]


def _is_part(path: str, whole: str, layer: Any) -> bool:
    return isinstance(layer, Parallel | Residual) and (whole == "." or path.startswith(f"{whole}."))
