"""What a diagnosis finds in networks whose fault is known, because it was put there."""

import math

import attrs
import numpy as np
import pytest
from toolz import last

import fnn
from fnn import (
    Dense,
    Diverged,
    Key,
    Record,
    Serial,
    add,
    binary_cross_entropy,
    cross_entropy,
    dense,
    dropout,
    embedding,
    gru,
    hard_sigmoid,
    hard_tanh,
    l2,
    last_step,
    mse,
    parallel,
    regularized,
    relu,
    residual,
    serial,
    sgd,
    sigmoid,
    start,
    states,
    summary,
    tanh,
    train_step,
    transformer_block,
    tree,
    vjp,
)
from fnn.core.keys import normals
from fnn.diagnostics.diagnose import Diagnosis, diagnose
from tests.diagnostics.test_table import Cells
from tests.each_of import each_of
from tests.laws.cases import numbers

X = numbers(8, 4)
LABELS = np.arange(8) % 3


def net_of(*constructors, x=X, seed=0):
    return serial(*constructors)(Key(seed), x)


def layer(diagnosis, path):
    [found] = [each for each in diagnosis.layers if each.path == path]
    return found


def leaf(diagnosis, path):
    [found] = [each for each in diagnosis.leaves if each.path == path]
    return found


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_a_hand_worked_net_is_shown_in_numbers_and_in_a_table():
    net = Serial((Dense(np.array([[3.0, -3.0]]), np.zeros(2)), relu))
    found = diagnose(net, (np.array([[1.0], [2.0]]), np.array([[3.0, 0.0], [2.0, 0.0]])), mse)
    # The output is 3 and 6 in the first column, 0 in the second; mse is 4**2 / 4, its slope at the 6 is 2 * 4 / 4.
    assert [each.path for each in found.layers] == ["layers[0]", "layers[1]"]
    assert layer(found, "layers[0]").rms == pytest.approx(math.sqrt((9 + 9 + 36 + 36) / 4))
    assert layer(found, "layers[1]").rms == pytest.approx(math.sqrt((9 + 36) / 4))
    assert (layer(found, "layers[0]").dead, layer(found, "layers[1]").dead) == (None, 0.5)
    assert found.loss == 4.0
    assert found.guess is None
    weight = leaf(found, "layers[0].weight")
    assert (weight.rms, weight.gradient) == pytest.approx((3.0, math.sqrt(4.0**2 / 2)))
    assert weight.ratio == pytest.approx(math.sqrt(8) / 3)
    assert leaf(found, "layers[0].bias").ratio == math.inf
    assert str(found) == repr(found)
    assert str(found).splitlines() == [
        "path       layer  output   rms  saturated  dead",
        "-----------------------------------------------",
        "layers[0]  Dense  (n, 2)  4.74",
        "layers[1]  Relu   (n, 2)  3.35        50%   50%",
        "",
        "path              rms  gradient  ratio",
        "--------------------------------------",
        "layers[0].weight    3      2.83  0.943",
        "layers[0].bias      0      1.41    inf",
        "",
        "the loss is 4",
        "nothing else stands out",
    ]


def test_a_diagnosis_is_a_frozen_value():
    found = diagnose(net_of(dense(3)), (X, LABELS))
    assert isinstance(found, Diagnosis)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.loss = 0.0
    assert attrs.evolve(found, loss=1.0).loss == 1.0


NETS = {
    "nested": net_of(serial(dense(5), relu), serial(serial(dense(3)))),
    "residual": net_of(residual(dense(4), residual(tanh)), dense(3)),
    "branches": net_of(parallel(dense(3), serial(dense(5), relu, dense(3))), add),
    "a bare layer": dense(3)(Key(0), X),
    "no layers to speak of": Serial((fnn.identity,)),
}


@each_of("name", NETS)
def test_the_layers_are_those_of_the_summary_in_its_order(name):
    found = diagnose(NETS[name], (X, LABELS))
    rows = [line.split()[:2] for line in summary(NETS[name], X).splitlines()[2:-2]]
    assert [[each.path, each.layer] for each in found.layers] == rows
    assert [each.path for each in found.leaves] == tree.paths(NETS[name])
    assert found.found[0].startswith("the loss is ")


