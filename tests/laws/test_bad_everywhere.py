"""Some seventy values at every entry that they can reach: each works, in a way that is listed here, or is refused.

Refused means a ``TypeError`` or ``ValueError`` that the package raises itself, in words of its own, and not one that
comes out of NumPy or Python three calls further down. In the default run one combination in ten is tried.
"""

import linecache
import re
import traceback
import warnings
from itertools import product

import numpy as np
import pytest

import fnn
from fnn import (
    Diverged,
    Key,
    Serial,
    adam,
    cross_entropy,
    dense,
    metrics,
    mse,
    relu,
    serial,
    sgd,
    start,
    train_step,
    tree,
)
from fnn.data import batches, epochs, one_hot, standardize, train_test_split
from fnn.diagnostics.diagnose import diagnose
from tests.laws.bad_values import LABELS, VALUES, X
from tests.laws.cases import ACTIVATIONS, CONSTRUCTORS, LAYERS, LOSSES, OF_ROWS, TARGETS, families

KEY = Key(0)
SEQUENCES, IMAGES = np.ones((5, 4, 3), np.float32), np.ones((5, 4, 4, 1), np.float32)
LOGITS = np.zeros((5, 3), np.float32)
NET, LINE = serial(dense(6), relu, dense(3))(KEY, X), serial(dense(4))(KEY, X)
NORMED = Serial((fnn.batch_norm()(KEY, X),))
ADAM = adam()
STATE, LINE_STATE = start(NET, ADAM), start(LINE, ADAM)
STEP, LINE_STEP = train_step(cross_entropy, ADAM), train_step(mse, ADAM)

# --- what works: sets of values, by what NumPy makes of them ----------------------------------------------------------


def array_of(value):
    try:
        return np.asarray(value)
    except ValueError:
        return np.array(None)


def holds_arrays(value):
    return isinstance(value, np.ma.MaskedArray) or (
        isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value)
    )


ARRAYS = {name: array_of(value) for name, value in VALUES.items()}
ALL = set(VALUES)
REAL = {name for name in ALL if ARRAYS[name].dtype.kind in "biuf" and not holds_arrays(VALUES[name])}
FINITE = {name for name in REAL if np.isfinite(ARRAYS[name]).all()}
GIVEN_AS_ARRAYS = {name for name in REAL if isinstance(VALUES[name], np.ndarray)}
WITH_ROWS = {name for name in REAL if ARRAYS[name].ndim}
FIVE_ROWS = {name for name in WITH_ROWS if len(ARRAYS[name]) == 5}
ROWS_OF_FOUR = {name for name in REAL if ARRAYS[name].ndim == 2 and ARRAYS[name].shape[1] == 4}
LIKE_X = ROWS_OF_FOUR & FIVE_ROWS
WITH_FEATURES = {name for name in REAL if ARRAYS[name].ndim > 1 and ARRAYS[name].shape[-1]}
SCORES = {name for name in FIVE_ROWS if ARRAYS[name].ndim == 2 and ARRAYS[name].shape[1] > 2}
NO_NAN = {name for name in REAL if not np.isnan(ARRAYS[name]).any()}
FUNCTIONS = {"a class", "a function", "a constructor"}  # what these do when they are called is their own affair
CALLABLE = FUNCTIONS | {"a layer"}
WHOLE = {name for name in REAL if ARRAYS[name].dtype.kind in "iu" and type(VALUES[name]) not in (list, bool)}
NUMBERS = {"zero", "one and a half"}
ABOVE_ZERO = {"one and a half"}
# One number for each member of an ensemble.
MANY = {
    n for n in GIVEN_AS_ARRAYS & FINITE if ARRAYS[n].ndim == 1 and ARRAYS[n].dtype != bool and (ARRAYS[n] >= 0).all()
}
MANY_ABOVE_ZERO = {name for name in MANY if (ARRAYS[name] > 0).all()}
MANY_BELOW_ONE = {name for name in MANY if (ARRAYS[name] < 1).all()}
PAIR = {"one-hot rows", "rows that do not sum to 1"}  # the two of the shape of LOGITS

ENTRIES = {}


def entry(name, function, works=()):
    assert name not in ENTRIES
    ENTRIES[name] = function, None if works is None else set(works)


# --- layers and constructors ------------------------------------------------------------------------------------------

WITH_LENGTHS = {"a tuple of arrays"}  # the labels serve as lengths: values and how many of them are there
for name, layer in ACTIVATIONS.items():
    over_features = "softmax" in name  # all others look at a number at a time
    works = {each for each in WITH_ROWS if ARRAYS[each].shape[-1]} if over_features else REAL
    entry(f"{name}(.)", layer, works if over_features else works | WITH_LENGTHS)
