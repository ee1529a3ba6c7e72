"""Lesson 12: forty ways to be wrong, each shown failing.

Code from scratch goes wrong in ways that do not fail: the loss falls, the accuracy looks fair, and the numbers are
false. These 42 were found in published tutorials, courses and libraries; 2, 3, 4, 5, 6, 8, 9, 36 and 37 are in the four
that this package grew out of. Each is a line or two of code here, next to the right expression. What is printed is the
line as it was written, one number that it gives with the right one beside it, and the test that catches it.

    python examples/12_forty_ways_to_be_wrong.py           the lesson and its picture, 10 seconds
    python examples/12_forty_ways_to_be_wrong.py --fast    shorter curves
"""

# %% What can be chosen
import argparse
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from toolz import take_nth

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

parser = argparse.ArgumentParser(description="Forty ways to be wrong.")
parser.add_argument("--seed", type=int, default=0, help="decides the data and the first weights")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="shorter curves")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None


# %% How each is shown
# The name of its test has its number. ``wrong`` is the function as it was written; its source is what is printed.
class Shown(NamedTuple):
    test: str
    written: str
    measure: str
    wrong: Any
    right: Any


shown: list[Shown] = []


def show(test: str, written: Callable, measure: str, wrong: Any, right: Any) -> None:
    shown.append(Shown(test, source(written), measure, wrong, right))
    mark = test.removeprefix("test_mistake_")[:2].lstrip("0") if test.startswith("test_mistake_") else "and"
    print(f"{mark:>3}  {shown[-1].written}")
    print(f"     {measure}: {said(wrong)}; right: {said(right)}")
    print(f"     {test}")


def source(function: Callable) -> str:
    """Give the body of a function in one line."""
    lines = [line.partition("  #")[0].strip() for line in inspect.getsource(function).splitlines()[1:]]
    return "; ".join(lines) if len(lines) > 1 else lines[0].removeprefix("return ")


def said(value: Any) -> str:
    if isinstance(value, str | bool | np.bool):
        return str(value)
    numbers = np.asarray(value, dtype=float)
    return ", ".join(f"{number:.3g}" for number in numbers.ravel())


def quietly(function: Callable, *arguments: Any) -> Any:
    """Call a function as a script does that does not look at NumPy's warnings."""
    with np.errstate(all="ignore"):
        return function(*arguments)


def off(wrong: Any, right: Any) -> float:
    """Give the relative error."""
    return float(np.linalg.norm(wrong - right) / np.linalg.norm(right))


key = Key(options.seed)
images, labels = digits()
hot = one_hot(labels, 10)
fresh = fnn.mlp(32, 10)(key, images)
scores = fresh(images).astype(np.float64)
shares = softmax(scores)


def some(*shape: int, place: int = 0) -> np.ndarray:
    return normals(fold_in(key, place), shape)


# %% 1. Slopes that are not slopes
# Nothing fails where a gradient is wrong: the steps go roughly down, and what is lost is never seen.
print("SLOPES THAT ARE NOT SLOPES\n")


def negative(prediction, target):
    return target - prediction


w = 0.0
for _ in range(10):  # with a step that subtracts, as everybody's does
    w = w - 0.1 * negative(w, 3.0)
show(
    "test_mistake_03_a_negative_gradient_that_is_added",
    negative,
    "(w - 3)^2 / 2 after ten steps from 4.5",
    (w - 3) ** 2 / 2,
    4.5 * 0.9**20,
)


def of_all_biases(dz, m):
    return np.sum(dz) / m


dz = shares - hot
show(
    "test_mistake_04_a_bias_gradient_summed_over_everything",
    of_all_biases,
    "size of the output biases' gradient",
    abs(of_all_biases(dz, len(dz))),
    np.linalg.norm(dz.mean(axis=0)),
)


def summed(prediction, target):
    return 2 * (prediction - target)


def slopes_of_repeated(slope):
    """Give the slope of the line w x in w, at 0, from four rows and from the same four given twice."""
    x = np.array([-1.0, 0.0, 1.0, 2.0])
    return [float(np.sum(x * slope(0 * x, 3 * x))) for x in (x, np.tile(x, 2))]


