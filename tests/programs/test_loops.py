"""What a training loop does is seen from outside, in the usual ways of writing one: right ones are told nothing."""

import ast

import numpy as np
import pytest

from fnn.programs.loops import HOOK, Loops, hooked
from tests.each_of import each_of

DATA = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4))
Y = np.eye(4)[X.argmax(axis=1)]

def forward(x, w1, b1, w2, b2):
    h = np.tanh(x @ w1 + b1)
    return h, h @ w2 + b2

def gradients(x, y, w1, b1, w2, b2):
    h, out = forward(x, w1, b1, w2, b2)
    d = 2 * (out - y) / y.size
    dh = (d @ w2.T) * (1 - h ** 2)
    return x.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0), np.mean((out - y) ** 2)

def first():
    r = np.random.default_rng(1)
    return r.normal(size=(4, 4)), np.zeros(4), r.normal(size=(4, 4)), np.zeros(4)
"""

ON_ALL_ROWS = """
W1, b1, W2, b2 = first()
for i in range(12):
    dW1, db1, dW2, db2, loss = gradients(X, Y, W1, b1, W2, b2)
    W1 -= 0.5 * dW1
    b1 -= 0.5 * db1
    W2 -= 0.5 * dW2
    b2 -= 0.5 * db2
"""

NETWORK = """
class Network:
    def __init__(self):
        self.params = dict(zip(("W1", "b1", "W2", "b2"), first()))
        self.velocity = {name: np.zeros_like(p) for name, p in self.params.items()}

    def step(self, x, y):
        *grads, loss = gradients(x, y, *self.params.values())
        for name, g in zip(self.params, grads):
            self.velocity[name] = 0.5 * self.velocity[name] + g
            self.params[name] -= 0.3 * self.velocity[name]
        return loss

    def fit(self, X, y, epochs=5, batch_size=16):
        history = {"loss": []}
        for epoch in range(epochs):
            order = np.random.default_rng(epoch).permutation(len(X))
            total = 0
            for start in range(0, len(X), batch_size):
                rows = order[start:start + batch_size]
                total += self.step(X[rows], y[rows])
            history["loss"].append(total)
        return history

Network().fit(X, Y)
"""

LAYERS = """
class Layer:
    def __init__(self, w, b):
        self.W, self.b = w.copy(), b.copy()
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(axis=0)
        return dy @ self.W.T

class Adam:
    def __init__(self):
        self.m, self.v, self.t = {}, {}, 0
    def update(self, layers):
        self.t += 1
        for k, layer in enumerate(layers):
            for name in ("W", "b"):
                g = getattr(layer, "d" + name)
                m = self.m[k, name] = 0.9 * self.m.get((k, name), 0) + 0.1 * g
                v = self.v[k, name] = 0.999 * self.v.get((k, name), 0) + 0.001 * g ** 2
                step = m / (1 - 0.9 ** self.t) / (np.sqrt(v / (1 - 0.999 ** self.t)) + 1e-8)
                setattr(layer, name, getattr(layer, name) - 0.05 * step)

def batches(x, y, size, seed):
    order = np.random.default_rng(seed).permutation(len(x))
    for i in range(0, len(x), size):
        yield x[order[i:i + size]], y[order[i:i + size]]

def main():
    w1, b1, w2, b2 = first()
    layers, adam = [Layer(w1, b1), Layer(w2, b2)], Adam()
    losses = []
    for epoch in range(7):
        for xb, yb in batches(X, Y, 16, epoch):
            out = xb
            for layer in layers:
                out = layer.forward(out)
            grad = 2 * (out - yb) / yb.size
            for layer in reversed(layers):
                grad = layer.backward(grad)
            adam.update(layers)
        losses.append(np.mean((out - yb) ** 2))

main()
"""

AT_RANDOM = """
params = list(first())
m = [np.zeros_like(p) for p in params]
train_loss_list = []
for i in range(24):
    mask = rng.choice(len(X), 10)
    x_batch, t_batch = X[mask], Y[mask]
    *grads, loss = gradients(x_batch, t_batch, *params)
    for k in range(4):
        m[k] = 0.5 * m[k] + grads[k]
        params[k] = params[k] - 0.2 * m[k]
    train_loss_list.append(loss)
"""

ROW_BY_ROW = """
W1, b1, W2, b2 = first()
for epoch in range(3):
    loss = 0
    for i in rng.permutation(len(X)):
        dW1, db1, dW2, db2, own = gradients(X[i:i + 1], Y[i:i + 1], W1, b1, W2, b2)
        W1, b1, W2, b2 = W1 - 0.05 * dW1, b1 - 0.05 * db1, W2 - 0.05 * dW2, b2 - 0.05 * db2
        loss += own
"""

BY_COLUMNS = """
import math
def random_mini_batches(X, Y, size, seed):
    r = np.random.RandomState(seed)
    m = X.shape[1]
    perm = list(r.permutation(m))
    sX, sY = X[:, perm], Y[:, perm]
    out = []
    for k in range(math.floor(m / size)):
        out.append((sX[:, k*size:(k+1)*size], sY[:, k*size:(k+1)*size]))
    if m % size:
        out.append((sX[:, size*math.floor(m/size):m], sY[:, size*math.floor(m/size):m]))
    return out
