"""Laws of keys: equal keys give equal bits, for ever; unequal ones unrelated bits; nothing outside is touched."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest

import fnn.core.keys
from fnn import (
    Key,
    Record,
    attention,
    bidirectional,
    concatenate,
    conv,
    dense,
    fold_in,
    forward,
    gru,
    last_step,
    lstm,
    mlp,
    positional,
    relu,
    rnn,
    serial,
    split,
    tanh,
    transformer_block,
    tree,
    vjp,
)
from fnn.core.keys import normals, permutation, uniforms
from fnn.data import epochs, line, moons, train_test_split
from fnn.layers.initializers import glorot_uniform, zeros
from tests.each_of import each_of

SOME_KEYS = [
    Key(seed, path)
    for seed in (0, 1, 2, 2**32 - 1, 2**32, 2**32 + 1, 2**64, 2**96, 2**128 - 1)
    for path in ((), (0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (2**32 - 1,), (2**32 - 1, 0))
]
DRAWS = {
    "uniforms": lambda key: uniforms(key, 20),
    "normals": lambda key: normals(key, (4, 5)),
    "permutation": lambda key: permutation(key, 20),
    "weights": lambda key: tree.ravel(mlp(3, 2)(key, np.zeros((1, 4))))[0],
    "epochs": lambda key: np.concatenate([x for (x,) in epochs((np.arange(9),), 4, key, epochs=2)]),
    "split": lambda key: np.concatenate([x for (x,) in train_test_split((np.arange(20),), 0.5, key)]),
    "line": lambda key: line(5, 0.1, key)[0],
    "moons": lambda key: moons(5, 0.1, key)[0],
}
each_draw = each_of("draw", DRAWS.values(), ids=DRAWS)


@each_draw
def test_the_same_key_gives_the_same_bits(draw):
    assert draw(Key(3, (1, 4))).tobytes() == draw(fold_in(fold_in(Key(3), 1), 4)).tobytes()


@each_draw
def test_different_keys_give_different_bits(draw):
    assert len({draw(key).tobytes() for key in SOME_KEYS}) == len(SOME_KEYS) == 81


@each_draw
def test_seed_0_is_a_seed_like_any_other(draw):
    assert draw(Key(0)).tobytes() == draw(Key(0)).tobytes() != draw(Key(1)).tobytes()


@each_draw
def test_numpys_global_generator_is_neither_read_nor_moved(draw):
    np.random.seed(5)  # noqa: NPY002
    before, first = np.random.get_state(), draw(Key(0))  # noqa: NPY002
    after = np.random.get_state()  # noqa: NPY002
    assert repr(before) == repr(after)
    assert (before[1] == after[1]).all()
    np.random.seed(6)  # noqa: NPY002
    assert draw(Key(0)).tobytes() == first.tobytes()


@pytest.mark.parametrize("key", [Key(0), Key(9, (3, 1)), Key(2**127)])
def test_a_childs_address_does_not_depend_on_how_many_there_are(key):
    for n, m in itertools.product((0, 1, 3, 7), repeat=2):
        assert split(key, n)[: min(n, m)] == split(key, m)[: min(n, m)]
    assert split(key, 3) == tuple(fold_in(key, i) for i in range(3))


@pytest.mark.parametrize("n", [3000, pytest.param(100_000, marks=pytest.mark.long)])
def test_of_many_children_no_two_are_equal_nor_begin_with_the_same_bits(n):
    children = split(Key(0), n)
    assert len(set(children)) == n
    assert len({float(uniforms(key, 1)[0]) for key in children}) == n


# --- numbers made of bits --------------------------------------------------------------------------------------------


@each_of("key", SOME_KEYS[::7])
def test_uniforms_are_the_upper_53_bits_of_pcg64s_words(key):
    words = np.random.PCG64(np.random.SeedSequence(key.seed, spawn_key=key.path)).random_raw(50)
    assert uniforms(key, 50).tolist() == [(int(word) >> 11) / 2**53 for word in words]


def test_uniforms_lie_in_0_to_1_and_fill_it_evenly():
    u = uniforms(Key(1), 100_000)
    assert u.dtype == np.float64
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.bincount((u * 10).astype(int), minlength=10)
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(9_000)
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 5 / np.sqrt(u.size)


def test_normals_have_the_moments_of_the_normal_distribution():
    z = normals(Key(2), (100, 1000))
    assert z.shape == (100, 1000)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - moment) < 5 * np.sqrt(variance / z.size)


@each_of("shape", [(), (0,), (3, 0), 4, (2, 1, 3)], ids=str)
def test_numbers_have_the_shape_asked_for(shape):
    expected = (shape,) if isinstance(shape, int) else shape
    assert uniforms(Key(0), shape).shape == normals(Key(0), shape).shape == expected


@each_of("n", [0, 1, 2, 3, 1000])
def test_a_permutation_holds_each_number_once(n):
    order = permutation(Key(n), n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_every_permutation_is_as_likely_as_any_other():
    counts = Counter(tuple(permutation(key, 3).tolist()) for key in split(Key(4), 3000))
    assert len(counts) == 6
    assert all(abs(count - 500) < 5 * np.sqrt(3000 * 5 / 36) for count in counts.values())


# --- every layer has its own address ---------------------------------------------------------------------------------


class Spy(Record):
    """A layer that writes down the key it is given."""

    seen: object


@vjp.register
def spy_vjp(layer: Spy, x, key=None):
    layer.seen.append(key)
    return x, lambda dy: (layer, lambda: dy)


def network_of_spies(seen):
    def initializer(key, shape, dtype):
        seen.append(key)
        return (glorot_uniform if len(shape) > 1 else zeros)(key, shape, dtype)

    def part(depth):
        inside = [part(depth - 1), relu, part(depth - 1)] if depth else []
        return serial(dense(3, initializer, initializer), *inside, dense(3, initializer, initializer))

    return part(3)


def test_no_two_layers_of_a_network_share_a_path():
    seen = []
    network_of_spies(seen)(Key(7, (5,)), np.zeros((1, 3)))
    assert len(seen) == 2 * 2 * (1 + 2 + 4 + 8)
    assert len({key.path for key in seen}) == len(seen)
    assert {(key.seed, key.path[0]) for key in seen} == {(7, 5)}


def test_no_two_weights_of_a_network_begin_alike():
    weights = [w for w in tree.leaves(network_of_spies([])(Key(7), np.zeros((1, 3)))) if w.ndim == 2]
    assert len({w.tobytes() for w in weights}) == len(weights) == 30


@pytest.fixture
def drawn_from(monkeypatch):
    """A list of all keys from which bits are drawn, whoever asks."""
    seen, bits = [], fnn.core.keys._bits
    monkeypatch.setattr(fnn.core.keys, "_bits", lambda key, n: seen.append(key) or bits(key, n))
    return seen


def test_no_two_weights_are_drawn_from_one_key_whatever_the_layers(drawn_from):
    images = serial(conv(2, 3), relu, fnn.residual(conv(2, 3), conv(2, 1)), fnn.flatten, fnn.reshape((16, 2)))
    branches = concatenate(dense(2), serial(dense(2), tanh), fnn.residual(dense(2)))
    sequences = rnn(2), gru(2), lstm(4), bidirectional(lstm(2)), attention(2), transformer_block(2, 3), positional(99)
    net = serial(images, branches, *sequences, last_step, fnn.parallel(dense(2), dense(2)))
    net(Key(7, (5,)), np.zeros((1, 4, 4, 2)))
    gates = 1 + 3 + 4 + 2 * 4  # each for the input and for the state
    assert len(drawn_from) == 3 + 3 + 2 * gates + 4 + (4 + 2) + 1 + 2
    assert len({key.path for key in drawn_from}) == len(drawn_from)
    assert {(key.seed, key.path[0]) for key in drawn_from} == {(7, 5)}


def test_no_two_masks_are_drawn_from_one_key_wherever_the_layers(drawn_from):
    mask = fnn.dropout(0.5)
    branches = fnn.parallel(mask, serial(mask, mask), fnn.residual(mask, fnn.residual(mask)))
    net = serial(mask, serial(serial(mask), mask), branches, fnn.add, fnn.transformer_block(1, 2, dropout=0.1))
    net = net(Key(0), np.zeros((1, 3, 2)))
    drawn_from.clear()
    forward(net, np.zeros((1, 3, 2)), Key(1))
    assert len(drawn_from) == 1 + 2 + 5 + 2
    assert len({key.path for key in drawn_from}) == len(drawn_from)
    assert {key.seed for key in drawn_from} == {1}


def test_no_two_layers_of_a_network_draw_noise_from_one_key():
    seen = []
    net = serial(Spy(seen), serial(Spy(seen), relu, Spy(seen)), Spy(seen))(Key(0), np.zeros((1, 2)))
    seen.clear()
    forward(net, np.zeros((1, 2)), Key(1))
    assert len({key.path for key in seen}) == len(seen) == 4
    assert {key.seed for key in seen} == {1}


def test_layers_in_front_keep_their_weights_when_one_is_added_behind():
    x = np.zeros((1, 4))
    short, long = (serial(*[dense(3), relu, dense(3)][:n])(Key(0), x) for n in (1, 3))
    assert tree.equal(short.layers[0], long.layers[0])


# --- keys that are none ----------------------------------------------------------------------------------------------


@each_of(
    ("make", "kind", "message"),
    [
        (lambda: Key(-1), ValueError, "Key: the seed must be at least 0 and below 2**128, got -1"),
        (lambda: Key(2**128), ValueError, "Key: the seed must be at least 0 and below 2**128, got 3402823669"),
        (lambda: Key(True), TypeError, "Key: the seed must be an integer, got bool True"),
        (lambda: Key(1.0), TypeError, "Key: the seed must be an integer, got float 1.0"),
        (lambda: Key("0"), TypeError, "Key: the seed must be an integer, got str '0'"),
        (lambda: Key(None), TypeError, "Key: the seed must be an integer, got NoneType None"),
        (lambda: Key(np.zeros(2, int)), TypeError, "Key: the seed must be an integer, got int64 array (2,)"),
        (lambda: Key(0, 5), TypeError, "Key: the path must be a tuple, got int 5; write fold_in(key, i)"),
        (lambda: Key(0, [5]), TypeError, "Key: the path must be a tuple, got list [5]; write fold_in(key, i)"),
        (lambda: Key(0, (2**32,)), ValueError, "number of the path must be at least 0 and below 2**32, got 4294967296"),
        (lambda: fold_in(Key(0), 2**32), ValueError, "number of the path must be at least 0 and below 2**32, got 4294"),
        (lambda: fold_in(Key(0), -1), ValueError, "number of the path must be at least 0 and below 2**32, got -1"),
        (lambda: fold_in(Key(0), 1.5), TypeError, "Key: each number of the path must be an integer, got float 1.5"),
        (lambda: fold_in(0, 1), TypeError, "fold_in expects a key, got int 0; write Key(0)"),
        (lambda: split(42, 2), TypeError, "split expects a key, got int 42; write Key(42)"),
        (lambda: split(None, 2), TypeError, "split expects a key, got NoneType None; write Key(0)"),
        (lambda: split(np.random.default_rng(0), 2), TypeError, "split expects a key, got Generator(PCG64)"),
        (lambda: split(Key, 2), TypeError, "split expects a key, got the class Key; write Key(0)"),
        (lambda: split(Key(0), 2.0), TypeError, "split: n must be an integer, got float 2.0"),
        (lambda: split(Key(0), -1), ValueError, "split: n must be at least 0 and below 2**32, got -1"),
        (lambda: uniforms(0, 3), TypeError, "drawing expects a key, got int 0; write Key(0)"),
        (lambda: normals(0, 3), TypeError, "drawing expects a key, got int 0; write Key(0)"),
        (lambda: permutation(0, 3), TypeError, "drawing expects a key, got int 0; write Key(0)"),
        (lambda: permutation(Key(0), -1), ValueError, "permutation: n must be at least 0, got -1"),
        (lambda: permutation(Key(0), 3.0), TypeError, "permutation: n must be an integer, got float 3.0"),
        (lambda: epochs((np.zeros(4),), 2, 0), TypeError, "epochs expects a key, got int 0; write Key(0)"),
        (lambda: serial(relu)(0, np.zeros((1, 1))), TypeError, "serial expects a key, got int 0; write Key(0)"),
    ],
)
def test_what_is_no_key_is_refused_with_what_to_write(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


def test_integers_of_any_kind_make_the_same_key():
    assert Key(np.int64(3), (np.uint8(1), 2)) == Key(3, (1, 2))
    assert repr(Key(np.int64(3), (np.uint8(1),))) == "Key(seed=3, path=(1,))"
