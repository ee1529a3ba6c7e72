"""Laws of records and trees: maps are functors, structure is checked, nothing of the user's is touched."""

import copy
import pickle
import re

import attrs
import numpy as np
import pytest

from fnn import Dense, Key, LeakyRelu, Record, Relu, Serial, leaky_relu, mlp, relu, start, tree
from fnn.optim.optimizers import adam
from tests.each_of import each_of


def f32(*shape):
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) - 1


def net():
    """A network of the user's own, writeable arrays."""
    return Serial((Dense(f32(3, 2), f32(2)), LeakyRelu(0.25), Serial((Dense(f32(2, 1), f32(1)), relu))))


TREES = {
    "array": f32(2, 3),
    "0-d": (np.array(2.5), np.array(-0.0)),
    "network": net(),
    "mixed dtypes": (f32(2), np.arange(3), (np.array([1.5, np.pi]), np.array(7, np.int16)), np.array([True])),
    "no leaves": Serial((relu, LeakyRelu(0.1))),
    "nothing": (),
    "empty arrays": (np.zeros((0, 3)), np.zeros(2)),
    "settings": ("text", 3, None, (f32(1), "more")),
    "F-ordered": (np.asfortranarray(f32(3, 4)), f32(6)[::-2]),
}
each_tree = each_of("a", TREES.values(), ids=TREES)


def twice(x):
    return x * 2


def half_and_one(x):
    return x / 2 + 1


# --- map -------------------------------------------------------------------------------------------------------------


@each_tree
def test_mapping_the_identity_changes_nothing(a):
    same = tree.map(lambda x: x, a)
    assert tree.equal(same, a)
    assert type(same) is type(a)
    assert repr(same) == repr(a)


@each_tree
def test_mapping_a_composition_is_composing_the_maps(a):
    at_once = tree.map(lambda x: half_and_one(twice(x)), a)
    assert tree.equal(at_once, tree.map(half_and_one, tree.map(twice, a)))


@each_of("function", [twice, half_and_one, np.sqrt, np.sum, lambda x: x[()]])
def test_map_keeps_leaves_without_axes_arrays(function):
    one, (other,) = tree.map(function, (np.array(4.0), (np.array(9.0, np.float32),)))
    assert [(type(leaf), leaf.shape) for leaf in (one, other)] == [(np.ndarray, ())] * 2
    assert [leaf.dtype for leaf in (one, other)] == [np.float64, np.float32]
    assert not any(leaf.flags.writeable for leaf in (one, other))


def test_map_gives_the_function_the_leaves_of_all_trees_at_the_same_place():
    a, b, c = (np.array([1.0]), (np.array([2.0]),)), (np.array([10.0]), (np.array([20.0]),)), (f32(1), (f32(1),))
    mapped = tree.map(lambda x, y, z: x + y + z, a, b, c)
    assert tree.equal(mapped, (np.array([10.0]), (np.array([21.0]),)))


def test_map_takes_settings_from_the_first_tree():
    mapped = tree.map(np.add, (LeakyRelu(0.1), f32(1), "ours"), (LeakyRelu(0.9), f32(1), "theirs"))
    assert (mapped[0].slope, mapped[1].tolist(), mapped[2]) == (0.1, [-2.0], "ours")


@each_of(
    ("a", "b", "difference"),
    [
        (
            Serial((Dense(f32(2, 2), f32(2)), relu)),
            Serial((Dense(f32(2, 2), f32(2)), Dense(f32(2, 2), f32(2)))),
            "layers[1]: Relu against Dense",
        ),
        ((f32(1),), (f32(1), f32(1)), "the root: a tuple of 1 against a tuple of 2"),
        (f32(2, 2), (f32(2, 2),), "the root: float32 array (2, 2) against tuple"),
        ((relu, (f32(1),)), (relu, (3,)), "[1][0]: float32 array (1,) against int 3"),
        (net(), tree.at("layers[2].layers[0].bias", lambda _: None, net()), "layers[2].layers[0].bias: float32 array"),
    ],
)
def test_map_says_where_two_trees_differ(a, b, difference):
    with pytest.raises(ValueError, match=re.escape(f"tree.map: trees differ at {difference}")):
        tree.map(np.add, a, b)


# --- leaves, paths, reduce -------------------------------------------------------------------------------------------