for name, layer, works in (
    ("dense", LINE.layers[0], ROWS_OF_FOUR),
    ("mlp", NET, ROWS_OF_FOUR),
    ("flatten", fnn.flatten, WITH_ROWS),
    ("reshape", fnn.reshape((2, 2)), {each for each in WITH_ROWS if np.prod(ARRAYS[each].shape[1:]) == 4}),
    ("batch_norm", NORMED, ROWS_OF_FOUR - {"no rows"}),
    ("layer_norm", fnn.layer_norm()(KEY, X), ROWS_OF_FOUR),
    ("residual", fnn.residual(dense(4))(KEY, X), ROWS_OF_FOUR),
    ("parallel", fnn.parallel(dense(2), relu)(KEY, X), ROWS_OF_FOUR),
    ("embedding", fnn.embedding(3, 2)(KEY, LABELS), {"labels", "labels as a column", "labels for fewer rows"}),
    ("conv", fnn.conv(2, 3)(KEY, IMAGES), ()),
    ("max_pool", fnn.max_pool(2), {"three axes"}),
    ("avg_pool", fnn.avg_pool(2), {"three axes"}),
    ("global_avg_pool", fnn.global_avg_pool, {"three axes", "five axes"}),
    ("rnn", fnn.rnn(3)(KEY, SEQUENCES), ()),
    ("gru", fnn.gru(3)(KEY, SEQUENCES), ()),
    ("lstm", fnn.lstm(3)(KEY, SEQUENCES), ()),
    ("bidirectional", fnn.bidirectional(fnn.lstm(2))(KEY, SEQUENCES), ()),
    ("last_step", fnn.last_step, {"three axes"}),
    ("attention", fnn.attention(1)(KEY, SEQUENCES), ()),
    ("positional", fnn.positional()(KEY, SEQUENCES), {"three axes"}),
    ("positional(9)", fnn.positional(9)(KEY, SEQUENCES), ()),
    ("transformer_block", fnn.transformer_block(1, 4)(KEY, SEQUENCES), ()),
    ("pick", fnn.pick(1), {"a tuple of arrays", "a tuple of text"}),
    ("add", fnn.add, CALLABLE),  # constructors make a sum of branches
    ("concatenate", fnn.concatenate, CALLABLE),
):
    entry(f"{name}(.)", layer, works)
for name, constructor, x, works in (
    ("dense", dense(2), X, WITH_FEATURES | WITH_LENGTHS),
    ("mlp", fnn.mlp(3, 2), X, WITH_FEATURES),
    ("conv", fnn.conv(2, 3), IMAGES, {"three axes", "five axes"}),
    ("embedding", fnn.embedding(3, 2), LABELS, {"labels", "labels as a column", "labels for fewer rows"}),
    ("lstm", fnn.lstm(2), SEQUENCES, {"three axes"}),
    ("batch_norm", fnn.batch_norm(), X, WITH_FEATURES | WITH_LENGTHS),
    ("layer_norm", fnn.layer_norm(), X, WITH_FEATURES | WITH_LENGTHS),
    ("attention", fnn.attention(1), SEQUENCES, {"three axes"}),
    ("positional", fnn.positional(4), SEQUENCES, {"three axes"}),
    ("transformer_block", fnn.transformer_block(1, 4), SEQUENCES, {"three axes"}),
    ("residual", fnn.residual(fnn.layer_norm()), X, WITH_FEATURES | WITH_LENGTHS),
    ("parallel", fnn.parallel(dense(2)), X, WITH_FEATURES | WITH_LENGTHS),
):
    entry(f"{name}: made of (key, .)", lambda value, constructor=constructor: constructor(KEY, value), works)
    entry(f"{name}: made of (., x)", lambda value, constructor=constructor, x=x: constructor(value, x), {"a key"})
for name in ["dense", "mlp", "rnn", "gru", "lstm", "max_pool", "avg_pool", "attention"]:
    entry(f"{name}(.), the constructor", getattr(fnn, name))
for name, works in {
    "batch_norm": ABOVE_ZERO, "layer_norm": ABOVE_ZERO, "positional": {"nothing"}, "dropout": {"zero"},
    "bidirectional": FUNCTIONS, "serial": CALLABLE, "parallel": CALLABLE, "residual": CALLABLE,
    "reshape": {"an empty tuple"}, "pick": {"zero"},
}.items():  # fmt: skip
    entry(f"{name}(.), the constructor", getattr(fnn, name), works)
# Every other layer and constructor: here, any value may work.
for name, (layer, _) in LAYERS.items():
    if f"{name.split(',')[0]}(.)" not in ENTRIES and not isinstance(layer, Serial):
        entry(f"{name}(.)", lambda value, layer=layer: layer(value, KEY), None)
for name, constructor in CONSTRUCTORS.items():
    entry(f"{name}(key, .)", lambda value, constructor=constructor: constructor(KEY, value), None)
    entry(f"{name}(., x)", lambda value, constructor=constructor: constructor(value, X), None)
entry("conv(., 3)", lambda value: fnn.conv(value, 3))
entry("conv(2, .)", lambda value: fnn.conv(2, value))
entry("embedding(., 3)", lambda value: fnn.embedding(value, 3))
entry("embedding(3, .)", lambda value: fnn.embedding(3, value))
entry("transformer_block(., 4)", lambda value: fnn.transformer_block(value, 4), {"a constructor"})  # an attention
entry("transformer_block(1, .)", lambda value: fnn.transformer_block(1, value))
entry("Key(.)", Key, {"zero"})
entry("split(key, .)", lambda value: fnn.split(KEY, value), {"zero"})
entry("split(., 2)", lambda value: fnn.split(value, 2), {"a key"})
entry("fold_in(key, .)", lambda value: fnn.fold_in(KEY, value), {"zero"})
entry("fold_in(., 1)", lambda value: fnn.fold_in(value, 1), {"a key"})
entry("inference(.)", fnn.inference, {"a layer"})
entry("inference(net, .)", lambda value: fnn.inference(NET, value), ROWS_OF_FOUR | {"nothing"})
entry("inference(batch_norm, .)", lambda value: fnn.inference(NORMED, value), ROWS_OF_FOUR - {"no rows"})
entry("summary(., x)", lambda value: fnn.summary(value, X), {"a layer"})
entry("summary(net, .)", lambda value: fnn.summary(NET, value), ROWS_OF_FOUR)
entry("vjp(., x)", lambda value: fnn.vjp(value, X), {"a layer"})
entry("forward(., x)", lambda value: fnn.forward(value, X), {"a layer"})

