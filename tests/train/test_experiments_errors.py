"""What repeat, sweep and summarize refuse, and in which words."""

import numpy as np

from fnn import split
from fnn.train.experiments import repeat, sweep
from fnn.train.summaries import summarize
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import KEY, T, V, X

GRID = {"width": [4, 8, 16], "rate": [0.1, 0.2]}


def failing(*arguments):
    raise ValueError("no such width")


def backwards(function, items):
    return reversed(list(map(function, items)))


def one_less(function, items):
    return list(map(function, items))[:-1]


ROWS = [
    (lambda: repeat(3, split(KEY, 2)), T, "repeat expects a function of a key, got int 3"),
    (lambda: repeat(str, 3), T, "repeat expects keys, say split(Key(0), 5), got int 3"),
    (lambda: repeat(str, 3, KEY), T, "repeat expects keys, say split(Key(0), 5), got int 3"),
    (lambda: repeat(str, [3]), T, "repeat expects a key, got int 3; write Key(3)"),
    (lambda: repeat(failing, split(KEY, 1)), V, "no such width\nrepeat: with the key Key(seed=0, path=(0,))"),
    (
        lambda: repeat(str, split(KEY, 2), map=backwards),
        V,
        "repeat expects a map that keeps the order, got item 1 in the place of 0; give pool.map, not "
        "pool.imap_unordered, and no as_completed",
    ),
    (
        lambda: repeat(str, split(KEY, 2), map=one_less),
        V,
        "repeat expects a map that gives a result for each of 2 items, got 1",
    ),
    (lambda: sweep(3, [1]), T, "sweep expects a function of a configuration and a key, got int 3"),
    (lambda: sweep(max, 3), T, "sweep expects a dictionary of lists or an iterable of configurations, got int 3"),
    (lambda: sweep(max, "ab"), T, "sweep expects a dictionary of lists or an iterable of configurations, got str 'ab'"),
    (lambda: sweep(max, {"width": 3}), T, "sweep: grid['width'] must be a list of values, got int 3; write [3]"),
    (
        lambda: sweep(max, {"name": "relu"}),
        T,
        "sweep: grid['name'] must be a list of values, got str 'relu'; write ['relu']",
    ),
    (lambda: sweep(max, {"name": b"ab"}), T, "sweep: grid['name'] must be a list of values, got bytes b'ab'…"),
    (
        lambda: sweep(max, {"rate": np.array(0.1)}),
        T,
        "sweep: grid['rate'] must be a list of values, got float64 array ()…",
    ),
    (
        lambda: sweep(max, b"ab"),
        T,
        "sweep expects a dictionary of lists or an iterable of configurations, got bytes b'ab'",
    ),
    (
        lambda: sweep(max, np.array(3)),
        T,
        "sweep expects a dictionary of lists or an iterable of configurations, got int64 array ()",
    ),
    (
        lambda: sweep(lambda configuration, key: 0, GRID, map=backwards),
        V,
        "sweep expects a map that keeps the order, got item 5 in the place of 0; give pool.map, not "
        "pool.imap_unordered, and no as_completed",
    ),
    (lambda: sweep(max, {}), V, "sweep expects a grid of at least one configuration, got dict {}"),
    (lambda: sweep(max, iter(())), V, "sweep expects a grid of at least one configuration, got …"),
    (lambda: sweep(max, []), V, "sweep expects a grid of at least one configuration, got list []"),
    (
        lambda: sweep(max, {"width": []}),
        V,
        "sweep expects a grid of at least one configuration, got dict {'width': []}",
    ),
    (
        lambda: sweep(failing, [1]),
        V,
        "no such width\nsweep: in the configuration 1 with the key Key(seed=0, path=(0,))",
    ),
    (lambda: sweep(max, [1], key=3), T, "sweep expects a key, got int 3; write Key(3)"),
    (lambda: summarize(3.0), T, "summarize expects a list of results, got float 3.0"),
    (lambda: summarize(np.array(3.0)), T, "summarize expects a list of results, got float64 array ()"),
    (
        lambda: summarize({"a": 1.0}),
        T,
        "summarize expects a list of results, got dict {'a': 1.0}; write list(results.values())",
    ),
    (lambda: summarize([]), V, "summarize expects at least one result, got none"),
    (
        lambda: summarize(["a"]),
        T,
        "summarize expects numbers, arrays of numbers or dictionaries of them, got str 'a' at 0",
    ),
    (lambda: summarize([{"a": 1}, {"b": 1}]), V, "summarize expects results with the names ['a'], got ['b'] at 1"),
    (lambda: summarize([{"a": 1}, 2]), V, "summarize expects results with the names ['a'], got int 2 at 1"),
    (
        lambda: summarize([1.0, 1j]),
        T,
        "summarize expects numbers, arrays of numbers or dictionaries of them, got complex 1j at 1",
    ),
    (lambda: summarize([np.ma.masked_array([1.0, 2.0], [True, False])]), T, "…a plain array, got a masked one…"),
    (lambda: summarize([[[1], [1, 2]]]), T, "summarize expects an array, got rows of unequal lengths…"),
    (lambda: summarize([np.ones(2), np.ones(3)]), V, "summarize expects results of one shape, got (2,) and (3,)"),
    (lambda: summarize([1, X]), V, "summarize expects results of one shape, got () and (5, 4)"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
