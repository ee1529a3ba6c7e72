"""Frames and series of pandas and polars are rows, targets, labels and weights wherever arrays are."""

import numpy as np
import pytest

import fnn
from fnn import Key, adam, cross_entropy, data, dense, metrics, mse, start, tree

X = np.random.default_rng(0).normal(size=(12, 3))
LABEL = np.arange(12) % 3
WEIGHT = np.arange(12) + 1.0


def of_pandas():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X, columns=list("abc"), index=range(100, 112)), pandas.Series(LABEL), pandas.Series(WEIGHT)


def of_polars():
    polars = pytest.importorskip("polars")
    return polars.DataFrame(X, schema=list("abc")), polars.Series(LABEL), polars.Series(WEIGHT)


NET = dense(3)(Key(0), X)
CALLS = {
    "batches": lambda x, t, w: list(data.batches((x, t, w), 5)),
    "epochs": lambda x, t, w: list(data.epochs(((x, x), t), 5, Key(0), epochs=2)),
    "train_test_split": lambda x, t, w: data.train_test_split((x, t), 0.5, Key(0), stratify=t),
    "kfold": lambda x, t, w: list(data.kfold((x, t), 3, Key(0), stratify=t)),
    "windows": lambda x, t, w: data.windows(x, 4, 2, target=w),
    "pad_rows": lambda x, t, w: data.pad_rows([x, x[:5]], 20),
    "augmented": lambda x, t, w: list(data.augmented([(x, t, w)], Key(0), data.random_noise(0.1), data.mixup(0.5, 3))),
    "standardization": lambda x, t, w: data.unstandardize(x, data.standardization(x)),
    "one_hot": lambda x, t, w: data.one_hot(t, 3),
    "standardize": lambda x, t, w: data.standardize(x, like=x),
    "normalized": lambda x, t, w: data.normalized(w),
    "balanced": lambda x, t, w: data.balanced(t),
    "blobs": lambda x, t, w: data.blobs(12, 0.1, Key(0), centers=x),
    "layer": lambda x, t, w: NET(x),
    "constructor": lambda x, t, w: tree.leaves(dense(3)(Key(0), x)),
    "loss": lambda x, t, w: [cross_entropy(x, t, w), mse(x, x)],
    "metric": lambda x, t, w: [metrics.accuracy(x, t), metrics.rmse(w, x["a"] if hasattr(x, "columns") else x[:, 0])],
    "metrics of scores": lambda x, t, w: [
        metrics.average_precision(w, t == 1), *metrics.roc_curve(w, t == 1), metrics.matthews(x, t),
        metrics.log_loss(fnn.softmax(x), t), metrics.mape(w, w + 1),
    ],
    "metric of members": lambda x, t, w: metrics.mae(x, np.zeros(3)),
    "evaluate": lambda x, t, w: metrics.evaluate(metrics.accuracy, NET, (x, t)),
    "value_and_grad": lambda x, t, w: tree.leaves(fnn.value_and_grad(cross_entropy, NET, (x, t, w))[1]),
    "inference": lambda x, t, w: tree.leaves(fnn.inference(fnn.batch_norm()(Key(0), X), x)),
    "fit": lambda x, t, w: tree.leaves(
        fnn.fit(cross_entropy, adam(), start(NET, adam()), (x, t, w), steps=3, size=5, key=Key(0)).params
    ),
}  # fmt: skip


def flat(value):
    """All arrays and numbers of nested tuples and lists."""
    if isinstance(value, tuple | list):
        return [array for part in value for array in flat(part)]
    return [np.asarray(value)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("tables", [of_pandas, of_polars])
def test_a_table_gives_what_its_array_gives(call, tables):
    ours, theirs = flat(CALLS[call](*tables())), flat(CALLS[call](X, LABEL, WEIGHT))
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=1e-13)  # a frame keeps its columns together, and BLAS sums in that order


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_of_several_kinds_of_numbers(library):
    frame = pytest.importorskip(library).DataFrame
    table = frame({"a": [0.5, 2.0], "b": [True, False], "c": [1, 2]})
    expected = [[0.5, 1.0, 1.0], [2.0, 0.0, 2.0]]
    assert next(data.batches((table,), 2))[0].tolist() == expected
    assert dense(1)(Key(0), table).weight.dtype == np.float64
    assert data.standardize(table).tolist() == data.standardize(np.array(expected)).tolist()