def test_sequences_pairs_with_lengths_and_tokens_are_as_good_as_rows():
    sequences, lengths = numbers(4, 5, 3), np.array([5, 2, 1, 3])
    recurrent = net_of(gru(4), last_step, dense(2), x=(sequences, lengths))
    found = diagnose(recurrent, ((sequences, lengths), np.array([0, 1, 0, 1])))
    assert [each.output for each in found.layers] == ["(n, 5, 4), (n)", "(n, 4)", "(n, 2)"]
    tokens = np.arange(12).reshape(4, 3) % 7
    reader = net_of(embedding(7, 4), transformer_block(2, 8), dense(7), x=tokens)
    found = diagnose(reader, (tokens, tokens))
    assert found.guess == pytest.approx(math.log(7))
    assert "layers[1].layers[0].body.layers[1]" in [each.path for each in found.layers]
    assert found.found[-1] == "nothing else stands out"


def test_dropout_acts_as_in_the_step_of_training_with_the_same_key():
    net = net_of(dense(50), dropout(0.5), dense(3))
    found = diagnose(net, (X, LABELS), key=Key(3))
    value, gradient = fnn.value_and_grad(cross_entropy, net, (X, LABELS), Key(3))
    assert found.loss == value
    rms = math.sqrt(np.mean(np.square(gradient.layers[2].weight)))
    assert leaf(found, "layers[2].weight").gradient == pytest.approx(rms)
    y = net.layers[1](net.layers[0](X), fnn.fold_in(Key(3), 1))
    assert layer(found, "layers[1]").rms == pytest.approx(math.sqrt(np.mean(np.square(y))))
    with pytest.raises(TypeError, match=r"Dropout at layers\[1\] needs a key"):
        diagnose(net, (X, LABELS))


def test_dropout_in_branches_gets_the_key_of_its_branch():
    net = net_of(parallel(dropout(0.5), residual(dropout(0.5))), add)
    found = diagnose(net, (X, X), mse, key=Key(3))
    first = dropout(0.5)(X, fnn.fold_in(fnn.fold_in(Key(3), 0), 0))
    second = dropout(0.5)(X, fnn.fold_in(fnn.fold_in(Key(3), 0), 1))
    for path, y in (("branches[0]", first), ("branches[1].body", second)):
        assert layer(found, f"layers[0].{path}").rms == pytest.approx(math.sqrt(np.mean(np.square(y))))


def test_a_net_is_diagnosed_without_being_written_to():
    net, x = net_of(dense(5), relu, dense(3)), X.copy()
    before = [each.tobytes() for each in tree.leaves(net)]
    diagnose(net, (x, LABELS))
    assert [each.tobytes() for each in tree.leaves(net)] == before
    assert (x == X).all()


def test_a_notebook_shows_both_tables_and_what_was_found():
    body = Dense(np.ones((4, 100)), np.full(100, -100.0))
    found = diagnose(Serial((body, relu, dense(3)(Key(0), np.zeros((1, 100))))), (X, LABELS))
    page = found._repr_html_()
    shown = Cells(page)
    assert shown.tables == 2
    cells = [cell[3] for cell in shown.cells]
    assert cells[:6] == ["path", "layer", "output", "rms", "saturated", "dead"]
    assert cells[12:18] == ["layers[1]", "Relu", "(n, 100)", "0", "100%", "100%"]
    assert "layers[2].bias" in cells
    assert page.endswith("".join(f"<p>{sentence}</p>" for sentence in found.found))
    assert len(found.found) > 1
    odd = attrs.evolve(found, found=("5 < 6 & <b>",), leaves=())
    assert odd._repr_html_().endswith("</table><p>5 &lt; 6 &amp; &lt;b&gt;</p>")
    assert Cells(odd._repr_html_()).tables == 1


# --- what is found ---------------------------------------------------------------------------------------------------


@each_of("how_many", [3, 30, 97, 100])
def test_relus_whose_biases_are_far_below_zero_are_dead(how_many):
    body = Dense(np.ones((4, 100)), np.where(np.arange(100) < how_many, -100.0, 100.0))
    net = Serial((body, relu, Dense(numbers(100, 3) * 0.01, np.zeros(3))))
    found = diagnose(net, (X, LABELS))
    assert layer(found, "layers[1]").dead == how_many / 100
    advice = "lower the learning rate or start with smaller weights"
    sentence = f"layers[1] Relu: {how_many}% of its units are 0 on every row, and learn nothing; {advice}"
    assert (sentence in found.found) == (how_many > 50)
    still = "the gradient of layers[0].weight and of 2 more is 0 throughout: nothing there learns"
    assert (still in found.found) == (how_many == 100)