def model(X, Y, epochs=4):
    W1, b1, W2, b2 = first()
    W1, b1, W2, b2 = W1.T, b1[:, None], W2.T, b2[:, None]
    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    v = {k: np.zeros_like(p) for k, p in params.items()}
    s = {k: np.zeros_like(p) for k, p in params.items()}
    costs, seed, t = [], 10, 0
    for i in range(epochs):
        seed += 1
        cost_total = 0
        for mb in random_mini_batches(X, Y, 16, seed):
            x, y = mb
            h = np.tanh(params["W1"] @ x + params["b1"])
            out = params["W2"] @ h + params["b2"]
            d = 2 * (out - y) / y.size
            dh = params["W2"].T @ d * (1 - h**2)
            grads = {"W1": dh @ x.T, "b1": dh.sum(1, keepdims=True), "W2": d @ h.T, "b2": d.sum(1, keepdims=True)}
            t += 1
            cost_total += np.mean((out - y) ** 2)
            for k in params:
                v[k] = 0.9 * v[k] + 0.1 * grads[k]
                s[k] = 0.999 * s[k] + 0.001 * grads[k] ** 2
                params[k] = params[k] - 0.02 * (v[k] / (1 - 0.9**t)) / (np.sqrt(s[k] / (1 - 0.999**t)) + 1e-8)
        costs.append(cost_total)
    return params
model(X.T, Y.T)
"""

RIGHT = {
    "on all rows": ON_ALL_ROWS, "a network": NETWORK, "layers": LAYERS, "at random": AT_RANDOM, "by rows": ROW_BY_ROW,
    "by columns": BY_COLUMNS,
}  # fmt: skip

WRONG = {
    "uphill": (ON_ALL_ROWS.replace("-=", "+="), "goes from a loss of"),
    "not finite": (ON_ALL_ROWS.replace("0.5 *", "1e200 *"), "to nan in 12 records, expected it to fall"),
    "a bias": (ON_ALL_ROWS.replace("b1 -= 0.5 * db1", "pass"), "leaves the parameter b1 as it was, to the bit"),
    "a layer": (LAYERS.replace("enumerate(layers)", "enumerate(layers[1:])"), "leaves the parameter layers[0].W as it"),
    "one velocity": (
        AT_RANDOM.replace("[np.zeros_like(p) for p in params]", "[np.zeros((4, 4)), np.zeros(4)] * 2").replace(
            "m[k] = 0.5 * m[k] + grads[k]", "m[k] *= 0.5; m[k] += grads[k]"
        ),
        "keeps 1 array 'm' for 2 weights of the same shape (4, 4)",
    ),
    "one memory in an optimizer": (
        LAYERS.replace("[k, name]", "[name]").replace("(k, name)", "name"),
        "keeps 1 array 'm' for 2 weights of the same shape (4, 4)",
    ),
    "rows lost": (LAYERS.replace("range(0, len(x), size)", "range(0, len(x) - size + 1, size)"), "leaves out 2 of 50"),
    "the last rows lost": (
        NETWORK.replace("permutation(len(X))", "permutation(48)").replace("range(0, len(X)", "range(0, 48"),
        "never sees 2 of 50 rows",
    ),
    "columns lost": (BY_COLUMNS.replace("if m % size:", "if False:"), "leaves out 2 of 50 rows"),
    "no shuffle": (NETWORK.replace("default_rng(epoch)", "default_rng(0)"), "same batches, in the same order, in all"),
    "cut once": (
        LAYERS.replace("in batches(X, Y, 16, epoch)", "in [cut[k] for k in rng.permutation(4)]").replace(
            "    losses = []", "    losses = []\n    cut = list(batches(X, Y, 16, 0))"
        ),
        "has the same batches, in another order, in all of 5 epochs",
    ),
}  # fmt: skip


def seen(program):
    loops = Loops()
    names = {"__name__": "__main__", HOOK: loops}
    run(DATA + program, names)
    return loops


def run(program, names):
    exec(compile(ast.Module(hooked(program), []), "<submission>", "exec"), names)


@each_of("name", RIGHT)
def test_a_loop_that_is_right_is_told_nothing(name):
    loops = seen(RIGHT[name])
    assert loops.trained
    assert list(loops.findings()) == []
    assert len(loops.moved) >= 4


@pytest.mark.long
@each_of("name", WRONG)
def test_what_is_wrong_with_a_loop_is_said(name):
    program, words = WRONG[name]
    with np.errstate(all="ignore"):
        finding, *more = seen(program).findings()
    assert len(more) == (name == "a layer")  # its weight and its bias
    assert words in finding["what"]
    assert finding["advice"]
    assert finding.get("mistake") == {"one": 21, "cut": 23}.get(name.split()[0])


def test_the_batches_of_the_right_ones_are_seen():
    for name, sizes in (("a network", [16, 16, 16, 2]), ("layers", [16, 16, 16, 2]), ("by rows", [1] * 50)):
        loops = seen(RIGHT[name])
        epochs = max((loops._epochs(rows) for rows in loops.data), key=len)
        assert [len(batch) for batch in epochs[0]] == sizes
        assert len(epochs) == {"a network": 5, "layers": 7, "by rows": 3}[name]


def test_a_program_without_a_loop_has_not_trained():
    assert not seen("w = np.ones(3)\nfor i in range(3):\n    print(end='')").trained


@pytest.mark.parametrize(
    "program", ["def f(x):\n    'Say it.'\n    return x", "while False:\n    pass\nelse:\n    y = 1"]
)
def test_calls_in_a_program_change_nothing_that_it_does(program):
    names = {"__name__": "__main__", HOOK: Loops()}
    run(program, names)
    assert names["f"](3) == 3 if "f" in names else names["y"] == 1
