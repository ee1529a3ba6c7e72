"""Attention with a memory, masks, windows, groups of heads and rotary positions, against a loop over single numbers."""

import itertools
import math
import re

import numpy as np
import pytest

from fnn import Attention, DotProductAttention, Key, Rotary, advance, attention, check_vjp, rotary, tree, vjp
from fnn.layers._looking_back import look_back
from tests.each_of import each_of
from tests.laws.cases import made, numbers, random_like

Q, L = numbers(3, 4, 4), np.array([4, 1, 0])
K, M = numbers(3, 3, 4, seed=1), np.array([0, 3, 2])
WIDE, NARROW = numbers(3, 3, 6, seed=2), numbers(3, 3, 3, seed=3)
SEEN, BIAS = numbers(3, 1, 4, 3) > 0, numbers(1, 2, 4, 3)
FORMS = {
    "its own steps": Q,
    "lengths": (Q, L),
    "memory": (Q, K),
    "wider memory": (Q, WIDE),
    "three": (Q, WIDE, NARROW),
    "the same three": (Q, Q, Q),
    "values of another width": (Q, None, numbers(3, 4, 6)),
    "booleans": (Q, K, None, SEEN),
    "bias": (Q, K, None, BIAS),
    "lengths of both": ((Q, L), (K, M)),
    "lengths of both and a bias": ((Q, L), (WIDE, M), NARROW, BIAS),
    "its own steps and a bias": ((Q, L), None, None, numbers(3, 2, 4, 4)),
    "lengths of values": (Q, WIDE, (NARROW, M)),
}
SETTINGS = [
    {}, {"causal": True}, {"window": 1}, {"window": (2, None), "causal": True}, {"kv_heads": 1}, {"rotary": rotary},
    {"softcap": 0.7, "also": "products"}, {"also": "weights"}, {"also": "scores", "softcap": 2.0},
    {"also": "weights", "kv_heads": 1, "rotary": Rotary(100.0, 2, True), "window": (1, 0), "softcap": 2.0},
]  # fmt: skip


def parts_of(x):
    """Query, key, value, mask and both lengths of an input in any form."""
    alone = not isinstance(x, tuple) or getattr(x[1], "ndim", 0) == 1
    parts = [*((x,) if alone else x), None, None, None][:4]
    parts[1] = parts[0] if parts[1] is None else parts[1]
    parts[2] = parts[1] if parts[2] is None else parts[2]
    found = [each if isinstance(each, tuple) else (each, None) for each in parts[:3]]
    (query, lengths), (key, key_lengths), (value, value_lengths) = found
    return query, key, value, parts[3], lengths, value_lengths if key_lengths is None else key_lengths


