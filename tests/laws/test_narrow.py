"""Narrow and extreme numbers: every layer against itself in float64, on the same values, to a few units."""

import numpy as np
import pytest

import fnn
from fnn import Embedding, Key, attention, batch_norm, check_vjp, inference, layer_norm, rms_norm, tree, vjp
from tests.each_of import each_of
from tests.laws.cases import ACTIVATIONS, KEY, LAYERS, made, numbers, random_like, sort_of

# One layer, not a network of several: what a network loses between its layers is another matter.
SINGLE = {
    name: (layer, x)
    for name, (layer, x) in LAYERS.items()
    if not any(
        word in name
        for word in (
            "one sequence",
            "inside",
            "random network",
            "mlp",
            "stacked",
            "twice",
            "serial",
            "residual",
            "decoder",
            "norms last",
        )
    )
}
SCALES = [(np.float16, scale) for scale in (1e-7, 1.0, 6e4)]
SCALES += [(np.float32, scale) for scale in (0.0, 1e-30, 1e4, 1e30)]
BETWEEN = [(np.float16, 1e-3), (np.float16, 300.0), *[(np.float32, scale) for scale in (1e-10, 6e4, 1e10, 1e20)]]


def floats_to(dtype, node):
    return tree.map(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a, (node,))[0]


def evaluated(layer, x):
    """y, the gradient of the layer, and that of x, for a dy that float16 can hold."""
    y, pullback = vjp(layer, x, KEY)
    dy = tree.map(lambda a: numbers(*a.shape, seed=1).astype(np.float16).astype(a.dtype), (y,))[0]
    dlayer, dx = pullback(dy)
    return tree.leaves((y,)), tree.leaves(dlayer), tree.leaves((dx(),))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("scales", [SCALES, pytest.param(BETWEEN, marks=pytest.mark.long)], ids=["edges", "between"])
@each_of("name", SINGLE, ids=SINGLE, one_of_each=sort_of)
def test_a_narrow_dtype_is_right_to_a_few_units_and_comes_out_as_it_went_in(name, scales):
    for dtype, scale in scales:
        layer, x = SINGLE[name]
        x = tree.map(lambda a, scale=scale: a * (scale / np.abs(a).max()) if a.dtype.kind == "f" else a, (x,))[0]
        layer, x = floats_to(dtype, layer), floats_to(dtype, x)
        wide = evaluated(floats_to(np.float64, layer), floats_to(np.float64, x))
        limits = np.finfo(dtype)
        if max(np.abs(a).max() for a in wide[0]) > limits.max:
            continue  # no dtype holds more than its largest value: NumPy's warning is told
        narrow = evaluated(layer, x)
        for ours, theirs in zip(narrow, wide, strict=True):
            for got, expected in zip(ours, theirs, strict=True):
                if got.dtype.kind != "f":
                    continue
                largest = np.abs(expected).max(initial=0)
                # The gradient of x is 0 for integers, whatever the dtype; a slope that is 1 - y**2 has the units of 1.
                assert got.dtype == dtype or not got.any()
                if largest <= limits.max:
                    allowed = 64 * float(limits.eps) * max(largest, min(1.0, 1 / scale if scale else 1.0))
                    where = f"{np.dtype(dtype)}, x up to {scale}"
                    np.testing.assert_allclose(got, expected, rtol=0, atol=allowed, err_msg=where)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 100.0])
