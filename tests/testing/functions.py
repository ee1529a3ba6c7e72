"""The own set of functions, right and wrong, in the likeness of published code, for the grader to be tried on.

FORMS      : name, function, keywords, words, numbers    right in another form than the signature's
TOO_SMALL  : first weights that lead nowhere              FITTING : those that do
LOGARITHMS : cross-entropies through a probability        WRONG   : name, function, number or words

It is imported by ``table`` under earlier versions of the package too, so it uses no more than ``fnn`` had then.
"""

from itertools import pairwise

import numpy as np


def softmax_of_columns(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def forward_by_columns(x, weight, bias):
    return weight @ x + bias


def forward_with_cache(x, weight, bias):
    return x @ weight + bias, (x, weight)


def backward_averaged(x, weight, dy):
    return x.T @ dy / len(x), dy.mean(axis=0), dy @ weight.T


def backward_of_a_course(dy, x, weight):
    n = x.shape[1]
    return dy @ x.T / n, dy.sum(axis=1, keepdims=True) / n, weight.T @ dy


def backward_keeping_dimensions(x, weight, dy):
    return x.T @ dy, dy.sum(axis=0, keepdims=True), dy @ weight.T


def backward_with_dx_first(x, weight, dy):
    return dy @ weight.T, x.T @ dy, dy.sum(axis=0)


def entropy_of_probabilities(p, labels):
    return -np.log(p[np.arange(len(p)), labels]).mean()


def entropy_with_the_target_first(hot, logits):
    top = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0] - (hot * logits).sum(axis=1))


def dropout_as_first_published(x, rate, seed):
    mask = np.random.default_rng(seed).random(x.shape) >= rate
    return x * mask, lambda dy: dy * mask


def init_as_in_torch(sizes, seed):
    generator = np.random.default_rng(seed)
    return [(generator.normal(0, (2 / i) ** 0.5, (o, i)), np.zeros((1, o))) for i, o in pairwise(sizes)]


# What a function is, how it is written, the words for it, and the number that it has where it is not asked for so.
FORMS = [
    ("softmax", softmax_of_columns, {"columns": True}, "by columns", ()),
    ("dense_forward", forward_by_columns, {"columns": True}, "by columns", ()),
    ("dense_forward", forward_with_cache, {"cached": True}, "with a cache beside the result", ()),
    ("dense_forward", lambda x, w, b: x @ w.T + b, {"transposed": True}, "with weights transposed", ()),
    ("dense_backward", backward_averaged, {"averaged": True}, "divided by n in the layer", ()),
    ("dense_backward", backward_keeping_dimensions, {"keepdims": True}, "with biases (1, n)", ()),
    (
        "dense_backward",
        backward_with_dx_first,
        {"returns": ("dx", "dweight", "dbias")},
        "with the results (dx, dweight, dbias)",
        (),
    ),
    (
        "dense_backward",
        backward_of_a_course,
        {"columns": True, "averaged": True, "order": ("dy", "x", "weight")},
        "by columns, divided by n in the layer and with the arguments (dy, x, weight)",
        (),
    ),
    ("mse_gradient", lambda y, t: (y - t) / y.size, {"half": True}, "for half the square", ()),
    ("mse_gradient", lambda y, t: 2 * (y - t), {"summed": True}, "for the sum", (5,)),
    ("mse_gradient", lambda y, t: y - t, {"half": True, "summed": True}, "for half the square and for the sum", (5,)),
    ("cross_entropy", entropy_of_probabilities, {"probabilities": True}, "of probabilities", ()),
    (
        "mse_gradient",
        lambda y, t: 2 * (y - t) / len(y),
        {"over_rows": True},
        "summed over outputs and averaged over rows",
        (41,),
    ),
    (
        "dense_backward",
        lambda dy, x, w: (w.T @ dy, dy @ x.T / x.shape[1], dy.sum(axis=1, keepdims=True) / x.shape[1]),
        {
            "columns": True,
            "averaged": True,
            "order": ("dy", "x", "weight"),
            "returns": ("dx", "dweight", "dbias"),
        },
        "by columns, divided by n in the layer, with the arguments (dy, x, weight) and with the results (dx, dweight, "
        "dbias)",
        (),
    ),
    (
        "cross_entropy",
        entropy_with_the_target_first,
        {"one_hot_labels": True, "order": ("labels", "logits")},
        "with one-hot labels and with the arguments (labels, logits)",
        (),
    ),
    ("sigmoid_derivative", lambda y: y * (1 - y), {"of_output": True}, "of the activation's output", (14,)),
    ("dropout", dropout_as_first_published, {"scaled_at_test": True}, "scaled at test time", (31,)),
    ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x), {"slope": 0.2}, "with slope=0.2", ()),
    ("leaky_relu_derivative", lambda x: np.where(x > 0, 1, 0.3), {"slope": 0.3}, "with slope=0.3", ()),
    (
        "init",
        init_as_in_torch,
        {"transposed": True, "keepdims": True},
        "with biases (1, n) and with weights transposed",
        (),
    ),
]


