"""Every wrong version, written as students write it, is caught and named by its number; right ones have no finding."""

import random
from itertools import pairwise

import numpy as np

import fnn
from fnn.testing import MISTAKES, SIGNATURES, grade
from tests.each_of import each_of

WRONG, RIGHT = [], []


def wrong(*mistakes, also=()):
    """Note a wrong version, and all the mistakes that it makes; ``also`` are those it might be said to make as well."""

    def note(function):
        WRONG.append((function, set(mistakes), set(mistakes) | set(also)))
        return function

    return note


def right(function):
    """Note a right version of what its name says, up to a double underscore."""
    RIGHT.append(function)
    return function


def name_of(function):
    return function.__name__.split("__")[0]


# --- activations -----------------------------------------------------------------------------------------------------


@wrong(2)
def relu__in_place(x):
    x[x < 0] = 0
    return x


@wrong(2)
def relu__into_its_argument(x):
    return np.maximum(x, 0, out=x)


@wrong(2)
def relu__view(x):
    if (x > -1e9).any():
        return np.multiply(x, x > 0, out=x)
    return x


@right
def relu__mask(x):
    return x * (x > 0)


@right
def relu__where(x):
    return np.where(x > 0, x, 0.0)


@right
def relu__half_of_sum(x):
    return (x + np.abs(x)) / 2