def turn(vector, position, layer):
    """Turn a head's features a pair at a time."""
    if layer is None:
        return vector
    vector, features = vector.copy(), layer.features or len(vector)
    for i in range(features // 2):
        a, b = (2 * i, 2 * i + 1) if layer.interleaved else (i, features // 2 + i)
        angle = position / layer.base ** (2 * i / features)
        z = complex(vector[a], vector[b]) * complex(math.cos(angle), math.sin(angle))
        vector[a], vector[b] = z.real, z.imag
    return vector


def by_loops(layer, x):
    """y, weights, scores and products, a query, a head and a key at a time."""
    query, key, value, mask, lengths, key_lengths = parts_of(x)
    heads, few = layer.heads, layer.kv_heads or layer.heads
    depth = len(layer.output_weight) // heads
    total, columns = len(layer.bias), few * depth
    wide = (total - columns) // (heads + few)
    if layer.key_weight is None:
        weights = np.split(layer.weight, [heads * wide, (heads + few) * wide], axis=1)
    else:
        weights = layer.weight, layer.key_weight, layer.value_weight
    biases = np.split(layer.bias, [heads * wide, (heads + few) * wide])
    n, queries, keys = len(query), query.shape[1], key.shape[1]
    shape = n, heads, queries, keys
    y, found = np.zeros((n, queries, layer.output_weight.shape[1])), np.zeros((3, *shape))
    full = None if mask is None else np.broadcast_to(mask, shape)
    for row, step in itertools.product(range(n), range(queries)):
        if lengths is not None and step >= lengths[row]:
            continue
        contexts = []
        for head in range(heads):
            other, group = slice(head * wide, (head + 1) * wide), head // (heads // few)
            theirs, held = slice(group * wide, (group + 1) * wide), slice(group * depth, (group + 1) * depth)
            q = turn((query[row, step] @ weights[0] + biases[0])[other], step, layer.rotary)
            scores = np.full(keys, -np.inf)
            for at in range(keys):
                k = turn((key[row, at] @ weights[1] + biases[1])[theirs], at, layer.rotary)
                score = q @ k / math.sqrt(wide)
                score = score if layer.softcap is None else layer.softcap * math.tanh(score / layer.softcap)
                found[2, row, head, step, at] = score
                before, after = layer.window or (None, None)
                after = 0 if layer.causal else after
                near = (before is None or step - at <= before) and (after is None or at - step <= after)
                there = key_lengths is None or at < key_lengths[row]
                if near and there and (full is None or full.dtype == float or full[row, head, step, at]):
                    scores[at] = score + (full[row, head, step, at] if mask is not None and full.dtype == float else 0)
            found[1, row, head, step] = scores
            exponentials = np.exp(scores)
            found[0, row, head, step] = exponentials / (exponentials.sum() or 1)
            v = np.array([(value[row, at] @ weights[2] + biases[2])[held] for at in range(keys)])
            contexts.append(found[0, row, head, step] @ v)
        y[row, step] = np.concatenate(contexts) @ layer.output_weight + layer.output_bias
    return y, *found


def outputs(y):
    """y alone, and what is beside it, without lengths."""
    y, also = y if isinstance(y, tuple) and isinstance(y[1], np.ndarray) and y[1].ndim == 4 else (y, None)
    return (y[0] if isinstance(y, tuple) else y), also


@each_of(("form", "settings"), itertools.product(FORMS, SETTINGS), ids=lambda value: str(value)[:60])
def test_attention_is_its_formula_by_loops(form, settings):
    x = FORMS[form]
    layer = random_like(attention(2, **settings)(Key(0), x))
    y, also = outputs(layer(x))
    expected, *beside = by_loops(layer, x)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    if layer.also is not None:
        names = ["weights", "scores", "products"]
        theirs = beside[names.index(layer.also)]
        lengths = parts_of(x)[5]
        if lengths is not None and layer.also == "products":  # those with keys beyond their lengths stand for nothing
            there = (np.arange(also.shape[3]) < lengths[:, None])[:, None, None]
            also, theirs = also * there, theirs * there
        np.testing.assert_allclose(also, theirs, rtol=1e-10, atol=1e-12)


@each_of("form", FORMS)
def test_weights_sum_to_one_wherever_there_is_something_to_look_at(form):
    layer = random_like(attention(2, also="weights")(Key(0), FORMS[form]))
    _, weights = outputs(layer(FORMS[form]))
    sums = weights.sum(axis=-1)
    np.testing.assert_allclose(sums[sums > 0.5], 1, rtol=1e-13)
    assert ((sums > 0.5) | (sums == 0)).all()


@pytest.mark.long
@each_of(("form", "settings"), itertools.product(FORMS, SETTINGS), ids=lambda value: str(value)[:60])
def test_the_gradients_are_the_numeric_ones(form, settings):
    if settings.get("also") == "scores" and form not in ("its own steps", "memory", "bias"):
        return  # minus infinity has no numeric gradient
    x = tree.map(lambda a: 0.5 * a if a.dtype == float else a, (FORMS[form],))[0]
    layer = random_like(attention(2, **settings)(Key(0), x))
    assert max(check_vjp(layer, x).errors.values()) <= 1e-8


def test_two_masks_the_same_as_booleans_and_as_minus_infinity():
    layer = random_like(made(attention(2), 1, 1, 4))
    of_booleans, pull = vjp(layer, (Q, K, None, SEEN))
    of_bias, pull_bias = vjp(layer, (Q, K, None, np.where(SEEN, 0.0, -np.inf)))
    np.testing.assert_allclose(of_booleans, of_bias, rtol=1e-14)
    (dlayer, dx), (dbias_layer, dbias_x) = pull(of_bias), pull_bias(of_bias)
    assert tree.allclose(dlayer, dbias_layer, rtol=1e-12)
    assert tree.allclose(dx()[:2], dbias_x()[:2], rtol=1e-12)
    assert not dx()[3].any()
    assert np.isfinite(dbias_x()[3]).all()


def test_a_query_that_may_look_at_nothing_has_the_context_0():
    layer = random_like(made(attention(2, also="weights"), 1, 1, 4))
    nothing = np.zeros((1, 1, 1, 3), bool)
    y, weights = layer((Q, K, None, nothing))
    np.testing.assert_array_equal(y, np.broadcast_to(layer.output_bias, y.shape))
    assert not weights.any()
    y, _ = layer((Q, (np.full_like(K, np.nan), np.zeros(3, int))))
    np.testing.assert_array_equal(y, np.broadcast_to(layer.output_bias, y.shape))


@each_of("garbage", [7.0, 1e5, np.nan])
def test_what_lies_beyond_the_lengths_of_a_memory_changes_nothing(garbage):
    layer = random_like(made(attention(2), 1, 1, 4))
    filled = np.where((np.arange(3) >= M[:, None])[..., None], garbage, K)
    (y, pull), (again, pull_again) = (vjp(layer, ((Q, L), (memory, M))) for memory in (K, filled))
    assert tree.equal((y,), (again,))
    one, other = pull(y), pull_again(y)
    assert tree.equal((one[0], one[1]()), (other[0], other[1]()))
    assert (one[1]()[1][0][0] == 0).all()


def test_a_head_of_a_group_is_a_head_of_its_own_with_the_same_keys_and_values():
    layer = random_like(made(attention(4, kv_heads=2), 1, 1, 8))
    query, key, value = np.split(layer.weight, [8, 12], axis=1)
    biases = np.split(layer.bias, [8, 12])

    def repeated(columns):
        return np.repeat(columns.reshape(*columns.shape[:-1], 2, 2), 2, axis=-2).reshape(*columns.shape[:-1], 8)

    weight = np.concatenate([query, repeated(key), repeated(value)], axis=1)
    bias = np.concatenate([biases[0], repeated(biases[1]), repeated(biases[2])])
    whole = Attention(weight, bias, layer.output_weight, layer.output_bias, 4)
    x = numbers(3, 5, 8)
    np.testing.assert_allclose(layer(x), whole(x), rtol=1e-12, atol=1e-13)


def test_turned_by_rotary_positions_what_fits_depends_on_the_distance_alone():
    layer = random_like(made(attention(2, rotary=rotary, also="products"), 1, 1, 8))
    step = numbers(1, 1, 8)
    _, products = layer(np.repeat(step, 6, axis=1))
    for distance in range(-5, 6):
        diagonal = np.diagonal(products, distance, axis1=2, axis2=3)
        np.testing.assert_allclose(diagonal, np.broadcast_to(diagonal[..., :1], diagonal.shape), rtol=1e-9)
    assert abs(products[0, 0, 0, 1] - products[0, 0, 1, 0]) > 1e-3


def test_dot_products_are_attention_whose_weights_change_nothing():
    eye = np.eye(4)
    for settings in SETTINGS:
        if "kv_heads" in settings or "rotary" in settings:
            continue
        layer = Attention(np.concatenate([eye] * 3, axis=1), np.zeros(12), eye, np.zeros(4), 2, **settings)
        bare = DotProductAttention(2, **settings)
        for form in ("its own steps", "lengths", "memory", "booleans", "bias", "lengths of both"):
            assert tree.allclose((layer(FORMS[form]),), (bare(FORMS[form]),), rtol=1e-12), (settings, form)


def test_an_offset_is_where_the_first_query_stands_among_the_keys():
    whole = DotProductAttention(2, causal=True, window=(2, None))
    last = whole(Q)[:, 2:]
    np.testing.assert_allclose(whole(offset=2)((Q[:, 2:], Q)), last, rtol=1e-13)
    np.testing.assert_allclose(whole(offset="end")((Q[:, 2:], Q)), last, rtol=1e-13)
    ends = np.array([4, 3, 2])
    of_ends = whole(offset="end")((Q[:, :2], (Q, ends)))
    for row, end in enumerate(ends):
        keys = Q[row : row + 1, :end]
        np.testing.assert_allclose(of_ends[row : row + 1], whole(offset=int(end) - 2)((Q[row : row + 1, :2], keys)))


def test_an_offset_does_not_look_beyond_a_row_s_own_length():
    lengths = np.array([4, 2, 1])
    for settings in ({"causal": True, "offset": 1}, {"causal": True, "offset": "end"}, {"window": 1, "offset": "end"}):
        layer = DotProductAttention(2, **settings)
        y, _ = layer((Q, lengths))
        for row, length in enumerate(lengths):
            alone = layer(Q[row : row + 1, :length])
            np.testing.assert_allclose(y[row, :length], alone[0], rtol=1e-13, err_msg=str(settings))


def test_float16_is_computed_in_float32_in_any_form_and_a_mask_does_not_widen_it():
    half, mask = numbers(3, 4, 4, dtype=np.float16), numbers(4, 4)
    for layer in (attention(2)(Key(0), half), DotProductAttention(2)):
        wide = tree.map(lambda leaf: leaf.astype(np.float32), layer)
        for given in ((half, L), (half, None, None, mask), ((half, L), (half, L)), ((half, L), None, None, mask)):
            y = tree.leaves((layer(given),))[0]
            single = tree.map(lambda a: a.astype(np.float32) if a.dtype == np.float16 else a, given)
            assert y.dtype == np.float16
            np.testing.assert_array_equal(y, tree.leaves((wide(single),))[0].astype(np.float16))


def test_a_mask_does_not_widen_what_overflows():
    x, mask = numbers(2, 4, 4, dtype=np.float32), numbers(4, 4)
    for layer in (attention(2)(Key(0), x), DotProductAttention(2)):
        for scale in (1, np.float32(3e20)):
            y, pullback = vjp(layer, (scale * x, None, None, mask))
            assert y.dtype == np.float32
            assert np.isfinite(y).all()
            assert pullback(np.ones_like(y))[1]()[0].dtype == np.float32


def test_scores_may_all_be_far_below_0_or_above_it():
    """The exponential of each would be 0 or infinite; a row's softmax does not change with its offset."""
    for causal in (False, True):
        layer = DotProductAttention(2, causal=causal, scale=1.0)
        for offset in (-800, -61, 0, 61, 800):
            mask = np.full((4, 1), 0, np.float32)
            mask[2] = offset  # one row alone
            single = Q.astype(np.float32)
            np.testing.assert_allclose(layer((single, None, None, mask)), layer(Q), atol=1e-4)


def test_a_scale_is_that_of_the_products():
    for scale in (0.01, 2.0):
        _, products = DotProductAttention(2, scale=scale, also="products")((Q, K))
        heads = [Q[..., i : i + 2] @ K[..., i : i + 2].swapaxes(1, 2) for i in (0, 2)]
        np.testing.assert_allclose(products, scale * np.stack(heads, axis=1), rtol=1e-12)


CAUSAL = [
    {}, {"kv_heads": 1}, {"rotary": rotary}, {"window": (2, None)}, {"window": (0, 0)}, {"softcap": 1.0},
    {"window": 1, "rotary": Rotary(10.0, 2), "kv_heads": 1, "also": "weights"},
]  # fmt: skip


@each_of(("settings", "cuts"), itertools.product(CAUSAL, [[1, 2, 3, 4], [3], []]), ids=lambda value: str(value)[:60])
def test_step_by_step_every_setting_gives_what_it_gives_at_once(settings, cuts):
    layer, x, state, pieces = random_like(made(attention(2, True, **settings), 1, 1, 4)), numbers(3, 5, 4), None, []
    for piece in np.split(x, cuts, axis=1):
        y, state = advance(layer, piece, state)
        pieces.append(outputs(y)[0])
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), outputs(layer(x))[0], rtol=1e-12, atol=1e-13)
    if "window" in settings:  # no more is kept than will be looked at
        assert state[0].shape[2] == min(5, layer.window[0])
        assert state[2] == 5