# --- losses -----------------------------------------------------------------------------------------------------------

WEIGHTS = {"nothing", "labels", "labels to k", "labels as floats", "labels as booleans", "a range"}
WEIGHTS |= {"huge labels", "huge labels without a sign"}
TARGETS_THAT_WORK = {
    "values": PAIR, "vectors": PAIR, "probabilities": PAIR, "signs": set(),
    "distributions": {"one-hot rows"}, "labels": {"labels"},
}  # fmt: skip
for name, loss in LOSSES.items():
    kinds = families(name)
    target = TARGETS["signs"] if kinds == ("signs",) else np.eye(3, dtype=np.float32)[LABELS]
    targets = set().union(*(TARGETS_THAT_WORK[kind] for kind in kinds))
    entry(f"{name}(., target)", lambda value, loss=loss, target=target: loss(value, target), PAIR)
    entry(f"{name}(prediction, .)", lambda value, loss=loss: loss(LOGITS, value), targets)
    entry(f"{name}(prediction, target, .)", lambda value, loss=loss, t=target: loss(LOGITS, t, value),
          WEIGHTS | {"weights of zero"} | (PAIR if not {*OF_ROWS} & {*kinds} else set()))  # fmt: skip
entry("cross_entropy(., labels)", lambda value: cross_entropy(value, LABELS), SCORES)
entry("CrossEntropy(.)", fnn.CrossEntropy, {"zero"})
entry("Huber(.)", fnn.Huber, ABOVE_ZERO)
entry("l1(.)", fnn.l1, NUMBERS | MANY)
entry("l2(.)", fnn.l2, NUMBERS | MANY)
entry("regularized(., l2)", lambda value: fnn.regularized(value, fnn.l2(0.1)), {"a layer"})
entry("regularized(mse, .)", lambda value: fnn.regularized(mse, value), {"a layer"})
entry("combined(.)", fnn.combined, {"a layer"})
entry("combined(mse, weights=.)", lambda value: fnn.combined(mse, weights=value), {"nothing"})
entry("combined(mse, mae)(., targets)", lambda value: fnn.combined(mse, fnn.mae)(value, (LOGITS, LOGITS)))
entry("combined(mse, mae)(predictions, .)", lambda value: fnn.combined(mse, fnn.mae)((LOGITS, LOGITS), value))

# --- gradients, training, diagnosis -----------------------------------------------------------------------------------

DIVERGE = {"nan", "one nan", "infinity"}
FOR_STEPS = (LIKE_X & GIVEN_AS_ARRAYS) - {"numbers of 1e300"}  # float64 data would make float64 of float32 parameters
for name, function in {
    "value_and_grad": fnn.value_and_grad,
    "grad": fnn.grad,
    "input_gradient": fnn.input_gradient,
    "diagnose": lambda loss, params, batch, key=None: str(diagnose(params, batch, loss, key)),
}.items():
    entry(f"{name}(loss, net, .)", lambda value, f=function: f(cross_entropy, NET, value), {"a tuple of arrays"})
    # Of symbols there is no slope.
    works = {each for each in LIKE_X if ARRAYS[each].dtype.kind == "f"} if name == "input_gradient" else LIKE_X
    entry(f"{name}(loss, net, (., t))", lambda value, f=function: f(cross_entropy, NET, (value, LABELS)), works)
    entry(
        f"{name}(loss, net, (x, .))",
        lambda value, f=function: f(cross_entropy, NET, (X, value)),
        {"labels", "one-hot rows"},
    )
    entry(f"{name}(mse, net, (x, .))", lambda value, f=function: f(mse, LINE, (X, value)), LIKE_X)
    entry(f"{name}(loss, net, (x, t, .))", lambda value, f=function: f(cross_entropy, NET, (X, LABELS, value)), WEIGHTS)
    entry(f"{name}(loss, ., batch)", lambda value, f=function: f(cross_entropy, value, (X, LABELS)), {"a layer"})
    entry(f"{name}(loss, net, batch, .)", lambda value, f=function: f(cross_entropy, NET, (X, LABELS), value),
          {"nothing", "a key"})  # fmt: skip