@wrong(8)
def softmax__textbook(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


@wrong(9)
def softmax__one_maximum(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e, axis=1, keepdims=True)


@wrong(10)
def softmax__builtin_sum(z):
    return np.exp(z) / sum(np.exp(z))


@wrong(10)
def softmax__first_axis(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=0)


@wrong(10)
def softmax__everything(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


@wrong(10)
def softmax__no_keepdims(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1)


@right
def softmax__transposed(z):
    shifted = z.T - z.max(axis=1)
    return (np.exp(shifted) / np.exp(shifted).sum(axis=0)).T


@right
def softmax__a_row_at_a_time(z):
    rows = []
    for row in z:
        e = np.exp(row - max(row))
        rows.append(e / sum(e))
    return np.array(rows)


@right
def softmax__from_the_logarithm(z):
    shifted = z - z.max(1)[:, None]
    return np.exp(shifted - np.log(np.exp(shifted).sum(1))[:, None])


@wrong(8)
def log_softmax__textbook(z):
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


@wrong(11)
def log_softmax__of_softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.log(e / e.sum(axis=1, keepdims=True) + 1e-12)


@right
def log_softmax__by_logaddexp(z):
    return z - np.logaddexp.reduce(z, axis=1, keepdims=True)


@wrong(15)
def sigmoid__textbook(x):
    return 1 / (1 + np.exp(-x))


@wrong(15)
def sigmoid__of_positive(x):
    return np.exp(x) / (np.exp(x) + 1)


@right
def sigmoid__by_sign(x):
    y = np.empty_like(x)
    y[x >= 0] = 1 / (1 + np.exp(-x[x >= 0]))
    y[x < 0] = np.exp(x[x < 0]) / (1 + np.exp(x[x < 0]))
    return y


@right
def sigmoid__by_tanh(x):
    return 0.5 * (1 + np.tanh(x / 2))


@right
def sigmoid__clipped(x):
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


@right
def tanh__library(x):
    return np.tanh(x)


@wrong(15)
def tanh__textbook(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


@wrong(15)
def softplus__textbook(x):
    return np.log(1 + np.exp(x))


@right
def softplus__by_logaddexp(x):
    return np.logaddexp(0, x)


@wrong(16)
def elu__where(x):
    return np.where(x >= 0, x, np.exp(x) - 1)


@wrong(16)
def elu__mask(x):
    return (x >= 0) * x + (x < 0) * (np.exp(x) - 1)


@right
def elu__minimum(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


@right
def leaky_relu__maximum(x):
    return np.maximum(0.01 * x, x)


# --- their derivatives -----------------------------------------------------------------------------------------------


@wrong(14)
def sigmoid_derivative__at_its_input(z):
    return z * (1 - z)


@wrong(15)
def sigmoid_derivative__textbook(x):
    return np.exp(-x) / (1 + np.exp(-x)) ** 2


@right
def sigmoid_derivative__by_tanh(x):
    return (1 - np.tanh(x / 2) ** 2) / 4


@wrong(14)
def tanh_derivative__at_its_input(z):
    return 1 - z**2


@right
def tanh_derivative__by_cosh(x):
    return 1.0 / np.cosh(np.clip(x, -300, 300)) ** 2


@wrong(17)
def relu_derivative__one_at_zero(z):
    return np.where(z >= 0, 1.0, 0.0)


@wrong(17)
def relu_derivative__half_at_zero(z):
    return np.heaviside(z, 0.5)


@wrong(2)
def relu_derivative__in_place(z):
    z[z <= 0] = 0
    z[z > 0] = 1
    return z


@right
def relu_derivative__mask(z):
    return (z > 0).astype(float)


@right
def relu_derivative__boolean(z):
    return z > 0


@right
def relu_derivative__integers(z):
    return np.where(z > 0, 1, 0)


@wrong(3)
def relu_derivative__negative(z):
    return -1.0 * (z > 0)


@wrong(13)
def softmax_pullback__diagonal(z, dy):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return dy * p * (1 - p)


@wrong(13, also={8})
def softmax_pullback__diagonal_of_the_textbook(z, dy):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return p * (1 - p) * dy


@right
def softmax_pullback__jacobian(z, dy):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    rows = [(np.diag(p) - np.outer(p, p)) @ d for p, d in zip(e / e.sum(axis=1, keepdims=True), dy, strict=True)]
    return np.stack(rows)


@wrong(14)
def sigmoid_pullback__at_its_input(x, dy):
    return dy * x * (1 - x)


@wrong(15)
def sigmoid_pullback__textbook(x, dy):
    return dy * np.exp(-x) / (1 + np.exp(-x)) ** 2


@right
def sigmoid_pullback__by_tanh(x, dy):
    y = 0.5 * (1 + np.tanh(x / 2))
    return dy * y * (1 - y)


@wrong(3)
def tanh_pullback__negative(x, dy):
    return (np.tanh(x) ** 2 - 1) * dy


@right
def tanh_pullback__by_the_output(x, dy):
    return dy - dy * np.tanh(x) ** 2


@wrong(17)
def relu_pullback__one_at_zero(x, dy):
    return np.where(x < 0, 0, dy)


@wrong(2)
def relu_pullback__into_dy(x, dy):
    dy[x <= 0] = 0
    return dy


@right
def relu_pullback__mask(x, dy):
    return dy * (x > 0)


# --- losses ----------------------------------------------------------------------------------------------------------


@wrong(35, 39)
def mse__textbook(y, target):
    return np.mean((y - target) ** 2)


@wrong(35)
def mse__of_floats(y, target):
    return np.mean((y.astype(float) - target.astype(float)) ** 2)


@right
def mse__with_a_check(y, target):
    if y.shape != target.shape:
        raise ValueError("shapes differ")
    return np.mean((y.astype(float) - target) ** 2)


@right
def mse__flattened(y, target):
    difference = y.ravel() - target.ravel().astype(float)
    return difference @ difference / difference.size


@right
def mae__with_an_assertion(y, target):
    assert y.shape == target.shape
    return float(np.abs(y.astype(float) - target).mean())


@wrong(11)
def cross_entropy__clipped(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = np.clip(e / e.sum(axis=1, keepdims=True), 1e-12, 1)
    return -np.mean(np.log(p[np.arange(len(p)), labels]))


@wrong(11)
def cross_entropy__repaired(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.nan_to_num(-np.log(p[np.arange(len(p)), labels])).mean()


@wrong(11)
def cross_entropy__with_epsilon(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.eye(p.shape[1])[labels] * np.log(p + 1e-15)) / len(p)


@wrong(8, 11)
def cross_entropy__textbook(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(p)), labels] + 1e-12))


@right
def cross_entropy__by_logsumexp(logits, labels):
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return np.mean(total - logits[np.arange(len(labels)), labels])


@right
def cross_entropy__by_logaddexp(logits, labels):
    rows = [np.logaddexp.reduce(row) - row[label] for row, label in zip(logits, labels, strict=True)]
    return sum(rows) / len(rows)


@wrong(11)
def binary_cross_entropy__clipped(logits, target):
    p = np.clip(0.5 * (1 + np.tanh(logits / 2)), 1e-7, 1 - 1e-7)
    return -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))


@right
def binary_cross_entropy__by_logaddexp(logits, target):
    return np.mean(np.logaddexp(0, logits) - target * logits)


@wrong(5)
def mse_gradient__summed(y, target):
    return 2 * (y - target)


@wrong(5)
def mse_gradient__just_the_difference(y, target):
    return y - target


@wrong(41)
def mse_gradient__of_rows_alone(y, target):
    return 2 * (y - target) / len(y)


@wrong(3)
def mse_gradient__negative(y, target):
    return 2 * (target - y) / y.size


@right
def mse_gradient__a_number_at_a_time(y, target):
    result = np.zeros(y.shape)
    for place in np.ndindex(y.shape):
        result[place] = 2 / y.size * (y[place] - target[place])
    return result


@wrong(5)
def cross_entropy_gradient__summed(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p


@wrong(9)
def cross_entropy_gradient__one_maximum(logits, labels):
    e = np.exp(logits - logits.max())
    p = e / e.sum(axis=1, keepdims=True)
    return (p - np.eye(p.shape[1])[labels]) / len(p)


@right
def cross_entropy_gradient__one_hot(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[labels]) / logits.shape[0]


@wrong(15)
def binary_cross_entropy_gradient__textbook(logits, target):
    return (1 / (1 + np.exp(-logits)) - target) / logits.size


@wrong(12)
def loss_and_gradient__cross_entropy_and_a_square(y, target):
    return -np.sum(target * np.log(y)) / len(y), 2 * (y - target) / y.size


@wrong(12)
def loss_and_gradient__half_a_square(y, target):
    return np.sum((y - target) ** 2) / 2, 2 * (y - target)


@wrong(41)
def loss_and_gradient__mean_over_all(y, target):
    return np.mean((y - target) ** 2), 2 * (y - target) / len(y)


@wrong(5)
def loss_and_gradient__summed(y, target):
    return np.mean((y - target) ** 2), 2 * (y - target)


@right
def loss_and_gradient__cross_entropy(y, target):
    return -np.sum(target * np.log(y)) / len(y), -target / y / len(y)


@right
def loss_and_gradient__absolute(y, target):
    return np.abs(y - target).sum(), np.sign(y - target)


# --- layers ----------------------------------------------------------------------------------------------------------


@right
def dense_forward__plain(x, weight, bias):
    return np.dot(x, weight) + bias


@wrong(4)
def dense_backward__one_number(x, weight, dy):
    return x.T @ dy, np.sum(dy), dy @ weight.T


@wrong(4)
def dense_backward__a_mean_of_all(x, weight, dy):
    m = len(x)
    return x.T @ dy / m, 1 / m * np.sum(dy), dy @ weight.T


@wrong(3)
def dense_backward__negative(x, weight, dy):
    return -(x.T @ dy), -dy.sum(axis=0), -(dy @ weight.T)


@right
def dense_backward__einsum(x, weight, dy):
    return np.einsum("ni,nj->ij", x, dy), np.ones(len(dy)) @ dy, np.einsum("nj,ij->ni", dy, weight)


@right
def dense_backward__a_list(x, weight, dy):
    return [np.dot(dy.T, x).T, sum(dy), np.dot(dy, weight.T)]


@wrong(36)
def mlp_backward__off_by_one(weights, x, dy):
    activations = [x]
    for weight in weights:
        activations.append(np.tanh(activations[-1] @ weight))
    dweights = [None] * len(weights)
    for layer in range(1, len(weights) + 1):
        dz = dy * (1 - activations[-layer] ** 2)
        dweights[-layer] = activations[-layer].T @ dz
        dy = dz @ weights[-layer].T
    return dweights


@wrong(36)
def mlp_backward__no_entry_for_x(weights, x, dy):
    cache, a = [], x
    for weight in weights:
        cache.append(a)
        a = np.tanh(a @ weight)
    dweights = []
    for layer in reversed(range(len(weights))):
        dz = dy * (1 - cache[layer] ** 2)
        dweights.append(cache[layer].T @ dz)
        dy = dz @ weights[layer].T
    return dweights[::-1]


def backward_from(weights, x, dy):
    if not weights:
        return dy, []
    a = np.tanh(x @ weights[0])
    da, dweights = backward_from(weights[1:], a, dy)
    dz = da * (1 - a**2)
    return dz @ weights[0].T, [x.T @ dz, *dweights]


@wrong(42)
def mlp_backward__recursive(weights, x, dy):
    return backward_from(weights, x, dy)[1]


@right
def mlp_backward__a_cache_of_pairs(weights, x, dy):
    cache, a = [], x
    for weight in weights:
        before, a = a, np.tanh(a @ weight)
        cache.append((before, a, weight))
    dweights = []
    for before, after, weight in cache[::-1]:
        dz = (1 - after * after) * dy
        dweights.append(before.T @ dz)
        dy = dz @ weight.T
    return tuple(dweights[::-1])


def sigmoid_backward(weights, x, dy, slope, shift=0):
    a, z = [x], []
    for weight in weights:
        z.append(a[-1] @ weight)
        a.append(0.5 * (1 + np.tanh(z[-1] / 2)))
    dweights = []
    for layer in range(len(weights) - 1, -1, -1):
        dz = dy * slope(a[layer + 1], z[layer])
        dweights.append(a[layer - shift].T @ dz)
        dy = dz @ weights[layer].T
    return dweights[::-1]


@wrong(14)
def sigmoid_mlp_backward__slope_of_the_sums(weights, x, dy):
    return sigmoid_backward(weights, x, dy, lambda a, z: z * (1 - z))


@wrong(36)
def sigmoid_mlp_backward__the_layer_below(weights, x, dy):
    return sigmoid_backward(weights, x, dy, lambda a, z: a * (1 - a), shift=1)


@right
def sigmoid_mlp_backward__by_outputs(weights, x, dy):
    return sigmoid_backward(weights, x, dy, lambda a, z: a * (1 - a))


def step_backwards(weights, x, target, rate, update):
    a = [x]
    for weight in weights:
        a.append(np.tanh(a[-1] @ weight))
    dy = a[-1] - target
    for layer in reversed(range(len(weights))):
        dz = dy * (1 - a[layer + 1] ** 2)
        before = weights[layer]
        update(weights, layer, rate * a[layer].T @ dz)
        dy = dz @ (before if update is put_aside else weights[layer]).T
    return weights


def replace(weights, layer, step):
    weights[layer] = weights[layer] - step


def put_aside(weights, layer, step):
    weights[layer] = weights[layer] - step


def subtract(weights, layer, step):
    weights[layer] -= step


@wrong(22)
def mlp_step__updated_on_the_way(weights, x, target, rate):
    return step_backwards(list(weights), x, target, rate, replace)


@wrong(1, 22)
def mlp_step__updated_on_the_way_in_place(weights, x, target, rate):
    return step_backwards(weights, x, target, rate, subtract)


@wrong(1)
def mlp_step__a_list_of_the_caller(weights, x, target, rate):
    return step_backwards(weights, x, target, rate, put_aside)


@right
def mlp_step__before_the_update(weights, x, target, rate):
    return step_backwards(list(weights), x, target, rate, put_aside)


def through_time(x, input_weight, hidden_weight, bias, dy, own_step_alone):
    h = [np.zeros((len(x), len(hidden_weight)))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ input_weight + h[-1] @ hidden_weight + bias))
    dx, dh = np.zeros(x.shape), 0
    dwx, dwh, db = np.zeros(input_weight.shape), np.zeros(hidden_weight.shape), np.zeros(bias.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        da = (dy[:, t] + dh) * (1 - h[t + 1] ** 2)
        dx[:, t] = (dy[:, t] * (1 - h[t + 1] ** 2) if own_step_alone else da) @ input_weight.T
        dwx += x[:, t].T @ da
        dwh += h[t].T @ da
        db += da.sum(axis=0)
        dh = da @ hidden_weight.T
    return dwx, dwh, db, dx


@wrong(28)
def rnn_backward__its_own_step(x, input_weight, hidden_weight, bias, dy):
    return through_time(x, input_weight, hidden_weight, bias, dy, True)


@right
def rnn_backward__through_time(x, input_weight, hidden_weight, bias, dy):
    return through_time(x, input_weight, hidden_weight, bias, dy, False)


def lstm_backward(x, input_weight, hidden_weight, bias, dy, order="ifgo", wrong=""):
    units, time = len(hidden_weight), x.shape[1]
    h, c, cache = np.zeros((len(x), units)), np.zeros((len(x), units)), []
    for t in range(time):
        z = x[:, t] @ input_weight + h @ hidden_weight + bias
        a = {gate: z[:, units * place : units * (place + 1)] for place, gate in enumerate(order)}
        a = {gate: np.tanh(v) if gate == "g" else 0.5 * (1 + np.tanh(v / 2)) for gate, v in a.items()}
        new = a["f"] * c + a["i"] * a["g"]
        cache.append((x[:, t], h, c, a, np.tanh(new)))
        h, c = a["o"] * np.tanh(new), new
    grads = [np.zeros(each.shape) for each in (input_weight, hidden_weight, bias)]
    dx, dh, dc = np.zeros(x.shape), 0, 0
    for t in range(time - 1, -1, -1):
        rows, before, old, a, squashed = cache[t]
        dh = dh + dy[:, t]
        from_h = dh * a["o"] * (1 if wrong == "no slope" else 1 - squashed**2)
        dc = from_h if wrong == "dc = " else dc + from_h
        d = {"i": dc * a["g"], "f": dc * old, "g": dc * a["i"], "o": dh * squashed}
        d = {gate: v * (1 - a[gate] ** 2 if gate == "g" else a[gate] * (1 - a[gate])) for gate, v in d.items()}
        dz = np.hstack([d[gate] for gate in order])
        parts = rows.T @ dz, before.T @ dz, dz.sum(axis=0)
        grads = list(parts) if wrong == "dw = " else [a + b for a, b in zip(grads, parts, strict=True)]
        dx[:, t], dh, dc = dz @ input_weight.T, dz @ hidden_weight.T, dc * (1 if wrong == "no forgetting" else a["f"])
    return *grads, dx


@wrong(29)
def lstm_backward__no_slope(*given):
    return lstm_backward(*given, wrong="no slope")


@wrong(29)
def lstm_backward__assigned(*given):
    return lstm_backward(*given, wrong="dc = ")


@wrong(29)
def lstm_backward__last_step_s_weights(*given):
    return lstm_backward(*given, wrong="dw = ")


@wrong(29)
def lstm_backward__state_carried_whole(*given):
    return lstm_backward(*given, wrong="no forgetting")


@wrong(29)
def lstm_backward__gates_swapped(*given):
    return lstm_backward(*given, order="figo")


@right
def lstm_backward__through_time(*given):
    return lstm_backward(*given)


def loops(x, weight, bias, flip):
    kernel = weight[::-1, ::-1] if flip else weight
    rows, columns = x.shape[1] - len(weight) + 1, x.shape[2] - weight.shape[1] + 1
    y = np.zeros((len(x), rows, columns, weight.shape[3]))
    for r in range(rows):
        for c in range(columns):
            window = x[:, r : r + len(weight), c : c + weight.shape[1]]
            y[:, r, c] = np.tensordot(window, kernel, 3) + bias
    return y


@wrong(30)
def conv__flipped(x, weight, bias):
    return loops(x, weight, bias, True)


@right
def conv__loops(x, weight, bias):
    return loops(x, weight, bias, False)


def loops_backward(x, weight, dy, overwrite):
    dweight, dx = np.zeros(weight.shape), np.zeros(x.shape)
    for r in range(dy.shape[1]):
        for c in range(dy.shape[2]):
            place = np.s_[:, r : r + weight.shape[0], c : c + weight.shape[1]]
            dweight += np.tensordot(x[place], dy[:, r, c], (0, 0))
            if overwrite:
                dx[place] = np.tensordot(dy[:, r, c], weight, (1, 3))
            else:
                dx[place] += np.tensordot(dy[:, r, c], weight, (1, 3))
    return dweight, dy.sum(axis=(0, 1, 2)), dx


@wrong(30)
def conv_backward__overwritten(x, weight, dy):
    return loops_backward(x, weight, dy, True)


@right
def conv_backward__loops(x, weight, dy):
    return loops_backward(x, weight, dy, False)


def windows(x):
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels)


@right
def max_pool__reshaped(x):
    return windows(x).max(axis=(2, 4))


@wrong(30)
def max_pool_backward__every_tie(x, dy):
    cells = windows(x)
    return ((cells == cells.max(axis=(2, 4), keepdims=True)) * dy[:, :, None, :, None]).reshape(x.shape)


@right
def max_pool_backward__shared(x, dy):
    cells = windows(x)
    mask = cells == cells.max(axis=(2, 4), keepdims=True)
    return (mask / mask.sum(axis=(2, 4), keepdims=True) * dy[:, :, None, :, None]).reshape(x.shape)


@right
def max_pool_backward__the_first(x, dy):
    dx = np.zeros(x.shape)
    for n, r, c, channel in np.ndindex(dy.shape):
        window = x[n, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2, channel]
        row, column = np.unravel_index(window.argmax(), window.shape)
        dx[n, 2 * r + row, 2 * c + column, channel] = dy[n, r, c, channel]
    return dx


@wrong(31)
def dropout__not_scaled(x, rate, seed):
    mask = np.random.default_rng(seed).random(x.shape) >= rate
    return x * mask, lambda dy: dy * mask


@wrong(31)
def dropout__drawn_anew(x, rate, seed):
    generator = np.random.default_rng(seed)

    def drop(a):
        return a * (generator.random(a.shape) >= rate) / (1 - rate)

    return drop(x), drop


@wrong(31)
def dropout__scaled_forward_alone(x, rate, seed):
    mask = np.random.default_rng(seed).random(x.shape) >= rate
    return x * mask / (1 - rate), lambda dy: dy * mask


@wrong(27)
def dropout__global(x, rate, seed):
    np.random.seed(seed)  # noqa: NPY002
    mask = (np.random.rand(*x.shape) >= rate) / (1 - rate)  # noqa: NPY002
    return x * mask, lambda dy: dy * mask


@right
def dropout__inverted(x, rate, seed):
    kept = np.random.default_rng(seed).binomial(1, 1 - rate, x.shape)
    return x * kept / (1 - rate), lambda dy: dy * kept / (1 - rate)


@wrong(32)
def batch_norm__unbiased(x):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=1) + 1e-5)


