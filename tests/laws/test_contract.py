"""The contract holds for every public name: nothing is written to, the same twice, float32 stays float32.

Layers, losses and penalties are tried in ``test_laws.py``, transforms in ``test_optim.py``. Here are all the others,
and the count of them all: a public name without a case is a failure.
"""

import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest

import fnn
from fnn import Key, State, data, initializers, metrics, mse, schedules, sgd, start, train_step, tree
from tests.laws.cases import LAYERS, LOSS_CASES, PENALTIES, numbers, random_like
from tests.optim.test_optim import ALL as TRANSFORMS

LABELS = np.array([0, 2, 1, 2, 0, 1])
SCORES = numbers(6, 3)
SIGNS = np.array([0, 1, 0, 1, 1, 0])
NET = random_like(fnn.mlp(4, 3)(Key(0), np.zeros((1, 5))))
BATCH = numbers(6, 5), numbers(6, 3, seed=2)
STATE = start(NET, sgd(0.1))
GRADIENT = fnn.grad(mse, NET, BATCH)
STREAM = [State(np.array([weight]), (), step, loss) for step, (weight, loss) in enumerate(((1.0, 3.0), (2.0, 1.0)))]


def bowl(x):
    return float(np.sum(x**2))


def in_a_folder(function):
    """Give the function that also gets a path, new each time, for the one that writes a file."""

    def call(*given):
        with tempfile.TemporaryDirectory() as folder:
            return function(Path(folder) / "file", *given)

    return call


def kept(path, saved):
    fnn.save(path, saved)
    return fnn.load(path)


# Each a function and the arrays, trees and settings that it is called with.
CALLS = {
    "accuracy": (metrics.accuracy, SCORES, LABELS),
    "top_k_accuracy": (metrics.top_k_accuracy, SCORES, LABELS, 2),
    "confusion_matrix": (metrics.confusion_matrix, SCORES, LABELS),
    "precision": (metrics.precision, SCORES, LABELS),
    "recall": (metrics.recall, SCORES, LABELS),
    "f1": (metrics.f1, SCORES, LABELS),
    "roc_auc": (metrics.roc_auc, SCORES[:, 0], SIGNS),
    "rmse": (metrics.rmse, SCORES, numbers(6, 3, seed=1)),
    "r2": (metrics.r2, SCORES, numbers(6, 3, seed=1)),
    "perplexity": (metrics.perplexity, SCORES, LABELS),
    "evaluate": (metrics.evaluate, mse, NET, BATCH, 4),
    "batches": (lambda *given: tuple(data.batches(*given)), BATCH, 4, Key(0)),
    "epochs": (lambda *given: tuple(data.epochs(*given)), BATCH, 4, Key(0), 2),
    "train_test_split": (data.train_test_split, BATCH, 0.5, Key(0)),
    "one_hot": (data.one_hot, LABELS, 3),
    "standardize": (data.standardize, SCORES),
    "characters": (data.characters, "to be"),
    "line": (data.line, 6, 0.1, Key(0)),
    **{
        name: (getattr(data, name), 6, 0.1, Key(0)) for name in ("moons", "circles", "spirals", "blobs", "xor")
    },
    "digits": (data.digits,),
    **{
        f"initializers.{name}": (getattr(initializers, name), Key(0), (4, 3))
        for name in (
            "zeros", "ones", "constant", "uniform", "normal", "glorot_uniform", "glorot_normal", "he_uniform",
            "he_normal", "lecun_uniform", "lecun_normal", "orthogonal",
        )
    },
    "tree.map": (tree.map, np.negative, NET),
    "tree.leaves": (tree.leaves, NET),
    "tree.reduce": (tree.reduce, lambda n, leaf: n + leaf.size, NET, 0),
    "tree.paths": (tree.paths, NET),
    "tree.zeros_like": (tree.zeros_like, NET),
    "tree.add": (tree.add, NET, GRADIENT),
    "tree.equal": (tree.equal, NET, NET),
    "tree.allclose": (tree.allclose, NET, GRADIENT),
    "tree.ravel": (lambda params: tree.ravel(params)[0], NET),
    "tree.at": (tree.at, "layers[0].bias", np.negative, NET),
    "tree.is_weight": (tree.is_weight, "layers[0].weight"),
    "fold_in": (fnn.fold_in, Key(0), 3),
    "split": (fnn.split, Key(0), 3),
    "forward": (fnn.forward, NET, BATCH[0]),
    "advance": (fnn.advance, NET, BATCH[0][:, None]),
    "grad": (fnn.grad, mse, NET, BATCH),
    "value_and_grad": (fnn.value_and_grad, mse, NET, BATCH),
    "inference": (fnn.inference, NET, BATCH[0]),
    "summary": (fnn.summary, NET, BATCH[0]),
    "derivative": (fnn.numeric.derivative, np.tanh, numbers(3)),
    "gradient": (fnn.numeric.gradient, bowl, numbers(3)),
    "gradient_field": (fnn.numeric.gradient_field, bowl, np.arange(3.0), np.arange(2.0)),
    "tangent": (lambda x: fnn.numeric.tangent(np.tanh, x)(2.0), 0.5),
    "update": (fnn.update, sgd(0.1), GRADIENT, STATE),
    "start": (start, NET, sgd(0.1)),
    "train_step": (train_step(mse, sgd(0.1)), STATE, BATCH),
    "states": (lambda state, batch: tuple(fnn.states(train_step(mse, sgd(0.1)), state, [batch])), STATE, BATCH),
    "fit": (lambda state, batch: fnn.fit(mse, sgd(0.1), state, batch, steps=2, key=Key(0)), STATE, BATCH),
    "tap": (lambda: tuple(fnn.tap(repr)(STREAM)),),
    "until": (lambda: tuple(fnn.until(lambda state: state.loss < 2)(STREAM)),),
    "early_stopping": (lambda: tuple(fnn.early_stopping(lambda state: state.loss, 2)(STREAM)),),
    "ema": (lambda: tuple(fnn.ema(0.5)(STREAM)),),
    "progress": (lambda: tuple(fnn.progress(0)(STREAM)),),
    "save": (in_a_folder(kept), NET),
    "load": (in_a_folder(kept), (NET, BATCH)),
    "checkpointed": (in_a_folder(lambda path: tuple(fnn.checkpointed(path)(STREAM))),),
    "diagnose": (lambda *given: str(fnn.diagnose(*given)), NET, BATCH, mse),
    "repeat": (fnn.repeat, str, (Key(0), Key(1))),
    "sweep": (lambda grid: tuple(map(tuple, fnn.sweep(lambda value, key: value * 2, grid))), BATCH),
    "summarize": (lambda *arrays: fnn.summarize(arrays), *BATCH[:1], BATCH[0] + 1),
    "history": (lambda: tuple(fnn.history(loss=lambda state: state.loss)(STREAM)["loss"]),),
}  # fmt: skip