@each_of("settings", [{}, {"kv_heads": 1}, {"rotary": rotary}, {"window": 1}, {"causal": True}])
@each_of("memory", [K, (K, M), WIDE], ids=["plain", "lengths", "wider"])
def test_step_by_step_a_memory_is_looked_at_as_at_once_and_projected_once(settings, memory):
    layer = random_like(attention(2, **settings)(Key(0), (Q, memory)))
    whole, states = layer((Q, memory)), [None]
    for step in range(4):
        y, state = advance(layer, (Q[:, step : step + 1], memory), states[-1])
        np.testing.assert_allclose(y, whole[:, step : step + 1], rtol=1e-12, atol=1e-13)
        states.append(state)
    assert len({id(state[1]) for state in states[1:]}) == 1
    # Of another memory the keys and values are other ones.
    other = numbers(3, 3, layer.weight.shape[0] if layer.key_weight is None else 6, seed=9)
    y, _ = advance(layer, (Q[:, 1:2], other), advance(layer, (Q[:, :1], memory))[1])
    np.testing.assert_allclose(y, layer((Q, other))[:, 1:2], rtol=1e-12, atol=1e-13)


def test_a_mask_may_differ_from_step_to_step():
    layer, bias = random_like(made(attention(2, True), 1, 1, 4)), numbers(3, 2, 4, 4)
    whole, state = layer((Q, None, None, bias)), None
    for step in range(4):
        seen = bias[:, :, step : step + 1, : step + 1]
        y, state = advance(layer, (Q[:, step : step + 1], None, None, seen), state)
        np.testing.assert_allclose(y, whole[:, step : step + 1], rtol=1e-12, atol=1e-13)


