"""Networks as estimators of scikit-learn do what its users ask of them."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6")

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fnn
from fnn import (
    CrossEntropy,
    Dropout,
    Key,
    LeakyRelu,
    Record,
    adamw,
    batch_norm,
    chain,
    clip_by_global_norm,
    conv,
    dense,
    ema,
    flatten,
    hinge,
    huber,
    mse,
    relu,
    serial,
    sgd,
    tanh,
    tap,
    time_limit,
    tree,
    until,
    vjp,
)  # fmt: skip
from fnn.interop.sklearn import Epoch, NetworkClassifier, NetworkRegressor
from tests.interop.estimators import classifier, diabetes, iris, regressor, same_bits, unfinished

pytestmark = unfinished


def test_the_network_is_a_value_of_fnn_and_says_what_the_estimator_says():
    x, y = iris()
    model = classifier().fit(x, y)
    assert isinstance(model.network_, fnn.Serial)
    outputs = model.network_(x)
    np.testing.assert_array_equal(model.predict(x), outputs.argmax(axis=1))
    np.testing.assert_allclose(model.predict_proba(x), fnn.softmax(outputs), rtol=1e-12)
    np.testing.assert_array_equal(model.decision_function(x), outputs)
    assert fnn.tree.allclose(fnn.inference(model.network_), model.network_)


def test_the_training_is_the_one_that_fnn_does_step_by_step():
    x, y = iris()
    model = classifier(alpha=0.0, batch_size=40, max_iter=3).fit(x, y)
    init_key, _, order_key, noise_key = fnn.split(Key(0), 4)
    net, optimizer = fnn.mlp(8, 3)(init_key, x), fnn.adam(1e-3)
    step = fnn.train_step(fnn.cross_entropy, optimizer, noise_key)
    *_, final = fnn.states(step, fnn.start(net, optimizer), fnn.data.epochs((x, y), 40, order_key, epochs=3))
    assert tree.equal(final.params, model.network_)


@pytest.mark.parametrize("y", [np.array(["b", "a", "c"]), np.array(["b", "a", "c"], object), np.array([7, -1, 3])])
def test_labels_may_be_anything(y):
    x, codes = iris()
    model = classifier(max_iter=100, learning_rate_init=0.01).fit(x, y[codes])
    assert model.classes_.tolist() == sorted(y.tolist())
    assert model.score(x, y[codes]) > 0.9
    np.testing.assert_array_equal(
        model.predict_proba(x).argmax(axis=1), np.searchsorted(model.classes_, model.predict(x))
    )


def test_several_labels_a_row():
    x, codes = iris()
    y = np.stack([codes == 0, codes != 1, x[:, 0] > 0], axis=1).astype(int)
    model = classifier(max_iter=200, learning_rate_init=0.02).fit(x, y)
    assert model.score(x, y) > 0.9  # all labels of a row
    probabilities = model.predict_proba(x)
    np.testing.assert_array_equal(probabilities > 0.5, model.predict(x))
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.5
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), probabilities)


def test_several_targets_a_row():
    x, _ = diabetes()
    y = np.stack([x[:, 0] + x[:, 1], x[:, 2] ** 2], axis=1)
    model = regressor(hidden_layer_sizes=(32,), max_iter=200, learning_rate_init=0.01).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.9


def test_a_single_class_is_learned_too():
    model = classifier().fit(iris()[0][:10], np.full(10, "only"))
    assert set(model.predict(iris()[0])) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(iris()[0][:3]), np.ones((3, 1)))


# --- settings ---


def test_settings_are_kept_as_they_came():
    settings = {
        "activation": LeakyRelu(0.1), "network": serial(dense(3)), "loss": CrossEntropy(0.1), "solver": adamw(1e-3),
        "callbacks": (tap(print),), "random_state": Key(3), "hidden_layer_sizes": [5], "learning_rate_init": 1,
    }  # fmt: skip
    model = classifier(**settings)
    for name, value in settings.items():
        assert model.get_params()[name] is value
    twin = clone(model)
    assert repr(twin.get_params()) == repr(model.get_params())
    assert "LeakyRelu" in repr(twin)
    assert "LeakyRelu" in twin._repr_html_()


def test_an_activation_for_each_layer_and_dropout():
    x, y = iris()
    model = classifier(hidden_layer_sizes=(6, 5), activation=("tanh", LeakyRelu(0.1)), dropout=0.25).fit(x, y)
    kinds = [type(layer).__name__ for layer in model.network_.layers]
    assert kinds == ["Dense", "Tanh", "Identity", "Dense", "LeakyRelu", "Identity", "Dense"]
    assert [type(layer) for layer in model._state.params.layers][2] is Dropout
    assert same_bits(model.predict_proba(x), model.predict_proba(x))
    linear = classifier(hidden_layer_sizes=()).fit(x, y)
    assert len(linear.network_.layers) == 1


@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu"])
def test_activations_by_scikit_learn_s_names(name):
    layer = classifier(activation=name, max_iter=1).fit(*iris()).network_.layers[1]
    assert type(layer) is type({"logistic": fnn.sigmoid}.get(name) or getattr(fnn, name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", [classifier, regressor])
def test_the_dtype_is_that_of_the_data_or_the_one_asked_for(model, dtype):
    x, y = iris()
    assert {leaf.dtype for leaf in tree.leaves(model().fit(x.astype(dtype), y).network_)} == {np.dtype(dtype)}
    asked = model(dtype=dtype).fit(x, y)
    assert {leaf.dtype for leaf in tree.leaves(asked.network_)} == {np.dtype(dtype)}
    if model is regressor:
        assert asked.predict(x).dtype == dtype


def test_images_go_to_a_network_of_one_s_own():
    x, y = load_digits(return_X_y=True)
    images = (x[:300] / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    network = serial(conv(8, 3), batch_norm(), relu, flatten, dense(10))
    model = classifier(network=network, learning_rate_init=0.01, batch_size=50).fit(images, y[:300])
    assert model.score(images, y[:300]) > 0.8
    assert model.network_.layers[0].weight.shape == (3, 3, 1, 8)
    assert [type(layer).__name__ for layer in model.network_.layers][1] == "Scale"


def test_tokens_stay_integers():
    tokens = np.random.default_rng(0).integers(0, 5, (60, 4))
    network = serial(fnn.embedding(5, 3), flatten, dense(2))
    model = classifier(network=network, max_iter=2).fit(tokens, tokens[:, 0] > 2)
    assert model.predict(tokens).dtype == bool


def test_a_network_that_is_trained_goes_on_from_where_it_is():
    x, y = iris()
    first = classifier(max_iter=100, learning_rate_init=0.02).fit(x, y)
    again = classifier(network=first.network_, max_iter=1, solver=sgd(1e-9)).fit(x, y)
    assert again.score(x, y) == first.score(x, y) > 0.9


def test_a_grid_of_records():
    x, y = iris()
    grid = {
        "activation": [relu, LeakyRelu(0.1), "tanh"],
        "loss": [None, CrossEntropy(label_smoothing=0.1), hinge],
        "solver": ["adam", chain(clip_by_global_norm(1.0), adamw(1e-2))],
    }
    search = GridSearchCV(classifier(max_iter=10), grid, cv=2, error_score="raise").fit(x, y)
    assert len(search.cv_results_["params"]) == 18
    assert search.best_score_ > 0.6


def test_a_grid_on_two_processes_gives_what_one_gives():
    x, y = iris()
    grid = {"activation": [relu, LeakyRelu(0.1)], "network": [None, serial(dense(4), tanh, dense(3))]}
    searches = [GridSearchCV(classifier(max_iter=5), grid, cv=2, n_jobs=n).fit(x, y) for n in (1, 2)]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert same_bits(*scores)


class Focal(Record):
    """-(1 - p)**gamma log p of the label's probability p: a loss of one's own (Lin et al., 2017)."""

    gamma: float = 2.0


@vjp.register
def focal_vjp(loss: Focal, prediction, target, weights=None):
    p = fnn.softmax(prediction)
    rows = np.arange(len(target))
    q, n = p[rows, target], len(target)

    def focal_pullback(dvalue):
        slope = loss.gamma * (1 - q) ** (loss.gamma - 1) * np.log(q) * q - (1 - q) ** loss.gamma
        dlogits = -p * slope[:, None]
        dlogits[rows, target] += slope
        return loss, lambda: dvalue * dlogits / n

    return float(-((1 - q) ** loss.gamma * np.log(q)).mean()), focal_pullback


def test_a_loss_of_one_s_own():
    x, y = iris()
    model = classifier(loss=Focal(), max_iter=100, learning_rate_init=0.02).fit(x, y)
    assert model.score(x, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1)


LOSSES = [
    fnn.binary_cross_entropy, fnn.binary_focal, fnn.kl_divergence, hinge, mse, fnn.cosine_distance,
    fnn.regularized(mse, fnn.l1(1e-4)),
]  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_that_compare_value_by_value(loss):
    x, y = iris()
    model = classifier(loss=loss, max_iter=200, learning_rate_init=0.02).fit(x, y)
    assert model.score(x, y) > 0.8
    assert hasattr(model, "predict_proba") == (loss in (fnn.binary_cross_entropy, fnn.binary_focal, fnn.kl_divergence))
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1)
    several = np.eye(3, dtype=int)[y]
    if loss is not fnn.kl_divergence:
        assert classifier(loss=loss, max_iter=200, learning_rate_init=0.02).fit(x, several).score(x, several) > 0.6


def test_a_regressor_that_a_few_far_off_targets_do_not_dominate():
    x, y = diabetes()
    spoiled = np.where(np.arange(len(y)) % 20 == 0, 1000.0, y)
    good = np.arange(len(y)) % 20 != 0
    robust, usual = [
        regressor(loss=loss, max_iter=100, learning_rate_init=0.01).fit(x, spoiled).score(x[good], y[good])
        for loss in (huber, None)
    ]
    assert robust > 0.3 > usual


# --- weights ---


@pytest.mark.parametrize("model", [classifier, regressor])
def test_a_row_of_weight_two_is_two_rows(model):
    x, y = iris()
    x, y = x[:100], y[:100]
    twice = np.concatenate([np.arange(100), np.arange(30)])
    weighted = model().fit(x, y, sample_weight=np.where(np.arange(100) < 30, 2.0, 1.0))
    repeated = model().fit(x[twice], y[twice])
    np.testing.assert_allclose(weighted.network_(x), repeated.network_(x), rtol=1e-7)


def test_weights_of_classes():
    x, y = iris()
    few = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 2)[:5]])
    x, y = x[few], y[few]
    recall = [
        np.mean(classifier(class_weight=weight, max_iter=100).fit(x, y).predict(x)[y == 2] == 2)
        for weight in (None, "balanced", {1: 1.0, 2: 10.0})
    ]
    assert recall[0] < 0.5 < min(recall[1:])
    by_hand = classifier().fit(x, y, sample_weight=np.where(y == 2, 10.0, 1.0))
    np.testing.assert_array_equal(
        by_hand.predict_proba(x), classifier(class_weight={2: 10.0}).fit(x, y).predict_proba(x)
    )


# --- reproducible ---


@pytest.mark.parametrize("state", [0, np.int64(3), Key(5, (1,))])
def test_the_same_seed_gives_the_same_bits(state):
    x, y = iris()
    settings = {"random_state": state, "batch_size": 32, "dropout": 0.5, "early_stopping": True}
    runs = [classifier(**settings).fit(x, y).network_ for _ in range(2)]
    assert tree.equal(*runs)
    assert not tree.equal(runs[0], classifier(**{**settings, "random_state": 99}).fit(x, y).network_)


def test_without_a_seed_numpy_s_generator_decides():
    x, y = iris()
    legacy = np.random.RandomState
    assert tree.equal(*[classifier(random_state=legacy(4)).fit(x, y).network_ for _ in range(2)])
    one = legacy(4)
    assert not tree.equal(*[classifier(random_state=one).fit(x, y).network_ for _ in range(2)])
    assert not tree.equal(*[classifier(random_state=None).fit(x, y).network_ for _ in range(2)])


def test_a_pickled_copy_has_the_same_bits_and_goes_on_to_the_same():
    x, y = iris()
    model = classifier(dropout=0.2, solver=adamw(1e-2)).fit(x, y)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert same_bits(twin.predict_proba(x), model.predict_proba(x))
        again = copy.deepcopy(model).partial_fit(x, y)
        assert tree.equal(twin.partial_fit(x, y).network_, again.network_)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_so_many_partial_fits_are_one_fit_of_so_many_epochs(shuffle, solver):
    x, y = iris()
    settings = {"solver": solver, "shuffle": shuffle, "batch_size": 40, "dropout": 0.2}
    once = classifier(max_iter=4, **settings).fit(x, y)
    bit_by_bit = classifier(**settings)
    for _ in range(4):
        bit_by_bit.partial_fit(x, y, classes=[0, 1, 2])
    assert tree.equal(once.network_, bit_by_bit.network_)
    assert once.loss_curve_ == bit_by_bit.loss_curve_
    halves = classifier(max_iter=2, warm_start=True, **settings)
    assert tree.equal(halves.fit(x, y).fit(x, y).network_, once.network_)


def test_the_order_of_rows_matters_only_if_they_are_not_shuffled():
    x, y = iris()
    ordered = [classifier(shuffle=False, batch_size=50, max_iter=2, random_state=0).fit(x, y) for _ in range(2)]
    assert tree.equal(ordered[0].network_, ordered[1].network_)
    assert not tree.equal(ordered[0].network_, classifier(batch_size=50, max_iter=2).fit(x, y).network_)


# --- when to stop, and what was seen on the way ---


def test_early_stopping_keeps_the_best_network_and_shows_both_curves():
    x, y = iris()
    model = classifier(early_stopping=True, max_iter=300, learning_rate_init=0.02, validation_fraction=0.2).fit(x, y)
    assert model.n_iter_ < 300
    assert len(model.loss_curve_) == len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None


@pytest.mark.parametrize("model", [classifier, regressor])
def test_early_stopping_by_the_loss(model):
    x, y = iris() if model is classifier else diabetes()
    epochs = []
    by_loss = model(
        early_stopping="loss", max_iter=400, learning_rate_init=0.05, tol=0.0, n_iter_no_change=5,
        callbacks=tap(epochs.append),
    ).fit(x, y)  # fmt: skip
    curve = by_loss.validation_loss_curve_
    assert by_loss.n_iter_ == len(curve) < 400
    best = int(np.argmin(curve))
    assert len(curve) == best + 1 + 6
    assert tree.equal(by_loss.network_, epochs[best].params)


def test_without_it_there_are_no_scores_and_the_last_network_is_kept():
    x, y = iris()
    epochs = []
    model = classifier(callbacks=tap(epochs.append)).fit(x, y)
    assert model.validation_scores_ is model.validation_loss_curve_ is model.best_validation_score_ is None
    assert model.best_loss_ == min(model.loss_curve_)
    assert tree.equal(model.network_, epochs[-1].params)
    assert [type(epoch) for epoch in epochs] == [Epoch] * 20
    assert [epoch.loss for epoch in epochs] == model.loss_curve_


def test_the_loss_is_the_mean_over_the_rows_of_an_epoch():
    x, y = iris()
    net = serial(dense(3))(Key(0), x)
    still = classifier(network=net, solver=sgd(1e-12), alpha=0.0, batch_size=40, max_iter=1).fit(x, y)
    assert still.loss_ == pytest.approx(fnn.cross_entropy(net(x), y), rel=1e-9)


def test_a_warning_when_the_epochs_were_too_few(recwarn):
    with pytest.warns(ConvergenceWarning, match=r"NetworkClassifier: max_iter=20 epochs were reached before the"):
        classifier().fit(*iris())


def test_callbacks_see_each_epoch_and_may_end_the_training():
    x, y = iris()
    assert classifier(callbacks=(until(lambda epoch: epoch.epoch >= 7),)).fit(x, y).n_iter_ == 7
    assert classifier(callbacks=[time_limit(1e-9)]).fit(x, y).n_iter_ == 1
    seen = []
    classifier(early_stopping=True, callbacks=tap(seen.append)).fit(x, y)
    assert all(epoch.validation_loss > 0 <= epoch.validation_score <= 1 for epoch in seen)


def test_the_average_of_the_weights_is_what_ema_makes():
    x, y = iris()
    seen = []
    model = classifier(callbacks=(tap(seen.append), ema(0.5)), max_iter=3).fit(x, y)
    first, second, third = [tree.ravel(epoch.params)[0] for epoch in seen]
    np.testing.assert_allclose(tree.ravel(model.network_)[0], (first / 2 + second / 2) / 2 + third / 2, rtol=1e-12)
    assert tree.equal(model._state.params, seen[-1].params)  # training goes on from the run, not from its average


def test_verbose_prints_a_line_an_epoch(capsys):
    classifier(verbose=True, max_iter=2).fit(*iris())
    assert capsys.readouterr().out.splitlines()[0].startswith("Iteration 1, loss = 1.")
    classifier(verbose=True, max_iter=2, early_stopping=True).fit(*iris())
    assert "Validation score: 0." in capsys.readouterr().out


def test_in_a_pipeline_and_over_folds():
    x, y = iris()
    model = make_pipeline(StandardScaler(), classifier(max_iter=100, learning_rate_init=0.02))
    assert cross_val_score(model, x * 1000, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("kind", ["classes", "labels", "numbers", "columns"])
@pytest.mark.parametrize("weights", [None, "weights"])
def test_steps_of_sgd_are_scikit_learn_s_own(kind, weights):
    """From the same weights, with the same settings: losses, penalty, weights of rows and momentum mean the same."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    x, codes = iris()
    y = {"classes": codes, "labels": np.eye(3, dtype=int)[codes], "numbers": x[:, 0] ** 2, "columns": x[:, :2]}[kind]
    settings = {"solver": "sgd", "learning_rate_init": 0.1, "alpha": 2.0, "shuffle": False, "random_state": 0}
    settings |= {"hidden_layer_sizes": (5,), "activation": "tanh", "batch_size": 50}
    row_weights = None if weights is None else np.arange(150) % 7 + 0.5
    theirs = (MLPClassifier if kind in ("classes", "labels") else MLPRegressor)(**settings, tol=0.0)
    first = {"classes": [0, 1, 2]} if kind in ("classes", "labels") else {}
    theirs.set_params(learning_rate_init=1e-300).partial_fit(x, y, **first)  # which draws its first weights
    pairs = zip(theirs.coefs_, theirs.intercepts_, strict=True)
    hidden, last = [fnn.Dense(weight.copy(), bias.copy()) for weight, bias in pairs]
    net = fnn.Serial((hidden, tanh, last))
    ours = (classifier if kind in ("classes", "labels") else regressor)(**settings, network=net)
    theirs.set_params(learning_rate_init=0.1)
    del theirs._optimizer
    if weights is not None:  # scikit-learn divides by the weight of a batch, we by that of a batch on the average
        ours.set_params(batch_size=150)
        theirs.set_params(batch_size=150)
    for _ in range(3):
        theirs.partial_fit(x, y, sample_weight=row_weights)
        ours.partial_fit(x, y, sample_weight=row_weights, **(first if not hasattr(ours, "network_") else {}))
    for layer, weight, bias in zip(ours.network_.layers[::2], theirs.coefs_, theirs.intercepts_, strict=True):
        np.testing.assert_allclose(layer.weight, weight, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(layer.bias, bias, rtol=1e-10, atol=1e-13)
    assert np.abs(ours.network_.layers[0].weight - hidden.weight).max() > 0.01


@pytest.mark.parametrize("model", [classifier, regressor])
def test_the_validation_is_weighted_as_the_training_is(model):
    x, y = iris()
    weights = np.arange(150) % 5 + 0.0
    epochs = []
    model(early_stopping=True, max_iter=2, callbacks=tap(epochs.append)).fit(x, y, sample_weight=weights)
    strata = y if model is classifier else None
    split_key = fnn.split(Key(0), 4)[1]
    _, (aside,) = fnn.data.train_test_split((np.arange(150),), 0.1, split_key, stratify=strata)
    outputs, w = epochs[-1].params(x[aside]), weights[aside]
    if model is classifier:
        score = np.average(outputs.argmax(axis=1) == y[aside], weights=w)
        loss = fnn.cross_entropy(outputs, y[aside], w / weights.mean())
    else:
        d, spread = outputs[:, 0] - y[aside], y[aside] - np.average(y[aside], weights=w)
        score = 1 - (w * d**2).sum() / (w * spread**2).sum()
        loss = (w / weights.mean() * d**2).mean() / 2
    assert epochs[-1].validation_score == pytest.approx(score, rel=1e-12)
    assert epochs[-1].validation_loss == pytest.approx(loss, rel=1e-12)


def test_lbfgs_minimizes_what_scikit_learn_minimizes():
    X = np.random.default_rng(0).standard_normal((80, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * X[:, 0] ** 2
    weights = np.linspace(0.5, 2, 80)
    settings = {"activation": "identity", "solver": "lbfgs", "alpha": 1.0, "tol": 1e-8, "max_iter": 500}
    ours = NetworkRegressor((2,), random_state=0, **settings).fit(X, y, weights)
    theirs = MLPRegressor(hidden_layer_sizes=(2,), random_state=0, **settings).fit(X, y, weights)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=2e-3, atol=2e-3)
    assert ours.loss_curve_[-1] == ours.loss_ == ours.best_loss_
    assert len(ours.loss_curve_) == ours.n_iter_
    assert not hasattr(ours, "partial_fit")


def test_lbfgs_goes_on_from_where_it_was_and_so_does_another_solver(capsys):
    X = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = NetworkClassifier((8,), "tanh", solver="lbfgs", max_iter=5, warm_start=True, random_state=0, verbose=True)
    with pytest.warns(ConvergenceWarning, match="lbfgs ended before it converged: STOP: TOTAL NO."):
        first = model.fit(X, y).loss_
    assert capsys.readouterr().out.count("Iteration") == 5
    with pytest.warns(ConvergenceWarning):
        assert model.fit(X, y).loss_ < first
    assert len(model.loss_curve_) == 10
    assert {leaf.dtype for leaf in tree.leaves(model.network_)} == {np.dtype(np.float32)}
    model.set_params(solver="adam", max_iter=2)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 epochs were reached"):
        model.fit(X, y)
    assert len(model.loss_curve_) == 12


def test_a_regressor_of_counts_predicts_their_rate():
    x = np.linspace(-1, 1, 300)[:, None]
    y = np.random.default_rng(0).poisson(np.exp(1 + x[:, 0]))
    expected = PoissonRegressor(alpha=0, tol=1e-8).fit(x, y).predict(x)
    for loss in ("poisson", fnn.poisson_nll):
        model = NetworkRegressor((), loss=loss, solver="lbfgs", alpha=0.0, tol=1e-8, random_state=0).fit(x, y)
        np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4)
    usual = [NetworkRegressor((), loss=loss, max_iter=3, random_state=0) for loss in ("squared_error", None)]
    with pytest.warns(ConvergenceWarning):
        np.testing.assert_array_equal(*[model.fit(x, y).predict(x) for model in usual])


def test_focal_is_a_classifier_s_loss_of_labels():
    x, y = iris()
    model = classifier(loss=fnn.focal, max_iter=200, learning_rate_init=0.02).fit(x, y)
    assert model.score(x, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1)