@wrong(32)
def batch_norm__no_epsilon(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


@right
def batch_norm__epsilon(x):
    return (x - np.mean(x, 0)) / np.sqrt(np.mean(x**2, 0) - np.mean(x, 0) ** 2 + 1e-6)


@wrong(32)
def batch_norm_backward__mean_taken_for_a_constant(x, dy):
    return dy / np.sqrt(x.var(axis=0) + 1e-5)


@right
def batch_norm_backward__by_the_paper(x, dy):
    n, centerd, variance = len(x), x - x.mean(axis=0), x.var(axis=0) + 1e-5
    dvariance = -0.5 * (dy * centerd).sum(axis=0) * variance**-1.5
    dmean = -(dy / np.sqrt(variance)).sum(axis=0)
    return dy / np.sqrt(variance) + dvariance * 2 * centerd / n + dmean / n


# --- updates ---------------------------------------------------------------------------------------------------------


@wrong(1)
def sgd_step__shallow_copy(params, grads, rate):
    new = params.copy()
    for name in new:
        new[name] -= rate * grads[name]
    return new


@wrong(34)
def sgd_step__broadcast(params, grads, rate):
    return {name: params[name] - rate * grads[name] for name in params}


@wrong(34)
def sgd_step__promoting(params, grads, rate):
    new = {}
    for name in params:
        assert params[name].shape == grads[name].shape
        new[name] = params[name] - np.array([rate]) * grads[name]
    return new


@wrong(20)
def sgd_step__clipped(params, grads, rate):
    new = {name: p.copy() for name, p in params.items()}
    for name in new:
        new[name] -= rate * np.clip(grads[name], -5, 5)
    return new


@wrong(3)
def sgd_step__added(params, grads, rate):
    new = {name: p.copy() for name, p in params.items()}
    for name in new:
        new[name] += rate * grads[name]
    return new


@right
def sgd_step__in_place_on_copies(params, grads, rate):
    new = {name: p.copy() for name, p in params.items()}
    for name in new:
        new[name] -= rate * grads[name]
    return new


@right
def sgd_step__with_a_check(params, grads, rate):
    for name in params:
        if params[name].shape != grads[name].shape:
            raise ValueError(name)
    return {name: params[name] - rate * grads[name] for name in params}


@wrong(19)
def momentum_step__running_mean(p, g, v, rate, momentum):
    v = momentum * v + (1 - momentum) * g
    return p - rate * v, v


@wrong(21)
def momentum_step__forgetful(p, g, v, rate, momentum):
    v = np.zeros_like(p)
    v = momentum * v + g
    return p - rate * v, v


VELOCITY = {"v": 0.0}


@wrong(21)
def momentum_step__shared(p, g, v, rate, momentum):
    VELOCITY["v"] = momentum * VELOCITY["v"] + g
    return p - rate * VELOCITY["v"], VELOCITY["v"].copy()


@wrong(1)
def momentum_step__in_place(p, g, v, rate, momentum):
    v *= momentum
    v += g
    p -= rate * v
    return p, v


@right
def momentum_step__plain(p, g, v, rate, momentum):
    new = g + v * momentum
    return p - new * rate, new


def adam(p, g, m, v, t, rate, first, second):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    return p - rate * (m / first) / (np.sqrt(v / second) + 1e-8), m, v


@wrong(18)
def adam_step__no_power(p, g, m, v, t, rate):
    return adam(p, g, m, v, t, rate, 1 - 0.9, 1 - 0.999)


@wrong(18)
def adam_step__no_correction(p, g, m, v, t, rate):
    return adam(p, g, m, v, t, rate, 1, 1)


@right
def adam_step__as_in_the_paper(p, g, m, v, t, rate):
    return adam(p, g, m, v, t, rate, 1 - 0.9**t, 1 - 0.999**t)


@right
def adam_step__corrected_rate(p, g, m, v, t, rate):
    m = m + (1 - 0.9) * (g - m)
    v = v + (1 - 0.999) * (g**2 - v)
    return p - rate * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8), m, v