TWO = random_like(made(attention(2), 1, 1, 4))
APART = random_like(attention(2)(Key(0), (Q, WIDE, NARROW)))
BAD = {
    "five": (lambda: TWO((Q, Q, Q, None, None)), TypeError, "or (query, key, value, mask), got a tuple of 5"),
    "no query": (lambda: TWO(()), TypeError, "got a tuple of 0"),
    "a triple as a source": (
        lambda: TWO((Q, (K, M, None))),
        TypeError,
        "attention expects sequences or (sequences, lengths), got tuple of float64 array (3, 3, 4)",
    ),
    "other rows": (
        lambda: TWO((Q, K[:2])),
        ValueError,
        "attention expects as many rows of each, and a value for each key, got (3, 4, 4) and (2, 3, 4)",
    ),
    "a value too few": (lambda: TWO((Q, K, K[:, :2])), ValueError, "a value for each key, got (3, 4, 4) and (3, 3, 4)"),
    "two lengths": (
        lambda: TWO((Q, (K, M), (K, M[::-1].copy()))),
        ValueError,
        "attention expects the same lengths of keys and values, got ",
    ),
    "a mask of integers": (
        lambda: TWO((Q, K, None, np.ones((4, 3), int))),
        TypeError,
        "attention expects a mask of booleans, True where a query may look, or of floats that are added to the scores, "
        "got int64 array (4, 3)",
    ),
    "a mask of another shape": (
        lambda: TWO((Q, K, None, np.ones((4, 4)))),
        ValueError,
        "attention expects a mask that fits (n, heads, queries, keys) (3, 2, 4, 3), got (4, 4)",
    ),
    "a mask of more rows": (
        lambda: TWO((Q[:1], K[:1], None, np.ones((3, 1, 4, 3)))),
        ValueError,
        "attention expects a mask that fits (n, heads, queries, keys) (1, 2, 4, 3), got (3, 1, 4, 3)",
    ),
    "a memory of another width": (lambda: TWO((Q, WIDE)), ValueError, "expects sequences (n, time, 4), got (3, 3, 6)"),
    "one for three": (
        lambda: APART(Q),
        ValueError,
        "attention expects query, key and value apart, of 4, 6, 3 features",
    ),
    "kv_heads that do not divide": (
        lambda: attention(4, kv_heads=3),
        ValueError,
        "attention: kv_heads must divide its 4 heads, got 3",
    ),
    "weights apart that do not fit": (
        lambda: APART(key_weight=np.ones((6, 3)))((Q, WIDE, NARROW)),
        ValueError,
        "attention expects weights whose columns are a multiple of 2 heads for queries, 2 for keys and for values",
    ),
    "features that do not fit the heads": (
        lambda: DotProductAttention(4, kv_heads=2)((Q, K)),
        ValueError,
        "dot_product_attention expects features of 4 heads of queries and 2 of keys and of values, queries and keys of "
        "one size, got (3, 4, 4) and (3, 3, 4) and (3, 3, 4)",
    ),
    "an odd number of features": (
        lambda: rotary(numbers(2, 3, 3)),
        ValueError,
        "rotary expects an even number of features to turn, got 3 of 3",
    ),
    "rows": (
        lambda: rotary(numbers(2, 4)),
        ValueError,
        "rotary expects sequences (n, time, ..., size), got (2, 4); put an embedding before it",
    ),
    "the state of own steps for a memory": (
        lambda: look_back(TWO, (Q[:, :1], K), (K[:, None], K[:, None])),
        ValueError,
        "attention expects the state that advance returned, got tuple of float64 array (3, 1, 3, 4)",
    ),
    "the state of a window": (
        lambda: look_back(random_like(made(attention(2, True, window=1), 1, 1, 4)), Q, (K, K, "2")),
        ValueError,
        "attention expects the state that advance returned, got tuple of ",
    ),
}


@each_of(("call", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()