entry("value_and_grad(., net, batch)", lambda value: fnn.value_and_grad(value, NET, (X, LABELS)), {"a layer"})
entry("start(., adam)", lambda value: start(value, ADAM), {"a layer", "an empty tuple", "a tuple of text"})
entry("start(net, .)", lambda value: start(NET, value))
entry("train_step(., adam), its step", lambda value: train_step(value, ADAM)(STATE, (X, LABELS)))
entry("train_step(loss, .)", lambda value: train_step(mse, value))
entry("train_step(loss, adam, .)", lambda value: train_step(mse, ADAM, value), {"nothing", "a key"})
entry("step(., batch)", lambda value: STEP(value, (X, LABELS)))
entry("step(state, .)", lambda value: STEP(STATE, value), {"a tuple of arrays"})
entry("step(state, (., t))", lambda value: STEP(STATE, (value, LABELS)), FOR_STEPS)
entry("step(state, (x, .))", lambda value: STEP(STATE, (X, value)), {"labels", "one-hot rows"})
entry("step(state, (x, t, .))", lambda value: STEP(STATE, (X, LABELS, value)), WEIGHTS)
entry("mse step(state, (x, .))", lambda value: LINE_STEP(LINE_STATE, (X, value)), LIKE_X)
entry("states(., state, batches)", lambda value: list(fnn.states(value, STATE, [(X, LABELS)])), FUNCTIONS)
entry("states(step, ., batches)", lambda value: list(fnn.states(STEP, value, [(X, LABELS)])))
entry("states(step, state, .)", lambda value: list(fnn.states(STEP, STATE, value)),
      {"no rows", "an empty list", "an empty tuple"})  # fmt: skip


def fitted(**changed):
    usual = {"loss": cross_entropy, "optimizer": ADAM, "state": STATE, "data": (X, LABELS), "steps": 1, "size": 2}
    return fnn.fit(**{**usual, "key": KEY, **changed})


for name, works in {
    "loss": (), "optimizer": (), "state": (), "data": {"a tuple of arrays"}, "size": (), "key": {"a key"},
    "steps": {"zero"},
}.items():  # fmt: skip
    entry(f"fit({name}=.)", lambda value, name=name: fitted(**{name: value}), works)
entry("fit(data=(., t))", lambda value: fitted(data=(value, LABELS)), FOR_STEPS)
entry("fit(data=(x, .))", lambda value: fitted(data=(X, value)), {"labels", "one-hot rows"})
entry("update(., gradient, state)", lambda value: fnn.update(value, NET, STATE))
entry("update(adam, ., state)", lambda value: fnn.update(ADAM, value, STATE))
entry("update(adam, gradient, .)", lambda value: fnn.update(ADAM, NET, value))
for name in ["sgd", "adagrad", "rmsprop", "adam", "adamw", "nadam", "adamax", "adadelta", "lion", "descend"]:
    entry(f"{name}(.)", getattr(fnn, name), ABOVE_ZERO | MANY_ABOVE_ZERO | CALLABLE)
entry("trace(.)", fnn.trace, {"zero"} | MANY_BELOW_ONE)
for name in (
    "scale_by_adam",
    "scale_by_rms",
    "scale_by_nadam",
    "scale_by_adamax",
    "scale_by_adadelta",
    "scale_by_lion",
):
    entry(f"{name}(.)", getattr(fnn, name), {"zero"})
entry("weight_decay(.)", fnn.weight_decay, NUMBERS | MANY)
entry("scale_by_adagrad(.)", fnn.scale_by_adagrad, NUMBERS)
entry("clip(.)", fnn.clip, {"one and a half"})
entry("clip_by_global_norm(.)", fnn.clip_by_global_norm, {"one and a half"} | MANY_ABOVE_ZERO)
entry("chain(.)", fnn.chain)
entry("ensemble(., 2)", lambda value: fnn.ensemble(value, 2), CALLABLE - {"a class", "a function"})
entry("ensemble(dense(2), .)", lambda value: fnn.ensemble(dense(2), value))
entry("members(.)", fnn.members)
entry("replicate(., 2)", lambda value: fnn.replicate(value, 2), None)
entry("tree.stack(.)", fnn.tree.stack, None)
entry("tree.unstack(.)", fnn.tree.unstack, None)
entry("sgd(0.1, .)", lambda value: sgd(0.1, value), {"zero"} | MANY_BELOW_ONE)
entry("freeze(.)", fnn.freeze, CALLABLE | {"text", "an empty tuple", "a tuple of text"})
entry("masked(., adam)", lambda value: fnn.masked(value, ADAM),
      CALLABLE | {"text", "an empty tuple", "a tuple of text"})  # fmt: skip
entry("masked('', .)", lambda value: fnn.masked("", value))
entry("masked('', adam, .)", lambda value: fnn.masked("", ADAM, value), {"nothing"})
entry("adamw(where=.)", lambda value: fnn.adamw(where=value),
      CALLABLE | {"text", "nothing", "an empty tuple", "a tuple of text"})  # fmt: skip
entry("accumulate_gradients(., adam)", lambda value: fnn.accumulate_gradients(value, ADAM))
entry("accumulate_gradients(2, .)", lambda value: fnn.accumulate_gradients(2, value))
entry("adam(schedule), that gives .",
      lambda value: train_step(cross_entropy, adam(lambda step: value))(STATE, (X, LABELS)), NUMBERS)  # fmt: skip
