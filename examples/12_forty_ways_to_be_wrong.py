# %% [markdown]
"""
# Lesson 12: forty ways to be wrong, each shown failing

Networks written from scratch go wrong without an error: the loss falls, the accuracy looks plausible, and the results
are wrong. These 42 mistakes were found in published tutorials, courses and libraries; 2, 3, 4, 5, 6, 8, 9, 36 and 37
are in the four tutorials that this package grew out of. Each is a line or two of code here, next to the right
expression. The lesson prints the line as it was written, a result of it beside the right one, and the test of the
package that catches it.

Figures of the tutorials: none; `12_forty_ways_to_be_wrong.png` is of this lesson.

    python examples/12_forty_ways_to_be_wrong.py           the lesson and its figure, 10 seconds
    python examples/12_forty_ways_to_be_wrong.py --fast    shorter curves
"""

# %%
import argparse
import inspect
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from toolz import pipe
from toolz.curried import take_nth

import fnn
from fnn import (
    Key,
    Record,
    cross_entropy,
    dense,
    fold_in,
    history,
    mse,
    relu,
    serial,
    sgd,
    softmax,
    start,
    states,
    train_step,
    vjp,
)
from fnn.core.keys import normals, permutation, uniforms
from fnn.data import batches, digits, epochs, one_hot
from fnn.layers.initializers import he_normal
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="Forty ways to be wrong.")
parser.add_argument("--seed", type=int, default=0, help="seed of the data and the initial weights")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="shorter curves")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)

# %%
try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without figures: {missing}")
    plot = Figure = None


def show(figure, name):
    """Write the figure into the folder --out; in a notebook, show it below its cell."""
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / name, dpi=120)
    if notebook:
        from IPython.display import Image, display  # pyright: ignore[reportMissingImports]

        display(Image(filename=options.out / name))
    else:
        print(f"wrote {options.out / name}")


# %% [markdown]
# ## How a mistake is reported
# The name of the test contains the number of the mistake. `written` is the function as it was written; its source is
# printed.


# %%
class Mistake(NamedTuple):
    test: str
    written: str
    measure: str
    wrong: Any
    right: Any


mistakes: list[Mistake] = []


def report(test: str, written: Callable, measure: str, wrong: Any, right: Any) -> None:
    mistakes.append(Mistake(test, source(written), measure, wrong, right))
    number = test.removeprefix("test_mistake_")[:2].lstrip("0") if test.startswith("test_mistake_") else "and"
    print(f"{number:>3}  {mistakes[-1].written}")
    print(f"     {measure}: {as_text(wrong)}; right: {as_text(right)}")
    print(f"     {test}")


def source(function: Callable) -> str:
    """Return the body of a function in one line."""
    lines = [line.partition("  #")[0].strip() for line in inspect.getsource(function).splitlines()[1:]]
    return "; ".join(lines) if len(lines) > 1 else lines[0].removeprefix("return ")


def as_text(value: Any) -> str:
    if isinstance(value, str | bool | np.bool):
        return str(value)
    return ", ".join(f"{each:.3g}" for each in np.asarray(value, dtype=float).ravel())


def quietly(function: Callable, *arguments: Any) -> Any:
    """Call a function without NumPy's warnings, as many scripts do."""
    with np.errstate(all="ignore"):
        return function(*arguments)


def relative_error(wrong: Any, right: Any) -> float:
    return float(np.linalg.norm(wrong - right) / np.linalg.norm(right))


# %% [markdown]
# Most are shown on the 1,797 digits of the package, with the scores and probabilities of an untrained network; some on
# normal random values.

# %%
key = Key(options.seed)
images, labels = digits()
hot = one_hot(labels, 10)
untrained = fnn.mlp(32, 10)(key, images)
scores = untrained(images).astype(np.float64)
probabilities = softmax(scores)


def random(*shape: int, place: int = 0) -> np.ndarray:
    return normals(fold_in(key, place), shape)


# %% [markdown]
# ## 1. Gradients that are wrong
# A wrong gradient raises no error: the steps go roughly downhill, and nobody sees what is lost.