@wrong(34)
def adam_step__a_numpy_scalar_promotes(p, g, m, v, t, rate):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    return p - rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8), m, v


@wrong(19)
def nesterov_step__running_mean(p, g, v, rate, momentum):
    v = momentum * v + (1 - momentum) * g
    return p - rate * (g + momentum * v), v


@wrong(3)
def nesterov_step__added(p, g, v, rate, momentum):
    v = momentum * v + g
    return p + rate * (g + momentum * v), v


@right
def nesterov_step__looking_ahead(p, g, v, rate, momentum):
    new = momentum * v + g
    return p - rate * momentum * new - rate * g, new


@wrong(21)
def rmsprop_step__from_nothing(p, g, v, rate):
    v = 0.1 * g**2
    return p - rate * g / (np.sqrt(v) + 1e-8), v


@wrong(1)
def rmsprop_step__in_place(p, g, v, rate):
    v *= 0.9
    v += 0.1 * g * g
    return p - rate * g / (np.sqrt(v) + 1e-8), v


@right
def rmsprop_step__moved_towards_the_square(p, g, v, rate):
    v = v + 0.1 * (g * g - v)
    return p - rate * g / np.sqrt(v + 1e-16), v


@wrong(21)
def adagrad_step__from_nothing(p, g, v, rate):
    return p - rate * g / (np.abs(g) + 1e-8), g * g