def test_sums_over_70_000_equal_values_are_exact_to_a_few_units(value):
    """The mean of 70,000 times the same is the same; a running sum in float32 is 3e-4 off."""
    rows = np.full((70_000, 3), value, np.float32)
    total = 70_000 * float(np.float32(value))

    def gradient(layer, x):
        y, pullback = vjp(layer, x)
        return pullback(np.full(y.shape, value, y.dtype))[0]

    close = {"rtol": 16 * np.finfo(np.float32).eps}
    for layer, x in (
        (fnn.Dense(np.ones((3, 2), np.float32), np.zeros(2, np.float32)), rows),
        (fnn.Dense(np.ones((3, 2), np.float32), np.zeros(2, np.float32)), rows.reshape(700, 100, 3)),
        (fnn.Dense(np.ones((1, 3, 2), np.float32), np.zeros((1, 2), np.float32)), rows[None]),
        (fnn.conv(2, 3)(Key(0), rows[None, :9]), rows.reshape(700, 100, 3)),
    ):
        np.testing.assert_allclose(gradient(layer, x).bias, total, **close)
    for layer in (fnn.Scale(np.ones(3, np.float32), np.zeros(3, np.float32)), batch_norm()(Key(0), rows)):
        np.testing.assert_allclose(gradient(layer, rows).shift, total, **close)
    np.testing.assert_allclose(gradient(layer_norm()(Key(0), rows), rows).shift, total, **close)
    positions = fnn.positional(1)(Key(0), rows[:, None])
    np.testing.assert_allclose(gradient(positions, rows[:, None]).weight, total, **close)
    table = Embedding(np.ones((2, 3), np.float32))
    np.testing.assert_allclose(gradient(table, np.ones(70_000, int)).weight[1], total, **close)
    np.testing.assert_allclose(fnn.global_avg_pool(rows[None]), np.float32(value), **close)
    pair = rows[None], np.array([69_999])
    np.testing.assert_allclose(fnn.global_avg_pool(pair), np.float32(value), **close)
    np.testing.assert_allclose(batch_norm()(Key(0), rows)(rows), 0, atol=1e-4)
    attend = attention(1)(Key(0), rows[None, :5])
    np.testing.assert_allclose(gradient(attend, rows.reshape(7000, 10, 3)).output_bias, total, **close)


def test_half_precision_averages_hundreds_and_normalizes_hundreds():
    images = np.full((1, 28, 28, 1), 100, np.float16)
    assert fnn.global_avg_pool(images) == 100
    assert fnn.global_avg_pool(images).dtype == np.float16
    assert (fnn.avg_pool(28)(images) == 100).all()
    x = (300 * numbers(8, 6)).astype(np.float16)
    for constructor in (batch_norm(), layer_norm(), rms_norm()):
        y = constructor(Key(0), x)(x)
        assert y.dtype == np.float16
        np.testing.assert_allclose(y, constructor(Key(0), x)(x.astype(float)), atol=2e-3)
    many = np.full((1, 70_000), 0.25, np.float16)
    np.testing.assert_allclose(fnn.Dense(np.full((70_000, 1), 0.5, np.float16), np.zeros(1, np.float16))(many), 8750, 4)
    table = Embedding(np.ones((2, 1), np.float16))
    _, pullback = vjp(table, np.zeros(70_000, int))
    assert pullback(np.full((70_000, 1), 0.5, np.float16))[0].weight[0] == np.float16(35_000)


@each_of(
    ("dtype", "value"),
    [
        (dtype, value)
        for dtype in (np.float16, np.float32, np.float64)
        for value in (1e-30, 0.1, 10.0, 3e4, 1e20, 1e30)
        if value <= float(np.finfo(dtype).max)
    ],
)
@each_of("constructor", [batch_norm(), layer_norm()], ids=repr)
def test_a_constant_column_or_row_of_any_size_is_0(constructor, dtype, value):
    x = np.full((70, 30), value, dtype)
    few = 256 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(constructor(Key(0), x)(x), 0, atol=few)
    x[:35, :15] += dtype(value)  # and next to it one that is not
    expected = constructor(Key(0), x)(x.astype(np.float64))
    np.testing.assert_allclose(constructor(Key(0), x)(x), expected, atol=few)


def test_float64_is_normalized_where_its_squares_overflow():
    x = numbers(9, 4)
    for constructor in (batch_norm(), layer_norm()):
        np.testing.assert_allclose(constructor(Key(0), x)(x * 1e200), constructor(Key(0), x)(x * 1e10), rtol=1e-9)


