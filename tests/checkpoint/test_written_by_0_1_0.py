"""Checkpoints that version 0.1.0 wrote are loaded to the bit, though modules have moved and records have other names.

The three files in ``written_by_0_1_0`` were written by that version; what it wrote is built here again by today's code.
"""

import functools
import hashlib
import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

from fnn import (
    CrossEntropy,
    FormatError,
    Heaviside,
    Key,
    Record,
    Regularized,
    Serial,
    State,
    accumulate_gradients,
    adamw,
    batch_norm,
    bidirectional,
    chain,
    clip_by_global_norm,
    combined,
    conv,
    cross_entropy,
    dense,
    dropout,
    embedding,
    fit,
    freeze,
    heaviside,
    huber,
    l1,
    l2,
    leaky_relu,
    load,
    lstm,
    mse,
    regularized,
    relu,
    residual,
    rmsprop,
    save,
    serial,
    sgd,
    start,
    tanh,
    tree,
)
from fnn.checkpoint._codec import _RENAMED, known
from fnn.checkpoint._fingerprint import EnvironmentChanged
from fnn.checkpoint.files import notes
from fnn.checkpoint.safetensors import pack, unpack

FOLDER = Path(__file__).parent / "written_by_0_1_0"
NETWORK, RUN, RECORDS = (FOLDER / f"{name}_0_1_0.fnn" for name in ("network", "run", "records"))
X = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
T = np.arange(40) % 3
OPTIMIZER = chain(freeze("layers[0].bias"), clip_by_global_norm(1.0), adamw(1e-2))
SMALL = serial(dense(4), relu, dense(3))(Key(1), X)
on_the_run = functools.partial(fit, cross_entropy, OPTIMIZER, data=(X, T), size=16, key=Key(2))


def a_network():
    make = serial(dense(5), batch_norm(), relu, leaky_relu, residual(dense(5), tanh), dropout(0.2), heaviside, dense(3))
    return make(Key(0), X)


def some_records():
    shared = dense(4)(Key(3), np.zeros((1, 4)))
    return (
        regularized(CrossEntropy(label_smoothing=0.1), l2(1e-3), l1(1e-4, "layers[0]")),
        combined(mse, huber, weights=(1.0, 0.5)),
        Serial((shared, heaviside, shared)),
        bidirectional(lstm(3))(Key(4), np.zeros((1, 4, 2), np.float32)),
        conv(2, 3)(Key(5), np.zeros((1, 4, 4, 1))),
        Key(7, (1, 2)), None, True, 3, 0.1, math.inf, "text",
        sgd(0.1, momentum=0.9).init(SMALL),
        accumulate_gradients(2, rmsprop()).init(SMALL),
        embedding(5, 4)(Key(6), np.array([[1]])),
    )  # fmt: skip


