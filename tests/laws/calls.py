"""Every public function that is no constructor, with what it is called with: a new one is one line here.

"name": (function, what it is given...)          "namespace.name" : what lies in a namespace
"""

import math
import tempfile
from pathlib import Path

import numpy as np

import fnn
from fnn import Key, State, data, initializers, metrics, mse, numeric, sgd, softmax, start, train_step, tree
from tests.laws.cases import numbers, random_like

LABELS = np.array([0, 2, 1, 2, 0, 1])
SCORES = numbers(6, 3)
SIGNS = np.array([0, 1, 0, 1, 1, 0])
IMAGES = numbers(6, 4, 4, 2)
NET = random_like(fnn.mlp(4, 3)(Key(0), np.zeros((1, 5))))
BATCH = numbers(6, 5), numbers(6, 3, seed=2)
STATE = start(NET, sgd(0.1))
GRAPH = fnn.Graph((fnn.Node(NET, ("x",), "a"), fnn.Node(fnn.tanh, ("a",), "y")), ("x",), ("y",))
GRADIENT = fnn.grad(mse, NET, BATCH)
STREAM = [State(np.array([weight]), (), step, loss) for step, (weight, loss) in enumerate(((1.0, 3.0), (2.0, 1.0)))]


def bowl(x):
    return float(np.sum(x**2))


def in_a_folder(function):
    """Return the function that is also given a path, another one at each call, for what writes a file."""

    def call(*given):
        with tempfile.TemporaryDirectory() as folder:
            return function(Path(folder) / "file", *given)

    return call


def kept(path, saved):
    fnn.save(path, saved)
    return fnn.load(path)


def read_csv(path):
    path.write_text("size,kind\n1.5,0\n2.5,1\n")
    return data.read_csv(path, "kind")


def idx(*shape):
    """Bytes of zeros in the format of MNIST."""
    return b"\0\0\x08" + bytes([len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + bytes(math.prod(shape))


def read_idx(path):
    path.write_bytes(idx(2, 3))
    return data.read_idx(path)


def mnist(folder):
    folder.mkdir()
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(2, 28, 28))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(2))
    return data.mnist(folder)


