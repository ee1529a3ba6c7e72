"""The lessons print what they promise, explain themselves as notebooks, and draw their figures."""

import contextlib
import io
import re

import numpy as np
import pytest

from fnn.testing import SIGNATURES, grade
from tests.each_of import each_of
from tests.examples.lessons import EXAMPLES, LESSONS, figures_of, number_after, run_lesson


@pytest.fixture
def lesson(tmp_path):
    return lambda script, *arguments, **options: run_lesson(script, tmp_path, *arguments, **options)


def test_one_neuron_goes_down_as_its_formula_says(lesson):
    names, printed = lesson("01_one_neuron.py")
    errors = [names["error"](params) for params in names["by_hand"]]
    np.testing.assert_allclose(np.divide(errors[1:], errors[:-1]), (1 - 2 * 0.02 * 5) ** 2, rtol=1e-12)
    assert number_after("by formula differ by at most", printed) < 1e-11
    assert re.search(r"learning rate 0\.22: .* diverges\n", printed)
    by_hand, by_library = re.search(r"after five epochs: by hand ([\d.]+), by the library ([\d.]+)", printed).groups()
    assert by_hand == by_library
    assert float(by_hand) == pytest.approx(names["by_hand"][-1][0], abs=1e-6)


def test_five_inputs_learn_below_a_learning_rate_that_their_squares_decide(lesson):
    names, printed = lesson("02_many_inputs.py")
    assert "the library's gradient is the same: True" in printed
    assert names["limits"]["one input"] == 0.2
    for name, inputs in (("one input", names["one"]), ("five inputs", names["five"])):
        initial, limit = names["error_after"](0, 0.0, inputs), names["limits"][name]
        assert names["error_after"](200, 0.99 * limit, inputs) < 0.1 * initial
        assert names["error_after"](200, 1.01 * limit, inputs) > 10 * initial
    once, twice = re.search(r"of the mean: ([\d.]+) from 20 rows, ([\d.]+) from the same", printed).groups()
    assert once == twice


def test_another_seed_is_another_lesson_and_the_same_seed_the_same(lesson):
    runs = [lesson("02_many_inputs.py", "--seed", seed)[1] for seed in ("0", "0", "1")]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.long
def test_a_hidden_layer_fits_what_lines_cannot(lesson):
    names, printed = lesson("03_hidden_layers.py")
    assert number_after("the weights by hand and by the library differ by at most", printed) < 1e-14
    assert names["final"]["linear layers only"].loss == pytest.approx(names["best_line"], rel=1e-3)
    assert names["final"]["two layers, relu"].loss < 0.05 * names["best_line"]
    assert number_after("they differ by at most", printed) < 1e-14


def test_the_results_of_the_book_come_out(lesson):
    printed = lesson("04_functions_and_slopes.py")[1]
    for line in (
        "softmax, naive   [[0.0182, 0.2452, 0.7366], [nan, nan, nan]]",
        "softmax, shifted [[0.0182, 0.2452, 0.7366], [1.0, 0.0, 0.0]]",
        "[[19, 22], [43, 50]]   2x3 times 3x2: [[22, 28], [49, 64]]",
        "forward pass of 2-3-2-2: [[0.31682708, 0.69627909]]",
        "a 2x3 layer: loss 0.9280685",
        "half the sum of squares 0.0975",
        "cross-entropy 0.5108 by the book",
        "cross-entropy 0.5108 from logits",
        "derivative at 5: 0.2000000000, at 10: 0.3000000000",
        "at (3, 4): [6.0, 8.0], at (0, 2): [0.0, 4.0]",
        "learning rate 1e-10: after 100 steps at (-3, 4)",
    ):
        assert line in printed
    x0, x1 = map(float, re.search(r"rate 0.1: after 100 steps at \((\S+), (\S+)\)", printed).groups())
    np.testing.assert_allclose([x0, x1], [-3 * 0.8**100, 4 * 0.8**100], rtol=2e-3)
    assert abs(number_after("rate 10: after 20 steps at (", printed)) > 1e20
    assert number_after("20 rows         40 steps: error", printed) < number_after(
        "all 200 rows     4 steps: error", printed
    )