# %%
print("GRADIENTS THAT ARE WRONG\n")


def negative(prediction, target):
    return target - prediction


w = 0.0
for _ in range(10):  # with an update that subtracts the gradient, as usual
    w = w - 0.1 * negative(w, 3.0)
report(
    "test_mistake_03_a_negative_gradient_that_is_added",
    negative,
    "(w - 3)^2 / 2, which is 4.5 at first, after ten steps",
    (w - 3) ** 2 / 2,
    4.5 * 0.9**20,
)


# %%
def of_all_biases(dz, m):
    return np.sum(dz) / m


dz = probabilities - hot
report(
    "test_mistake_04_a_bias_gradient_summed_over_everything",
    of_all_biases,
    "norm of the output biases' gradient",
    abs(of_all_biases(dz, len(dz))),
    np.linalg.norm(dz.mean(axis=0)),
)


# %%
def summed(prediction, target):
    return 2 * (prediction - target)


def gradients_of_repeated(dprediction):
    """Return the derivative with respect to w of the line w x, at 0, from four rows and from the same rows twice."""
    x = np.array([-1.0, 0.0, 1.0, 2.0])
    return [float(np.sum(x * dprediction(0 * x, 3 * x))) for x in (x, np.tile(x, 2))]


report(
    "test_mistake_05_the_loss_averaged_and_the_gradient_summed",
    summed,
    "derivative from four rows, and from the same rows twice",
    gradients_of_repeated(summed),
    gradients_of_repeated(lambda y, target: summed(y, target) / len(y)),
)


# %%
def gradient_of_squares(p, hot):
    return p * ((p - hot) - np.sum((p - hot) * p, axis=1, keepdims=True))


true = vjp(cross_entropy, scores, hot)[1](1.0)[1]()
report(
    "test_mistake_12_the_reported_loss_is_not_the_differentiated_one",
    gradient_of_squares,
    "relative error of the gradient, if the reported loss is cross-entropy",
    relative_error(gradient_of_squares(probabilities, hot) / len(hot), true),
    relative_error((probabilities - hot) / len(hot), true),
)


# %%
def diagonal(p, dy):
    return dy * p * (1 - p)


dy = probabilities - hot
true = vjp(softmax, scores)[1](dy)[1]()
wrong = diagonal(probabilities, dy)
cosine = np.sum(wrong * true) / np.linalg.norm(wrong) / np.linalg.norm(true)
report(
    "test_mistake_13_only_the_diagonal_of_softmax_s_jacobian",
    diagonal,
    f"relative error of the gradient, whose cosine is {cosine:.3f}",
    relative_error(wrong, true),
    relative_error(probabilities * (dy - np.sum(dy * probabilities, axis=1, keepdims=True)), true),
)


# %%
def sigmoid_derivative(z):
    return z * (1 - z)


points = np.array([-2.0, 0.0, 2.0])
report(
    "test_mistake_14_the_derivative_of_the_sigmoid_taken_at_its_input",
    sigmoid_derivative,
    "derivatives at -2, 0, 2",
    sigmoid_derivative(points),
    sigmoid_derivative(fnn.sigmoid(points)),
)


# %%
def relu_derivative(x):
    return (x >= 0) * 1.0


report(
    "test_mistake_17_text_and_code_differ_at_the_kink",
    relu_derivative,
    "derivative at 0, where all units are if the weights are initialized with 0",
    relu_derivative(0.0),
    vjp(relu, np.zeros(1))[1](np.ones(1))[1](),
)


# %%
def update_during_backward(first, second, dy, learning_rate):
    second = second - learning_rate * dy * first
    first = first - learning_rate * dy * second
    return first, second


report(
    "test_mistake_22_weights_updated_during_the_backward_pass",
    update_during_backward,
    "weights of a product with the target 3, one step from 1, 1 with a learning rate of 1/2",
    update_during_backward(1.0, 1.0, 1.0 * 1.0 - 3, 0.5),
    [1 - 0.5 * -2 * 1, 1 - 0.5 * -2 * 1],
)