def test_statistics_of_a_sample_of_large_values_are_finite():
    x = (numbers(50, 3) * 1e20).astype(np.float32)
    layer = random_like(made(batch_norm(), 2, 3))
    layer = floats_to(np.float32, layer)
    finished = inference(layer, x)
    assert {leaf.dtype for leaf in tree.leaves(finished)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(finished(x), layer(x), rtol=1e-4, atol=1e-5)


@each_of("name", sorted(ACTIVATIONS))
@each_of("dtype", [np.float16, np.float32])
def test_activations_and_their_slopes_are_finite_at_the_edges(name, dtype):
    edge = float(np.finfo(dtype).max) / 4
    x = np.array([[0.0, 1e-30, 88, -88, 1e4, -1e4, 6e4, -6e4, edge, -edge]])
    x = np.concatenate([x, -x]).astype(dtype)
    y, pullback = vjp(ACTIVATIONS[name], x)
    assert np.isfinite(y).all() or (name == "log_softmax" and dtype == np.float16)  # whose range is more than float16's
    assert np.isfinite(pullback(np.ones_like(y))[1]()).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_softmax_of_logits_as_good_as_infinite(dtype):
    low = np.finfo(dtype).min
    x = np.array([[low, 0, 0], [low, low, low], [-low, 0, low]], dtype)
    expected = [[0, 0.5, 0.5], [1 / 3] * 3, [1, 0, 0]]
    np.testing.assert_allclose(fnn.softmax(x), expected, atol=1e-3)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_of_scores_beyond_float32(causal):
    """Queries and keys of 1e20 have products of 1e40: one key has all the weight."""
    layer = floats_to(np.float32, random_like(made(attention(2, causal), 1, 4, 6)))
    x = (numbers(2, 5, 6) * 1e20).astype(np.float32)
    y, pullback = vjp(layer, x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, layer(x.astype(float)), rtol=1e-4)
    dlayer, dx = pullback(np.ones_like(y))
    assert {leaf.dtype for leaf in tree.leaves((dlayer, dx()))} == {np.dtype(np.float32)}
    assert np.isfinite(dlayer.output_weight).all()


def test_gradients_are_the_numeric_ones_where_the_mean_is_large():
    x = 1e3 + numbers(6, 4)
    for constructor in (batch_norm(), layer_norm()):
        layer = random_like(made(constructor, 2, 4))
        assert max(check_vjp(layer, x).errors.values()) <= 1e-7


def test_a_narrow_input_is_promoted_by_wider_parameters():
    x = numbers(4, 3).astype(np.float16)
    for dtype in (np.float32, np.float64):
        layer = floats_to(dtype, made(fnn.dense(2), 1, 3))
        y, pullback = vjp(layer, x)
        dlayer, dx = pullback(np.ones_like(y))
        assert {y.dtype, dx().dtype, *(leaf.dtype for leaf in tree.leaves(dlayer))} == {np.dtype(dtype)}
        np.testing.assert_allclose(y, layer(x.astype(dtype)), rtol=1e-6)


# --- max-pooling ------------------------------------------------------------------------------------------------------


def pooled(layer, x):
    y, pullback = vjp(layer, x)
    dy = (np.arange(1.0, y.size + 1) % 8).reshape(y.shape)
    return y, dy, pullback(dy)[1]()


@each_of("settings", [(2,), (3, 1, 1), (3, 2, "same"), (2, 1, "same"), (3, 2, 1), (2, 3, 1)], ids=str)
@each_of("axes", [1, 2])
@each_of("dtype", [np.float16, np.float32, np.float64])
def test_a_margin_never_wins_whatever_stands_in_the_window(settings, axes, dtype):
    x = np.full((2, *[6] * axes, 3), -np.inf, dtype)
    y, dy, dx = pooled(fnn.max_pool(*settings), x)
    assert (y == -np.inf).all()
    assert dx.sum(dtype=float) == dy.sum()
    x[0] = np.nan
    y, dy, dx = pooled(fnn.max_pool(*settings), x)
    assert dx.sum(dtype=float) == dy.sum()


@each_of("settings", [(2,), (3, 1, 1), (3, 2, "same"), (2, 1, "same")], ids=str)
def test_nan_wins_and_the_gradient_goes_to_it(settings):
    x = numbers(1, 6, 6, 1)
    x[0, 2, 3, 0], x[0, 5] = np.nan, -np.inf
    y, dy, dx = pooled(fnn.max_pool(*settings), x)
    assert np.isnan(y).any()
    assert dx.sum() == dy.sum()
    assert dx[0, 2, 3, 0] == dy[np.isnan(y)].sum()


def test_max_pooling_of_the_three_that_were_found():
    line = np.full((1, 3, 1), -np.inf)
    assert pooled(fnn.max_pool(3, 1, 1), line)[2].ravel().tolist() == [3, 3, 0]  # dy is 1, 2, 3
    _, _, dx = pooled(fnn.max_pool(3), np.array([[[np.nan], [1.0], [2.0]]]))
    assert dx.ravel().tolist() == [1, 0, 0]