def initializer(scale, low=None, biases=0.0):
    """Return an init with this scale by (n_in, n_out), normal or, from ``low`` to 1, uniform; with random biases."""

    def init(sizes, seed):
        generator = np.random.default_rng(seed)

        def drawn(*shape):
            return generator.standard_normal(shape) if low is None else generator.uniform(low, 1, shape)

        return [(scale(i, o) * drawn(i, o), biases * generator.standard_normal(o)) for i, o in pairwise(sizes)]

    return init


TOO_SMALL = {
    "a hundredth": (initializer(lambda i, o: 0.01), "0.05"),
    "no square root of 2 / n": (initializer(lambda i, o: 2 / i), "the square root is missing"),
    "no square root of 1 / n": (initializer(lambda i, o: 1 / i), "the square root is missing"),
    "all positive": (initializer(lambda i, o: i**-0.5, low=0), "all positive; draw them around 0"),
}
FITTING = {
    "He": initializer(lambda i, o: (2 / i) ** 0.5),
    "LeCun": initializer(lambda i, o: i**-0.5),
    "Glorot": initializer(lambda i, o: (6 / (i + o)) ** 0.5, low=-1),
    "PyTorch's": initializer(lambda i, o: i**-0.5, low=-1),
    "a tenth": initializer(lambda i, o: 0.1),
    "small biases": initializer(lambda i, o: (2 / i) ** 0.5, biases=0.01),
}


