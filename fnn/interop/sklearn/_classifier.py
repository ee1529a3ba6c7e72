"""The estimator whose network says of each row which class it is of, or which labels it has."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from fnn.interop.sklearn._epochs import Scaled
from fnn.interop.sklearn._network import Network
from fnn.interop.sklearn._rows import Rows
from fnn.interop.sklearn._settings import has_epochs
from fnn.interop.sklearn._targets import decided, encoded, has_probabilities, probabilities
from fnn.losses.binary import binary_cross_entropy
from fnn.losses.classification import cross_entropy


def _gives_probabilities(estimator: Any) -> bool:
    if has_probabilities(estimator.loss):
        return True
    raise AttributeError(f"the outputs under {estimator.loss!r} are no logits, so there are no probabilities")


class NetworkClassifier(ClassifierMixin, Network):
    """A classifier whose model is a network of fnn, with scikit-learn's names where they mean the same.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: "identity", "logistic", "tanh", "relu", or a layer such as ``LeakyRelu(0.1)``; or a tuple of these,
            one for each hidden layer.
        network: instead of these two a constructor of your own, or a network that is trained already. It gets the rows
            as they are, images too, and gives as many values a row as there are classes.
        loss: ``CrossEntropy(label_smoothing=0.1)`` or any other; None for cross-entropy, of each label by itself where
            a row may have several.
        dropout: the fraction of each hidden layer that is dropped in a step.
        dtype: of the network and of X, say ``np.float32``; None for that of X where it is float32 or float64.
        callbacks: functions on the stream of epochs (records ``Epoch``), such as ``tap``, ``until``, ``time_limit`` and
            ``ema`` of fnn.
        solver: "adam", "sgd", or an optimizer of fnn with its own learning rate; or "lbfgs", which has none: fnn's
            ``minimize``, for some hundred rows, of whose steps over all rows there are then ``max_iter``.
        alpha: the strength of the squared weights.
        batch_size: rows in a step; "auto" is 200, or all if there are fewer.
        learning_rate_init: of "adam" and "sgd", a number or a schedule of fnn.
        max_iter: how many epochs at most.
        shuffle: whether each epoch has its own order of rows.
        random_state: a seed, a ``Key`` of fnn, or what else scikit-learn takes.
        tol, n_iter_no_change: training ends after more than so many epochs in a row none of which is better by ``tol``
            than the best before.
        verbose: print each epoch's loss.
        warm_start: ``fit`` goes on where the last one ended.
        momentum, nesterovs_momentum: of "sgd".
        early_stopping: True to set rows aside, end by their score, and keep the best network; "loss" to do it by their
            loss.
        validation_fraction: how many rows are set aside.
        class_weight: weights by class, {label: weight}, or "balanced".
        max_fun: of "lbfgs", how often the loss is evaluated at most.

    After ``fit`` there are ``network_``, ``classes_``, ``n_iter_``, ``loss_curve_``, ``validation_scores_``,
    ``validation_loss_curve_``, ``best_loss_`` and ``best_validation_score_``.

    >>> from fnn import adam
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), NetworkClassifier((16,), solver=adam(0.02), tol=1e-3, random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model[-1].network_
    Serial(layers=(Dense(weight=f64[4,16], bias=f64[16]), Relu(), Dense(weight=f64[16,3], bias=f64[3])))
    """

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
        class_weight=None,
        max_fun=15000,
    ):
        super().__init__(
            hidden_layer_sizes,
            activation,
            network=network,
            loss=loss,
            dropout=dropout,
            dtype=dtype,
            callbacks=callbacks,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        self.class_weight = class_weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @available_if(has_epochs)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> NetworkClassifier:
        """Train for one epoch on these rows, and go on from the last call.

        Args:
            X, y, sample_weight: those of ``fit``.
            classes: all labels that will ever come, for the first call.

        Returns the estimator itself.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "NetworkClassifier: class_weight='balanced' needs all rows, and partial_fit sees some of them; write "
                "class_weight={label: weight, ...}"
            )
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("NetworkClassifier: classes must be passed on the first call to partial_fit")
        return self._once(X, y, sample_weight, classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each row, or for several labels (n, labels) of 0 and 1."""
        codes = self._codes(self._outputs(X))
        return self.classes_[codes] if self._exclusive else codes

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class (n, classes), in the order of ``classes_``."""
        outputs = self._outputs(X)[:, : len(self.classes_)]
        return probabilities(self._loss, outputs, self._exclusive)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the network's outputs (n, classes); of two classes, by how much the second has the larger, (n,)."""
        outputs = self._outputs(X)[:, : len(self.classes_)]
        return outputs[:, 1] - outputs[:, 0] if self._exclusive and outputs.shape[1] == 2 else outputs

    def _targets(self, y: Any, first: bool, classes: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "NetworkClassifier expects one label a row, or several as zeros and ones, got columns of labels; write "
                "MultiOutputClassifier(NetworkClassifier())"
            )
        several = kind == "multilabel-indicator"
        y = y if several else column_or_1d(y, warn=True)
        found = np.arange(y.shape[1]) if several else np.unique(y)
        if first:
            self.classes_ = found if classes is None else np.unique(classes)
            self._exclusive = not several
            self._units = len(self.classes_) if several else max(len(self.classes_), 2)  # of one there is no softmax
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"NetworkClassifier: classes were {self.classes_} on the first call, got {classes}")
        if several == self._exclusive:
            before, now = ("one label", "several") if several else ("several labels", "one")
            raise ValueError(f"NetworkClassifier expects {before} a row as before, got {now}")
        if not np.isin(found, self.classes_).all():
            raise ValueError(f"NetworkClassifier expects y to have the labels {self.classes_} alone, got {found}")
        self._loss = self._usual_loss() if self.loss is None else self.loss
        codes = y.astype(np.int64) if several else np.searchsorted(self.classes_, y)
        return encoded(self._loss, codes, self._units, dtype), codes

    def _usual_loss(self) -> Any:
        return cross_entropy if self._exclusive else Scaled(binary_cross_entropy, float(self._units))

    def _codes(self, outputs: np.ndarray) -> np.ndarray:
        if self._exclusive:
            return outputs[:, : len(self.classes_)].argmax(axis=1)
        return decided(self._loss, outputs)

    def _score(self, outputs: np.ndarray, rows: Rows) -> float:
        return float(accuracy_score(rows.true, self._codes(outputs), sample_weight=rows.weights))

    def _strata(self, true: np.ndarray) -> np.ndarray | None:
        return true if self._exclusive else None

    def _weights_of_classes(self, y: Any) -> Any:
        return 1.0 if self.class_weight is None else compute_sample_weight(self.class_weight, y)