def test_integers_that_may_be_missing_and_are_not():
    pandas = pytest.importorskip("pandas")
    label = pandas.Series([0, 2, 1], dtype="Int64")
    assert data.one_hot(label, 3).argmax(axis=1).tolist() == [0, 2, 1]
    assert next(data.batches((label,), 3))[0].dtype == np.int64


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("column", [["x", "y"], [None, "y"]])
def test_text_and_gaps_are_refused_with_their_column(library, column):
    table = pytest.importorskip(library).DataFrame({"a": [1.0, 2.0], "city": column})
    for call in (
        lambda: data.batches((table,), 2),
        lambda: data.epochs((table,), 2, Key(0)),
        lambda: data.train_test_split((table,), 0.5, Key(0)),
        lambda: metrics.evaluate(metrics.accuracy, NET, (table, table)),
    ):
        words = r"data\[0\] must be an array of real numbers, got .* DataFrame \(2, 2\); write numbers for the text or "
        with pytest.raises(TypeError, match=words + "the gaps of its column 'city', say with ColumnTransformer of"):
            call()
    with pytest.raises(TypeError, match="standardize expects an array of real numbers"):
        data.standardize(table)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_labels_that_are_text_are_told_how_to_become_codes(library):
    labels = pytest.importorskip(library).Series(["cat", "dog"])
    with pytest.raises(TypeError, match=r"; write np\.unique\(data\[1\], return_inverse=True\)\[1\]$"):
        data.batches((X[:2], labels), 2)
    with pytest.raises(TypeError, match=r"; write names, labels = np\.unique\(labels, return_inverse=True\)$"):
        data.balanced(labels)


def test_arrays_of_torch_are_rows_too_and_those_that_cannot_be_read_say_how():
    torch = pytest.importorskip("torch")
    assert next(data.batches((torch.ones(3, 2),), 3))[0].tolist() == np.ones((3, 2)).tolist()
    with pytest.raises(TypeError, match=r"; write np\.asarray\(data\[0\]\.detach\(\)\.cpu\(\)\)$"):
        data.batches((torch.ones(3, 2, requires_grad=True),), 3)


def test_arrays_that_are_read_in_parts_are_not_read_as_a_whole():
    dask = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"got dask Array \(12, 3\); write np\.asarray\(data\[0\]\)$"):
        data.batches((dask.from_array(X),), 3)


# --- the same in estimators -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_estimators_take_tables_and_know_their_columns(library):
    pytest.importorskip("sklearn", "1.6")
    from tests.interop.estimators import classifier, regressor

    frames = pytest.importorskip(library)
    table = frames.DataFrame({name: X[:, column] for column, name in enumerate("abc")})
    names = np.array(["ant", "bee", "cow"])[LABEL]
    labels, weights = frames.Series(names), frames.Series(WEIGHT)
    model = classifier(max_iter=100, tol=0.1).fit(table, labels, sample_weight=weights)
    plain = classifier(max_iter=100, tol=0.1).fit(X, names, sample_weight=WEIGHT)
    assert tree.equal(model.network_, plain.network_)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert set(model.predict(table)) <= {"ant", "bee", "cow"}
    np.testing.assert_array_equal(model.predict_proba(table), plain.predict_proba(X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table.rename(columns={"a": "z"}) if library == "pandas" else table.rename({"a": "z"}))
    values = regressor(tol=10.0).fit(table, table).predict(table)
    assert values.shape == X.shape
    assert regressor(tol=10.0).fit(table, weights).predict(table).shape == (12,)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_text_in_a_table_is_refused_by_estimators_too(library):
    pytest.importorskip("sklearn", "1.6")
    from tests.interop.estimators import classifier

    table = pytest.importorskip(library).DataFrame({"a": [1.0, 2.0], "city": ["x", "y"]})
    with pytest.raises(ValueError, match="could not convert string to float"):
        classifier().fit(table, [0, 1])