show(
    "test_mistake_05_the_loss_averaged_and_the_gradient_summed",
    summed,
    "slope from four rows, and from the same four given twice",
    slopes_of_repeated(summed),
    slopes_of_repeated(lambda y, target: summed(y, target) / len(y)),
)


def slope_of_a_square(shares, hot):
    return shares * ((shares - hot) - np.sum((shares - hot) * shares, axis=1, keepdims=True))


true = vjp(cross_entropy, scores, hot)[1](1.0)[1]()
show(
    "test_mistake_12_the_reported_loss_is_not_the_differentiated_one",
    slope_of_a_square,
    "relative error of the gradient, where the cross-entropy is what is printed",
    off(slope_of_a_square(shares, hot) / len(hot), true),
    off((shares - hot) / len(hot), true),
)


def diagonal(p, dy):
    return dy * p * (1 - p)


dy = shares - hot
whole = vjp(softmax, scores)[1](dy)[1]()
angle = np.sum(diagonal(shares, dy) * whole) / np.linalg.norm(diagonal(shares, dy)) / np.linalg.norm(whole)
show(
    "test_mistake_13_only_the_diagonal_of_softmax_s_jacobian",
    diagonal,
    f"relative error, at a cosine of {angle:.3f}",
    off(diagonal(shares, dy), whole),
    off(shares * (dy - np.sum(dy * shares, axis=1, keepdims=True)), whole),
)


def sigmoid_derivative(z):
    return z * (1 - z)


points = np.array([-2.0, 0.0, 2.0])
show(
    "test_mistake_14_the_derivative_of_the_sigmoid_taken_at_its_input",
    sigmoid_derivative,
    "slopes at -2, 0, 2",
    sigmoid_derivative(points),
    sigmoid_derivative(fnn.sigmoid(points)),
)


def relu_slope(x):
    return (x >= 0) * 1.0


show(
    "test_mistake_17_text_and_code_differ_at_the_kink",
    relu_slope,
    "slope of a unit at 0, where all are if the weights begin at 0",
    relu_slope(0.0),
    vjp(relu, np.zeros(1))[1](np.ones(1))[1](),
)


def step_on_the_way(first, second, dy, rate):
    second = second - rate * dy * first
    first = first - rate * dy * second
    return first, second


show(
    "test_mistake_22_weights_updated_during_the_backward_pass",
    step_on_the_way,
    "weights 1, 1 for a target of 3, after a step of 1/2",
    step_on_the_way(1.0, 1.0, 1.0 * 1.0 - 3, 0.5),
    [1 - 0.5 * -2 * 1, 1 - 0.5 * -2 * 1],
)


def input_of(activations, layer):
    return activations[layer + 1]


equally_wide = fnn.mlp(3, 3, activation=fnn.tanh)(key, some(5, 3))
activations = [some(5, 3)]
for layer in equally_wide.layers:
    activations.append(layer(activations[-1]))
true = vjp(equally_wide, activations[0])[1](np.ones((5, 3)))[0].layers[2].weight  # what goes into it is activations[2]
show(
    "test_mistake_36_the_activations_of_the_layer_next_door",
    input_of,
    "relative error of the last weight's gradient, where all layers are equally wide",
    off(input_of(activations, 2).T @ np.ones((5, 3)), true),
    off(activations[2].T @ np.ones((5, 3)), true),
)