def test_leaves_and_paths_come_in_the_same_order():
    a = net()
    assert tree.paths(a) == [
        "layers[0].weight",
        "layers[0].bias",
        "layers[2].layers[0].weight",
        "layers[2].layers[0].bias",
    ]
    found = tree.leaves(a)
    expected = [a.layers[0].weight, a.layers[0].bias, a.layers[2].layers[0].weight, a.layers[2].layers[0].bias]
    assert all(x is y for x, y in zip(found, expected, strict=True))


@each_tree
def test_each_path_leads_to_its_leaf(a):
    for path, leaf in zip(tree.paths(a), tree.leaves(a), strict=True):
        met = []
        tree.at(path, lambda x, met=met: met.append(x) or x, a)
        assert met[0] is leaf


def test_reduce_folds_over_the_leaves_from_left_to_right():
    assert tree.reduce(lambda text, leaf: f"{text}{leaf.tolist()}", (f32(1), "no leaf", (f32(2),)), "start") == (
        "start[-1.0][-1.0, 0.0]"
    )
    assert tree.reduce(lambda n, leaf: n + leaf.size, net(), 0) == 3 * 2 + 2 + 2 * 1 + 1
    assert tree.reduce(lambda n, leaf: 1 / 0, relu, 7) == 7


@each_tree
def test_zeros_like_keeps_everything_but_the_numbers(a):
    zeros = tree.zeros_like(a)
    assert repr(zeros) == repr(tree.map(np.zeros_like, a))
    assert [(z.shape, z.dtype) for z in tree.leaves(zeros)] == [(x.shape, x.dtype) for x in tree.leaves(a)]
    assert not any(z.any() for z in tree.leaves(zeros))


# --- add -------------------------------------------------------------------------------------------------------------


def test_add_adds_leaf_by_leaf():
    total = tree.add((np.array([1.0, 2.0]), (np.array(3.0),)), (np.array([0.5, 0.25]), (np.array(-3.0),)))
    assert tree.equal(total, (np.array([1.5, 2.25]), (np.array(0.0),)))


def test_add_is_numpys_sum_on_every_leaf():
    a, b = net(), tree.map(half_and_one, net())
    expected = [x + y for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True)]
    assert all(map(np.array_equal, tree.leaves(tree.add(a, b)), expected))
    assert tree.equal(tree.add(a, b), tree.add(b, a))
    assert tree.equal(tree.add(a, tree.zeros_like(a)), a)


def test_add_of_integers_next_to_floats_is_exact():
    a = np.array([2**60 + 1]), np.array([0.5])
    assert tree.equal(tree.add(a, a), (np.array([2**61 + 2]), np.array([1.0])))


@each_of(
    ("other", "what"),
    [
        (np.ones((3, 1), np.float32), "float32 array (3,) against float32 array (3, 1)"),
        (np.ones(1, np.float32), "float32 array (3,) against float32 array (1,)"),
        (np.ones((), np.float32), "float32 array (3,) against float32 array ()"),
        (np.ones(3), "float32 array (3,) against float64 array (3,)"),
        (np.ones(3, np.float16), "float32 array (3,) against float16 array (3,)"),
        (np.ones(3, int), "float32 array (3,) against int64 array (3,)"),
        (1.0, "float32 array (3,) against float 1.0"),
        ((f32(3),), "float32 array (3,) against tuple"),
    ],
)
def test_add_refuses_another_shape_or_dtype_and_never_broadcasts(other, what):
    with pytest.raises(ValueError, match=re.escape(f"tree.add: trees differ at [1].bias: {what}")):
        tree.add((relu, Dense(f32(2, 3), f32(3))), (relu, Dense(f32(2, 3), other)))


def test_add_refuses_another_structure():
    with pytest.raises(ValueError, match=r"tree.add: trees differ at \[0\]: Relu against LeakyRelu"):
        tree.add((relu, f32(1)), (leaky_relu, f32(1)))


# --- equal, allclose -------------------------------------------------------------------------------------------------


@each_tree
def test_a_tree_equals_its_copy_in_any_memory_order(a):
    assert tree.equal(a, tree.map(np.copy, a))
    assert tree.equal(a, tree.map(lambda x: x.copy(order="F"), a))


