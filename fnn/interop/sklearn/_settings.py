"""What the settings of an estimator stand for: a network, an optimizer, a key, functions on a stream.

    perceptron   : estimator, units -> constructor          optimizer_of : estimator -> transform
    functions_of : estimator -> functions                   key_of       : random_state -> key
    named        : estimator, setting -> the setting's name in an error
    has_epochs   : estimator -> whether its solver goes through rows epoch by epoch

scikit-learn wants settings kept as they came, so they are looked at when they are needed, and not before.
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Iterable
from typing import Any

from sklearn.utils import check_random_state

from fnn.core._errors import describe
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.layers.activations import identity, relu, sigmoid, tanh
from fnn.layers.dense import dense
from fnn.layers.dropout import dropout
from fnn.networks.serial import serial
from fnn.optim.optimizers import adam, sgd
from fnn.optim.transform import Transform

LBFGS = "lbfgs"  # the solver that is no transform: it takes all rows at once
ACTIVATIONS: dict[str, Record] = {"identity": identity, "logistic": sigmoid, "tanh": tanh, "relu": relu}


def named(estimator: Any, setting: str) -> str:
    """Return the name of a setting, as errors begin with it."""
    return f"{type(estimator).__name__}: {setting}"


def perceptron(estimator: Any, units: int) -> Any:
    """Return the constructor of a network of dense layers, the last with so many units."""
    sizes: Any = estimator.hidden_layer_sizes
    activation = estimator.activation
    sizes = [sizes] if isinstance(sizes, numbers.Integral) else list(sizes)
    each = activation if isinstance(activation, tuple | list) else [activation] * len(sizes)
    if len(each) != len(sizes):
        wanted = f"must be one, or one for each of {len(sizes)} hidden layers"
        raise ValueError(f"{named(estimator, 'activation')} {wanted}, got {len(each)}")
    parts: list[Any] = []
    for width, one in zip(sizes, each, strict=True):
        if isinstance(one, str) and one not in ACTIVATIONS:
            wanted = f"must be one of {', '.join(ACTIVATIONS)}, or a layer, say LeakyRelu(0.1)"
            raise ValueError(f"{named(estimator, 'activation')} {wanted}, got {one!r}")
        parts += [dense(width), ACTIVATIONS[one] if isinstance(one, str) else one]
        parts += [dropout(estimator.dropout)] if estimator.dropout else []
    return serial(*parts, dense(units))


def optimizer_of(estimator: Any) -> Transform:
    """Return the optimizer that the solver is or names."""
    solver, rate, momentum = estimator.solver, estimator.learning_rate_init, estimator.momentum
    if isinstance(solver, Transform):
        return solver
    if solver == "adam":
        return adam(rate)
    if solver == "sgd":
        return sgd(rate, momentum, bool(momentum and estimator.nesterovs_momentum))
    wanted = "must be 'adam', 'sgd', 'lbfgs', or an optimizer of fnn, say adamw(1e-3)"
    raise ValueError(f"{named(estimator, 'solver')} {wanted}, got {describe(solver)}")


def has_epochs(estimator: Any) -> bool:
    """Return True, or raise ``AttributeError`` under the solver "lbfgs": what is of epochs is no method then."""
    if estimator.solver != LBFGS:
        return True
    raise AttributeError(f"partial_fit is one epoch, and the solver {LBFGS!r} has none")


def require_no_epochs(estimator: Any) -> None:
    """Raise ``ValueError`` for settings that look at or change epochs, which the solver "lbfgs" does not have."""
    for setting, usual in {"early_stopping": False, "callbacks": (), "dropout": 0.0}.items():
        value = getattr(estimator, setting)
        if value is not usual and value != usual:
            wanted = f"must be {usual!r} under solver='lbfgs', which goes over all rows at once and has no epochs"
            raise ValueError(f"{named(estimator, setting)} {wanted}, got {describe(value)}; write solver='adam'")


def key_of(random_state: Any) -> Key:
    """Return a key. What is neither a key nor an integer is scikit-learn's to read: None, or a generator of NumPy's.

    >>> key_of(7)
    Key(seed=7, path=())
    """
    if isinstance(random_state, Key):
        return random_state
    if isinstance(random_state, numbers.Integral):
        return Key(int(random_state))
    return Key(int(check_random_state(random_state).randint(2**31 - 1)))


def functions_of(estimator: Any) -> tuple[Any, ...]:
    """Return the functions on the stream of epochs, held to returning one."""
    callbacks = estimator.callbacks
    functions = (callbacks,) if callable(callbacks) else callbacks
    if not isinstance(functions, tuple | list) or not all(map(callable, functions)):
        wanted = "must be functions on a stream of epochs, say (tap(print, every=10), time_limit(60.0))"
        raise TypeError(f"{named(estimator, 'callbacks')} {wanted}, got {describe(callbacks)}")
    return tuple(functools.partial(_passed, named(estimator, "callbacks"), function) for function in functions)


def _passed(name: str, function: Any, stream: Any) -> Any:
    passed = function(stream)
    if not isinstance(passed, Iterable):
        hint = "to call it on each epoch write tap(function)"
        raise TypeError(f"{name} must return streams, got {describe(passed)} from {describe(function)}; {hint}")
    return passed
