"""A loss over all rows as a function of one vector, for SciPy to minimize: few parameters, few rows, no learning rate.

minimize : loss, params, data, method? -> Minimum          Minimum : the parameters, and what SciPy said
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fnn.core import tree
from fnn.core._arrays import is_tuple
from fnn.core._errors import describe, integer
from fnn.core._flat import flat
from fnn.core._structure import Tree
from fnn.core.grad import value_and_grad
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.tree import require_floats
from fnn.data._rows import require_rows
from fnn.networks.ensemble import Ensemble

METHODS = ("L-BFGS-B", "BFGS", "CG", "Newton-CG", "SLSQP")  # those of SciPy that need a gradient, and nothing else


class Minimum(Record):
    """Where ``minimize`` came to: the parameters, their loss, and what SciPy said of the way there.

    ``losses`` are those before the first step and after each one, ``steps`` how many there were, ``evaluations`` of the
    loss and its gradient. ``converged`` is False if a limit ended it, and ``message`` says which.
    """

    params: Tree
    loss: float
    losses: tuple[float, ...]
    steps: int
    evaluations: int
    converged: bool
    message: str


def minimize(
    loss: Any,
    params: Tree,
    data: tuple[Any, ...],
    method: str = "L-BFGS-B",
    *,
    steps: int = 1000,
    key: Key | None = None,
    options: Mapping[str, Any] | None = None,
) -> Minimum:
    """Minimize a loss over all rows at once by a method of SciPy, which chooses the length of each step itself.

    On little data this ends nearer to a minimum than steps along minibatches do, and sooner. It computes in float64;
    the parameters come back in the dtype that they had.

    Args:
        loss: a loss, such as ``regularized(cross_entropy, l2(1e-4))`` or a sharded one.
        params: a network, where the way begins.
        data: ``(x, target)`` or ``(x, target, weights)``: all of it is one batch.
        method: "L-BFGS-B" (Byrd et al., 1995), "BFGS", "CG", "Newton-CG" or "SLSQP"; BFGS and SLSQP keep a square
            matrix with a row for each parameter.
        steps: how many at most.
        key: for layers that draw random numbers, the same ones at every evaluation.
        options: SciPy's own for the method, such as {"gtol": 1e-8} or {"maxcor": 30}.

    Raises ``ImportError`` without SciPy, ``TypeError`` for an ensemble or what is no network, ``ValueError`` for
    another method, or if the loss is not finite where it begins or ends.
    """
    try:
        optimize: Any = importlib.import_module("scipy.optimize")  # an extra, looked for where it is used
    except ImportError:
        raise ImportError('fnn.minimize needs SciPy: pip install "fnn[scipy]"') from None
    if isinstance(params, Ensemble):
        raise TypeError(
            f"minimize expects one network, got an ensemble of {params.n}, whose members have steps of their own; "
            "write [minimize(loss, net, data) for net in members(ensemble)]"
        )
    if not isinstance(params, Record) and not is_tuple(params):
        raise TypeError(f"minimize expects a finished network, got {describe(params)}; write constructor(key, x)")
    require_floats("minimize", params)
    known = {name.lower(): name for name in METHODS}
    if str(method).lower() not in known:
        raise ValueError(f"minimize: the method must be one of {', '.join(METHODS)}, got {describe(method)}")
    wide, batch = _in_float64(params), _in_float64(require_rows("minimize", data)[0])
    vector, layout = flat(wide)
    evaluated: dict[bytes, float] = {}  # of the last point, which each step ends at

    def value_and_slopes(point: np.ndarray) -> tuple[float, np.ndarray]:
        at = layout.cut(point.copy())
        with np.errstate(all="ignore"):  # a step that goes too far is taken back
            value, gradient = value_and_grad(loss, at, batch, key)
        if not isinstance(value, float):
            raise TypeError(f"minimize expects a loss whose value is a number, got {describe(value)}")
        evaluated.clear()
        evaluated[point.tobytes()] = value
        return value, layout.gather(gradient, at, "minimize: parameters and gradient")

    def value_at(point: np.ndarray) -> float:
        known = evaluated.get(point.tobytes())
        return value_and_slopes(point)[0] if known is None else known

    def after_step(point: np.ndarray) -> None:
        losses.append(value_at(point))

    losses = [value_at(vector)]
    if not math.isfinite(losses[0]):
        gaps = any(np.isnan(leaf).any() for leaf in tree.leaves(batch) if leaf.dtype.kind == "f")
        remedy = "the data holds NaN: take such rows out" if gaps else "scale the data"
        raise ValueError(f"minimize: the loss of the parameters that it begins with is {losses[0]}; {remedy}")
    if not isinstance(options, Mapping | None):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'minimize expects options as a dictionary, say {{"gtol": 1e-8}}, got {describe(options)}')
    settings = {"maxiter": integer("minimize: steps", steps), **(options or {})}
    found: Any = optimize.minimize(
        value_and_slopes,
        vector,
        jac=True,
        method=known[method.lower()],
        callback=after_step,
        options=settings,
    )
    last: np.ndarray = np.array(found.x)
    value = value_at(last)
    if not (math.isfinite(value) and np.isfinite(last).all()):
        raise ValueError(f"minimize: after {found.nit} steps the loss is {value}; add a penalty, or scale the data")
    return Minimum(
        params=tree.map(_in_dtype_of, layout.cut(last), params),
        loss=value,
        losses=tuple(losses),
        steps=int(found.nit),
        evaluations=int(found.nfev),
        converged=bool(found.success),
        message=str(found.message),
    )


def _in_float64(node: Tree) -> Tree:
    """Return a tree with its floats in float64; integers, such as labels and tokens, stay."""
    return tree.map(_widened, node)


def _widened(leaf: np.ndarray) -> np.ndarray:
    return leaf.astype(np.float64) if leaf.dtype.kind == "f" else leaf


def _in_dtype_of(leaf: np.ndarray, like: np.ndarray) -> np.ndarray:
    return leaf.astype(like.dtype)