@each_of(
    ("a", "b"),
    [
        ((np.array([0.0]),), (np.array([-0.0]),)),
        ((np.array([1.0]),), (np.array([np.nextafter(1.0, 2.0)]),)),
        ((np.zeros(2),), (np.zeros(2, np.float32),)),
        ((np.zeros(2),), (np.zeros((2, 1)),)),
        ((np.zeros(2),), (np.zeros(2), np.zeros(0))),
        ((np.zeros(2),), [np.zeros(2)]),
        ((np.zeros(2), relu), (np.zeros(2), leaky_relu)),
        (((np.zeros(1),), np.zeros(1)), (np.zeros(1), (np.zeros(1),))),
        (Dense(f32(2, 2), f32(2)), (f32(2, 2), f32(2))),
        (LeakyRelu(0.1), LeakyRelu(0.2)),
        ((np.zeros(2), "text", 3), (np.zeros(2), "text", 4)),
    ],
)
def test_equal_is_false_for_any_difference_in_bits_form_or_settings(a, b):
    assert not tree.equal(a, b)
    assert not tree.equal(b, a)


def test_equal_compares_bits_so_nan_equals_itself():
    assert tree.equal((np.array([np.nan]),), (np.array([np.nan]),))


def test_allclose_allows_atol_plus_rtol_times_the_second():
    a, b = (np.array([1.0, 100.0]),), (np.array([1.1, 110.0]),)
    assert tree.allclose(a, b, rtol=0.0, atol=10.0)
    assert tree.allclose(a, b, rtol=0.1, atol=0.0)
    assert not tree.allclose(a, b, rtol=0.0, atol=9.9)
    assert not tree.allclose(a, b)
    assert tree.allclose((np.zeros(1),), (np.array([-0.0]),), rtol=0.0, atol=0.0)


def test_allclose_never_broadcasts():
    assert not tree.allclose((np.ones(3),), (np.ones((3, 1)),))
    with pytest.raises(
        ValueError, match=r"tree.allclose: trees differ at the root: tuple against float64 array \(1,\)"
    ):
        tree.allclose((np.ones(1),), np.ones(1))


# --- at --------------------------------------------------------------------------------------------------------------


@each_of(
    ("path", "there"),
    [
        ("layers[0].weight", lambda a: a.layers[0].weight),
        ("layers[-1].layers[0].bias", lambda a: a.layers[2].layers[0].bias),
        ("layers[1].slope", lambda a: a.layers[1].slope),
        ("layers[2].layers[-2]", lambda a: a.layers[2].layers[0]),
        ("layers", lambda a: a.layers),
        ("", lambda a: a),
    ],
)
def test_at_replaces_the_node_at_the_path(path, there):
    a, met, marker = net(), [], 0.125
    changed = tree.at(path, lambda node: met.append(node) or marker, a)
    assert [node is there(a) for node in met] == [True]
    assert there(changed) is marker


def test_at_shares_what_is_not_on_the_path():
    a = net()
    b = tree.at("layers[2].layers[0].bias", lambda bias: bias * 2, a)
    assert [x is y for x, y in zip(a.layers, b.layers, strict=True)] == [True, True, False]
    assert b.layers[2].layers[0].weight is a.layers[2].layers[0].weight
    assert b.layers[2].layers[1] is relu


def test_at_leaves_the_old_tree_as_it_was():
    a = net()
    b = tree.at("layers[0].bias", lambda bias: bias + 1, a)
    assert a.layers[0].bias.tolist() == [-1.0, 0.0]
    assert b.layers[0].bias.tolist() == [0.0, 1.0]
    assert not b.layers[0].bias.flags.writeable


@each_of(
    ("path", "message"),
    [
        ("layers[0].weigth", "no weigth in 'layers[0].weigth': Dense has weight, bias"),
        ("layers[3]", "no [3] in 'layers[3]': tuple has [0], [1], [2]"),
        ("layers[-4]", "no [-4] in 'layers[-4]': tuple has [0], [1], [2]"),
        ("weight", "no weight in 'weight': Serial has layers"),
        ("[0]", "no [0] in '[0]': Serial has layers"),
        ("layers[2].layers[1].slope", "no slope in 'layers[2].layers[1].slope': Relu has no parts"),
        ("layers[0].bias.T", "no T in 'layers[0].bias.T': ndarray has no parts"),
        ("layers[0]weight", "cannot read the path 'layers[0]weight'; write it like layers[0].weight"),
        ("layers[one]", "cannot read the path 'layers[one]'; write it like"),
        ("layers..weight", "cannot read the path 'layers..weight'; write it like"),
    ],
)
def test_at_says_what_there_is_instead_of_a_wrong_path(path, message):
    with pytest.raises(ValueError, match=re.escape(f"tree.at: {message}")):
        tree.at(path, lambda node: node, net())