def the_run():
    """Load the run; the machine that wrote it may not be this one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EnvironmentChanged)
        return load(RUN)


def digest(saved):
    return hashlib.sha256(b"".join(leaf.tobytes() for leaf in tree.leaves(saved))).hexdigest()


def settings(node):
    """All of a tree that is no array: its classes and its settings."""
    if isinstance(node, np.ndarray):
        return node.dtype, node.shape
    if isinstance(node, Record):
        return type(node), [settings(getattr(node, name)) for name in node.__record__]
    return [settings(part) for part in node] if isinstance(node, tuple) else (type(node), node)


@pytest.mark.parametrize(
    ("path", "built", "expected"),
    [
        (NETWORK, a_network, "3fc44f8aa7ad1c9a8932a5b01eb871017e25a8d504d3eba199a9a34988e4d0a7"),
        (RECORDS, some_records, "d07369d3671f1b34f23dfbb8f8d5abc55bacf941ab61ab5b0fef19e3542a6ab9"),
    ],
    ids=["network", "records"],
)
def test_it_is_loaded_to_the_bit_as_what_it_is_now_called(path, built, expected):
    loaded = load(path)
    assert digest(loaded) == expected
    assert settings(loaded) == settings(built())
    assert tree.allclose(loaded, built())  # a machine may round an initial weight in another way
    assert not any(leaf.flags.writeable for leaf in tree.leaves(loaded))


def test_renamed_records_are_of_the_new_classes():
    assert type(load(NETWORK).layers[6]) is Heaviside
    penalized, _, tied, *_ = load(RECORDS)
    assert type(penalized) is Regularized
    assert type(tied.layers[1]) is Heaviside
    assert tied.layers[0] is tied.layers[2]


def test_each_renamed_record_is_in_these_files_and_has_a_class():
    """So that whoever renames a record the next time adds a file."""
    written = "".join(unpack(path.read_bytes(), path.name)[1]["form"] for path in (NETWORK, RUN, RECORDS))
    for old, new in _RENAMED.items():
        assert f'"record":"{old}"' in written
        assert new in known()
        assert old not in known()


def test_the_notes_are_there():
    assert notes(NETWORK) == {"accuracy": 0.5, "note": "by 0.1.0"}


def test_like_works_too():
    assert tree.equal(load(NETWORK, like=a_network()), load(NETWORK))


def test_the_network_computes():
    prediction = load(NETWORK)(X, Key(0))
    np.testing.assert_allclose(prediction, a_network()(X, Key(0)), rtol=1e-4, atol=1e-5)


def test_the_run_goes_on_as_it_would_have_then_and_as_it_does_now():
    state = the_run()
    assert type(state) is State
    assert state.step == 7
    now = on_the_run(state=start(SMALL, OPTIMIZER), steps=7)
    assert settings((state.params, state.opt)) == settings((now.params, now.opt))
    assert tree.allclose((state.params, state.opt), (now.params, now.opt), rtol=1e-4, atol=1e-6)
    end = on_the_run(state=state, steps=5)
    assert end.step == 12
    assert end.loss == pytest.approx(0.9049791097640991, rel=1e-5)
    sums = [float(leaf.sum()) for leaf in tree.leaves(end.params)]
    assert sums == pytest.approx([1.0409330129623413, 0.0, 0.036027342081069946, 0.02657681703567505], abs=1e-5)
    whole = on_the_run(state=start(SMALL, OPTIMIZER), steps=12)
    assert whole.loss == pytest.approx(end.loss, rel=1e-5)
    assert tree.allclose((whole.params, whole.opt), (end.params, end.opt), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("path", [NETWORK, RUN, RECORDS], ids=lambda path: path.stem)
def test_what_was_loaded_is_saved_under_the_new_names(path, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EnvironmentChanged)
        loaded = load(path)
    save(tmp_path / "again.fnn", loaded)
    assert tree.equal(load(tmp_path / "again.fnn"), loaded)
    _, metadata = unpack((tmp_path / "again.fnn").read_bytes(), "again.fnn")
    assert not any(f'"record":"{old}"' in metadata["form"] for old in _RENAMED)


# --- a class of your own with one of the old names -------------------------------------------------------------------


class Step(Record):
    """A step function with a threshold."""

    threshold: float


def bare():
    """A class of the old name with the fields of the old record, which are none."""

    class Step(Record):
        pass

    return Step


def test_a_class_of_your_own_wins_over_the_renaming(tmp_path):
    bare_step = bare()
    for mine, made in ((Step, Step(0.5)), (bare_step, bare_step())):
        save(tmp_path / "mine.fnn", Serial((relu, made)))
        assert type(load(tmp_path / "mine.fnn", records=(mine,)).layers[1]) is mine
        assert type(load(tmp_path / "mine.fnn", like=Serial((relu, made))).layers[1]) is mine


def test_a_class_of_your_own_that_is_not_passed_is_asked_for(tmp_path):
    save(tmp_path / "mine.fnn", Serial((relu, Step(0.5))))
    message = r"layers\[1\] is a record Step, and fnn has none of this name; if it is yours, .*records=\(Step,\)\)$"
    with pytest.raises(FormatError, match=message):
        load(tmp_path / "mine.fnn")


def test_a_class_of_your_own_is_never_renamed(tmp_path):
    """Not even if it looks like the old record: only a file of 0.1.0 holds that one."""
    save(tmp_path / "mine.fnn", Serial((relu, bare()())))
    with pytest.raises(FormatError, match=r"layers\[1\] is a record Step, and fnn has none of this name"):
        load(tmp_path / "mine.fnn")


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_field_that_0_1_0_did_not_know_has_its_default(version, tmp_path):
    form = {"record": "CrossEntropy", "fields": {"label_smoothing": 0.25}}
    metadata = {"fnn": version, "form": json.dumps(form), "notes": "{}", "environment": "{}"}
    (tmp_path / "loss.fnn").write_bytes(pack({}, metadata))
    if version == "1":
        assert settings(load(tmp_path / "loss.fnn")) == settings(CrossEntropy(0.25))
    else:
        with pytest.raises(FormatError, match="the tree is a CrossEntropy with label_smoothing, but CrossEntropy has"):
            load(tmp_path / "loss.fnn")


def test_a_renamed_record_with_other_fields_is_not_taken_for_the_new_one(tmp_path):
    form = {"record": "Penalised", "fields": {"loss": None}}
    metadata = {"fnn": "1", "form": json.dumps(form), "notes": "{}", "environment": "{}"}
    (tmp_path / "odd.fnn").write_bytes(pack({}, metadata))
    with pytest.raises(FormatError, match="the tree is a record Penalised, and fnn has none of this name"):
        load(tmp_path / "odd.fnn")