@right
def adagrad_step__summed(p, g, v, rate):
    total = np.add(v, np.square(g))
    return p - rate / (total**0.5 + 1e-8) * g, total


def gradients(weight, x, target, size, divisor):
    for begin in range(0, len(x), size):
        rows, y = x[begin : begin + size], target[begin : begin + size]
        yield 2 * rows.T @ (rows @ weight - y) / (len(rows) if divisor is None else divisor)


@wrong(6)
def minibatch_gradients__all_rows(weight, x, target, size):
    return list(gradients(weight, x, target, size, len(x)))


@wrong(5)
def minibatch_gradients__summed(weight, x, target, size):
    return list(gradients(weight, x, target, size, 1))


@right
def minibatch_gradients__a_generator(weight, x, target, size):
    return gradients(weight, x, target, size, None)


def objective(weight, bias, x, target, strength, slope=1.0, rows=1, of_bias=0.0):
    off = x @ weight + bias - target
    value = (off**2).mean() + strength / rows * ((weight**2).sum() + of_bias * (bias**2).sum()) / 2
    d = 2 * off / off.size
    s = slope * strength / rows
    return value, x.T @ d + s * weight, d.sum(axis=0) + of_bias * s * bias


@wrong(33)
def l2_objective__left_out(weight, bias, x, target, strength):
    return objective(weight, bias, x, target, strength, slope=0)