def numeric(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


x = some(20)
exact = 1 - np.tanh(x) ** 2
show(
    "test_mistake_38_a_numeric_gradient_in_single_precision_in_place_or_at_a_kink",
    numeric,
    "error for tanh, in float32",
    np.abs(numeric(np.tanh, x.astype(np.float32)) - exact).max(),
    np.abs(numeric(np.tanh, x) - exact).max(),
)


def by_rows_alone(y, target):
    return 2 * (y - target) / len(y)


y, target = some(5, 3, place=3), some(5, 3, place=4)
slope = vjp(mse, y, target)[1](1.0)[1]()
show(
    "test_mistake_41_a_gradient_as_many_times_too_large_as_there_are_outputs",
    by_rows_alone,
    "times the gradient of the mean of 3 outputs",
    np.linalg.norm(by_rows_alone(y, target)) / np.linalg.norm(slope),
    np.linalg.norm(2 * (y - target) / y.size) / np.linalg.norm(slope),
)


def backward(slopes, dy):
    return backward(slopes[1:], dy * slopes[0]) if slopes else dy


def in_a_loop(slopes, dy):
    for slope in slopes:
        dy = dy * slope
    return dy


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except RecursionError as error:
        return type(error).__name__


show(
    "test_mistake_42_recursion_in_the_backward_pass",
    backward,
    "5,000 layers of slope 1",
    outcome(backward, (1.0,) * 5000, 1.0),
    outcome(in_a_loop, (1.0,) * 5000, 1.0),
)


def never_less(z):
    return np.zeros_like(z) if z.any() < 0 else np.ones_like(z)


show(
    "test_a_relu_derivative_that_never_acts",
    never_less,
    "slopes at -3, -2, -1",
    never_less(np.array([-3.0, -2.0, -1.0])),
    np.array([-3.0, -2.0, -1.0]) > 0,
)


# %% 2. Numbers that a computer does not hold
# The formula is right on paper. exp(710) is more than float64 holds, and a byte holds 255.
print("\nNUMBERS THAT A COMPUTER DOES NOT HOLD\n")


def bare_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


large = np.array([[1000.0, 1001.0, 1002.0]])
show(
    "test_mistake_08_softmax_without_a_shift",
    bare_softmax,
    "of 1000, 1001, 1002",
    quietly(bare_softmax, large),
    bare_softmax(large - large.max(axis=1, keepdims=True)),
)


def shifted_by_all(z):
    return bare_softmax(z - z.max())


rows = np.array([[0.0, 1.0], [1000.0, 1001.0]])
show(
    "test_mistake_09_softmax_shifted_by_the_maximum_of_the_whole_batch",
    shifted_by_all,
    "of the row 0, 1 above a row 1000, 1001",
    quietly(shifted_by_all, rows)[0],
    softmax(rows)[0],
)


def over_the_rows(z):
    return np.exp(z) / sum(np.exp(z))


sums = over_the_rows(scores[:13]).sum(axis=1)
show(
    "test_mistake_10_softmax_summed_over_the_wrong_axis",
    over_the_rows,
    "13 rows sum to, least and most",
    [sums.min(), sums.max()],
    [shares[:13].sum(axis=1).min(), shares[:13].sum(axis=1).max()],
)


def clipped(p):
    return -np.log(np.clip(p, 1e-15, 1))


certain = np.array([[0.0, 10_000.0]])
show(
    "test_mistake_11_a_logarithm_that_is_clipped",
    clipped,
    "cost of a certain and wrong answer, 10,000 to 0",
    clipped(softmax(certain)[0, 0]),
    cross_entropy(certain, np.array([0])),
)


def bare_softplus(x):
    return np.log(1 + np.exp(x))


far = np.array([-10_000.0, 10_000.0])
show(
    "test_mistake_15_exponentials_as_in_the_textbook",
    bare_softplus,
    "at -10,000 and 10,000",
    quietly(bare_softplus, far),
    np.maximum(far, 0) + np.log1p(np.exp(-np.abs(far))),
)


def masked_elu(x):
    return (x >= 0) * x + (x < 0) * (np.exp(x) - 1)


show(
    "test_mistake_16_both_branches_of_a_where",
    masked_elu,
    "at -10,000 and 10,000",
    quietly(masked_elu, far),
    np.where(far >= 0, far, np.expm1(np.minimum(far, 0))),
)


def of_bytes(prediction, target):
    return np.mean((prediction - target) ** 2)


black, gray = np.zeros(64, np.uint8), np.full(64, 16, np.uint8)
show(
    "test_mistake_39_arithmetic_on_bytes_and_whole_numbers",
    of_bytes,
    "mean square of a difference of 16, in bytes",
    of_bytes(black, gray),
    of_bytes(black.astype(float), gray.astype(float)),
)

# %% 3. Shapes that fit by accident
# NumPy stretches what does not fit. That is what it is for, and why a column less a row is a table.
print("\nSHAPES THAT FIT BY ACCIDENT\n")


def stretched(bias, gradient):
    return bias - 0.1 * gradient


unsummed = np.ones((5, 3))
show(
    "test_mistake_34_an_update_that_broadcasts",
    stretched,
    "shape of a bias of 3 after a step on 5 rows",
    np.shape(stretched(np.zeros(3), unsummed)),
    np.shape(stretched(np.zeros(3), unsummed.sum(axis=0))),
)


def column_less_row(prediction, target):
    return np.mean((prediction - target) ** 2)


seven = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
show(
    "test_mistake_35_a_column_less_a_row",
    column_less_row,
    "squared error of a perfect prediction, (7, 1) against (7,)",
    column_less_row(seven[:, None], seven),
    mse(seven[:, None], seven[:, None]),
)


def all_against_all(prediction, target):
    return np.mean(prediction == target)


show(
    "test_mistake_40_an_accuracy_of_all_against_all",
    all_against_all,
    "accuracy of a perfect prediction of digits, (n, 1) against (n,)",
    all_against_all(labels[:, None], labels),
    fnn.metrics.accuracy(labels, labels),
)

# %% 4. Data and models that change behind one's back
# Two names for one array, and a generator that everybody draws from.
print("\nDATA AND MODELS THAT CHANGE BEHIND ONE'S BACK\n")


def shallow(model):
    model = model.copy()
    model["w"] -= 1.0
    return model


before = {"w": np.array([3.0])}
shallow(before)
show(
    "test_mistake_01_a_shallow_copy",
    shallow,
    "the caller's weight, which was 3",
    before["w"],
    3.0,
)


def relu_in_place(x):
    x[x < 0] = 0
    return x


def mean_after(function):
    centerd = some(1000) - some(1000).mean()
    function(centerd)
    return float(centerd.mean().round(12))


show(
    "test_mistake_02_a_relu_that_writes_into_its_input",
    relu_in_place,
    "mean of the caller's centerd data after one forward pass",
    mean_after(relu_in_place),
    mean_after(lambda x: np.maximum(x, 0)),
)


def only_the_starts(rows, size, key):
    return [rows[place * size : (place + 1) * size] for place in permutation(key, len(rows) // size)]


def different(loop):
    return len({frozenset(batch.tolist()) for epoch in range(50) for batch in loop(fold_in(key, epoch))})


twenty = np.arange(20)
show(
    "test_mistake_23_only_the_order_of_batches_is_shuffled",
    only_the_starts,
    "different batches of 5 out of 20 rows in 50 epochs",
    different(lambda key: only_the_starts(twenty, 5, key)),
    different(lambda key: (batch for (batch,) in batches((twenty,), 5, key))),
)


def apart(x, label, key, other):
    return x[permutation(key, len(x))], label[permutation(other, len(x))]


thousand = np.arange(1000)
mixed, their_labels = apart(thousand, thousand % 10, *fnn.split(key, 2))
together, own_labels = (each[permutation(key, 1000)] for each in (thousand, thousand % 10))
show(
    "test_mistake_24_inputs_and_labels_shuffled_apart",
    apart,
    "share of rows that still have their label",
    np.mean(mixed % 10 == their_labels),
    np.mean(together % 10 == own_labels),
)


def standardized_in_place(x, like):
    x -= like.mean()
    x /= like.std()
    return x


def mean_of_the_test_set(scale):
    train, test = 5 + some(500), 5 + some(500, place=1)
    scale(train, train)
    return float(np.mean(scale(test, train)))


show(
    "test_mistake_25_data_functions_that_change_the_data",
    standardized_in_place,
    "mean of a test set after its training set was scaled",
    mean_of_the_test_set(standardized_in_place),
    mean_of_the_test_set(lambda x, like: (x - like.mean()) / like.std()),
)


def seeded(seed):
    return np.random.default_rng(seed if seed else None).random()


show(
    "test_mistake_26_a_seed_of_zero_taken_for_none",
    seeded,
    "seed 0 twice gives the same",
    seeded(0) == seeded(0),
    np.random.default_rng(0).random() == np.random.default_rng(0).random(),
)


def drawn(seed):
    np.random.seed(seed)  # noqa: NPY002
    return lambda: np.random.rand()  # noqa: NPY002


theirs = np.random.get_state()  # noqa: NPY002
first, again = drawn(0)(), drawn(0)
np.random.rand()  # noqa: NPY002
second = again()
np.random.set_state(theirs)  # noqa: NPY002
show(
    "test_mistake_27_the_global_generator",
    drawn,
    "same weight from the same seed, if somebody else draws in between",
    first == second,
    np.array_equal(normals(Key(0), 1), normals(Key(0), 1)),
)

# %% 5. Training that is not what it is called
# Each of these trains. It is another optimizer, another rate or another network than the one that is written about.
print("\nTRAINING THAT IS NOT WHAT IT IS CALLED\n")


def by_all_rows(difference, all_rows):
    return 2 * difference.sum() / all_rows


sizes = [len(batch) for (batch,) in batches((np.arange(105),), 50)]
show(
    "test_mistake_06_a_minibatch_divided_by_the_size_of_the_data",
    by_all_rows,
    "slopes of w^2 at 1/2 from 105 equal rows in batches of 50",
    [by_all_rows(np.full(size, 0.5), 105) for size in sizes],
    [2 * np.full(size, 0.5).sum() / size for size in sizes],
)


def mean_of_means(squares, size):
    return np.mean([np.mean(squares[begin : begin + size]) for begin in range(0, len(squares), size)])


squares = np.repeat([0.96643, 0.92163], [100, 5])
show(
    "test_mistake_07_the_mean_of_the_means_of_batches",
    mean_of_means,
    "loss of 105 rows in batches of 50",
    round(mean_of_means(squares, 50), 4),
    round(squares.mean(), 4),
)


def uncorrected_adam(m, s, t):
    return (m / (1 - 0.9)) / np.sqrt(s / (1 - 0.999))


def corrected_adam(m, s, t):
    return (m / (1 - 0.9**t)) / np.sqrt(s / (1 - 0.999**t))


def of_ones(rule, t):
    """Give a step, in rates, after t gradients of 1; m and s are then sums of geometric series."""
    return rule(1 - 0.9**t, 1 - 0.999**t, t)


show(
    "test_mistake_18_adam_s_correction_without_the_power_of_t",
    uncorrected_adam,
    "step 10 and step 5,000 in rates, for a constant gradient",
    [of_ones(uncorrected_adam, t) for t in (10, 5000)],
    [of_ones(corrected_adam, t) for t in (10, 5000)],
)


def running_mean(velocity, gradient):
    return 0.9 * velocity + (1 - 0.9) * gradient


def after(steps, velocity, rule):
    for _ in range(steps):
        velocity = rule(velocity)
    return velocity


show(
    "test_mistake_19_a_running_mean_called_momentum",
    running_mean,
    "velocity after 100 gradients of 1",
    after(100, 0.0, lambda velocity: running_mean(velocity, 1.0)),
    after(100, 0.0, lambda velocity: 0.9 * velocity + 1.0),
)


def clipped_step(w, gradient, rate):
    return w - rate * np.clip(gradient, -1, 1)


show(
    "test_mistake_20_an_update_that_clips_silently",
    clipped_step,
    "w after 40 steps at a rate of 2.5 down w^2 / 2, from 1",
    after(40, 1.0, lambda w: clipped_step(w, w, 2.5)),
    after(40, 1.0, lambda w: w - 2.5 * w),
)


def forgetful(velocity, gradient):
    velocity = np.zeros(2)
    return 0.9 * velocity + gradient


opposite = np.array([1.0, -1.0])
show(
    "test_mistake_21_an_optimizer_s_memory_shared_or_forgotten",
    forgetful,
    "velocities after 3 gradients of 1 and -1",
    after(3, np.zeros(2), lambda velocity: forgetful(velocity, opposite)),
    after(3, np.zeros(2), lambda velocity: 0.9 * velocity + opposite),
)


def value_alone(w):
    return (w - 2) ** 2 + w**2, 2 * (w - 2)


show(
    "test_mistake_33_a_penalty_out_of_the_gradient_or_averaged_over_the_batch_or_on_the_biases",
    value_alone,
    "where (w - 2)^2 + w^2 is descended to",
    after(100, 0.0, lambda w: w - 0.1 * value_alone(w)[1]),
    after(100, 0.0, lambda w: w - 0.1 * (2 * (w - 2) + 2 * w)),
)


def standard_normal(key, shape, dtype):
    return normals(key, shape).astype(dtype)


def network(weight, x, *widths):
    layers = [layer for width in widths for layer in (dense(width, weight), relu)]
    return serial(*layers[:-1])(key, x)


enlarged = images.reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2)
padded = np.pad(enlarged, [(0, 0), (2, 2), (2, 2)]).reshape(-1, 784)
too_large, scaled = (network(weight, padded, 32, 16, 10) for weight in (standard_normal, he_normal))
show(
    "test_mistake_37_weights_from_the_standard_normal_distribution",
    standard_normal,
    f"first loss of 784-32-16-10, where ln 10 = {math.log(10):.2f}",
    cross_entropy(too_large(padded), labels),
    cross_entropy(scaled(padded), labels),
)

# %% 6. Layers that are nearly right
# What is left out is small, or counts only from the second step, the second window, the second row on.
print("\nLAYERS THAT ARE NEARLY RIGHT\n")


def of_its_own_step(dy, later, slope):
    return dy * slope


def of_all_steps(dy, later, slope):
    return (dy + later) * slope


def through_time(rule, dy):
    """Pull back through h[t] = tanh(x[t] + h[t - 1]), four steps from zero."""
    h, x, slopes = 0.0, some(4), []
    for each in x:
        h = np.tanh(each + h)
        slopes.append(1 - h**2)
    later, dx = 0.0, np.zeros(4)
    for t in reversed(range(4)):
        dx[t], later = rule(dy[t], later, slopes[t]), of_all_steps(dy[t], later, slopes[t])
    return dx


def by_differences(dy):
    def loss(x):
        h, total = 0.0, 0.0
        for each, share in zip(x, dy, strict=True):
            h = np.tanh(each + h)
            total += share * h
        return total

    return fnn.numeric.gradient(loss, some(4))


show(
    "test_mistake_28_an_rnn_s_input_gradient_from_the_loss_at_its_own_step_alone",
    of_its_own_step,
    "relative error over four steps",
    off(through_time(of_its_own_step, np.ones(4)), by_differences(np.ones(4))),
    round(off(through_time(of_all_steps, np.ones(4)), by_differences(np.ones(4))), 8),
)


def assigned(dcell, through_output):
    dcell = through_output
    return dcell


def added(dcell, through_output):
    dcell += through_output
    return dcell


def of_the_first_cell(rule, steps):
    """Pull ones back through c[t] = c[t - 1] / 2, with an output c[t] at each step."""
    dcell = 0.0
    for _ in range(steps):
        dcell = rule(dcell, 1.0) / 2
    return dcell


show(
    "test_mistake_29_an_lstm_with_a_missing_derivative_swapped_gates_or_an_assignment_for_a_sum",
    assigned,
    "slope of the outputs in the first cell, which is halved at each step; of 1 step, of 3",
    [of_the_first_cell(assigned, steps) for steps in (1, 3)],
    [of_the_first_cell(added, steps) for steps in (1, 3)],
)


def unflipped(dy, kernel):
    return np.correlate(dy, kernel, "full")


pulse, kernel = np.array([0.0, 0.0, 1.0, 0.0]), np.array([1.0, 2.0, 3.0])
show(
    "test_mistake_30_a_flipped_kernel_the_padding_s_odd_zero_overlaps_ties_and_the_fan_in",
    unflipped,
    "slope of window 3 of a kernel 1, 2, 3 in each of six inputs",
    unflipped(pulse, kernel),
    np.convolve(pulse, kernel, "full"),
)


def unscaled(x, kept):
    return x * kept


ones, masks = np.ones(30_000), [uniforms(fold_in(key, place), 30_000) < 0.5 for place in range(3)]
show(
    "test_mistake_31_dropout_that_does_not_scale_redraws_its_mask_and_stays_on",
    unscaled,
    "mean of ones behind three layers that drop a half",
    unscaled(unscaled(unscaled(ones, masks[0]), masks[1]), masks[2]).mean(),
    (ones * masks[0] / 0.5 * masks[1] / 0.5 * masks[2] / 0.5).mean(),
)


def over_n_less_one(x):
    return (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=0) / (len(x) - 1))


one_row = np.ones((1, 3))
show(
    "test_mistake_32_batch_norm_with_n_minus_1_and_a_mean_that_is_taken_for_a_constant",
    over_n_less_one,
    "a single row of ones becomes",
    quietly(over_n_less_one, one_row),
    (one_row - one_row.mean(axis=0)) / np.sqrt(one_row.var(axis=0) + 1e-5),
)

numbered = {each.test for each in shown if each.test.startswith("test_mistake_")}
print(f"\n{len(numbered)} numbered mistakes, and {len(shown) - len(numbered)} that only the tutorials had")

# %% 7. Which one is it?
# ``grade`` tries a function on chosen inputs, compares it with the right one, and says which wrong one it resembles.
print("\nWHAT grade SAYS OF SOME OF THEM\n")


def correct_mse(y, target):
    if y.shape != target.shape:
        raise ValueError(f"expected two equal shapes, got {y.shape} and {target.shape}")
    return np.mean((y.astype(float) - target.astype(float)) ** 2)


grades = grade(
    softmax=shifted_by_all,
    relu=relu_in_place,
    relu_derivative=relu_slope,
    sigmoid_derivative=sigmoid_derivative,
    softmax_pullback=lambda x, dy: diagonal(softmax(x), dy),
    mse_gradient=summed,
    accuracy=all_against_all,
    mse=correct_mse,
)
print(grades)


# %% 8. What the silent ones do to a training curve
# A loss whose slope is another's, as these mistakes are made: it reports the one and descends the other.
class Reported(Record):
    """A loss that is reported, and the slope that is descended."""

    value: Callable
    slope: Callable


@vjp.register
def reported(loss: Reported, prediction, target, key=None):
    def reported_pullback(dvalue):
        return loss, lambda: dvalue * loss.slope(prediction, target)

    return loss.value(prediction, target), reported_pullback


def summed_slope(scores, hot):
    return softmax(scores) - hot


def square_s_slope(scores, hot):
    return slope_of_a_square(softmax(scores), hot) / len(scores)


def diagonal_slope(scores, hot):
    shares = softmax(scores)
    return diagonal(shares, shares - hot) / len(scores)


passes = 2 if options.fast else 20


def curve(slope, net, rate, size, x=images):
    """Give the cross-entropy of all rows after each pass; without a slope it is the right one that is descended."""
    loss = Reported(cross_entropy, slope) if slope else cross_entropy
    run = states(train_step(loss, sgd(rate)), start(net, sgd(rate)), epochs((x, hot), size, key, passes))
    look = history(loss=lambda state: cross_entropy(state.params(x), hot))
    return look(take_nth(-(-len(x) // size), run))["loss"]


panels = {
    "5: a sum for a mean, and larger batches": {
        "a mean, 64 rows a step": curve(None, fresh, 0.16, 64),
        "a sum, 8 rows": curve(summed_slope, fresh, 0.02, 8),
        "a sum, 64 rows": curve(summed_slope, fresh, 0.02, 64),
    },
    "12 and 13: down another slope": {
        "its own slope": curve(None, fresh, 0.1, 32),
        "the square's": curve(square_s_slope, fresh, 0.1, 32),
        "the square's, diagonal alone": curve(diagonal_slope, fresh, 0.1, 32),
    },
    "37: weights of deviation 1, 784 pixels": {
        "He's rule": curve(None, scaled, 0.03, 32, padded),
        "deviation 1": curve(None, too_large, 0.03, 32, padded),
    },
}
print()
for title, curves in panels.items():
    for name, losses in curves.items():
        print(f"{title}; {name}: from {losses[0]:.2f} to {losses[-1]:.3f}")

if plot and Figure:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    for ax, (title, curves) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        plot.curves(ax, curves, xlabel="passes over the rows", ylabel="cross-entropy", log=True)
        ax.set(title=title, ylim=(ax.get_ylim()[0] / 2, None))  # room for the legend
        ax.legend(frameon=False, loc="lower left")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "12_forty_ways_to_be_wrong.png", dpi=120)
    print(f"\nwrote {options.out / '12_forty_ways_to_be_wrong.png'}")