# Exercised elsewhere: constructors and layers through LAYERS, files in their own tests, the checker and the types by name.
MAKERS = {
    "dense", "dropout", "embedding", "batch_norm", "layer_norm", "flatten", "reshape", "serial", "mlp", "parallel",
    "pick", "concatenate", "add", "residual", "l1", "l2", "regularized", "combined", "conv", "max_pool", "avg_pool",
    "rnn", "gru", "lstm", "bidirectional", "attention", "positional", "transformer_block",
}  # fmt: skip
FILES = {"read_idx", "read_csv", "mnist"}
ELSEWHERE = FILES | {"record", "vjp", "check_vjp", "Key", "Transform", "Diverged", "FormatError", "Trial"}
NAMESPACES = {"initializers", "tree", "schedules", "data", "metrics"}
SCHEDULES = {
    "constant": schedules.constant(0.1),
    "piecewise": schedules.piecewise([3, 6], [0.1, 0.01, 0.001]),
    "exponential": schedules.exponential(0.1, 0.5, steps=3),
    "inverse_time": schedules.inverse_time(0.1, 1.0),
    "cosine": schedules.cosine(0.1, 8),
    "warmup": schedules.warmup(3, schedules.cosine(0.1, 8)),
    "one_cycle": schedules.one_cycle(0.1, 8),
}

calls = pytest.mark.parametrize("name", CALLS)


def test_every_public_name_has_a_case():
    assert set(schedules.__all__) == set(SCHEDULES)
    assert set(data.__all__) | set(metrics.__all__) <= set(CALLS) | FILES
    for namespace, names in (("tree", set(tree.__all__) - {"record"}), ("initializers", initializers.__all__)):
        assert {f"{namespace}.{name}" for name in names} <= set(CALLS)
    cases = set(CALLS) | {name.split(",")[0] for name in TRANSFORMS} | MAKERS | ELSEWHERE | NAMESPACES
    for name in fnn.__all__:
        is_record = hasattr(getattr(fnn, name), "__record__")  # a value, or a class of them: test_laws.py has a case
        assert name in cases or is_record, name
    counts = [len(cases) for cases in (LAYERS, LOSS_CASES, PENALTIES, CALLS, SCHEDULES, TRANSFORMS)]
    assert counts == [152, 60, 6, 77, 7, 22]