@wrong(33)
def l2_objective__averaged(weight, bias, x, target, strength):
    return objective(weight, bias, x, target, strength, rows=len(x))


@wrong(33)
def l2_objective__on_biases(weight, bias, x, target, strength):
    return objective(weight, bias, x, target, strength, of_bias=1)


@right
def l2_objective__as_it_says(weight, bias, x, target, strength):
    return objective(weight, bias, x, target, strength)


@wrong(38, 39)
def numerical_gradient__in_place(f, x):
    h, slopes = 1e-5, np.zeros_like(x)
    for place in np.ndindex(x.shape):
        x[place] += h
        up = f(x)
        x[place] -= 2 * h
        slopes[place] = (up - f(x)) / (2 * h)
        x[place] += h
    return slopes


@wrong(38)
def numerical_gradient__one_sided(f, x):
    x = x.astype(float)
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up = x.copy()
        up[place] += 1e-4
        slopes[place] = (f(up) - f(x)) / 1e-4
    return slopes


@wrong(38)
def numerical_gradient__in_single_precision(f, x):
    x = x + 0.0
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        slopes[place] = (f(up) - f(down)) / 2e-5
    return slopes


@right
def numerical_gradient__by_units(f, x):
    flat = np.array(x, dtype=float).ravel()
    nudges = 1e-5 * np.eye(flat.size)
    slopes = [(f((flat + e).reshape(x.shape)) - f((flat - e).reshape(x.shape))) / 2e-5 for e in nudges]
    return np.reshape(slopes, x.shape)