# %%
def input_of(activations, layer):
    return activations[layer + 1]


equal_widths = fnn.mlp(3, 3, activation=fnn.tanh)(key, random(5, 3))
activations = [random(5, 3)]
for layer in equal_widths.layers:
    activations.append(layer(activations[-1]))
true = vjp(equal_widths, activations[0])[1](np.ones((5, 3)))[0].layers[2].weight  # its input is activations[2]
report(
    "test_mistake_36_the_activations_of_the_layer_next_door",
    input_of,
    "relative error of the last weight's gradient, if all layers have the same width",
    relative_error(input_of(activations, 2).T @ np.ones((5, 3)), true),
    relative_error(activations[2].T @ np.ones((5, 3)), true),
)


# %%
def numeric(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


x = random(20)
exact = 1 - np.tanh(x) ** 2
report(
    "test_mistake_38_a_numeric_gradient_in_single_precision_in_place_or_at_a_kink",
    numeric,
    "error for tanh, in float32 and in float64",
    np.abs(numeric(np.tanh, x.astype(np.float32)) - exact).max(),
    np.abs(numeric(np.tanh, x) - exact).max(),
)


# %%
def by_rows_alone(y, target):
    return 2 * (y - target) / len(y)


y, target = random(5, 3, place=3), random(5, 3, place=4)
true = vjp(mse, y, target)[1](1.0)[1]()
report(
    "test_mistake_41_a_gradient_as_many_times_too_large_as_there_are_outputs",
    by_rows_alone,
    "ratio to the gradient of the mean over 3 outputs",
    np.linalg.norm(by_rows_alone(y, target)) / np.linalg.norm(true),
    np.linalg.norm(2 * (y - target) / y.size) / np.linalg.norm(true),
)


# %%
def backward(derivatives, dy):
    return backward(derivatives[1:], dy * derivatives[0]) if derivatives else dy


def in_a_loop(derivatives, dy):
    for derivative in derivatives:
        dy = dy * derivative
    return dy


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except RecursionError as error:
        return type(error).__name__


report(
    "test_mistake_42_recursion_in_the_backward_pass",
    backward,
    "gradient through 5,000 layers with derivative 1",
    outcome(backward, (1.0,) * 5000, 1.0),
    outcome(in_a_loop, (1.0,) * 5000, 1.0),
)


# %%
def never_zero(z):
    return np.zeros_like(z) if z.any() < 0 else np.ones_like(z)


report(
    "test_a_relu_derivative_that_never_acts",
    never_zero,
    "derivatives of relu at -3, -2, -1",
    never_zero(np.array([-3.0, -2.0, -1.0])),
    np.array([-3.0, -2.0, -1.0]) > 0,
)


# %% [markdown]
# ## 2. Numerical mistakes
# The formula is right on paper. But exp(710) overflows in float64 and 16 squared in a byte, and a sum needs the right
# axis.

# %%
print("\nNUMERICAL MISTAKES\n")


def bare_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


large = np.array([[1000.0, 1001.0, 1002.0]])
report(
    "test_mistake_08_softmax_without_a_shift",
    bare_softmax,
    "softmax of 1000, 1001, 1002",
    quietly(bare_softmax, large),
    bare_softmax(large - large.max(axis=1, keepdims=True)),
)


# %%
def shifted_by_batch_maximum(z):
    return bare_softmax(z - z.max())


rows = np.array([[0.0, 1.0], [1000.0, 1001.0]])
report(
    "test_mistake_09_softmax_shifted_by_the_maximum_of_the_whole_batch",
    shifted_by_batch_maximum,
    "softmax of the row 0, 1 in a batch with the row 1000, 1001",
    quietly(shifted_by_batch_maximum, rows)[0],
    softmax(rows)[0],
)


# %%
def over_the_rows(z):
    return np.exp(z) / sum(np.exp(z))


sums = over_the_rows(scores[:13]).sum(axis=1)
report(
    "test_mistake_10_softmax_summed_over_the_wrong_axis",
    over_the_rows,
    "minimum and maximum of the sums of 13 rows",
    [sums.min(), sums.max()],
    [probabilities[:13].sum(axis=1).min(), probabilities[:13].sum(axis=1).max()],
)


# %%
def clipped(p):
    return -np.log(np.clip(p, 1e-15, 1))


certain = np.array([[0.0, 10_000.0]])
report(
    "test_mistake_11_a_logarithm_that_is_clipped",
    clipped,
    "loss of a wrong prediction whose score is 10,000 above the label's",
    clipped(softmax(certain)[0, 0]),
    cross_entropy(certain, np.array([0])),
)


# %%
def bare_softplus(x):
    return np.log(1 + np.exp(x))


far = np.array([-10_000.0, 10_000.0])
report(
    "test_mistake_15_exponentials_as_in_the_textbook",
    bare_softplus,
    "softplus at -10,000 and 10,000",
    quietly(bare_softplus, far),
    np.maximum(far, 0) + np.log1p(np.exp(-np.abs(far))),
)


# %%
def masked_elu(x):
    return (x >= 0) * x + (x < 0) * (np.exp(x) - 1)


report(
    "test_mistake_16_both_branches_of_a_where",
    masked_elu,
    "elu at -10,000 and 10,000",
    quietly(masked_elu, far),
    np.where(far >= 0, far, np.expm1(np.minimum(far, 0))),
)


# %%
def of_bytes(prediction, target):
    return np.mean((prediction - target) ** 2)


black, gray = np.zeros(64, np.uint8), np.full(64, 16, np.uint8)
report(
    "test_mistake_39_arithmetic_on_bytes_and_whole_numbers",
    of_bytes,
    "mean squared error of pixels that differ by 16",
    of_bytes(black, gray),
    of_bytes(black.astype(float), gray.astype(float)),
)

# %% [markdown]
# ## 3. Shapes that broadcast by accident
# NumPy broadcasts shapes that differ. That is useful, and it makes a column minus a row a matrix.

# %%
print("\nSHAPES THAT BROADCAST BY ACCIDENT\n")


def broadcast(bias, gradient):
    return bias - 0.1 * gradient


unsummed = np.ones((5, 3))
report(
    "test_mistake_34_an_update_that_broadcasts",
    broadcast,
    "shape of a bias (3,) after a step on 5 rows",
    np.shape(broadcast(np.zeros(3), unsummed)),
    np.shape(broadcast(np.zeros(3), unsummed.sum(axis=0))),
)


# %%
def column_minus_row(prediction, target):
    return np.mean((prediction - target) ** 2)


seven = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
report(
    "test_mistake_35_a_column_less_a_row",
    column_minus_row,
    "squared error of a perfect prediction (7, 1) with a target (7,)",
    column_minus_row(seven[:, None], seven),
    mse(seven[:, None], seven[:, None]),
)


# %%
def all_against_all(prediction, target):
    return np.mean(prediction == target)


report(
    "test_mistake_40_an_accuracy_of_all_against_all",
    all_against_all,
    "accuracy of a perfect prediction (n, 1) of digits with labels (n,)",
    all_against_all(labels[:, None], labels),
    fnn.metrics.accuracy(labels, labels),
)

# %% [markdown]
# ## 4. Data and models that change unnoticed
# Two names for one array, and a random generator that everybody draws from.

# %%
print("\nDATA AND MODELS THAT CHANGE UNNOTICED\n")


def shallow(model):
    model = model.copy()
    model["w"] -= 1.0
    return model


before = {"w": np.array([3.0])}
shallow(before)
report(
    "test_mistake_01_a_shallow_copy",
    shallow,
    "the caller's weight, which is 3",
    before["w"],
    3.0,
)


# %%
def relu_in_place(x):
    x[x < 0] = 0
    return x


def mean_after(function):
    centered = random(1000) - random(1000).mean()
    function(centered)
    return float(centered.mean().round(12))


report(
    "test_mistake_02_a_relu_that_writes_into_its_input",
    relu_in_place,
    "mean of the caller's centered data after one forward pass",
    mean_after(relu_in_place),
    mean_after(lambda x: np.maximum(x, 0)),
)


# %%
def batches_of_fixed_rows(rows, size, key):
    return [rows[place * size : (place + 1) * size] for place in permutation(key, len(rows) // size)]


def different(loop):
    return len({frozenset(batch.tolist()) for epoch in range(50) for batch in loop(fold_in(key, epoch))})


twenty = np.arange(20)
report(
    "test_mistake_23_only_the_order_of_batches_is_shuffled",
    batches_of_fixed_rows,
    "different batches in 50 epochs of 20 rows, 5 a batch",
    different(lambda key: batches_of_fixed_rows(twenty, 5, key)),
    different(lambda key: (batch for (batch,) in batches((twenty,), 5, key))),
)


# %%
def shuffled_separately(x, label, key, other):
    return x[permutation(key, len(x))], label[permutation(other, len(x))]


rows = np.arange(1000)
separate, wrong_labels = shuffled_separately(rows, rows % 10, *fnn.split(key, 2))
together, right_labels = (each[permutation(key, 1000)] for each in (rows, rows % 10))
report(
    "test_mistake_24_inputs_and_labels_shuffled_apart",
    shuffled_separately,
    "fraction of the rows that still have their label",
    np.mean(separate % 10 == wrong_labels),
    np.mean(together % 10 == right_labels),
)


# %%
def standardized_in_place(x, like):
    x -= like.mean()
    x /= like.std()
    return x


def mean_of_the_test_set(scale):
    train, test = 5 + random(500), 5 + random(500, place=1)
    scale(train, train)
    return float(np.mean(scale(test, train)))


report(
    "test_mistake_25_data_functions_that_change_the_data",
    standardized_in_place,
    "mean of the standardized test set",
    mean_of_the_test_set(standardized_in_place),
    mean_of_the_test_set(lambda x, like: (x - like.mean()) / like.std()),
)


# %%
def seeded(seed):
    return np.random.default_rng(seed if seed else None).random()


report(
    "test_mistake_26_a_seed_of_zero_taken_for_none",
    seeded,
    "seed 0 gives the same value twice",
    seeded(0) == seeded(0),
    np.random.default_rng(0).random() == np.random.default_rng(0).random(),
)


# %%
def drawn(seed):
    np.random.seed(seed)  # noqa: NPY002
    return lambda: np.random.rand()  # noqa: NPY002


saved = np.random.get_state()  # noqa: NPY002
first, again = drawn(0)(), drawn(0)
np.random.rand()  # noqa: NPY002
second = again()
np.random.set_state(saved)  # noqa: NPY002
report(
    "test_mistake_27_the_global_generator",
    drawn,
    "the same seed gives the same weight, if other code draws in between",
    first == second,
    np.array_equal(normals(Key(0), 1), normals(Key(0), 1)),
)

# %% [markdown]
# ## 5. Training that is not what it is called
# Each of these trains. But the optimizer, the learning rate or the network is not the one in the text beside it.

# %%
print("\nTRAINING THAT IS NOT WHAT IT IS CALLED\n")


def by_all_rows(difference, all_rows):
    return 2 * difference.sum() / all_rows


sizes = [len(batch) for (batch,) in batches((np.arange(105),), 50)]
report(
    "test_mistake_06_a_minibatch_divided_by_the_size_of_the_data",
    by_all_rows,
    "derivatives of w^2 at 1/2 from 105 equal rows in batches of 50",
    [by_all_rows(np.full(size, 0.5), 105) for size in sizes],
    [2 * np.full(size, 0.5).sum() / size for size in sizes],
)


# %%
def mean_of_means(losses, size):
    return np.mean([np.mean(losses[begin : begin + size]) for begin in range(0, len(losses), size)])


losses = np.repeat([0.96643, 0.92163], [100, 5])
report(
    "test_mistake_07_the_mean_of_the_means_of_batches",
    mean_of_means,
    "loss of 105 rows in batches of 50",
    round(mean_of_means(losses, 50), 4),
    round(losses.mean(), 4),
)


# %%
def uncorrected_adam(m, s, t):
    return (m / (1 - 0.9)) / np.sqrt(s / (1 - 0.999))


def corrected_adam(m, s, t):
    return (m / (1 - 0.9**t)) / np.sqrt(s / (1 - 0.999**t))


def of_ones(rule, t):
    """Return step t in units of the learning rate, if all gradients are 1: then m and s are geometric series."""
    return rule(1 - 0.9**t, 1 - 0.999**t, t)


report(
    "test_mistake_18_adam_s_correction_without_the_power_of_t",
    uncorrected_adam,
    "steps 10 and 5,000 for a constant gradient, in units of the learning rate",
    [of_ones(uncorrected_adam, t) for t in (10, 5000)],
    [of_ones(corrected_adam, t) for t in (10, 5000)],
)


# %%
def running_mean(velocity, gradient):
    return 0.9 * velocity + (1 - 0.9) * gradient


def after(steps, velocity, rule):
    for _ in range(steps):
        velocity = rule(velocity)
    return velocity


report(
    "test_mistake_19_a_running_mean_called_momentum",
    running_mean,
    "velocity after 100 gradients of 1",
    after(100, 0.0, lambda velocity: running_mean(velocity, 1.0)),
    after(100, 0.0, lambda velocity: 0.9 * velocity + 1.0),
)


# %%
def clipped_step(w, gradient, learning_rate):
    return w - learning_rate * np.clip(gradient, -1, 1)


report(
    "test_mistake_20_an_update_that_clips_silently",
    clipped_step,
    "w after 40 steps down w^2 / 2 from 1, with a learning rate of 2.5",
    after(40, 1.0, lambda w: clipped_step(w, w, 2.5)),
    after(40, 1.0, lambda w: w - 2.5 * w),
)


# %%
def forgetful(velocity, gradient):
    velocity = np.zeros(2)
    return 0.9 * velocity + gradient


opposite = np.array([1.0, -1.0])
report(
    "test_mistake_21_an_optimizer_s_memory_shared_or_forgotten",
    forgetful,
    "velocities after 3 gradients of 1 and -1",
    after(3, np.zeros(2), lambda velocity: forgetful(velocity, opposite)),
    after(3, np.zeros(2), lambda velocity: 0.9 * velocity + opposite),
)


# %%
def value_alone(w):
    return (w - 2) ** 2 + w**2, 2 * (w - 2)


report(
    "test_mistake_33_a_penalty_out_of_the_gradient_or_averaged_over_the_batch_or_on_the_biases",
    value_alone,
    "where gradient descent on (w - 2)^2 + w^2 ends",
    after(100, 0.0, lambda w: w - 0.1 * value_alone(w)[1]),
    after(100, 0.0, lambda w: w - 0.1 * (2 * (w - 2) + 2 * w)),
)


# %%
def standard_normal(key, shape, dtype):
    return normals(key, shape).astype(dtype)


def network(weight, x, *widths):
    layers = [layer for width in widths for layer in (dense(width, weight), relu)]
    return serial(*layers[:-1])(key, x)


enlarged = images.reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2)
padded = np.pad(enlarged, [(0, 0), (2, 2), (2, 2)]).reshape(-1, 784)
too_large, scaled = (network(weight, padded, 32, 16, 10) for weight in (standard_normal, he_normal))
report(
    "test_mistake_37_weights_from_the_standard_normal_distribution",
    standard_normal,
    f"initial loss of 784-32-16-10, where ln 10 = {math.log(10):.2f} is a guess",
    cross_entropy(too_large(padded), labels),
    cross_entropy(scaled(padded), labels),
)

# %% [markdown]
# ## 6. Layers that are nearly right
# What is missing is small, or matters only from the second step, the second window or the second row on.

# %%
print("\nLAYERS THAT ARE NEARLY RIGHT\n")


def of_its_own_step(dy, later, derivative):
    return dy * derivative


def of_all_steps(dy, later, derivative):
    return (dy + later) * derivative


def through_time(rule, dy):
    """Pull dy back through h[t] = tanh(x[t] + h[t - 1]), four steps from h = 0."""
    h, x, derivatives = 0.0, random(4), []
    for each in x:
        h = np.tanh(each + h)
        derivatives.append(1 - h**2)
    later, dx = 0.0, np.zeros(4)
    for t in reversed(range(4)):
        dx[t], later = rule(dy[t], later, derivatives[t]), of_all_steps(dy[t], later, derivatives[t])
    return dx


def by_finite_differences(dy):
    def loss(x):
        h, total = 0.0, 0.0
        for each, weight in zip(x, dy, strict=True):
            h = np.tanh(each + h)
            total += weight * h
        return total

    return fnn.numeric.gradient(loss, random(4))


report(
    "test_mistake_28_an_rnn_s_input_gradient_from_the_loss_at_its_own_step_alone",
    of_its_own_step,
    "relative error of the input's gradient over four steps",
    relative_error(through_time(of_its_own_step, np.ones(4)), by_finite_differences(np.ones(4))),
    round(relative_error(through_time(of_all_steps, np.ones(4)), by_finite_differences(np.ones(4))), 8),
)


# %%
def assigned(dcell, through_output):
    dcell = through_output
    return dcell


def added(dcell, through_output):
    dcell += through_output
    return dcell


def of_the_first_cell(rule, steps):
    """Pull a gradient of 1 at each step back through c[t] = c[t - 1] / 2, whose output at each step is c[t]."""
    dcell = 0.0
    for _ in range(steps):
        dcell = rule(dcell, 1.0) / 2
    return dcell


report(
    "test_mistake_29_an_lstm_with_a_missing_derivative_swapped_gates_or_an_assignment_for_a_sum",
    assigned,
    "derivative with respect to the first cell, which halves at each step, after 1 step and after 3",
    [of_the_first_cell(assigned, steps) for steps in (1, 3)],
    [of_the_first_cell(added, steps) for steps in (1, 3)],
)


# %%
def unflipped(dy, kernel):
    return np.correlate(dy, kernel, "full")


pulse, kernel = np.array([0.0, 0.0, 1.0, 0.0]), np.array([1.0, 2.0, 3.0])
report(
    "test_mistake_30_a_flipped_kernel_the_padding_s_odd_zero_overlaps_ties_and_the_fan_in",
    unflipped,
    "gradient of the third window of a kernel 1, 2, 3 with respect to six inputs",
    unflipped(pulse, kernel),
    np.convolve(pulse, kernel, "full"),
)


# %%
def unscaled(x, mask):
    return x * mask


ones, masks = np.ones(30_000), [uniforms(fold_in(key, place), 30_000) < 0.5 for place in range(3)]
report(
    "test_mistake_31_dropout_that_does_not_scale_redraws_its_mask_and_stays_on",
    unscaled,
    "mean of ones after three dropouts of one half",
    unscaled(unscaled(unscaled(ones, masks[0]), masks[1]), masks[2]).mean(),
    (ones * masks[0] / 0.5 * masks[1] / 0.5 * masks[2] / 0.5).mean(),
)


# %%
def over_n_minus_one(x):
    return (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=0) / (len(x) - 1))


one_row = np.ones((1, 3))
report(
    "test_mistake_32_batch_norm_with_n_minus_1_and_a_mean_that_is_taken_for_a_constant",
    over_n_minus_one,
    "a batch of one row of ones, normalized",
    quietly(over_n_minus_one, one_row),
    (one_row - one_row.mean(axis=0)) / np.sqrt(one_row.var(axis=0) + 1e-5),
)

# %%
numbered = {each.test for each in mistakes if each.test.startswith("test_mistake_")}
print(f"\n{len(numbered)} numbered mistakes, and {len(mistakes) - len(numbered)} more from the tutorials")

# %% [markdown]
# ## 7. Which one is it?
# `grade` calls a function on chosen inputs, compares the results with the right ones, and says which mistake would
# explain the difference.

# %%
print("\nWHAT grade SAYS ABOUT SOME OF THEM\n")


def correct_mse(y, target):
    if y.shape != target.shape:
        raise ValueError(f"expected two equal shapes, got {y.shape} and {target.shape}")
    return np.mean((y.astype(float) - target.astype(float)) ** 2)


grades = grade(
    softmax=shifted_by_batch_maximum,
    relu=relu_in_place,
    relu_derivative=relu_derivative,
    sigmoid_derivative=sigmoid_derivative,
    softmax_pullback=lambda x, dy: diagonal(softmax(x), dy),
    mse_gradient=summed,
    accuracy=all_against_all,
    mse=correct_mse,
)
print(grades)


# %% [markdown]
# ## 8. What the silent ones do to a training curve
# These mistakes report one loss and descend another. `Reported` is such a loss: its value is one function and its
# gradient another.


# %%
class Reported(Record):
    """A loss with its value and its gradient from two functions, which may disagree."""

    value: Callable
    gradient: Callable


@vjp.register
def reported_vjp(loss: Reported, prediction, target, key=None):
    def reported_pullback(dvalue):
        return loss, lambda: dvalue * loss.gradient(prediction, target)

    return loss.value(prediction, target), reported_pullback


# %%
def summed_gradient(scores, hot):
    return softmax(scores) - hot


def squares_gradient(scores, hot):
    return gradient_of_squares(softmax(scores), hot) / len(scores)


def diagonal_gradient(scores, hot):
    p = softmax(scores)
    return diagonal(p, p - hot) / len(scores)


# %%
n_epochs = 2 if options.fast else 20


def curve(gradient, net, learning_rate, size, x=images):
    """Return the cross-entropy of all rows after each epoch; without a ``gradient``, cross-entropy's own is used."""
    loss, optimizer = Reported(cross_entropy, gradient) if gradient else cross_entropy, sgd(learning_rate)
    run = states(train_step(loss, optimizer), start(net, optimizer), epochs((x, hot), size, key, n_epochs))
    once_an_epoch = take_nth(-(-len(x) // size))
    measured: Any = pipe(run, once_an_epoch, history(loss=lambda state: cross_entropy(state.params(x), hot)))
    return measured["loss"]


# %%
panels = {
    "5: gradient summed, larger batches": {
        "mean, 64 rows a step": curve(None, untrained, 0.16, 64),
        "sum, 8 rows": curve(summed_gradient, untrained, 0.02, 8),
        "sum, 64 rows": curve(summed_gradient, untrained, 0.02, 64),
    },
    "12 and 13: gradient of another loss": {
        "cross-entropy": curve(None, untrained, 0.1, 32),
        "squared error": curve(squares_gradient, untrained, 0.1, 32),
        "squared error, diagonal only": curve(diagonal_gradient, untrained, 0.1, 32),
    },
    "37: standard normal weights, 784 inputs": {
        "He": curve(None, scaled, 0.03, 32, padded),
        "standard normal": curve(None, too_large, 0.03, 32, padded),
    },
}
print()
for title, curves in panels.items():
    for name, losses in curves.items():
        print(f"{title}; {name}: from {losses[0]:.2f} to {losses[-1]:.3f}")

# %%
if plot and Figure:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    for ax, (title, curves) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        plot.curves(ax, curves, xlabel="epoch", ylabel="cross-entropy", log=True)
        ax.set(title=title, ylim=(ax.get_ylim()[0] / 2, None))  # room for the legend
        ax.legend(frameon=False, loc="lower left")
    show(figure, "12_forty_ways_to_be_wrong.png")

# %% [markdown]
# ## Your turn
# Finite differences found many of these mistakes. Write them: the gradient of a function from an array x, of any shape
# and dtype, to a number. Mistakes 38 and 39 are about this. Put it in the place of the line that raises; `grade` tells
# what is wrong with it.


# %%
def numerical_gradient(f, x):
    raise NotImplementedError


print(grade(numerical_gradient=numerical_gradient))