# --- ravel -----------------------------------------------------------------------------------------------------------


@each_tree
def test_unravel_undoes_ravel_to_the_bit(a):
    vector, unravel = tree.ravel(a)
    again = unravel(vector)
    assert tree.equal(again, a)
    assert repr(again) == repr(a)
    assert vector.shape == (sum(leaf.size for leaf in tree.leaves(a)),)
    assert not any(leaf.flags.writeable for leaf in [vector, *tree.leaves(again)])


def test_a_record_that_is_used_twice_is_one_and_a_tuple_that_is_used_twice_is_two():
    pair, layer = (f32(1), f32(2)), Dense(f32(2, 2), f32(2))
    a = (pair, pair, Serial((layer, relu, layer)))
    vector, unravel = tree.ravel(a)
    assert tree.paths(a) == ["[0][0]", "[0][1]", "[1][0]", "[1][1]", "[2].layers[0].weight", "[2].layers[0].bias"]
    for again in (unravel(vector), tree.map(lambda x: x, a)):
        assert tree.equal(again, a)
        assert again[2].layers[0] is again[2].layers[2]
        assert again[0] is not again[1]


@each_tree
def test_ravel_undoes_unravel(a):
    vector, unravel = tree.ravel(a)
    numbers = np.arange(vector.size) % 2
    assert tree.ravel(unravel(numbers))[0].tolist() == numbers.tolist()