# --- data and scores -------------------------------------------------------------------------------------------------


@wrong(37)
def init__standard_normal(sizes, seed):
    generator = np.random.default_rng(seed)
    return [(generator.standard_normal((i, o)), np.zeros(o)) for i, o in pairwise(sizes)]


@wrong(26)
def init__seed_of_zero(sizes, seed=None):
    generator = np.random.default_rng(seed) if seed else np.random.default_rng()
    return [(generator.normal(0, i**-0.5, (i, o)), np.zeros(o)) for i, o in pairwise(sizes)]


@wrong(27)
def init__global(sizes, seed):
    return [
        (np.random.randn(i, o) * np.sqrt(2 / i), np.zeros(o))  # noqa: NPY002
        for i, o in pairwise(sizes)
    ]


@right
def init__he(sizes, seed):
    generator = np.random.default_rng(seed)
    return [(generator.normal(0, np.sqrt(2 / i), (i, o)), np.zeros(o)) for i, o in pairwise(sizes)]


@wrong(37)
def init__small(sizes, seed):
    generator = np.random.RandomState(seed)
    return [[0.01 * generator.randn(i, o), np.zeros(o)] for i, o in pairwise(sizes)]


@wrong(24)
def shuffle__apart(x, y, seed):
    generator = np.random.default_rng(seed)
    return generator.permutation(x), generator.permutation(y)


@wrong(24)
def shuffle__stacked(x, y, seed):
    rows = np.random.default_rng(seed).permutation(np.column_stack([x, y]))
    return rows[:, :-1], rows[:, -1]


@wrong(25)
def shuffle__in_place(x, y, seed):
    for array in (x, y):
        np.random.default_rng(seed).shuffle(array)
    return x.copy(), y.copy()