def test_a_unit_that_lives_on_one_row_is_not_dead():
    net = Serial((Dense(np.array([[1.0, -1.0]]), np.zeros(2)), relu))
    found = diagnose(net, (np.array([[1.0], [1.0], [-1.0]]), np.zeros((3, 2))), mse)
    assert (layer(found, "layers[1]").saturated, layer(found, "layers[1]").dead) == (0.5, 0.0)


def test_of_sequences_with_lengths_the_steps_that_are_there_count():
    body = Dense(np.array([[1.0, -1.0]]), np.zeros(2))
    x = np.array([[[1.0], [2.0], [-3.0]], [[4.0], [-5.0], [-6.0]]])  # beyond the lengths below 0
    net = Serial((body, relu, last_step))
    found = diagnose(net, ((x, np.array([2, 1])), np.zeros((2, 2))), mse)
    assert (layer(found, "layers[1]").saturated, layer(found, "layers[1]").dead) == (0.5, 0.5)
    found = diagnose(net, ((x, np.array([3, 1])), np.zeros((2, 2))), mse)
    assert (layer(found, "layers[1]").saturated, layer(found, "layers[1]").dead) == (0.5, 0.0)


def test_relu6_is_saturated_at_both_ends():
    net = Serial((Dense(np.ones((1, 1)), np.zeros(1)), fnn.relu6))
    found = diagnose(net, (np.array([[-1.0], [2.0], [6.5], [7.0]]), np.zeros((4, 1))), mse)
    assert (layer(found, "layers[1]").saturated, layer(found, "layers[1]").dead) == (0.75, 0.0)


def test_a_channel_of_images_is_dead_if_it_is_0_everywhere():
    images = np.abs(numbers(2, 3, 3, 1))
    body = Dense(np.array([[1.0, -1.0, -1.0]]), np.array([0.0, 0.0, images.max() - 1e-3]))
    found = diagnose(Serial((body, relu)), (images, np.zeros((2, 3, 3, 3))), mse)
    assert layer(found, "layers[1]").dead == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("activation", "edge"), [(sigmoid, math.log(99)), (tanh, math.atanh(0.98)), (hard_tanh, 1.0), (hard_sigmoid, 3.0)]
)
def test_sigmoid_and_tanh_and_what_is_like_them_saturate(activation, edge):
    biases = np.array([edge + 1e-3, -edge - 1e-3, 100.0, edge - 1e-3, 0.0])
    net = Serial((Dense(np.zeros((4, 5)), biases), activation, dense(3)(Key(0), np.zeros((1, 5)))))
    found = diagnose(net, (X, LABELS))
    assert layer(found, "layers[1]").saturated == layer(found, "layers[1]").dead == pytest.approx(3 / 5)
    assert layer(found, "layers[0]").saturated is None
    name = type(activation).__name__
    assert f"layers[1] {name}: 60% of its units are saturated on every row, and learn nothing;" in str(found)


def test_mistake_37_standard_normal_weights_start_a_hundred_times_worse_than_guessing():
    x = np.abs(numbers(64, 784))
    drawn = [Dense(normals(Key(n), (n, m)), np.zeros(m)) for n, m in ((784, 32), (32, 16), (16, 10))]
    found = diagnose(Serial((drawn[0], relu, drawn[1], relu, drawn[2])), (x, np.arange(64) % 10))
    assert found.guess == pytest.approx(math.log(10))
    assert found.loss > 100
    assert found.found[0] == (
        f"the loss is {found.loss:.3g}, where guessing costs ln 10 = 2.30: "
        "the network is sure of what is wrong; at the start, the first weights are too large"
    )
    good = diagnose(fnn.mlp(32, 16, 10)(Key(0), x), (x, np.arange(64) % 10))
    assert good.found == (f"the loss is {good.loss:.3g}, where guessing costs ln 10 = 2.30", "nothing else stands out")