@pytest.mark.long
def test_callbacks_are_functions_on_the_stream(lesson):
    names, printed = lesson("07_streams.py")
    assert "the same weights as without the interruption, to the bit: True" in printed
    assert names["test_loss"](names["best"]) == min(map(names["test_loss"], names["tested"]))
    assert [int(step) for step in re.findall(r"  step (\d+): test loss", printed)] == [0, 75, 150, 225, 300]
    assert "the composition gives the weights of train_step, to the bit: True" in printed
    noisy, plain = names["disturbed"]["loss"], names["each"]["loss"]
    assert noisy[0] == plain[0]
    assert all(with_noise != without for with_noise, without in zip(noisy[1:], plain[1:], strict=True))
    assert 0.05 < names["lowest"] < 10
    assert number_after("with adam:", printed) > 0.8


def test_a_layer_of_one_s_own_is_as_good_as_any(lesson):
    names, printed = lesson("08_own_layer.py")
    assert max(names["report"].errors.values()) < 1e-8
    assert re.search(r"with the wrong sign: the gradient of centers is wrong at \(\d, \d\): .* sign", printed)
    assert number_after("before,", printed) > 0.9
    assert "its output is the same to the bit: True" in printed


@pytest.mark.long
def test_branches_and_joins_are_values_inside_values(lesson):
    names, printed = lesson("09_functional_model.py")
    assert re.search(r"^total +910$", printed, re.MULTILINE)  # 64 * 8 + 8 + 64 * 4 + 4 + 12 * 10 + 10
    assert number_after("digit: accuracy", printed) > 0.85
    assert "both places hold the same layer: True" in printed
    assert names["n_parameters"] == 32 * 24 + 24 + 48 * 48 + 48 + 48 * 10 + 10 + 48 + 1


@pytest.mark.long
def test_many_networks_are_one_run_with_the_bits_of_each_alone(lesson):
    names, printed = lesson("13_many_networks.py")
    assert "4 of them alone end with the same bits: True" in printed
    assert "the same trials one by one: True" in printed
    assert names["by_rate"].shape == (7, 4)
    lost = np.isnan(names["by_rate"])
    assert lost[-1].any()
    assert not lost[:5].any()
    assert names["by_rate"][names["best"]].min() > 0.85
    assert names["compared"][1].mean < -0.03
    assert abs(names["votes"](names["few"][0]).sum(axis=2) - 1).max() < 1e-6
    one, ten = map(float, re.search(r"accuracy, 4 epochs +(0\.\d+) +(0\.\d+)", printed).groups())
    assert 0.9 < one < ten
    assert re.search(r"^calibration error ten - one: ", printed, re.MULTILINE)


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_opens_with_what_it_shows_and_how_to_run_it(script):
    text = (EXAMPLES / script).read_text()
    head = text.split('"""')[1]
    assert text.startswith('# %% [markdown]\n"""\n')
    assert head.startswith(f"\n# Lesson {int(script[:2])}: ")
    assert f"python examples/{script} --fast" in head


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_explains_its_code_in_markdown_cells(script):
    text = (EXAMPLES / script).read_text()
    cells = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    kinds, bodies = cells[::2], cells[1::2]
    assert set(kinds) == {" [markdown]", ""}
    explained = [body for kind, body in zip(kinds, bodies, strict=True) if kind]
    assert sum("\n# ## " in f"\n{body}" for body in explained) >= 5
    for kind, body in zip(kinds, bodies, strict=True):
        lines = body.strip().splitlines()
        assert lines
        if kind and not lines[0].startswith('"""'):
            assert all(line.startswith("#") for line in lines)
        if not kind:
            assert not lines[0].startswith("#"), "an explanation belongs into a markdown cell"


@pytest.mark.parametrize("script", LESSONS)
@pytest.mark.long
def test_a_lesson_draws_its_figures(lesson, script, tmp_path):
    pytest.importorskip("matplotlib")
    _, printed = lesson(script, without=())
    drawn = sorted(tmp_path.glob("*.png"))
    assert [path.name for path in drawn] == figures_of(script) != []
    assert all(path.name.startswith(script[:2]) and path.stat().st_size > 10_000 for path in drawn)
    assert printed.count("wrote ") == len(drawn)