def arranged(order, given):
    """Give the arrays another order in memory; trees of the library's own making are closed already."""
    if isinstance(given, np.ndarray):
        return order(given)
    return tuple(arranged(order, each) for each in given) if type(given) is tuple else given


def closed(array):
    array = array.copy()
    array.setflags(write=False)
    return array


ORDERS = {
    "as it comes": np.copy,
    "read-only": closed,
    "Fortran order": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=0)[::2],
}


@calls
@pytest.mark.parametrize("order", ORDERS)
def test_a_function_writes_to_nothing_and_gives_the_same_twice(name, order):
    function, *given = CALLS[name]
    given = arranged(ORDERS[order], tuple(given))
    before = [leaf.tobytes() for leaf in tree.leaves(given)]
    first, second = (as_tree(function(*given)) for _ in range(2))
    assert tree.equal(first, second)
    assert [leaf.tobytes() for leaf in tree.leaves(given)] == before
    plain = as_tree(function(*CALLS[name][1:]))
    for ours, theirs in zip(tree.leaves(first), tree.leaves(plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def as_tree(result):
    return tuple(map(as_tree, result)) if isinstance(result, list | tuple) else result


KEEPS_FLOAT32 = [
    "standardize", "batches", "epochs", "train_test_split", "tree.map", "tree.zeros_like", "tree.add", "tree.ravel",
    "tree.at", "forward", "grad", "value_and_grad", "update", "start", "train_step", "states", "fit", "save",
]  # fmt: skip


@pytest.mark.parametrize("name", KEEPS_FLOAT32)
def test_float32_in_float32_out(name):
    function, *given = CALLS[name]
    given = tree.map(lambda leaf: leaf.astype(np.float32) if leaf.dtype.kind == "f" else leaf, tuple(given))
    found = {leaf.dtype for leaf in tree.leaves(as_tree(function(*given))) if leaf.dtype.kind == "f"}
    assert found == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["line", "moons", "circles", "spirals", "blobs", "xor"])
def test_made_data_comes_in_the_dtype_asked_for(name):
    function, *given = CALLS[name]
    for dtype in (np.float32, np.float64):
        assert function(*given, dtype=dtype)[0].dtype == dtype
    assert function(*given)[0].dtype == np.float32


@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("initializers")])
def test_initializers_give_the_dtype_asked_for_and_close_what_they_give(name):
    function, *given = CALLS[name]
    for dtype in (np.float32, np.float64):
        weight = function(*given, dtype)
        assert (weight.dtype, weight.shape) == (dtype, (4, 3))
        assert not weight.flags.writeable


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_gives_python_floats_pickles_and_keeps_an_optimizer_in_float32(name):
    schedule = SCHEDULES[name]
    again = pickle.loads(pickle.dumps(schedule))
    for step in (0, 1, 3, 5, 8, 1000):
        assert type(schedule(step)) is float
        assert again(step) == schedule(step) >= 0
    params = tree.map(np.float32, NET)
    updates, _ = sgd(schedule).update(params, (), params, 2)
    assert {leaf.dtype for leaf in tree.leaves(updates)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_makers_and_what_they_are_made_of_pickle(name):
    constructor = {
        "dense": fnn.dense(3), "dropout": fnn.dropout(0.5), "embedding": fnn.embedding(5, 3), "flatten": fnn.flatten,
        "batch_norm": fnn.batch_norm(), "layer_norm": fnn.layer_norm(), "reshape": fnn.reshape((2, 3)),
        "serial": fnn.serial(fnn.dense(3), fnn.relu), "mlp": fnn.mlp(3, 2), "parallel": fnn.parallel(fnn.dense(3)),
        "pick": fnn.pick(0), "concatenate": fnn.concatenate(fnn.dense(2), fnn.relu), "add": fnn.add,
        "residual": fnn.residual(fnn.dense(3)), "l1": fnn.l1(0.1), "l2": fnn.l2(0.1),
        "conv": fnn.conv(6, 3), "max_pool": fnn.max_pool(2), "avg_pool": fnn.avg_pool(2), "rnn": fnn.rnn(3),
        "gru": fnn.gru(3), "lstm": fnn.lstm(3), "bidirectional": fnn.bidirectional(fnn.lstm(3)),
        "attention": fnn.attention(2), "positional": fnn.positional(7),
        "transformer_block": fnn.transformer_block(2, 5, dropout=0.1),
        "regularized": fnn.regularized(mse, fnn.l2(0.1)), "combined": fnn.combined(mse, fnn.mae),
    }[name]  # fmt: skip
    assert repr(pickle.loads(pickle.dumps(constructor))) == repr(constructor)
