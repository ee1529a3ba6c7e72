"""A tree as one vector: its leaves are found once, and a record that is used twice is one."""

import gc
import weakref

import numpy as np
import pytest

from fnn import Dense, LeakyRelu, Relu, Serial, relu, tree
from fnn.core._flat import all_finite, builder, flat, has_leaves, take_apart, tied
from tests.each_of import each_of

LAYER = Dense(np.ones((2, 2)), np.zeros(2))
TWICE = Serial((LAYER, relu, Serial((LAYER, LAYER))))


@each_of(
    ("a", "expected"),
    [
        (np.zeros(0), True),
        (LAYER, True),
        (Serial((relu, LAYER)), True),
        ((3, ("text", np.zeros(1))), True),
        (relu, False),
        (LeakyRelu(0.1), False),
        (Serial((relu, Serial(()))), False),
        ((3, ("text", None)), False),
        ([np.zeros(1)], False),
    ],
    ids=repr,
)
def test_there_are_leaves_or_none(a, expected):
    assert has_leaves(a) is bool(tree.leaves(a)) is expected


def test_forms_are_equal_where_trees_differ_in_their_numbers_alone():
    (_, form), (_, same) = take_apart(TWICE), take_apart(tree.zeros_like(TWICE))
    assert form == same
    other = Serial((LAYER, relu, Serial((LAYER, Dense(np.ones((2, 2)), np.zeros(2))))))
    for different in (other, Serial((LAYER, relu)), tree.at("layers[1]", lambda _: LeakyRelu(0.1), TWICE)):
        assert take_apart(different)[1] != form


def test_the_vector_of_a_tree_that_was_cut_is_handed_on_and_not_gathered_again():
    vector, layout = flat(LAYER)
    cut = layout.cut(vector.copy())
    again, its_layout = flat(cut)
    assert its_layout is layout
    assert all(np.shares_memory(leaf, again) for leaf in tree.leaves(cut))
    assert not again.flags.writeable


def test_a_record_without_leaves_is_the_same_however_often_it_is_used():
    assert take_apart(Serial((relu, LAYER, relu)))[1] == take_apart(Serial((Relu(), LAYER, Relu())))[1]


@pytest.mark.parametrize("a", [Serial((LAYER, relu)), TWICE], ids=["once", "twice"])
def test_a_builder_puts_leaves_in_their_places_and_keeps_none_of_those_that_it_was_made_from(a):
    copied = tree.map(np.copy, a)
    old, build = [weakref.ref(leaf) for leaf in tree.leaves(copied)], builder(copied)
    del copied
    gc.collect()
    assert [leaf() for leaf in old] == [None, None]
    leaves = [np.zeros(2), np.ones(3)]
    assert all(leaf is new for leaf, new in zip(tree.leaves(build(leaves)), leaves, strict=True))


def test_a_gradient_has_the_sum_over_the_uses_of_a_record_once():
    gradient = Serial((LAYER, relu, Serial((tree.map(lambda a: 10 * a, LAYER), tree.map(lambda a: 100 * a, LAYER)))))
    for params in (TWICE, tree.map(np.copy, TWICE), flat(TWICE)[1].cut(flat(TWICE)[0].copy())):
        total = tied(params, gradient)
        assert total.layers[0] is total.layers[2].layers[0] is total.layers[2].layers[1]
        assert total.layers[0].weight.tolist() == [[111, 111], [111, 111]]
    plain = Serial((LAYER, relu))
    assert tied(plain, gradient) is gradient


@each_of(
    ("values", "expected"),
    [([], True), ([1.0, -1e200], True), ([0.0, np.inf], False), ([-np.inf], False), ([np.nan], False)],
)
def test_finite_is_what_has_neither_nan_nor_infinity_even_where_the_sum_of_squares_overflows(values, expected):
    with np.errstate(over="ignore", invalid="ignore"):
        assert all_finite((np.ones(1), np.array(values))) is expected