entry("schedules.constant(.)", fnn.schedules.constant, ABOVE_ZERO | MANY_ABOVE_ZERO)
entry("tap(.)", fnn.tap, CALLABLE)
entry("tap(print, .)", lambda value: fnn.tap(print, value))
entry("until(.)", fnn.until, CALLABLE)
entry("best(.)", fnn.best, CALLABLE)
entry("best(abs, .)", lambda value: fnn.best(abs, value), {"nothing"})
entry("plateau(., 0.1, abs)", lambda value: fnn.plateau(value, 0.1, abs, every=1), CALLABLE)
entry("plateau(step_of, ., abs)", lambda value: fnn.plateau(repr, value, abs, every=1), ABOVE_ZERO | MANY_ABOVE_ZERO)
entry("early_stopping(., 1)", lambda value: fnn.early_stopping(value, 1), CALLABLE)
entry("early_stopping(abs, .)", lambda value: fnn.early_stopping(abs, value))
entry("early_stopping(min_delta=.)", lambda value: fnn.early_stopping(abs, 1, value), NUMBERS)
entry("ema(.)", fnn.ema, {"zero"})
entry("ema(0.5)([.])", lambda value: list(fnn.ema(0.5)([value])))
entry("progress(.)", fnn.progress, {"zero"})
entry("progress(9, .)", lambda value: fnn.progress(9, value), {"nothing"})
entry("history(loss=.)", lambda value: fnn.history(loss=value), CALLABLE)
FIVE, TRIALS = np.arange(5.0), [fnn.Trial({"width": 2 + i % 2, "trial": i // 2}, float(i)) for i in range(6)]
entry("compare(.)", lambda value: fnn.compare(value, by="width"))
entry("compare({a: list, b: .})", lambda value: fnn.compare({"a": FIVE, "b": value}),
      {name for name in FIVE_ROWS & FINITE if ARRAYS[name].ndim == 1})  # fmt: skip
entry("compare(by=.)", lambda value: fnn.compare(TRIALS, by=value))
entry("compare(metric=.)", lambda value: fnn.compare(TRIALS, by="width", metric=value), {"nothing"} | CALLABLE)
entry("compare(confidence=.)", lambda value: fnn.compare(TRIALS, by="width", confidence=value), {"zero"})
entry("compare(key=.)", lambda value: fnn.compare(TRIALS, by="width", key=value), {"a key"})
GRID = {"width": [2, 3], "trial": range(2)}
entry("together(.)", fnn.together, CALLABLE)
entry("sweep(together(run, by=.))", lambda value: fnn.sweep(fnn.together(lambda grid, keys: keys, value), GRID),
      FUNCTIONS | {"an empty tuple"})  # fmt: skip
entry("together(run, size=.)", lambda value: fnn.together(repr, size=value), {"nothing"})

# --- metrics and data -------------------------------------------------------------------------------------------------

COUNTED = (SCORES & NO_NAN) | {"labels", "labels to k", "a range"}
TRUE = {"labels", "one-hot rows", "rows that do not sum to 1"}
for metric in (
    metrics.confusion_matrix, metrics.precision, metrics.recall, metrics.f1, metrics.balanced_accuracy, metrics.matthews
):  # fmt: skip
    name = metric.__name__
    entry(f"{name}(., target)", lambda value, metric=metric: metric(value, LABELS), COUNTED)
    entry(f"{name}(prediction, .)", lambda value, metric=metric: metric(LOGITS, value), TRUE)
HUGE = {"huge labels", "huge labels without a sign", "labels from -1"}
entry("accuracy(., target)", lambda value: metrics.accuracy(value, LABELS), COUNTED | HUGE)
entry("accuracy(prediction, .)", lambda value: metrics.accuracy(LOGITS, value), TRUE)
for metric in (metrics.rmse, metrics.r2, metrics.mae, metrics.mape, metrics.explained_variance):
    name = f"metrics.{metric.__name__}"
    entry(f"{name}(., target)", lambda value, metric=metric: metric(value, X + 1), LIKE_X & NO_NAN)
    entry(f"{name}(prediction, .)", lambda value, metric=metric: metric(X, value),
          LIKE_X & FINITE | {"one row without its axis"})  # fmt: skip
entry("top_k_accuracy(., target)", lambda value: metrics.top_k_accuracy(value, LABELS),
      {"wider rows", "one-hot rows too wide"})  # fmt: skip
entry("top_k_accuracy(k=.)", lambda value: metrics.top_k_accuracy(LOGITS, LABELS, value))
entry("roc_auc(., target)", lambda value: metrics.roc_auc(value, LABELS), {"one-hot rows"})
entry("roc_auc(scores, .)", lambda value: metrics.roc_auc(np.full((5, 3), 1 / 3), value),
      {"labels", "one-hot rows"})  # fmt: skip
THIRDS = np.full((2, 5, 3), 1 / 3)
entry("roc_auc(average=.)", lambda value: metrics.roc_auc(np.eye(3)[LABELS], LABELS, value), {"nothing"})
entry("average_precision(., target)", lambda value: metrics.average_precision(value, LABELS),
      {"one-hot rows", "one-hot rows too wide"})  # fmt: skip
entry("average_precision(scores, .)", lambda value: metrics.average_precision(np.full((5, 3), 1 / 3), value),
      TRUE | {"labels as booleans"})  # fmt: skip
for curve, undefined in ((metrics.roc_curve, set()), (metrics.precision_recall_curve, {"weights of zero"})):
    entry(f"{curve.__name__}(., target)", lambda value, curve=curve: curve(value, LABELS > 0),
          {n for n in FIVE_ROWS & NO_NAN if ARRAYS[n].ndim == 1})  # fmt: skip
    entry(f"{curve.__name__}(scores, .)", lambda value, curve=curve: curve(np.arange(5.0), value),
          {"labels as booleans"} | undefined)  # fmt: skip
entry("log_loss(., target)", lambda value: metrics.log_loss(value, LABELS),
      {"one-hot rows", "one-hot rows too wide"})  # fmt: skip
entry("log_loss(probabilities, .)", lambda value: metrics.log_loss(THIRDS[0], value),
      TRUE | {"labels as booleans"})  # fmt: skip
entry("perplexity(., target)", lambda value: metrics.perplexity(value, LABELS), SCORES & FINITE)
entry("calibration_error(., target)", lambda value: metrics.calibration_error(value, LABELS),
      {"one-hot rows", "one-hot rows too wide"})  # fmt: skip
entry("calibration_error(probabilities, .)", lambda value: metrics.calibration_error(THIRDS[0], value),
      TRUE | {"labels as booleans"})  # fmt: skip
entry("calibration_error(bins=.)", lambda value: metrics.calibration_error(THIRDS[0], LABELS, value))
entry("predictive_entropy(.)", metrics.predictive_entropy, {"one-hot rows", "one-hot rows too wide", "a column"})
entry("mutual_information(.)", metrics.mutual_information)
OUTPUTS = {name for name in FINITE if ARRAYS[name].ndim > 1 and ARRAYS[name].size}
entry("predictive_variance(.)", metrics.predictive_variance, OUTPUTS)
entry("predictive_variance(outputs, .)", lambda value: metrics.predictive_variance(X, value),
      {"nothing"} | {name for name in LIKE_X & FINITE if (ARRAYS[name] >= 0).all()})  # fmt: skip
entry("confusion_matrix(classes=.)", lambda value: metrics.confusion_matrix(LOGITS, LABELS, value), {"nothing"})
entry("f1(average=.)", lambda value: metrics.f1(LOGITS, LABELS, value), {"nothing"})
accuracy = metrics.accuracy
entry("evaluate(., net, data)", lambda value: metrics.evaluate(value, NET, (X, LABELS)), CALLABLE)
entry("evaluate(accuracy, ., data)", lambda value: metrics.evaluate(accuracy, value, (X, LABELS)), {"a layer"})
entry("evaluate(accuracy, net, .)", lambda value: metrics.evaluate(accuracy, NET, value), {"a tuple of arrays"})
entry("evaluate(accuracy, net, (., t))", lambda value: metrics.evaluate(accuracy, NET, (value, LABELS)),
      LIKE_X & GIVEN_AS_ARRAYS & FINITE)  # fmt: skip
entry("evaluate(accuracy, net, (x, .))", lambda value: metrics.evaluate(accuracy, NET, (X, value)), TRUE)
entry("evaluate(size=.)", lambda value: metrics.evaluate(accuracy, NET, (X, LABELS), value))
BESIDE_LABELS = (FIVE_ROWS & GIVEN_AS_ARRAYS) | {"a tuple of arrays"}
entry("batches(., 2)", lambda value: list(batches(value, 2)), {"a tuple of arrays"})
entry("batches((., t), 2)", lambda value: list(batches((value, LABELS), 2)), BESIDE_LABELS)
entry("batches(data, .)", lambda value: list(batches((X,), value)))
entry("batches(data, 2, .)", lambda value: list(batches((X,), 2, value)), {"nothing", "a key"})
entry("epochs(., 2, key)", lambda value: list(epochs(value, 2, KEY, 1)), {"a tuple of arrays"})
entry("epochs(data, ., key)", lambda value: list(epochs((X,), value, KEY, 1)))
entry("epochs(data, 2, .)", lambda value: list(epochs((X,), 2, value, 1)), {"a key"})
entry("epochs(epochs=.)", lambda value: next(epochs((X,), 2, KEY, value), 0), {"nothing", "zero"})
entry("epochs(start=.)", lambda value: next(epochs((X,), 2, KEY, 1, value), 0), {"zero"})
entry("train_test_split(., 0.4, key)", lambda value: train_test_split(value, 0.4, KEY), {"a tuple of arrays"})
entry("train_test_split((., t), 0.4, key)", lambda value: train_test_split((value, LABELS), 0.4, KEY),
      BESIDE_LABELS & (FINITE | {"a tuple of arrays"}))  # fmt: skip
entry("train_test_split(data, ., key)", lambda value: train_test_split((X,), value, KEY))
entry("train_test_split(data, 0.4, .)", lambda value: train_test_split((X,), 0.4, value), {"a key"})
entry("train_test_split(stratify=.)", lambda value: train_test_split((X,), 0.4, KEY, stratify=value),
      {"nothing", "huge labels", "huge labels without a sign"})  # fmt: skip
entry("kfold(., 2, key)", lambda value: list(fnn.data.kfold(value, 2, KEY)), {"a tuple of arrays"})
entry("kfold(data, ., key)", lambda value: list(fnn.data.kfold((X,), value, KEY)))
entry("kfold(data, 2, .)", lambda value: list(fnn.data.kfold((X,), 2, value)), {"a key"})
entry("kfold(stratify=.)", lambda value: list(fnn.data.kfold((X,), 2, KEY, stratify=value)),
      {"nothing", "huge labels", "huge labels without a sign"})  # fmt: skip
entry("pad_rows(.)", fnn.data.pad_rows, {name for name in WITH_ROWS if ARRAYS[name].ndim > 1 and len(ARRAYS[name])}
      | {"a ragged list"})  # fmt: skip
entry("pad_rows([.])", lambda value: fnn.data.pad_rows([value]), WITH_ROWS)
entry("pad_rows(length=.)", lambda value: fnn.data.pad_rows([X], value), {"nothing"})
entry("pad_rows(value=.)", lambda value: fnn.data.pad_rows([X], value=value), {*NUMBERS, "minus one"})
entry("windows(., 2)", lambda value: fnn.data.windows(value, 2), {n for n in WITH_ROWS if len(ARRAYS[n]) > 2})
entry("windows(series, .)", lambda value: fnn.data.windows(X, value))
entry("windows(horizon=.)", lambda value: fnn.data.windows(X, 2, value))
entry("windows(stride=.)", lambda value: fnn.data.windows(X, 2, 1, value))
entry("windows(target=.)", lambda value: fnn.data.windows(X, 2, target=value), FIVE_ROWS | {"nothing"})
IMAGES = np.ones((5, 4, 4, 1))
for name, made in {
    "random_shift": fnn.data.random_shift(1),
    "random_crop": fnn.data.random_crop(2),
    "random_flip": fnn.data.random_flip(),
    "random_noise": fnn.data.random_noise(0.1),
    "cutout": fnn.data.cutout(2),
    "mixup": fnn.data.mixup(classes=3),
}.items():
    entry(f"{name}(...)(., key)", lambda value, made=made: made(value, KEY),
          {"a tuple of arrays"} if name in ("random_noise", "mixup") else ())  # fmt: skip
    entry(f"{name}(...)(batch, .)", lambda value, made=made: made((IMAGES, LABELS), value), {"a key"})
entry("augmented(., key)", lambda value: list(fnn.data.augmented(value, KEY, fnn.data.random_flip())),
      {"no rows", "an empty list", "an empty tuple"})  # fmt: skip
entry("augmented(batches, .)", lambda value: fnn.data.augmented([], value), {"a key"})
entry("augmented(batches, key, .)", lambda value: fnn.data.augmented([], KEY, value), CALLABLE)
entry("augmented(start=.)", lambda value: fnn.data.augmented([], KEY, start=value), {"zero"})
entry("random_shift(.)", fnn.data.random_shift, {"zero"})
entry("random_shift(value=.)", lambda value: fnn.data.random_shift(1, value), {*NUMBERS, "minus one"})
entry("random_crop(.)", fnn.data.random_crop)
entry("random_crop(width=.)", lambda value: fnn.data.random_crop(1, value), {"nothing"})
entry("random_flip(.)", fnn.data.random_flip)
entry("random_noise(.)", fnn.data.random_noise, NUMBERS)
entry("cutout(.)", fnn.data.cutout)
entry("mixup(.)", fnn.data.mixup, ABOVE_ZERO)
entry("mixup(classes=.)", lambda value: fnn.data.mixup(1.0, value), {"nothing"})
entry(
    "one_hot(., 3)", lambda value: one_hot(value, 3), {"labels", "labels as a column", "labels for fewer rows", "zero"}
)
entry("one_hot(labels, .)", lambda value: one_hot(LABELS, value))
entry("standardize(.)", standardize, (WITH_ROWS & FINITE) - {"no rows", "an empty list", "an empty tuple"})
entry("standardization(.)", fnn.data.standardization,
      (WITH_ROWS & FINITE) - {"no rows", "an empty list", "an empty tuple"})  # fmt: skip
entry("unstandardize(., scaling)", lambda value: fnn.data.unstandardize(value, fnn.data.standardization(X)),
      ROWS_OF_FOUR & FINITE)  # fmt: skip
entry("unstandardize(y, .)", lambda value: fnn.data.unstandardize(X, value))
entry("standardize(x, like=.)", lambda value: standardize(X, value),
      (ROWS_OF_FOUR & FINITE) - {"no rows"} | {"nothing"})  # fmt: skip
for name in ("moons", "circles", "spirals", "blobs", "xor", "line"):
    made = getattr(fnn.data, name)
    entry(f"{name}(., 0.1, key)", lambda value, made=made: made(value, 0.1, KEY))
    entry(f"{name}(9, ., key)", lambda value, made=made: made(9, value, KEY), NUMBERS)
    entry(f"{name}(9, 0.1, .)", lambda value, made=made: made(9, 0.1, value), {"a key"})
    entry(f"{name}(dtype=.)", lambda value, made=made: made(9, 0.1, KEY, dtype=value))
entry("blobs(centers=.)", lambda value: fnn.data.blobs(9, 0.1, KEY, centers=value),
      {each for each in WITH_FEATURES & FINITE if ARRAYS[each].ndim == 2 and ARRAYS[each].size}
      - {"booleans", "numbers of 1e300"})  # fmt: skip
entry("blobs(features=.)", lambda value: fnn.data.blobs(9, 0.1, KEY, features=value))
entry("spirals(arms=.)", lambda value: fnn.data.spirals(9, 0.1, KEY, arms=value))
entry("spirals(turns=.)", lambda value: fnn.data.spirals(9, 0.1, KEY, turns=value), NUMBERS)
entry("circles(factor=.)", lambda value: fnn.data.circles(9, 0.1, KEY, factor=value), {"zero"})
entry("characters(.)", fnn.data.characters, {"text"})
entry("characters(text, .)", lambda value: fnn.data.characters("ab", value), {"text", "nothing"})
for name in ("read_idx", "read_csv", "mnist"):
    entry(f"{name}(.)", getattr(fnn.data, name))

# --- trees, checks, slopes --------------------------------------------------------------------------------------------

for name in ("leaves", "paths", "ravel", "zeros_like"):
    entry(f"tree.{name}(.)", getattr(tree, name), ALL)  # what is no tree is a setting
entry("tree.equal(net, .)", lambda value: tree.equal(NET, value), ALL)
entry("tree.map(., net)", lambda value: tree.map(value, NET), CALLABLE)
entry("tree.map(add, net, .)", lambda value: tree.map(np.add, NET, value))
entry("tree.reduce(., net, 0)", lambda value: tree.reduce(value, NET, 0), CALLABLE)
entry("tree.add(net, .)", lambda value: tree.add(NET, value))
entry("tree.add(., net)", lambda value: tree.add(value, NET))
entry("tree.add((x,), (.,))", lambda value: tree.add((X,), (value,)),
      {"nan", "one nan", "infinity", "a matrix of numpy", "a masked array"})  # fmt: skip
entry("tree.allclose(net, .)", lambda value: tree.allclose(NET, value))
entry("tree.at(., f, net)", lambda value: tree.at(value, np.negative, NET))
entry("tree.at(path, ., net)", lambda value: tree.at("layers[0].weight", value, NET), CALLABLE)
entry("tree.at(path, f, .)", lambda value: tree.at("layers[0].weight", np.negative, value))
entry("unravel(.)", tree.ravel(NET)[1])
entry("check_vjp(relu, .)", lambda value: fnn.check_vjp(relu, value), (REAL | WITH_LENGTHS) - {"an empty tuple"})
entry("check_vjp(., x)", lambda value: fnn.check_vjp(value, X), {"a layer"})
entry("check_vjp(mse, x, .)", lambda value: fnn.check_vjp(mse, X, value), LIKE_X)
SMOOTH = {each for each in FINITE if ARRAYS[each].dtype.kind != "b"}
entry("derivative(f, .)", lambda value: fnn.numeric.derivative(np.tanh, value), SMOOTH)
entry("derivative(., 1.0)", lambda value: fnn.numeric.derivative(value, 1.0), CALLABLE)
entry("gradient(f, .)", lambda value: fnn.numeric.gradient(lambda x: float(np.sum(x**2)), value), SMOOTH)
entry("gradient(., x)", lambda value: fnn.numeric.gradient(value, X[0]), FUNCTIONS)

# --- the law ----------------------------------------------------------------------------------------------------------

# A file that is not there is the system's error; a check that fails is an assertion.
OTHERWISE = {
    ("read_idx(.)", "text"): FileNotFoundError,
    ("read_csv(.)", "text"): FileNotFoundError,
    ("check_vjp(relu, .)", "an empty tuple"): AssertionError,
}
# Labels may be booleans, a batch may weigh nothing, and float32 cannot be scaled by 1e300.
for name in ENTRIES:
    function, works = ENTRIES[name]
    if works is not None and name.startswith(
        ("confusion", "precision(", "recall", "f1", "accuracy", "balanced", "matthews", "evaluate(acc")
    ):
        works |= {"labels as booleans"} if "labels" in works else set()
    if works is not None and name.endswith("(x, t, .))"):
        works |= {"weights of zero"}
    if name == "standardize(x, like=.)":
        works -= {"numbers of 1e300"}
COMBINATIONS = list(product(ENTRIES, VALUES))
FOREIGN = re.compile(r"operands could not|ufunc '|inhomogeneous|truth value|has no attribute|not (callable|iterable)")


def outcome(place, name):
    """Return in a word what comes of a value at an entry; of an error that is not the package's own, all of it."""
    function, _ = ENTRIES[place]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            function(VALUES[name])
        except Diverged:
            return "works"  # it says so, at the first step: test_divergence
        except OTHERWISE.get((place, name), ()):
            return "refused"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            raised = linecache.getline(last.filename, last.lineno).lstrip().startswith("raise")
            own = "/fnn/" in last.filename and raised and not FOREIGN.search(str(error))
            if own and isinstance(error, TypeError | ValueError):
                return "refused"
            return f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
    return "works"


def faults(combinations):
    for place, name in combinations:
        works = ENTRIES[place][1]
        expected = ["works", "refused"] if works is None else ["works"] if name in works else ["refused"]
        if name in FUNCTIONS and "works" in expected:
            continue  # it was called, with what it should be called with
        found = outcome(place, name)
        if found not in expected:
            yield f"{place} with {name}: {found}, and not {' or '.join(expected)}"


def test_a_bad_value_is_refused_in_the_package_s_own_words_or_works_as_it_should():
    assert not list(faults(COMBINATIONS[::25]))


@pytest.mark.long
def test_so_are_all_of_them_everywhere():
    assert not list(faults(COMBINATIONS))