def test_guessing_costs_ln_2_in_binary_cross_entropy_and_ln_k_under_a_penalty_too():
    target = (X > 0).astype(float)
    assert diagnose(net_of(dense(4)), (X, target), binary_cross_entropy).guess == math.log(2)
    assert diagnose(net_of(dense(3)), (X, LABELS), regularized(cross_entropy, l2(0.1))).guess == math.log(3)
    assert diagnose(net_of(dense(3)), (X, numbers(8, 3)), regularized(mse, l2(0.1))).guess is None


def test_the_gradient_of_a_deep_sigmoid_net_vanishes():
    deep = net_of(*[part for _ in range(12) for part in (dense(8), sigmoid)], dense(3))
    found = diagnose(deep, (X, LABELS))
    slopes = [each.gradient for each in found.leaves if each.path.endswith("weight")]
    assert slopes == sorted(slopes)
    assert f"the gradient vanishes on its way back: {slopes[0]:.1g} at layers[0].weight" in found.found[-1]
    assert found.found[-1].endswith("at layers[24].weight; try relu for sigmoid, norms, residual")


def test_the_gradient_of_a_deep_net_with_large_weights_explodes():
    deep = Serial(tuple(Dense(10 * numbers(8, 8, seed=n), np.zeros(8)) for n in range(8)))
    # Outputs as large as these would hide it, so that the last layer, and the loss with it, are made small.
    small = tree.at("layers[7].weight", lambda weight: 0 * weight + 1e-12, deep)
    x = 1e-9 * numbers(8, 8)
    found = diagnose(small, (x, numbers(8, 8)), mse)
    assert leaf(found, "layers[0].weight").gradient < leaf(found, "layers[7].weight").gradient
    reverse = Serial((Dense(1e-12 * np.eye(8), np.zeros(8)), *deep.layers[:-1]))
    found = diagnose(reverse, (numbers(8, 8), numbers(8, 8)), mse)
    assert leaf(found, "layers[0].weight").gradient > 1e4 * leaf(found, "layers[7].weight").gradient
    assert "the gradient explodes on its way back" in found.found[-1]
    assert found.found[-1].endswith("at layers[0].weight; try smaller weights, norms, clip_by_global_norm")


@each_of("bad", [np.nan, np.inf, -np.inf])
@each_of("path", ["layers[0].weight", "layers[2].bias", "layers[4].weight"])
def test_a_planted_nan_or_infinity_is_found_by_the_path_of_its_leaf(path, bad):
    net = tree.at(path, lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, bad, a), deep_net())
    found = diagnose(net, (X, LABELS))
    assert found.first_bad_leaf == path
    assert found.first_bad_data is None
    sentence = f"the parameters are not finite, first in {path}; go back to some that are, say Diverged's state"
    assert sentence in found.found
    if np.isnan(bad):
        assert found.first_bad_layer == path.rpartition(".")[0]
        assert found.found[0] == "the loss is nan"


def deep_net():
    return net_of(dense(5), tanh, dense(5), tanh, dense(3))


def test_numbers_too_large_are_found_where_they_first_overflow():
    net = net_of(dense(4), serial(dense(4), residual(dense(4), relu)), dense(3), x=X.astype(np.float32))
    large = tree.at("layers[1].layers[1].body.layers[0].weight", lambda w: np.full_like(w, 3e38), net)
    found = diagnose(large, (X.astype(np.float32), LABELS))
    assert found.first_bad_leaf is None
    assert found.first_bad_layer == "layers[1].layers[1].body.layers[0]"
    assert found.found[1:] == (
        "the first output that is not finite is that of layers[1].layers[1].body.layers[0]; "
        "all that comes in is finite, so it overflows: lower the learning rate",
    )


def test_a_sum_that_overflows_though_its_parts_do_not_is_the_sum_s_own_fault():
    x = np.full((2, 3), 3e38, np.float32)
    found = diagnose(Serial((residual(fnn.identity)(Key(0), x),)), (x, np.array([0, 1])))
    assert found.first_bad_layer == "layers[0]"
    assert diagnose(residual(fnn.identity)(Key(0), x), (x, np.array([0, 1]))).first_bad_layer == "."


def test_the_first_bad_layer_of_a_bare_residual_net_is_inside_it():
    x = numbers(2, 3).astype(np.float32)
    large = Dense(np.full((3, 3), 3e38, np.float32), np.zeros(3, np.float32))
    net = fnn.Residual(Serial((relu, large)))
    assert diagnose(net, (1 + x * x, np.array([0, 1]))).first_bad_layer == "body.layers[1]"


