"""Laws of synthetic data: known answers, classes of equal size, one key one answer."""

import itertools
import math
import re

import numpy as np
import pytest

from fnn import Key
from fnn.data import blobs, circles, line, moons, spirals, xor
from tests.data.rows import DataFrame, Tensor
from tests.each_of import each_of

T, V = TypeError, ValueError
KEY = Key(0)
CENTERS = np.array([[1.0, 2.0, 3.0, 4.0], [-5.0, 0.0, 5.0, 50.0], [0.0, 0.0, 0.0, 0.5]])


def five_arms(n, noise, key, **named):
    return spirals(n, noise, key, arms=5, turns=2.5, **named)


def seven_clouds(n, noise, key, **named):
    return blobs(n, noise, key, centers=7, features=3, **named)


def given_clouds(n, noise, key, **named):
    return blobs(n, noise, key, centers=CENTERS, **named)


CLASSES = {moons: 2, circles: 2, spirals: 2, five_arms: 5, blobs: 3, seven_clouds: 7, given_clouds: 3, xor: 2}
each_constructor = each_of("make", CLASSES, ids=lambda make: make.__name__)


# --- what all of them keep -------------------------------------------------------------------------------------------


@each_constructor
@each_of("extra", range(9))
def test_classes_differ_by_one_row_at_most(make, extra):
    n = max(CLASSES[make], 4) + extra
    x, label = make(n, 0.1, KEY)
    assert (len(x), x.dtype, label.shape, label.dtype) == (n, np.float32, (n,), np.int64)
    counts = np.bincount(label)
    assert len(counts) == CLASSES[make]
    assert counts.max() - counts.min() <= 1


@each_constructor
def test_the_same_key_gives_the_same_bits_and_another_key_others(make):
    first, again, other = (make(40, 0.1, Key(seed)) for seed in (3, 3, 4))
    for ours, same, theirs in zip(first, again, other, strict=True):
        assert ours.tobytes() == same.tobytes() != theirs.tobytes()


@each_constructor
def test_numpys_global_generator_is_neither_read_nor_moved(make):
    np.random.seed(5)  # noqa: NPY002
    before, first = repr(np.random.get_state()), make(20, 0.1, KEY)[0]  # noqa: NPY002
    assert repr(np.random.get_state()) == before  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    assert make(20, 0.1, KEY)[0].tobytes() == first.tobytes()


@each_constructor
def test_the_answer_does_not_depend_on_the_dtype_but_for_its_rounding(make):
    (exact, label), (single, same), (half, again) = (
        make(50, 0.1, KEY, dtype=dtype) for dtype in (np.float64, np.float32, np.float16)
    )
    assert (exact.dtype, single.dtype, half.dtype) == (np.float64, np.float32, np.float16)
    assert single.tobytes() == exact.astype(np.float32).tobytes()
    assert half.tobytes() == exact.astype(np.float16).tobytes()
    assert label.tolist() == same.tolist() == again.tolist()


@each_constructor
def test_classes_come_in_random_order(make):
    _, label = make(700, 0.0, KEY)
    k = CLASSES[make]
    like_the_row_before = np.count_nonzero(label[1:] == label[:-1])
    assert abs(like_the_row_before - 700 / k) < 6 * math.sqrt(700 / k)
    assert all(np.bincount(part, minlength=k).all() for part in (label[:70], label[-70:]))