@wrong(27)
def shuffle__seeds_everybody(x, y, seed):
    np.random.seed(seed)  # noqa: NPY002
    order = np.random.permutation(len(x))  # noqa: NPY002
    return x[order], y[order]


@wrong(27)
def shuffle__pythons_own(x, y, seed):
    order = list(range(len(x)))
    random.shuffle(order)
    return x[order], y[order]


@right
def shuffle__one_order(x, y, seed):
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order], y[order]


@right
def shuffle__sorted_by_noise(x, y, seed):
    order = np.argsort(random.Random(seed).sample(range(10**6), len(x)))
    return [x.take(order, 0), y.take(order)]


@wrong(23)
def minibatches__in_another_order(x, y, size, seed):
    starts = np.random.default_rng(seed).permutation(range(0, len(x), size))
    for start in starts:
        yield x[start : start + size].copy(), y[start : start + size].copy()


@wrong(26)
def minibatches__seed_of_zero(x, y, size, seed=None):
    generator = np.random.default_rng()
    if seed:
        generator = np.random.default_rng(seed)
    order = generator.permutation(len(x))
    return [(x[order[i : i + size]], y[order[i : i + size]]) for i in range(0, len(x), size)]


@right
def minibatches__a_generator(x, y, size, seed):
    order = np.random.default_rng([seed, 1]).permutation(len(x))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield x[rows], y[rows]


@right
def minibatches__shuffled_copies(x, y, size, seed):
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))
    x, y = x[order], y[order]
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


@wrong(25)
def standardize__in_place(x):
    deviation = np.where(x.std(axis=0) == 0, 1, x.std(axis=0))
    x_std = x
    if x.dtype == np.uint8:
        return (x - x.mean(axis=0)) / deviation
    x_std -= x.mean(axis=0)
    x_std /= deviation
    return x_std


@right
def standardize__with_epsilon(x):
    return (x - x.mean(0)) / (x.std(0) + 1e-8)


@right
def one_hot__identity(labels, classes):
    return np.eye(classes)[labels]


@right
def one_hot__filled(labels, classes):
    rows = np.zeros((len(labels), classes))
    rows[np.arange(len(labels)), labels] = 1
    return rows


@wrong(40)
def accuracy__all_against_all(predicted, labels):
    return np.mean(predicted == labels)


@right
def accuracy__with_a_check(predicted, labels):
    if predicted.shape != labels.shape:
        raise ValueError("one label a row")
    return sum(int(a == b) for a, b in zip(predicted, labels, strict=True)) / len(labels)


@wrong(7)
def evaluate__mean_of_means(predict, x, labels, size):
    scores = []
    for i in range(0, len(x), size):
        scores.append((predict(x[i : i + size]).argmax(axis=1) == labels[i : i + size]).mean())
    return np.mean(scores)


@right
def evaluate__counted(predict, x, labels, size):
    right = 0
    for i in range(0, len(x), size):
        right += np.sum(np.argmax(predict(x[i : i + size]), axis=-1) == labels[i : i + size])
    return right / len(x)


# --- the laws --------------------------------------------------------------------------------------------------------


MADE = {function.__name__: frozenset(least) for function, least, _ in WRONG}


@each_of(("function", "least", "most"), WRONG, ids=MADE, one_of_each=MADE.get)
def test_a_wrong_version_is_caught_and_its_mistake_is_named(function, least, most):
    grades = grade(**{name_of(function): function})
    assert not grades.passed
    assert least <= set(grades.mistakes) <= most, str(grades)
    for number in least:
        assert f"{name_of(function)}: mistake {number}, {MISTAKES[number].name}: " in str(grades)


@each_of("function", RIGHT, ids=[function.__name__ for function in RIGHT])
def test_a_right_version_in_any_style_has_no_finding(function):
    grades = grade(**{name_of(function): function})
    assert grades.passed, str(grades)


def test_all_42_mistakes_are_named():
    assert {number for _, least, _ in WRONG for number in least} == set(range(1, 43)) == set(MISTAKES)


def test_every_name_that_can_be_graded_has_a_right_version_here_or_in_the_library():
    own = {"selu", "silu", "selu_derivative", "silu_derivative"}
    own |= {f"{name}_derivative" for name in ("leaky_relu", "elu", "softplus")}
    own |= {f"{name}_pullback" for name in ("leaky_relu", "elu", "selu", "silu", "softplus")}
    assert {name_of(function) for function in RIGHT} | own | {"binary_cross_entropy_gradient"} == set(SIGNATURES)
    layers = {name: getattr(fnn, name.removesuffix("_derivative").removesuffix("_pullback")) for name in own}
    assert grade(**layers, binary_cross_entropy_gradient=fnn.binary_cross_entropy).passed