SOLUTIONS = {
    "mse_gradient": "return 2 * (y - target) / y.size",
    "dense_backward": "return x.T @ dy, dy.sum(axis=0), dy @ weight.T",
    "mlp_backward": """
    inputs, dweights = [x], []
    for weight in weights:
        inputs.append(np.tanh(inputs[-1] @ weight))
    for weight, x, y in reversed(list(zip(weights, inputs, inputs[1:]))):
        dz = dy * (1 - y**2)
        dweights.insert(0, x.T @ dz)
        dy = dz @ weight.T
    return dweights""",
    "softmax": """
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)""",
    "minibatch_gradients": """
    batches = [slice(begin, begin + size) for begin in range(0, len(x), size)]
    return [2 * x[b].T @ (x[b] @ weight - target[b]) / len(x[b]) for b in batches]""",
    "init": """
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(a, b)) * np.sqrt(2 / a), np.zeros(b)) for a, b in zip(sizes, sizes[1:])]""",
    "momentum_step": """
    v = momentum * v + g
    return p - learning_rate * v, v""",
    "softmax_pullback": """
    e = np.exp(x - x.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))""",
    "loss_and_gradient": "return np.mean(np.abs(y - target) ** 3), 3 * (y - target) * np.abs(y - target) / y.size",
    "cross_entropy_gradient": """
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[labels]) / len(logits)""",
    "minibatches": """
    order = np.random.default_rng(seed).permutation(len(x))
    return [(x[order[i : i + size]], y[order[i : i + size]]) for i in range(0, len(x), size)]""",
    "numerical_gradient": """
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.astype(np.float64), x.astype(np.float64)
        up[place] += 1e-5
        down[place] -= 1e-5
        slopes[place] = (f(up) - f(down)) / 2e-5
    return slopes""",
    "adam_step": """
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return p - learning_rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v""",
    "relu_pullback": "return dy * (x > 0)",
    "standardize": """
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)""",
    "rnn_backward": """
    h = [np.zeros((len(x), len(hidden_weight)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ input_weight + h[t] @ hidden_weight + bias))
    dinput, dhidden, dbias, dx = 0 * input_weight, 0 * hidden_weight, 0 * bias, 0 * x
    dh = 0
    for t in reversed(range(x.shape[1])):
        dz = (dy[:, t] + dh) * (1 - h[t + 1] ** 2)
        dinput, dhidden, dbias = dinput + x[:, t].T @ dz, dhidden + h[t].T @ dz, dbias + dz.sum(axis=0)
        dx[:, t], dh = dz @ input_weight.T, dz @ hidden_weight.T
    return dinput, dhidden, dbias, dx""",
}
TURN = re.compile(
    r"# ## Your turn\n(?:#.*\n)+\n\n# %%\n(def (\w+)\((.*)\):\n    raise NotImplementedError\n\n\n(?s:.*))"
)


def turn_of(script):
    """Return the cell in which a reader writes a function, its name, and what it takes."""
    return TURN.search((EXAMPLES / script).read_text()).groups()


def outcome_of(cell):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(cell, {"np": np, "grade": grade, "__name__": "__main__"})
    return printed.getvalue()


@each_of("script", LESSONS)
def test_a_lesson_ends_in_a_function_to_write_that_grade_takes(script):
    cell, name, arguments = turn_of(script)
    assert SIGNATURES[name].startswith(f"{name}({arguments})")
    unwritten = f"{name}: {name}() is not written yet; write {SIGNATURES[name]}\n0 of 1 functions without a finding\n"
    assert outcome_of(cell) == unwritten
    written = cell.replace("raise NotImplementedError", SOLUTIONS[name].lstrip())
    assert outcome_of(written) == f"{name}: no finding\n1 of 1 functions without a finding\n"


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_says_which_figure_of_the_tutorials_each_of_its_own_is(script):
    head = (EXAMPLES / script).read_text().split('"""')[1]
    told = head.split("Figures of the tutorials: ")[1].split("    python")[0]
    assert sorted(re.findall(r"`(\w+\.png)`", told)) == figures_of(script)