@each_constructor
def test_noise_has_its_standard_deviation_and_leaves_the_choice_of_points_to_the_key(make):
    (quiet, label), (loud, same) = (make(5000, noise, KEY, dtype=np.float64) for noise in (0.0, 0.3))
    moved = loud - quiet
    assert label.tolist() == same.tolist()
    assert abs(moved.mean()) < 5 * 0.3 / math.sqrt(moved.size)
    assert abs(moved.std() / 0.3 - 1) < 5 / math.sqrt(2 * moved.size)
    for a, b in itertools.combinations(moved.T, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(5000)


# --- the answers -----------------------------------------------------------------------------------------------------


@each_of("n", [2, 3, 100, 101])
def test_moons_without_noise_are_half_circles_around_their_centers_equally_many_points_on_each(n):
    x, label = moons(n, 0.0, Key(1), dtype=np.float64)
    assert np.bincount(label).tolist() == [n // 2, n - n // 2]
    center = np.array([[0.0, 0.0], [1.0, 0.5]])[label]
    np.testing.assert_allclose(np.linalg.norm(x - center, axis=1), 1.0, rtol=1e-14)
    assert (np.where(label == 0, 1, -1) * (x - center)[:, 1] > -1e-15).all()


@each_of("n", [2, 3, 100, 101])
@each_of("factor", [0.5, 0.9])
def test_circles_are_evenly_spaced_around_the_origin_the_inner_one_labeled_1(n, factor):
    x, label = circles(n, 0.0, Key(1), factor=factor, dtype=np.float64)
    for which, radius, count in ((0, 1.0, n // 2), (1, factor, n - n // 2)):
        points = x[label == which] / radius
        expected = [(math.cos(2 * math.pi * i / count), math.sin(2 * math.pi * i / count)) for i in range(count)]
        distances = np.linalg.norm(points[:, None] - np.array(expected), axis=2)
        assert sorted(distances.argmin(axis=0).tolist()) == list(range(count))
        assert distances.min(axis=0).max() < 1e-14


@each_of(("arms", "turns"), [(1, 1.0), (2, 1.0), (3, 0.5), (5, 2.25), (2, 0)])
def test_spirals_turn_evenly_from_the_origin_to_radius_1_an_arm_a_label(arms, turns):
    x, label = spirals(120, 0.0, KEY, arms=arms, turns=turns, dtype=np.float64)
    radius = np.hypot(*x.T)
    np.testing.assert_allclose(np.sort(radius), np.arange(1, 121) / 120, rtol=1e-13)
    angle = 2 * np.pi * (turns * radius + label / arms)
    np.testing.assert_allclose(x / radius[:, None], np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=1e-12)
    for arm in range(arms):
        assert np.diff(np.sort(radius[label == arm])).max() < 1.5 * arms / 120


def test_points_of_different_arms_never_meet():
    x, label = spirals(300, 0.0, KEY, arms=3, dtype=np.float64)
    apart = np.linalg.norm(x[:, None] - x, axis=2)[label[:, None] != label]
    assert apart.min() > 1 / 300


def test_blobs_without_noise_are_their_centers():
    x, label = given_clouds(10, 0.0, KEY, dtype=np.float64)
    assert x.tolist() == CENTERS[label].tolist()
    x, label = blobs(20, 0.0, KEY, centers=4, features=5, dtype=np.float64)
    assert x.shape == (20, 5)
    assert len({(which, *row) for which, row in zip(label.tolist(), x.tolist(), strict=True)}) == 4
    assert blobs(3, 0.0, KEY, centers=1, features=1)[0].shape == (3, 1)


def test_centers_are_drawn_evenly_from_minus_10_to_10():
    x, _ = blobs(5000, 0.0, Key(1), centers=5000, features=4, dtype=np.float64)
    assert -10 <= x.min() < -9.99 < 9.99 < x.max() < 10
    counts = np.bincount(((x.ravel() + 10) / 2).astype(int), minlength=10)
    assert np.abs(counts - 2000).max() < 5 * math.sqrt(1800)


def test_given_centers_are_taken_whatever_kind_and_order_they_have_and_not_written_to():
    whole = np.array([[2**24 + 1, 0], [255, 3]])
    for given in (whole, whole.tolist(), whole.astype(np.float64), np.asfortranarray(whole), np.uint32(whole)):
        x, label = blobs(4, 0.0, KEY, centers=given, dtype=np.float64)
        assert x.tolist() == whole[label].tolist()
    read_only = CENTERS.copy()
    read_only.setflags(write=False)
    x, _ = blobs(4, 1.0, KEY, centers=read_only)
    assert read_only.tobytes() == CENTERS.tobytes()
    assert not np.shares_memory(x, read_only)


@each_of("n", [4, 5, 6, 7, 100])
def test_xor_is_1_where_exactly_one_coordinate_is_on_corners_equally_full(n):
    x, label = xor(n, 0.0, KEY, dtype=np.float64)
    rows = x.tolist()
    assert label.tolist() == [{(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}[tuple(row)] for row in rows]
    counts = [rows.count([a, b]) for a in (0, 1) for b in (0, 1)]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == n


@each_of(
    ("make", "kind", "message"),
    [
        (lambda: circles(1, 0.1, KEY), V, "circles: the number of rows must be at least 2, got 1"),
        (lambda: circles(9, 0.1, KEY, factor=1), V, "circles: the factor must be at least 0 and below 1, got 1"),
        (lambda: circles(9, 0.1, KEY, factor=-0.5), V, "circles: the factor must be at least 0 and below 1, got -0.5"),
        (lambda: circles(9, 0.1, KEY, factor="0.5"), T, "circles: the factor must be a number, got str '0.5'"),
        (
            lambda: circles(9, -1, KEY),
            V,
            "circles: the noise, a standard deviation, must be at least 0 and finite, got",
        ),
        (lambda: circles(9, 0.1, 3), T, "circles expects a key, got int 3; write Key(3)"),
        (lambda: spirals(2, 0.1, KEY, arms=3), V, "spirals: the number of rows must be at least 3, got 2"),
        (lambda: spirals(9, 0.1, KEY, arms=0), V, "spirals: the number of arms must be at least 1, got 0"),
        (
            lambda: spirals(9, 0.1, KEY, arms=2.0),
            T,
            "spirals: the number of arms must be an integer, got float 2.0",
        ),
        (
            lambda: spirals(9, 0.1, KEY, turns=math.inf),
            V,
            "spirals: turns must be at least 0 and below 4294967296, got",
        ),
        (
            lambda: spirals(9, math.nan, KEY),
            V,
            "spirals: the noise, a standard deviation, must be at least 0 and finite",
        ),
        (lambda: spirals(9, 0.1, None), T, "spirals expects a key, got NoneType None; write Key(0)"),
        (lambda: xor(3, 0.1, KEY), V, "xor: the number of rows must be at least 4, got 3"),
        (lambda: xor(4.0, 0.1, KEY), T, "xor: the number of rows must be an integer, got float 4.0"),
        (lambda: xor(4, None, KEY), T, "xor: the noise, a standard deviation, must be a number, got NoneType None"),
        (lambda: xor(4, 0.1, 0), T, "xor expects a key, got int 0; write Key(0)"),
        (lambda: blobs(2, 0.1, KEY), V, "blobs: the number of rows must be at least 3, got 2"),
        (lambda: blobs(2, 0.1, KEY, centers=CENTERS), V, "blobs: the number of rows must be at least 3, got 2"),
        (lambda: blobs(9, math.inf, KEY), V, "blobs: the noise, a standard deviation, must be at least 0 and finite"),
        (lambda: blobs(9, 0.1, 7), T, "blobs expects a key, got int 7; write Key(7)"),
        (lambda: blobs(9, 0.1, 7, centers=CENTERS), T, "blobs expects a key, got int 7; write Key(7)"),
        (lambda: blobs(9, 0.1, KEY, centers=0), V, "blobs: the number of centers must be at least 1, got 0"),
        (lambda: blobs(9, 0.1, KEY, centers=True), T, "blobs: the number of centers must be an integer, got bool"),
        (lambda: blobs(9, 0.1, KEY, features=0), V, "blobs: the number of features must be at least 1, got 0"),
        (
            lambda: blobs(9, 0.1, KEY, centers=3.0),
            V,
            "blobs expects centers as an integer or as numbers (k, features), got float 3.0",
        ),
        (lambda: blobs(9, 0.1, KEY, centers=[1, 2]), V, "or as numbers (k, features), got list [1, 2]"),
        (lambda: blobs(9, 0.1, KEY, centers=np.zeros((0, 2))), V, "(k, features), got float64 array (0, 2)"),
        (lambda: blobs(9, 0.1, KEY, centers="three"), T, "or as numbers (k, features), got str 'three'"),
        (lambda: blobs(9, 0.1, KEY, centers=None), T, "or as numbers (k, features), got NoneType None"),
        (lambda: blobs(9, 0.1, KEY, centers=[[1], [1, 2]]), T, "blobs expects an array, got rows of unequal lengths"),
        (lambda: blobs(9, 0.1, KEY, centers=[[math.nan, 1]]), V, "blobs: the centers hold NaN or infinity"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_was_expected(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


# --- the edges of the range ------------------------------------------------------------------------------------------


@each_of("make", [*CLASSES, line], ids=lambda make: make.__name__)
@each_of(("dtype", "noise"), [(np.float16, 1e6), (np.float32, 1e39), (np.float64, 1.7e308)])
def test_points_that_the_dtype_cannot_hold_are_refused_and_never_infinite(make, dtype, noise):
    name = make.__name__ if make.__name__ in {"moons", "circles", "spirals", "blobs", "xor", "line"} else ""
    with pytest.raises(
        V, match=rf"{name}: {np.dtype(dtype)} holds numbers up to .* at row \d+; write smaller settings"
    ):
        make(40, noise, KEY, dtype=dtype)


@each_of(
    ("make", "settings"),
    [
        (line, {"slope": 1e5}),
        (line, {"intercept": -7e4}),
        (line, {"slope": 1.7e308, "intercept": 1.7e308}),
        (blobs, {"centers": [[0.0, 1.0], [0.0, 1e5]]}),
    ],
)
def test_settings_that_lead_out_of_the_dtype_are_refused(make, settings):
    with pytest.raises(V, match=f"{make.__name__}: float16 holds numbers up to 6.55e"):
        make(9, 0.0, KEY, dtype=np.float16, **settings)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_points_up_to_the_largest_number_of_the_dtype_and_down_to_nothing_are_drawn(dtype):
    largest = float(np.finfo(dtype).max)
    x, label = blobs(4, 0.0, KEY, centers=[[largest], [-largest]], dtype=dtype)
    assert x[:, 0].tolist() == [largest if which == 0 else -largest for which in label]
    _, y = line(9, 0.0, KEY, slope=0.0, intercept=largest, dtype=dtype)
    assert (y == largest).all()
    quiet, _ = xor(9, 1e-320, KEY, dtype=dtype)
    np.testing.assert_allclose(quiet, xor(9, 0.0, KEY, dtype=dtype)[0], rtol=0, atol=1e-300)


@pytest.mark.parametrize("centers", [DataFrame(CENTERS), Tensor(CENTERS), memoryview(CENTERS), CENTERS.tolist()])
def test_centers_may_be_a_table_a_list_or_of_another_library(centers):
    for ours, theirs in zip(blobs(9, 0.1, KEY, centers=centers), blobs(9, 0.1, KEY, centers=CENTERS), strict=True):
        assert ours.tobytes() == theirs.tobytes()


# --- a line ----------------------------------------------------------------------------------------------------------


def test_points_of_a_line_without_noise_lie_on_it():
    x, y = line(500, 0.0, Key(0), slope=-3.0, intercept=0.5, dtype=np.float64)
    assert x.shape == y.shape == (500, 1)
    assert -1 <= x.min() < -0.9 < 0.9 < x.max() < 1
    np.testing.assert_allclose(y, 0.5 - 3 * x, rtol=1e-15, atol=1e-15)


def test_the_noise_of_a_line_has_the_standard_deviation_asked_for():
    x, y = line(20_000, 0.3, Key(0), dtype=np.float64)
    error = y - (2 * x + 1)
    assert abs(error.mean()) < 5 * 0.3 / math.sqrt(20_000)
    assert abs(error.std() / 0.3 - 1) < 5 / math.sqrt(40_000)


def test_points_of_a_line_have_no_classes_but_the_same_laws_of_dtype():
    exact, single = line(20, 0.1, KEY, dtype=np.float64), line(20, 0.1, KEY)
    for ours, theirs in zip(single, exact, strict=True):
        assert ours.tobytes() == theirs.astype(np.float32).tobytes()


def test_the_noise_of_a_line_moves_y_and_chooses_no_other_points():
    (x, quiet), (same, loud) = (line(50, noise, KEY, dtype=np.float64) for noise in (0.0, 1e-3))
    assert x.tobytes() == same.tobytes()
    assert 0 < np.abs(loud - quiet).max() < 6e-3