CALLS = {
    "rows": (lambda prediction, target: fnn.rows(fnn.cross_entropy)(prediction, target), SCORES, LABELS),
    "metrics.accuracy": (metrics.accuracy, SCORES, LABELS),
    "metrics.top_k_accuracy": (metrics.top_k_accuracy, SCORES, LABELS, 2),
    "metrics.confusion_matrix": (metrics.confusion_matrix, SCORES, LABELS),
    "metrics.precision": (metrics.precision, SCORES, LABELS),
    "metrics.recall": (metrics.recall, SCORES, LABELS),
    "metrics.f1": (metrics.f1, SCORES, LABELS),
    "metrics.roc_auc": (metrics.roc_auc, SCORES[:, 0], SIGNS),
    "metrics.balanced_accuracy": (metrics.balanced_accuracy, SCORES, LABELS),
    "metrics.matthews": (metrics.matthews, SCORES, LABELS),
    "metrics.roc_curve": (metrics.roc_curve, SCORES[:, 0], SIGNS),
    "metrics.precision_recall_curve": (metrics.precision_recall_curve, SCORES[:, 0], SIGNS),
    "metrics.average_precision": (metrics.average_precision, SCORES[:, 0], SIGNS),
    "metrics.log_loss": (lambda scores, labels: metrics.log_loss(softmax(scores), labels), SCORES, LABELS),
    "metrics.mae": (metrics.mae, SCORES, numbers(6, 3, seed=1)),
    "metrics.mape": (metrics.mape, SCORES, numbers(6, 3, seed=1)),
    "metrics.explained_variance": (metrics.explained_variance, SCORES, numbers(6, 3, seed=1)),
    "metrics.rmse": (metrics.rmse, SCORES, numbers(6, 3, seed=1)),
    "metrics.r2": (metrics.r2, SCORES, numbers(6, 3, seed=1)),
    "metrics.perplexity": (metrics.perplexity, SCORES, LABELS),
    "metrics.calibration_error": (
        lambda scores, labels: metrics.calibration_error(softmax(scores), labels),
        SCORES,
        LABELS,
    ),
    "metrics.predictive_entropy": (lambda scores: metrics.predictive_entropy(softmax(scores)), numbers(2, 6, 3)),
    "metrics.mutual_information": (lambda scores: metrics.mutual_information(softmax(scores)), numbers(2, 6, 3)),
    "metrics.predictive_variance": (metrics.predictive_variance, numbers(2, 6, 3), numbers(2, 6, 3) ** 2),
    "members": (fnn.members, fnn.ensemble(fnn.mlp(4, 3), 2)(Key(0), np.zeros((1, 5)))),
    "replicate": (fnn.replicate, BATCH, 3),
    "tree.stack": (lambda *trees: tree.stack(trees), NET, GRADIENT),
    "tree.unstack": (tree.unstack, NET.layers[0].weight),
    "metrics.evaluate": (metrics.evaluate, mse, NET, BATCH, 4),
    "data.batches": (lambda *given: tuple(data.batches(*given)), BATCH, 4, Key(0)),
    "data.epochs": (lambda *given: tuple(data.epochs(*given)), BATCH, 4, Key(0), 2),
    "data.block_epochs": (lambda *given: tuple(data.block_epochs(*given)), BATCH, 4, Key(0), 2, 2),
    "data.train_test_split": (data.train_test_split, BATCH, 0.5, Key(0)),
    "data.kfold": (lambda *given: tuple(data.kfold(*given)), BATCH, 3, Key(0)),
    "data.pad_rows": (data.pad_rows, (numbers(2, 3), numbers(4, 3), numbers(0, 3))),
    "data.windows": (data.windows, numbers(9, 2), 3, 2, 2),
    "data.augmented": (
        lambda *batch: tuple(data.augmented([batch, batch], Key(0), data.random_shift(1))),
        IMAGES,
        LABELS,
    ),
    **{
        f"data.{name}": (lambda *batch, change=change: change(batch, Key(0)), IMAGES, LABELS)
        for name, change in {
            "random_shift": data.random_shift(1),
            "random_crop": data.random_crop(2),
            "random_flip": data.random_flip(),
            "random_noise": data.random_noise(0.1),
            "cutout": data.cutout(2),
            "mixup": data.mixup(0.2, classes=3),
        }.items()
    },
    "data.one_hot": (data.one_hot, LABELS, 3),
    "data.standardize": (data.standardize, SCORES),
    "data.standardization": (data.standardization, SCORES),
    "data.unstandardize": (
        lambda x, like: data.unstandardize(x, data.standardization(like)),
        SCORES,
        numbers(4, 3, seed=1),
    ),
    "data.normalized": (data.normalized, np.arange(6.0)),
    "data.balanced": (data.balanced, LABELS),
    "data.characters": (data.characters, "to be"),
    "data.line": (data.line, 6, 0.1, Key(0)),
    **{
        f"data.{name}": (getattr(data, name), 6, 0.1, Key(0))
        for name in ("moons", "circles", "spirals", "blobs", "xor")
    },
    "data.digits": (data.digits,),
    "data.read_csv": (in_a_folder(read_csv),),
    "data.read_idx": (in_a_folder(read_idx),),
    "data.mnist": (in_a_folder(mnist),),
    **{f"initializers.{name}": (getattr(initializers, name), Key(0), (4, 3)) for name in initializers.__all__},
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
    "subgraph": (fnn.subgraph, GRAPH, ("a",)),
    "advance": (fnn.advance, NET, BATCH[0][:, None]),
    "differentiated": (fnn.differentiated(mse), STATE, BATCH),
    "finite": (fnn.finite, (STATE, 1.0, GRADIENT)),
    "updated": (fnn.updated(sgd(0.1)), (STATE, 1.0, GRADIENT)),
    "regularized": (lambda *given: fnn.value_and_grad(fnn.regularized(mse, fnn.l2(0.1)), *given), NET, BATCH),
    "sharded": (lambda *given: fnn.value_and_grad(fnn.sharded(mse, 2), *given), NET, BATCH),
    "grad": (fnn.grad, mse, NET, BATCH),
    "value_and_grad": (fnn.value_and_grad, mse, NET, BATCH),
    "input_gradient": (fnn.input_gradient, mse, NET, BATCH),
    "inference": (fnn.inference, NET, BATCH[0]),
    "summary": (fnn.summary, NET, BATCH[0]),
    "numeric.derivative": (numeric.derivative, np.tanh, numbers(3)),
    "numeric.gradient": (numeric.gradient, bowl, numbers(3)),
    "numeric.gradient_field": (numeric.gradient_field, bowl, np.arange(3.0), np.arange(2.0)),
    "numeric.tangent": (lambda x: numeric.tangent(np.tanh, x)(2.0), 0.5),
    "update": (fnn.update, sgd(0.1), GRADIENT, STATE),
    "start": (start, NET, sgd(0.1)),
    "restart": (fnn.restart, STATE, sgd(0.1)),
    "train_step": (train_step(mse, sgd(0.1)), STATE, BATCH),
    "states": (lambda state, batch: tuple(fnn.states(train_step(mse, sgd(0.1)), state, [batch])), STATE, BATCH),
    "fit": (lambda state, batch: fnn.fit(mse, sgd(0.1), state, batch, steps=2, key=Key(0)), STATE, BATCH),
    "tap": (lambda: tuple(fnn.tap(repr)(STREAM)),),
    "time_limit": (lambda: tuple(fnn.time_limit(60.0)(STREAM)),),
    "until": (lambda: tuple(fnn.until(lambda state: state.loss < 2)(STREAM)),),
    "early_stopping": (lambda: tuple(fnn.early_stopping(lambda state: state.loss, 2)(STREAM)),),
    "best": (lambda: fnn.best(lambda state: state.loss)(STREAM),),
    "ema": (lambda: tuple(fnn.ema(0.5)(STREAM)),),
    "progress": (lambda: tuple(fnn.progress(0)(STREAM)),),
    "save": (in_a_folder(kept), NET),
    "load": (in_a_folder(kept), (NET, BATCH)),
    "checkpointed": (in_a_folder(lambda path: tuple(fnn.checkpointed(path)(STREAM))),),
    "diagnose": (lambda *given: str(fnn.diagnose(*given)), NET, BATCH, mse),
    "watch": (lambda batch: tuple(fnn.watch(1, batch, repr, mse)([STATE])), BATCH),
    "repeat": (fnn.repeat, str, (Key(0), Key(1))),
    "sweep": (lambda grid: tuple(map(tuple, fnn.sweep(lambda value, key: value * 2, grid))), BATCH),
    "summarize": (lambda *arrays: fnn.summarize(arrays), *BATCH[:1], BATCH[0] + 1),
    "together": (
        lambda grid: tuple(
            map(tuple, fnn.sweep(fnn.together(lambda values, keys: [2 * each for each in values]), grid))
        ),
        BATCH,
    ),
    "compare": (lambda *arrays: fnn.compare(dict(zip("ab", arrays, strict=True))), numbers(9), numbers(9, seed=1)),
    "logged": (in_a_folder(lambda path: tuple(fnn.logged(path)(STREAM))),),
    "history": (lambda: tuple(fnn.history(loss=lambda state: state.loss)(STREAM)["loss"]),),
}