def test_ravel_puts_the_leaves_one_after_the_other_in_c_order():
    a = (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), (np.array(5.0), np.array([6.0])))
    assert tree.ravel(a)[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_unravel_copies_the_vector_it_is_given():
    _, unravel = tree.ravel(net())
    mine = np.ones(11, np.float32)
    cut = unravel(mine)
    mine[:] = 7
    assert mine.flags.writeable
    assert all((leaf == 1).all() for leaf in tree.leaves(cut))


@pytest.mark.parametrize("a", [relu, leaky_relu, Serial((relu,))], ids=repr)
def test_ravel_leaves_no_trace_in_a_record_without_leaves(a):
    vector, unravel = tree.ravel(a)
    unravel(vector)
    assert set(vars(a)) == set(type(a).__record__)


@pytest.mark.parametrize("wrong", [np.ones(3), np.ones((11, 1)), np.array(1.0)], ids=lambda x: str(x.shape))
def test_unravel_refuses_a_vector_of_another_shape(wrong):
    with pytest.raises(ValueError, match=re.escape(f"expects a vector (11,), got float64 array {wrong.shape}")):
        tree.ravel(net())[1](wrong)


# --- whose array is it -----------------------------------------------------------------------------------------------

FUNCTIONS = {
    "map": lambda a: tree.map(twice, a),
    "map the identity": lambda a: tree.map(lambda x: x, a),
    "zeros_like": tree.zeros_like,
    "add": lambda a: tree.add(a, a),
    "ravel": lambda a: tree.ravel(a)[1](tree.ravel(a)[0]),
    "at": lambda a: tree.at("layers[0]", lambda dense: tree.map(lambda x: x, dense), a).layers[0],
    "start": lambda a: start(a, adam()).params,
    "copy": lambda a: copy.copy(a.layers[0]),
    "deepcopy": copy.deepcopy,
    "pickle": lambda a: pickle.loads(pickle.dumps(a)),
}
each_function = each_of("function", FUNCTIONS.values(), ids=FUNCTIONS)


@each_function
def test_leaves_made_by_the_library_are_read_only(function):
    made = tree.leaves(function(net()))
    assert made
    assert not any(leaf.flags.writeable for leaf in made)
    with pytest.raises(ValueError, match="read-only"):
        made[0][...] = 0


@each_function
def test_the_users_arrays_are_neither_written_nor_flagged_again(function):
    a = net()
    before = [leaf.tobytes() for leaf in tree.leaves(a)]
    function(a)
    assert [leaf.tobytes() for leaf in tree.leaves(a)] == before
    assert all(leaf.flags.writeable for leaf in tree.leaves(a))


@each_of("name", ["zeros_like", "add", "ravel", "start", "deepcopy", "pickle"])
def test_what_the_user_writes_later_does_not_reach_a_tree_that_was_made(name):
    a = net()
    made = FUNCTIONS[name](a)
    before = copy.deepcopy(made)
    for leaf in tree.leaves(a):
        leaf[...] = 99
    assert tree.equal(made, before)


def test_a_tree_of_the_users_arrays_is_read_afresh_each_time():
    a = net()
    first, _ = tree.ravel(a)
    a.layers[0].bias[:] = 5
    second, _ = tree.ravel(a)
    assert first[6:8].tolist() == [-1.0, 0.0]
    assert second[6:8].tolist() == [5.0, 5.0]


# --- records ---------------------------------------------------------------------------------------------------------


class Pair(Record):
    left: object
    right: object = "none"


@each_of("copied", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
@each_of("made", [net(), mlp(4, 2)(Key(1), f32(1, 3)), Pair((f32(2), "x"), Pair(LeakyRelu(0.5)))])
def test_copies_keep_values_and_settings(made, copied):
    again = copied(made)
    assert type(again) is type(made)
    assert tree.equal(again, made)
    assert repr(again) == repr(made)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_copies_are_frozen_again_in_nested_tuples_too(copied):
    again = copied(Pair((f32(2), (f32(1),)), Pair(f32(3))))
    assert len(tree.leaves(again)) == 3
    assert not any(leaf.flags.writeable for leaf in tree.leaves(again))


def test_a_record_shows_the_shapes_of_its_arrays():
    assert repr(Dense(np.zeros((784, 32), np.float32), np.zeros(32, np.float32))) == (
        "Dense(weight=f32[784,32], bias=f32[32])"
    )
    assert repr(Pair(np.array(1), (np.zeros((2, 0)), "a"))) == "Pair(left=i64[], right=(f64[2,0], 'a'))"
    assert repr(Pair(np.array([True]), (np.zeros(1, complex),))) == "Pair(left=bool[1], right=(c128[1],))"
    assert repr(Serial((relu,))) == "Serial(layers=(Relu(),))"


@pytest.mark.parametrize("name", ["layers", "another"])
def test_a_record_is_frozen(name):
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(net(), name, ())
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(net(), "layers")


def test_adding_in_place_to_a_librarys_array_fails_before_anything_changes():
    layer = mlp(2)(Key(0), f32(1, 3)).layers[0]
    before = layer.weight.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        layer.weight += 1
    assert layer.weight.tobytes() == before


def test_a_record_is_called_as_the_function_it_stands_for():
    layer = Dense(np.array([[1.0], [10.0]]), np.array([0.5]))
    assert layer(np.array([[1.0, 2.0]])).tolist() == [[21.5]]
    assert Serial((layer, relu))(np.array([[1.0, 2.0], [-1.0, -2.0]])).tolist() == [[21.5], [0.0]]


def test_records_are_equal_only_to_themselves_and_can_be_keys():
    one, other = Relu(), Relu()
    assert one == one
    assert one != other
    assert len({one, other}) == 2


# --- at, where a record stands at several places ----------------------------------------------------------------------


def shared():
    one = Dense(np.ones((2, 2)), np.zeros(2))
    return one, Serial((one, relu, Serial((one, relu)), relu))


@pytest.mark.parametrize("path", ["layers[0].weight", "layers[2].layers[0].weight"])
def test_a_record_at_two_places_changes_at_both_and_stays_one(path):
    one, tied = shared()
    changed = tree.at(path, lambda weight: weight * 3, tied)
    assert changed.layers[0] is changed.layers[2].layers[0]
    assert changed.layers[0].weight.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert changed.layers[0].bias is one.bias
    assert tree.paths(changed) == tree.paths(tied)
    assert tied.layers[0] is one


def test_the_whole_record_is_replaced_at_both_places():
    _, tied = shared()
    other = Dense(np.zeros((2, 2)), np.zeros(2))
    changed = tree.at("layers[2].layers[0]", lambda _: other, tied)
    assert changed.layers[0] is other
    assert changed.layers[2].layers[0] is other


def test_what_holds_a_tied_record_stays_one_too():
    one, _ = shared()
    block = Serial((one, relu))
    changed = tree.at("layers[0].layers[0].bias", lambda bias: bias + 1, Serial((block, block, one)))
    assert changed.layers[0] is changed.layers[1]
    assert changed.layers[2] is changed.layers[0].layers[0]


def test_a_record_without_a_leaf_is_anybodys_and_changes_at_one_place():
    _, tied = shared()
    changed = tree.at("layers[1]", lambda _: leaky_relu, tied)
    assert [type(each).__name__ for each in changed.layers] == ["Dense", "LeakyRelu", "Serial", "Relu"]
    assert changed.layers[2] is tied.layers[2]
