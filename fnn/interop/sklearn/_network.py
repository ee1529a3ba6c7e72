"""What both estimators are: settings, a way from tables to rows, and training as a pipe of fnn's own functions."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from toolz import last, pipe

from fnn.core._errors import describe, integer, number
from fnn.core.keys import Key, split
from fnn.core.record import is_record
from fnn.core.vjp import forward
from fnn.data import batches, epochs, normalized, train_test_split
from fnn.interop.sklearn._epochs import Epoch, each_epoch, stalled
from fnn.interop.sklearn._rows import Rows, evaluating, predicted, shown
from fnn.interop.sklearn._settings import (
    LBFGS,
    functions_of,
    key_of,
    named,
    optimizer_of,
    perceptron,
    require_no_epochs,
)
from fnn.losses.regularization import l2, regularized
from fnn.train.minimize import minimize
from fnn.train.run import restart, states
from fnn.train.state import Diverged, State, start
from fnn.train.step import train_step
from fnn.train.streams import tap


class Network(BaseEstimator):
    """An estimator whose model is a network of fnn. ``NetworkClassifier`` says what the settings are."""

    _units: int  # outputs of the network
    _loss: Any
    _state: Any  # from which training goes on
    _unfinished: str  # why the last training ended, if it had not converged
    validation_scores_: Any
    validation_loss_curve_: Any

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        network=None,
        loss=None,
        dropout=0.0,
        dtype=None,
        callbacks=(),
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate_init=0.001,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        max_fun=15000,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.network = network
        self.loss = loss
        self.dropout = dropout
        self.dtype = dtype
        self.callbacks = callbacks
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun

    # What a classifier and a regressor say each for themselves.

    def _targets(self, y: Any, first: bool, classes: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the target for the loss and the one for the score; set ``_loss``, and at first what depends on y."""
        raise NotImplementedError

    def _score(self, outputs: np.ndarray, rows: Rows) -> float:
        raise NotImplementedError

    def _strata(self, true: np.ndarray) -> np.ndarray | None:
        return None

    def _weights_of_classes(self, y: Any) -> Any:
        return 1.0

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    # From tables to rows.

    def _checked(self, X: Any, **wanted: Any) -> Any:
        """Return X, or (X, y), as arrays in the dtype of the settings, or raise what scikit-learn raises."""
        dtype: Any = [np.float64, np.float32] if self.network is None else "numeric"  # tokens stay integers
        if self.dtype is not None:
            dtype = np.dtype(self.dtype)
            if dtype.kind != "f":
                raise ValueError(f"{named(self, 'dtype')} must be one of floats, say np.float32, got {dtype}")
        return validate_data(self, X, dtype=dtype, allow_nd=self.network is not None, **wanted)

    def _rows(self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any) -> tuple[Rows, float]:
        """Return all rows, and the mean weight that they came with."""
        x, y = self._checked(X, y=y, multi_output=True, reset=first)
        target, true = self._targets(y, first, classes, x.dtype if x.dtype.kind == "f" else np.float32)
        weights: Any = self._weights_of_classes(y)
        if sample_weight is not None:
            weights = weights * _check_sample_weight(sample_weight, x, dtype=np.float64)
        if np.ndim(weights) == 0:
            return Rows(x, target, true, None), 1.0
        return Rows(x, target, true, normalized(weights)), float(weights.mean())

    def _divided(self, rows: Rows, key: Key) -> tuple[Rows, Rows | None]:
        """Return rows to train with and, under early stopping, rows to validate with."""
        if self.early_stopping not in (False, True, "loss"):
            wanted = "must be False, True or 'loss'"
            raise ValueError(f"{named(self, 'early_stopping')} {wanted}, got {self.early_stopping!r}")
        if not self.early_stopping:
            return rows, None
        n = len(rows.x)
        fraction = number(named(self, "validation_fraction"), self.validation_fraction, below=1)
        if round(fraction * n) < 2:
            raise ValueError(
                f"{type(self).__name__}: The validation set is too small: {self.validation_fraction} of {n} rows are "
                "fewer than 2; write a larger validation_fraction, or early_stopping=False"
            )
        (train,), (held_out,) = train_test_split((np.arange(n),), fraction, key, stratify=self._strata(rows.true))
        return rows.at(train), rows.at(held_out)

    # Training.

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train a network from the beginning, or with ``warm_start`` from where the last training ended.

        Args:
            X: rows, (n, features): an array, a list, a table of pandas or polars; with a ``network`` of your own
                perhaps more axes, (n, height, width, channels).
            y: what the network should say of each row: labels of any kind or (n, labels) of 0 and 1 for a classifier,
                numbers (n,) or (n, outputs) for a regressor.
            sample_weight: how much each row counts, (n,).

        Returns the estimator itself.
        """
        count = integer(named(self, "max_iter"), self.max_iter)
        self._train(X, y, sample_weight, count, not (self.warm_start and hasattr(self, "_state")))
        if self._unfinished:
            warnings.warn(f"{type(self).__name__}: {self._unfinished}", ConvergenceWarning, stacklevel=2)
        return self

    def _once(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Any:
        if self.early_stopping:
            raise ValueError(
                f"{type(self).__name__}: partial_fit does not support early_stopping={self.early_stopping!r}: one "
                "epoch has nothing to stop"
            )
        return self._train(X, y, sample_weight, 1, not hasattr(self, "_state"), classes)

    def _train(self, X: Any, y: Any, sample_weight: Any, count: int, first: bool, classes: Any = None) -> Any:
        rows, mass = self._rows(X, y, sample_weight, first, classes)
        if first:
            self._key, self._epochs = key_of(self.random_state), 0
            self.loss_curve_: list[float] = []
            self.best_loss_: Any = None if self.early_stopping else math.inf
            self.validation_scores_ = self.validation_loss_curve_ = self.best_validation_score_ = None
        if self.solver == LBFGS:
            return self._minimized(rows, mass, count, first)
        init_key, split_key, order_key, noise_key = split(self._key, 4)
        train, held_out = self._divided(rows, split_key)
        n = len(train.x)
        size = min(200 if self.batch_size == "auto" else integer(named(self, "batch_size"), self.batch_size), n)
        sample = shown(train.x, split_key)
        optimizer, loss = optimizer_of(self), self._loss
        state = start(self._made(init_key, sample), optimizer) if first else restart(self._state, optimizer)
        # A loss divides by the rows of a batch where scikit-learn divides by their weight, and the penalty with it.
        strength = number(named(self, "alpha"), self.alpha) / (size * mass)
        step = train_step(regularized(loss, l2(strength)) if strength else loss, optimizer, noise_key)
        begin = self._epochs
        try:
            best: Any = pipe(
                states(step, state, self._batches(train.data(), size, order_key, count)),
                each_epoch(n, size, functools.partial(self._measured, loss, sample, held_out), begin),
                tap(self._note),
                stalled(self._to_beat, self._patience(), number(named(self, "tol"), self.tol)),
                *functions_of(self),
                functools.partial(min, key=self._to_beat) if self.early_stopping else last,
            )
        except Diverged as error:
            error.add_note(f"{type(self).__name__}: perhaps the columns of X want StandardScaler() before it")
            raise
        self._state, self.network_ = best.state, evaluating(best.params, sample)
        self.n_iter_, self.loss_ = self._epochs - begin, self.loss_curve_[-1]
        reached = f"max_iter={count} epochs were reached before the training converged"
        self._unfinished = reached if self.n_iter_ == count else ""
        return self

    def _minimized(self, rows: Rows, mass: float, count: int, first: bool) -> Any:
        """Train on all rows at once by L-BFGS, whose steps are counted as epochs."""
        require_no_epochs(self)
        init_key, split_key, *_ = split(self._key, 4)
        sample = shown(rows.x, split_key)
        params = self._made(init_key, sample) if first else self._state.params
        strength = number(named(self, "alpha"), self.alpha) / (len(rows.x) * mass)
        loss = regularized(self._loss, l2(strength)) if strength else self._loss
        options = {
            "gtol": number(named(self, "tol"), self.tol),
            "maxfun": integer(named(self, "max_fun"), self.max_fun),
        }
        found = minimize(loss, params, rows.data(), steps=count, options=options)
        self._state = State(found.params, (), found.steps, found.loss)
        self.network_ = evaluating(found.params, sample)
        for value in found.losses[1:]:
            self._epochs += 1
            self.loss_curve_.append(value)
            self.best_loss_ = min(self.best_loss_, value)
            if self.verbose:
                print(f"Iteration {len(self.loss_curve_)}, loss = {value:.8f}")
        self.n_iter_, self.loss_ = found.steps, found.loss
        self._unfinished = "" if found.converged else f"lbfgs ended before it converged: {found.message}"
        return self

    def _made(self, key: Key, sample: np.ndarray) -> Any:
        """Return the first network, for as many outputs as there should be."""
        constructor = perceptron(self, self._units) if self.network is None else self.network
        if not (is_record(constructor) or callable(constructor)):
            wanted = "must be a constructor, say serial(flatten, dense(10)), or a finished network"
            raise TypeError(f"{named(self, 'network')} {wanted}, got {describe(constructor)}")
        net = constructor if is_record(constructor) else constructor(key, sample[:1])
        shape = np.shape(forward(evaluating(net, sample), sample[:2]))
        if shape != (len(sample[:2]), self._units):
            wanted = f"must give {self._units} values a row, {(len(sample[:2]), self._units)}, got {shape}"
            raise ValueError(f"{named(self, 'network')} {wanted}; let it end in dense({self._units})")
        return net

    def _batches(self, data: tuple[np.ndarray, ...], size: int, key: Key, count: int) -> Any:
        """Return the batches of some epochs, each epoch in the order of its own number, however often fit is called."""
        if not self.shuffle:
            return (batch for _ in range(count) for batch in batches(data, size))
        before = self._epochs * -(-len(data[0]) // size)
        return epochs(data, size, key, self._epochs + count, start=before)

    def _measured(self, loss: Any, sample: np.ndarray, held_out: Rows | None, params: Any) -> Any:
        if held_out is None:
            return None, None
        outputs = predicted(evaluating(params, sample), held_out.x)
        target, *weights = held_out.data()[1:]
        return float(loss(outputs, target, *weights)), self._score(outputs, held_out)

    def _note(self, epoch: Epoch) -> None:
        self._epochs = epoch.epoch
        self.loss_curve_.append(epoch.loss)
        if self.verbose:
            print(f"Iteration {len(self.loss_curve_)}, loss = {epoch.loss:.8f}")
        if not self.early_stopping:
            self.best_loss_ = min(self.best_loss_, epoch.loss)
            return
        if self.validation_scores_ is None:
            self.validation_scores_, self.validation_loss_curve_ = [], []
        self.validation_scores_.append(epoch.validation_score)
        self.validation_loss_curve_.append(epoch.validation_loss)
        self.best_validation_score_ = max(self.validation_scores_)
        if self.verbose:
            print(f"Validation score: {epoch.validation_score:.6f}, loss: {epoch.validation_loss:.8f}")

    def _to_beat(self, epoch: Any) -> float:
        """Return what should become small."""
        if not self.early_stopping:
            return epoch.loss
        return epoch.validation_loss if self.early_stopping == "loss" else -epoch.validation_score

    def _patience(self) -> float:
        unlimited = self.n_iter_no_change == math.inf
        return math.inf if unlimited else integer(named(self, "n_iter_no_change"), self.n_iter_no_change)

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return predicted(self.network_, self._checked(X, reset=False))
