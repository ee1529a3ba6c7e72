"""What an estimator is not given as it should be is told in words: what was expected, what came, what to write."""

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6")

from sklearn.exceptions import NotFittedError

from fnn import Diverged, dense, hinge, mse, relu, serial
from fnn.interop.sklearn import NetworkClassifier, NetworkRegressor
from tests.errors import check, message
from tests.interop.estimators import classifier, iris, regressor, unfinished

pytestmark = unfinished
X, Y = iris()
T, V = TypeError, ValueError


def fit(**settings):
    return classifier(**{"max_iter": 2, **settings}).fit(X, Y)


def again(y, **settings):
    return fit(**settings).partial_fit(X[: len(y)], y)


ROWS = [
    (
        lambda: fit(activation="softplus"),
        V,
        "NetworkClassifier: activation must be one of identity, logistic, tanh, relu, or a layer, say LeakyRelu(0.1), "
        "got 'softplus'",
    ),
    (
        lambda: fit(activation=("relu", "tanh")),
        V,
        "NetworkClassifier: activation must be one, or one for each of 1 hidden layers, got 2",
    ),
    (lambda: fit(activation=np.tanh), T, "serial expects constructors or layers, got the function tanh at layers[1]…"),
    (lambda: fit(hidden_layer_sizes=(0,)), V, "dense: units must be at least 1, got 0"),
    (
        lambda: fit(network=serial(dense(5))),
        V,
        "NetworkClassifier: network must give 3 values a row, (2, 3), got (2, 5); let it end in dense(3)",
    ),
    (
        lambda: fit(network="mlp"),
        T,
        "NetworkClassifier: network must be a constructor, say serial(flatten, dense(10)), or a finished network, got "
        "str 'mlp'",
    ),
    (
        lambda: fit(solver="lbfgs", early_stopping=True),
        V,
        "NetworkClassifier: early_stopping must be False under solver='lbfgs', which goes over all rows at once and "
        "has no epochs, got bool True; write solver='adam'",
    ),
    (lambda: fit(solver="lbfgs", dropout=0.5), V, "NetworkClassifier: dropout must be 0.0 under solver='lbfgs', …"),
    (lambda: fit(solver="lbfgs", callbacks=print), V, "NetworkClassifier: callbacks must be () under solver='lbfgs'…"),
    (lambda: fit(solver="lbfgs", max_fun=0), V, "NetworkClassifier: max_fun must be at least 1, got 0"),
    (
        lambda: fit(solver="lion"),
        V,
        "NetworkClassifier: solver must be 'adam', 'sgd', 'lbfgs', or an optimizer of fnn, say adamw(1e-3), got str "
        "'lion'",
    ),
    (
        lambda: fit(callbacks=("print",)),
        T,
        "NetworkClassifier: callbacks must be functions on a stream of epochs, say (tap(print, every=10), "
        "time_limit(60.0)), got tuple ('print',)",
    ),
    (
        lambda: fit(callbacks=len(X).__lt__),
        T,
        "NetworkClassifier: callbacks must return streams, got …NotImplemented from …; to call it on each epoch write "
        "tap(function)",
    ),
    (lambda: fit(max_iter=0), V, "NetworkClassifier: max_iter must be at least 1, got 0"),
    (lambda: fit(batch_size=2.5), T, "NetworkClassifier: batch_size must be an integer, got float 2.5"),
    (lambda: fit(alpha=-1.0), V, "NetworkClassifier: alpha must be at least 0 and finite, got -1.0"),
    (lambda: fit(tol=-1.0), V, "NetworkClassifier: tol must be at least 0 and finite, got -1.0"),
    (lambda: fit(n_iter_no_change=0), V, "NetworkClassifier: n_iter_no_change must be at least 1, got 0"),
    (lambda: fit(dropout=1.0), V, "dropout: the rate, the fraction to drop, must be at least 0 and below 1, got 1.0"),
    (lambda: fit(dtype=int), V, "NetworkClassifier: dtype must be one of floats, say np.float32, got int64"),
    (lambda: fit(random_state="a"), V, "'a' cannot be used to seed a numpy.random.RandomState instance"),
    (
        lambda: fit(early_stopping="accuracy"),
        V,
        "NetworkClassifier: early_stopping must be False, True or 'loss', got 'accuracy'",
    ),
    (
        lambda: fit(early_stopping=True, validation_fraction=0.001),
        V,
        "NetworkClassifier: The validation set is too small: 0.001 of 150 rows are fewer than 2; write a larger "
        "validation_fraction, or early_stopping=False",
    ),
    (
        lambda: fit(early_stopping=True, validation_fraction=1.0),
        V,
        "NetworkClassifier: validation_fraction must be at least 0 and below 1, got 1.0",
    ),
    (
        lambda: classifier(early_stopping=True).fit(X, np.where(np.arange(150) == 7, 5, Y)),
        V,
        "train_test_split: class 3 of stratify has a single row, which cannot be on both sides; leave out or merge…",
    ),
    (
        lambda: classifier(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2]),
        V,
        "NetworkClassifier: partial_fit does not support early_stopping=True: one epoch has nothing to stop",
    ),
    (
        lambda: classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2]),
        V,
        "NetworkClassifier: class_weight='balanced' needs all rows, and partial_fit sees some of them; write "
        "class_weight={label: weight, ...}",
    ),
    (
        lambda: classifier().partial_fit(X, Y),
        V,
        "NetworkClassifier: classes must be passed on the first call to partial_fit",
    ),
    (
        lambda: classifier().partial_fit(X, Y, classes=[0, 1]),
        V,
        "NetworkClassifier expects y to have the labels [0 1] alone, got [0 1 2]",
    ),
    (
        lambda: fit().partial_fit(X, Y, classes=[0, 1]),
        V,
        "NetworkClassifier: classes were [0 1 2] on the first call, got [0, 1]",
    ),
    (lambda: again([3, 1]), V, "NetworkClassifier expects y to have the labels [0 1 2] alone, got [1 3]"),
    (lambda: again(np.eye(3, dtype=int)), V, "NetworkClassifier expects one label a row as before, got several"),
    (
        lambda: classifier().fit(X, np.stack([Y, Y], axis=1)),
        V,
        "NetworkClassifier expects one label a row, or several as zeros and ones, got columns of labels; write "
        "MultiOutputClassifier(NetworkClassifier())",
    ),
    (lambda: classifier().fit(X, X[:, 0]), V, "Unknown label type: continuous. …"),
    (
        lambda: regressor().fit(X, Y).partial_fit(X, X),
        V,
        "NetworkRegressor expects y with 1 values a row, got 4",
    ),
    (
        lambda: fit().fit(X, Y, sample_weight=np.zeros(150)),
        V,
        "Sample weights must contain at least one non-zero number.",
    ),
    (
        lambda: fit(loss=mse).predict_proba,
        AttributeError,
        "This 'NetworkClassifier' has no attribute 'predict_proba'",
    ),
    (lambda: classifier().predict(X), NotFittedError, "This NetworkClassifier instance is not fitted yet. …"),
    (lambda: classifier().fit(X[None], Y), V, "Found array with dim 3, while dim <= 2 is required…"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)


def test_the_outputs_under_a_loss_of_scores_are_no_logits():
    with pytest.raises(AttributeError) as caught:
        fit(loss=hinge).predict_log_proba(X)
    assert str(caught.value.__cause__) == "the outputs under Hinge() are no logits, so there are no probabilities"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges_says_where_and_what_to_try():
    with pytest.raises(Diverged) as caught:
        NetworkRegressor(activation=relu, solver="sgd", learning_rate_init=1e3, random_state=0).fit(X * 100, Y)
    assert caught.value.__notes__ == ["NetworkRegressor: perhaps the columns of X want StandardScaler() before it"]
    assert caught.value.state.step == caught.value.step


def test_a_column_as_labels_is_taken_with_a_warning():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning):
        assert NetworkClassifier((4,), max_iter=1).fit(X, Y[:, None]).predict(X).shape == (150,)