@pytest.mark.parametrize(
    ("batch", "place"),
    [
        ((np.where(np.arange(8)[:, None] == 5, np.nan, X), X), "x[5]"),
        ((np.where(np.arange(8)[:, None] > 2, np.inf, X), X), "x[3]"),
        ((X, np.where(np.arange(8)[:, None] == 7, np.inf, X)), "target[7]"),
    ],
    ids=["nan in x", "infinity in x", "infinity in the target"],
)
def test_data_that_is_not_finite_is_found_by_its_first_row(batch, place):
    found = diagnose(net_of(dense(4)), batch, mse)
    assert found.first_bad_data == place
    assert f"the data is not finite, first in {place}; take such rows out" in found.found
    assert not math.isfinite(found.loss)


def test_one_of_several_inputs_that_is_not_finite_is_named():
    net = Serial((add,))
    found = diagnose(net, ((X, np.where(X[2] == X, np.nan, X)), X), mse)
    assert found.first_bad_data == "x[1][2]"


def test_a_loss_that_overflows_on_finite_outputs_is_told_from_outputs_that_do():
    x = np.full((2, 1), 1e200)
    found = diagnose(Serial((fnn.identity,)), (x, -x), mse)
    assert found.loss == math.inf
    sentence = "every output is finite, so it is the loss that overflows: lower the learning rate, or scale the target"
    assert found.found == ("the loss is inf", sentence)


class BadSlope(Record):
    """A layer whose rule gives a gradient that is not finite of a value that is."""

    weight: np.ndarray


@vjp.register
def bad_slope_vjp(layer: BadSlope, x, key=None):
    def bad_pullback(dy):
        return BadSlope(np.full_like(layer.weight, np.nan)), lambda: dy

    return x * layer.weight, bad_pullback


def test_a_gradient_that_is_not_finite_under_a_finite_loss_is_named():
    found = diagnose(BadSlope(np.ones(4)), (X, X), mse)
    assert found.found[-1] == "the gradient of weight is not finite"


class OtherGradient(Record):
    """A layer whose rule gives a gradient of another type."""

    weight: np.ndarray


@vjp.register
def other_gradient_vjp(layer: OtherGradient, x, key=None):
    return x * layer.weight, lambda dy: ((np.ones(4),), lambda: dy)


def test_a_gradient_that_is_no_tree_like_the_parameters_is_an_error_with_the_path():
    message = "diagnose: parameters and gradient: trees differ at the root: OtherGradient against tuple"
    with pytest.raises(ValueError, match=message):
        diagnose(OtherGradient(np.ones(4)), (X, X), mse)


def test_a_run_that_diverged_is_diagnosed_in_one_line():
    x = numbers(8, 3, dtype=np.float32)
    batch = x, (x**2).sum(axis=1, keepdims=True)
    step = train_step(mse, sgd(1e6))
    with pytest.raises(Diverged, match=r"print\(diagnose\(error.state.params, batch\)\) tells where$") as caught:
        last(states(step, start(fnn.mlp(8, 8, 1)(Key(0), x), sgd(1e6)), [batch] * 100))
    found = diagnose(caught.value.state.params, batch, mse)
    assert found.first_bad_leaf is None
    assert found.loss > 1e30 or found.first_bad_layer is not None
    assert "lower the learning rate" in str(found)


@each_of(
    ("call", "kind", "message"),
    [
        (lambda: diagnose(dense(3), (X, LABELS)), TypeError, r"make it first: net = constructor\(key, x\)"),
        (lambda: diagnose(deep_net(), [X, LABELS]), TypeError, r"a batch is \(x, target\) or \(x, target, weights\)"),
        (lambda: diagnose(deep_net(), (X[:, :2], LABELS)), ValueError, r"dense at layers\[0\] expects rows \(n, 4\)"),
        (lambda: diagnose(deep_net(), (X, LABELS), key=3), TypeError, r"expects a key, got int 3; write Key\(3\)"),
        (lambda: diagnose(deep_net(), (X, LABELS), "mse"), TypeError, r"vjp expects a layer or a loss, got str 'mse'"),
    ],
    ids=["a constructor", "a list", "another width", "a number as key", "text as loss"],
)
def test_what_cannot_be_diagnosed_is_refused_as_in_training(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