def probabilities(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def picked(p, labels):
    return p[np.arange(len(p)), labels]


def one_hot(p, labels):
    return np.eye(p.shape[1])[labels]


LOGARITHMS = {
    "plain": lambda z, t: -np.log(picked(probabilities(z), t)).mean(),
    "with 1e-7": lambda z, t: -np.log(picked(probabilities(z), t) + 1e-7).mean(),
    "with 1e-12": lambda z, t: -np.log(picked(probabilities(z), t) + 1e-12).mean(),
    "with a large epsilon": lambda z, t: -np.log(picked(probabilities(z), t) + 1e-3).mean(),
    "one-hot": lambda z, t: -np.sum(one_hot(z, t) * np.log(probabilities(z))) / len(z),
    "one-hot with 1e-7": lambda z, t: -np.sum(one_hot(z, t) * np.log(probabilities(z) + 1e-7)) / len(z),
    "clipped": lambda z, t: -np.log(np.clip(picked(probabilities(z), t), 1e-4, 1 - 1e-4)).mean(),
}


def log_softmax_with(epsilon):
    return lambda z: np.log(probabilities(z) + epsilon)


def binary_with(epsilon):
    def binary_cross_entropy(z, t):
        p = 0.5 * (1 + np.tanh(z / 2))
        return -np.mean(t * np.log(p + epsilon) + (1 - t) * np.log(1 - p + epsilon))

    return binary_cross_entropy


def l2(summed):
    def objective(w, b, x, t, strength):
        off = x @ w + b - t
        slope = 2 * off / (1 if summed == "all" else off.shape[1] if summed == "rows" else off.size)
        return np.mean(off**2) + strength / 2 * np.sum(w**2), x.T @ slope + strength * w, slope.sum(axis=0)

    return objective


def whole_batches(size):
    def accuracy(predicted, labels):
        predicted = np.ravel(predicted)
        hits = [np.sum(predicted[i : i + size] == labels[i : i + size]) for i in range(0, len(labels), size)]
        return sum(hits[:-1] if len(labels) % size and len(hits) > 1 else hits) / len(labels)

    return accuracy


def evaluate_whole_batches(of_all):
    def evaluate(predict, x, labels, size):
        n = len(x) // size * size
        hits = [predict(x[i : i + size]).argmax(axis=1) == labels[i : i + size] for i in range(0, n, size)]
        return np.sum(hits) / (len(x) if of_all else n)

    return evaluate


def whole_gradient(f, x):
    x = np.asarray(x, float)
    nudges = np.eye(x.size).reshape(x.size, *x.shape) * 1e-5
    return np.array([f(x + e) - f(x - e) for e in nudges]).reshape(x.shape) / 2e-5


def number_by_number(f, x):
    return np.array([whole_gradient(f, np.array([each])) for each in np.ravel(x)]).reshape(np.shape(x))


def row_by_row(f, x):
    return whole_gradient(f, x) if np.ndim(x) == 1 else np.stack([whole_gradient(f, row) for row in x])


def distance_of_bytes(y, t):
    assert y.shape == t.shape
    return np.mean(np.abs(y - t))


def stepping_first(rate):
    def dense_backward(x, weight, dy):
        dweight, dbias = x.T @ dy, dy.sum(axis=0)
        weight = weight - rate * dweight
        return dweight, dbias, dy @ weight.T

    return dense_backward


def checked_step(p, g, rate):
    if p.shape != g.shape:
        raise ValueError("shapes")
    return p - rate * g


def clipped_by_norm(limit):
    def sgd_step(params, grads, rate):
        norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
        return {name: checked_step(p, grads[name], rate * min(1.0, limit / norm)) for name, p in params.items()}

    return sgd_step


def clipped_by_value(limit):
    def sgd_step(params, grads, rate):
        return {name: checked_step(p, np.clip(grads[name], -limit, limit), rate) for name, p in params.items()}

    return sgd_step


def flipped_and_overwritten(x, weight, dy):
    dweight, dx, turned = np.zeros(weight.shape), np.zeros(x.shape), weight[::-1, ::-1]
    for r, c in np.ndindex(dy.shape[1:3]):
        window = np.s_[:, r : r + weight.shape[0], c : c + weight.shape[1]]
        dweight += np.tensordot(x[window], dy[:, r, c], (0, 0))
        dx[window] = np.tensordot(dy[:, r, c], turned, (1, 3))
    return dweight, dy.sum(axis=(0, 1, 2)), dx


def adam_counting(count):
    def adam_step(p, g, m, v, t, rate):
        t = count(t)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    return adam_step


def entropy_of(y, t):
    return -np.sum(t * np.log(y)) / len(y)


ROWS_LEFT_OUT, PARTS = "the last rows are left out", "f is given parts of x, which is right only for sums"

WRONG = [
    *[("init", init, 37) for init, _ in TOO_SMALL.values()],
    ("init", initializer(lambda i, o: (2 / i) ** 0.5, biases=2.0), "start the biases at 0"),
    ("init", initializer(lambda i, o: 1.0, biases=2.0), 37),
    *[("accuracy", whole_batches(size), ROWS_LEFT_OUT) for size in (10, 32, 50, 64, 100)],
    *[("evaluate", evaluate_whole_batches(of_all), ROWS_LEFT_OUT) for of_all in (True, False)],
    *[("numerical_gradient", function, PARTS) for function in (number_by_number, row_by_row)],
    ("mae", distance_of_bytes, 39),
    ("mae", lambda y, t: distance_of_bytes(t, y), 39),
    *[("cross_entropy", function, 11) for function in LOGARITHMS.values()],
    *[("log_softmax", log_softmax_with(epsilon), 11) for epsilon in (0, 1e-12, 1e-7, 1e-4)],
    *[("binary_cross_entropy", binary_with(epsilon), 11) for epsilon in (0, 1e-12, 1e-7, 1e-4)],
    *[("l2_objective", l2(summed), 5) for summed in ("all", "rows")],
    ("cross_entropy_gradient", lambda z, t: probabilities(z) - one_hot(z, t), 5),
    ("binary_cross_entropy_gradient", lambda z, t: 0.5 * (1 + np.tanh(z / 2)) - t, 5),
    ("loss_and_gradient", lambda y, t: (np.sum((y - t) ** 2) / len(y), y - t), 5),
    ("loss_and_gradient", lambda y, t: (np.mean((y - t) ** 2) / 2, 2 * (y - t)), 5),
    ("loss_and_gradient", lambda y, t: (entropy_of(y, t), y - t), 5),
    *[("dense_backward", stepping_first(rate), 22) for rate in (0.05, 1.0)],
    *[("sgd_step", clipped(limit), 20) for clipped in (clipped_by_norm, clipped_by_value) for limit in (0.5, 1, 5)],
    ("conv_backward", flipped_and_overwritten, 30),
    *[
        ("adam_step", adam_counting(count), 18)
        for count in (lambda t: 2 * t, lambda t: 2 * t - 1, lambda t: t + 1, lambda t: t - 1 or 2)
    ],
    *[
        ("batch_norm", lambda x, d=divisor: (x - x.mean(axis=0)) / d(x), 32)
        for divisor in (lambda x: (x.std(axis=0) + 1e-5) ** 0.5, lambda x: x.var(axis=0) + 1e-5)
    ],
]

RIGHT = [
    *[("init", init) for init in FITTING.values()],
    ("l2_objective", l2("")),
    ("numerical_gradient", whole_gradient),
    ("mse_gradient", lambda y, t: 2 * (y - t) / y.size + 1e-14),
    ("mse", lambda y, t: np.mean((y.ravel().astype(float) - t.ravel()) ** 2) + 1e-14),
    *[
        ("loss_and_gradient", lambda y, t, e=epsilon: (-np.sum(t * np.log(y + e)) / len(y), -t / y / len(y)))
        for epsilon in (1e-12, 1e-8, 1e-7, 1e-5)
    ],
    ("loss_and_gradient", lambda y, t: (np.float32(np.mean((y - t) ** 2)), 2 * (y - t) / y.size)),
]


# --- right functions in other forms ----------------------------------------------------------------------------------


def turned(value, name=""):
    """Return arrays of rows as columns, or back; a bias (n,) as (n, 1), and back."""
    if isinstance(value, tuple):
        return tuple([turned(each) for each in value])
    if isinstance(value, list):
        return [turned(each) for each in value]
    if name == "bias":
        return value[:, 0] if value.ndim == 2 else value[:, None]
    return value.T if isinstance(value, np.ndarray) and value.ndim == 2 else value


def by_columns(function, takes, gives):
    def of_columns(*given):
        result = function(*[turned(each, name) for name, each in zip(takes, given, strict=True)])
        if isinstance(result, tuple | list) and len(gives) > 1:
            return tuple([turned(each, name.removeprefix("d")) for name, each in zip(gives, result, strict=True)])
        return turned(result)

    return of_columns


def changed(value, change):
    """Return arrays in nested tuples, lists and dictionaries, each changed."""
    if isinstance(value, dict):
        return {key: changed(each, change) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return type(value)([changed(each, change) for each in value])
    return change(value) if isinstance(value, np.ndarray) else value


def single(value):
    return changed(value, lambda each: each.astype(np.float32) if each.dtype.kind == "f" else each)


def in_single(function):
    return lambda *given: single(function(*single(given)))


def stacked(function):
    def row_after_row(*given):
        return np.stack([function(*[each[i : i + 1] for each in given])[0] for i in range(len(given[0]))])

    return row_after_row


def reordered(function, order):
    """Return the function that takes its arguments in another order, numbers being their places of before."""
    return lambda *given: function(*[given[order.index(place)] for place in range(len(order))])


def result_first(function):
    return lambda *given: (function(*given), given)


def as_lists(function):
    return lambda *given: changed(function(*given), np.ndarray.tolist)


def in_fortran_order(function):
    return lambda *given: changed(function(*given), np.asfortranarray)
