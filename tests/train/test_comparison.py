"""Two configurations, pair by pair: how often the interval holds what is true, and what settles it."""

import math
import pickle
import statistics

import numpy as np
import pytest

import fnn
from fnn import Comparison, Key, Trial, compare, fold_in, sweep
from fnn.core.keys import normals, uniforms
from fnn.train._intervals import needed, student, studentized
from tests.each_of import each_of
from tests.errors import check, message

T, V = TypeError, ValueError

# Tables of Student's t, say Fisher's of 1925: the two-sided 5 % and 1 %.
TABLE = {2: (12.706, 63.657), 3: (4.303, 9.925), 4: (3.182, 5.841), 5: (2.776, 4.604), 11: (2.228, 3.169),
         21: (2.086, 2.845), 31: (2.042, 2.750)}  # fmt: skip


@each_of("n", TABLE)
def test_student_s_t_is_that_of_the_tables(n):
    assert (round(student(n, 0.95), 3), round(student(n, 0.99), 3)) == TABLE[n]


def test_student_s_t_of_one_degree_of_freedom_is_cauchy_s_and_of_two_has_a_formula():
    for confidence in (0.0, 0.3, 0.9, 0.999):
        assert student(2, confidence) == pytest.approx(math.tan(math.pi / 2 * confidence), rel=1e-12)
        assert student(3, confidence) == pytest.approx(confidence * math.sqrt(2 / (1 - confidence**2)), rel=1e-9)


def test_a_comparison_by_hand():
    found = compare({"sgd": [1.0, 2.0, 4.0], "adam": [2.0, 4.0, 7.0]})  # differences 1, 2, 3
    half = 4.302652729911275 / math.sqrt(3)
    assert (found.mean, found.std, found.n, found.confidence) == (2.0, 1.0, 3, 0.95)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-9)
    assert found.differences.tolist() == [1.0, 2.0, 3.0]
    assert not found.differences.flags.writeable
    assert found.names == ("sgd", "adam")
    assert not found.settled
    assert repr(found) == "adam - sgd: 2 (-0.4841 to 4.484 at 95 % confidence, n = 3): not settled, some 4 pairs would"
    sure = compare({"sgd": [1.0, 2.0, 4.0], "adam": [2.0, 4.0, 7.0]}, confidence=0.8)
    assert sure.settled
    assert repr(sure).endswith("at 80 % confidence, n = 3): settled")


def test_the_other_way_round_it_is_the_negative():
    a, b = normals(Key(0), (2, 40))
    for n in (7, 40):
        one, other = compare({"a": a[:n], "b": b[:n]}), compare({"b": b[:n], "a": a[:n]})
        assert (one.mean, one.std, one.needed) == (-other.mean, other.std, other.needed)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), rel=1e-12)


def test_what_is_the_same_for_both_does_not_matter():
    a, b, luck = normals(Key(1), (3, 12))
    alone, together = compare({"a": a, "b": b}), compare({"a": a + 100 * luck, "b": b + 100 * luck})
    np.testing.assert_allclose([alone.low, alone.high], [together.low, together.high], rtol=1e-10)


GRID = {"width": [3, 5], "rate": [0.1, 0.2], "trial": range(3)}


def scored(configuration, key):
    number = configuration["width"] ** 2 + 10 * configuration["rate"] + configuration["trial"]
    return {"score": number, "curve": np.arange(number)}


def test_trials_are_paired_by_all_that_they_have_in_common_whatever_their_order():
    trials = sweep(scored, GRID)
    found = compare(trials, by="width", metric="score")
    assert found.names == ("width=3", "width=5")
    assert found.differences.tolist() == [16.0] * 6
    assert (found.low, found.high, found.settled, found.needed) == (16.0, 16.0, True, 2)
    mixed = [trials[0], *trials[:0:-1]]
    assert compare(mixed, by="width", metric="score").differences.tolist() == [16.0] * 6
    assert compare(iter(trials), by="rate", metric=lambda result: result["score"] / 2).mean == pytest.approx(0.5)
    assert compare(trials, by="width", metric=lambda result: len(result["curve"])).mean == 16


def test_several_settings_may_make_a_configuration():
    grid = [
        {"optimizer": name, "rate": rate, "trial": trial}
        for name, rate in (("sgd", 0.1), ("adam", 0.01))
        for trial in range(2)
    ]
    found = compare(sweep(lambda each, key: each["rate"] * 2 + each["trial"], grid), by=("optimizer", "rate"))
    assert found.names == ("optimizer=sgd, rate=0.1", "optimizer=adam, rate=0.01")
    assert found.differences == pytest.approx([-0.18, -0.18])


def test_settings_may_be_values_without_a_hash():
    def run(each, key):
        return sum(each["widths"]) + each["trial"]

    assert compare(sweep(run, {"widths": [[16], [16, 8]], "trial": range(2)}), by="widths").differences.tolist() == [
        8,
        8,
    ]
    assert compare(sweep(run, {"trial": [0, 1], "widths": [[16], [16, 8]]}), by="trial").differences.tolist() == [1, 1]


def test_members_of_ensembles_are_compared_by_their_numbers():
    found = compare({"wide": np.array([0.5, 0.75], np.float32), "deep": np.array([0.75, 1.5], np.float32)})
    assert found.differences.tolist() == [0.25, 0.75]
    assert found.differences.dtype == np.float64


def test_pairs_that_do_not_differ_settle_nothing():
    found = compare({"a": [0.25] * 40, "b": [0.25] * 40})
    assert (found.mean, found.low, found.high, found.settled, found.needed) == (0, 0, 0, False, math.inf)
    assert repr(found).endswith("not settled, no number of pairs would")


def test_many_pairs_are_resampled_from_a_key():
    a, b = normals(Key(2), (2, 50)) ** 2
    one, again, other = (compare({"a": a, "b": b}, key=key) for key in (Key(0), Key(0), Key(1)))
    assert (one.low, one.high) == (again.low, again.high) != (other.low, other.high)
    assert one.low == pytest.approx(other.low, abs=0.1 * one.std / math.sqrt(50))


def test_a_bootstrap_follows_skewness_and_agrees_with_student_where_there_is_none():
    half_of_them = normals(Key(3), 50)
    numbers = np.concatenate([half_of_them, -half_of_them])
    half = student(100, 0.95) * numbers.std() / 10
    assert studentized(numbers, 0.95, Key(0)) == pytest.approx((-half, half), abs=0.06 * half)
    skewed = -np.log(1 - uniforms(Key(4), 40))  # a long tail to the right: there the mean may lie further away
    low, high = studentized(skewed, 0.95, Key(0))
    assert high - skewed.mean() > 1.2 * (skewed.mean() - low)


def test_an_interval_of_numbers_that_are_nearly_all_equal_has_two_ends():
    differences = np.full(40, 0.1)
    differences[0] = 0.3
    found = compare({"a": np.zeros(40), "b": differences})
    assert found.low < found.mean - 0.005 < found.mean + 0.005 < found.high
    assert all(map(math.isfinite, studentized(differences, 0.95, Key(0))))


def test_an_interval_of_many_is_nowhere_narrower_than_student_s():
    differences = -np.log(1 - uniforms(Key(4), 40))
    found = compare({"a": np.zeros(40), "b": differences})
    half = student(40, 0.95) * found.std / math.sqrt(40)
    assert found.low == pytest.approx(found.mean - half)
    assert found.high == studentized(differences, 0.95, Key(0))[1] > found.mean + 1.1 * half
    many = compare({"a": [0.0] * 2000, "b": [0.0, 1.0] * 1000})
    assert many.high == pytest.approx(0.5 + 1.96 * 0.5 / 2000**0.5, abs=5e-4)


def test_resamples_are_drawn_in_parts_that_fit_into_memory(monkeypatch):
    numbers = normals(Key(5), 64)
    monkeypatch.setattr("fnn.train._intervals._AT_ONCE", 64 * 3000)  # four parts, the last one short
    parts = studentized(numbers, 0.95, Key(0))
    assert parts == studentized(numbers, 0.95, Key(0))
    assert parts == pytest.approx((numbers.mean() - 2 / 8, numbers.mean() + 2 / 8), abs=0.08)


# --- how often it is right --------------------------------------------------------------------------------------------

MEAN = {"normal": 0.3, "skewed": 0.7, "long tails": 0.0, "accuracies": 3 / 360}


def drawn(kind, key, shape):
    """Return differences whose mean is known: normal, exponential, Student's, of accuracies on 360 rows."""
    if kind == "normal":
        return 0.3 + normals(key, shape)
    if kind == "skewed":
        return -np.log(1 - uniforms(key, shape)) - 0.3
    if kind == "long tails":
        chi = (normals(fold_in(key, 0), (3, *np.atleast_1d(shape))) ** 2).sum(axis=0)
        return normals(fold_in(key, 1), shape) / np.sqrt(chi / 3)
    return np.round(3 + 4 * (2 * uniforms(key, shape) - 1)) / 360


def coverage(kind, n, experiments):
    """Return the fraction of experiments whose interval holds the true mean."""
    runs = [drawn(kind, fold_in(Key(100 + n), i), n) for i in range(experiments)]
    found = [
        compare({"a": np.zeros(n), "b": differences}, key=fold_in(Key(9), i)) for i, differences in enumerate(runs)
    ]
    return sum(each.low <= MEAN[kind] <= each.high for each in found) / experiments


@pytest.mark.parametrize(("kind", "n"), [("normal", 2), ("normal", 5), ("accuracies", 10)])
def test_an_interval_of_few_pairs_holds_the_truth_in_95_of_100_experiments(kind, n):
    differences = drawn(kind, Key(n), (1000, n))
    reach = student(n, 0.95) * differences.std(axis=1, ddof=1) / math.sqrt(n)
    held = abs(differences.mean(axis=1) - MEAN[kind]) <= reach
    assert 0.93 <= held.mean() <= 0.97
    for row in range(5):
        found = compare({"a": np.zeros(n), "b": differences[row]})
        assert (found.low <= MEAN[kind] <= found.high) == held[row]


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "n"),
    [("normal", n) for n in (2, 3, 5, 10, 20)]
    + [("accuracies", 5), ("accuracies", 10)]
    + [(kind, 30) for kind in MEAN]
    + [("skewed", 60)],
)
def test_an_interval_holds_the_truth_in_95_of_100_experiments(kind, n, monkeypatch):
    monkeypatch.setattr("fnn.train._intervals._RESAMPLES", 2000)  # for time
    assert 0.93 <= coverage(kind, n, 1000) <= 0.97


@pytest.mark.parametrize(("mean", "std"), [(0.3, 1.0), (1.0, 1.0), (-0.5, 1.0), (2.0, 1.0), (0.004, 0.01)])
def test_with_as_many_pairs_as_it_says_four_of_five_experiments_are_settled(mean, std):
    n = needed(mean, std, 0.95)
    samples = mean + std * normals(Key(n), (4000, n))
    t = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / math.sqrt(n))
    assert np.mean(abs(t) > student(n, 0.95)) == pytest.approx(0.8, abs=0.06 if n < 6 else 0.03)


def test_how_many_pairs_are_needed_by_hand():
    normal = statistics.NormalDist()
    z, power = normal.inv_cdf(0.975), normal.inv_cdf(0.8)
    assert needed(-0.1, 1.0, 0.95) == math.ceil(100 * (z + power) ** 2 + z**2 / 2) == 787
    assert needed(1.0, 0.0, 0.95) == needed(1.0, 1e-30, 0.95) == 2
    assert needed(0.0, 0.0, 0.95) == needed(1e-200, 1.0, 0.95) == math.inf
    assert needed(0.1, 1.0, 0.5) < needed(0.1, 1.0, 0.95) < needed(0.1, 1.0, 1 - 2**-53) < math.inf


def test_a_comparison_is_a_record_that_pickles():
    found = compare({"a": [1.0, 2.0], "b": [2.0, 4.0]})
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, Comparison)
    assert repr(again) == repr(found)
    assert fnn.tree.equal(again, found)


# --- what is refused -------------------------------------------------------------------------------------------------

TRIALS = sweep(scored, GRID)
FORMS = 'trials of sweep and by, or two lists of results by their names, say {"sgd": [...], "adam": [...]}'
METRIC = "give metric, the name of a number in the result or a function that returns one"
WORST = "a run that diverged? leave the pair out and say so, or let metric return the worst value for it"
ROWS = [
    (lambda: compare(3), T, f"compare expects {FORMS}, got int 3"),
    (lambda: compare([1.0, 2.0], by="width"), T, f"compare expects {FORMS}, got float 1.0 among them"),
    (
        lambda: compare(TRIALS),
        T,
        'compare expects by, the setting whose two values are compared, say by="width", got NoneType None',
    ),
    (
        lambda: compare(TRIALS, by=()),
        T,
        "compare expects by, the setting whose two values are compared, say…got tuple ()",
    ),
    (lambda: compare(TRIALS, by=["width"]), T, "compare expects the name of a setting, got list ['width']"),
    (lambda: compare(TRIALS, by=str.lower), T, "compare expects the name of a setting, got the function lower"),
    (
        lambda: compare([Trial(3, 1.0)], by="width"),
        T,
        "compare expects configurations that are dictionaries, got int 3",
    ),
    (
        lambda: compare(TRIALS, by="depth", metric="score"),
        V,
        "compare: no setting 'depth' in the configuration {'width': 3, 'rate': 0.1, 'trial': 0}",
    ),
    (
        lambda: compare(TRIALS, by="trial", metric="score"),
        V,
        "compare expects trials of two configurations by 'trial', got 3: trial=0; trial=1; trial=2; choose two, say "
        "[trial for trial in trials if trial.configuration['trial'] in (..., ...)]",
    ),
    (lambda: compare([], by="width"), V, "compare expects trials of two configurations by 'width', got 0…"),
    (
        lambda: compare(TRIALS[:-1], by="width", metric="score"),
        V,
        "compare expects trials in pairs, but width=3 alone has rate=0.2, trial=2",
    ),
    (
        lambda: compare(TRIALS[1:], by="width", metric="score"),
        V,
        "compare expects trials in pairs, but width=5 alone has rate=0.1, trial=0",
    ),
    (
        lambda: compare([*TRIALS, TRIALS[0]], by="width", metric="score"),
        V,
        "compare: two trials have the configuration {'width': 3, 'rate': 0.1, 'trial': 0}; the grid needs a name that "
        'tells them apart, say "trial": range(5)',
    ),
    (
        lambda: compare({"a": [1.0], "b": [1.0]}, by="width"),
        T,
        "compare: by is for trials, not for lists of results, got str 'width'",
    ),
    (lambda: compare({"a": [1.0]}), V, "compare expects two lists of results, got 1: ['a']"),
    (lambda: compare({"a": 1.0, "b": [1.0]}), T, "compare: 'a' must be a list of results, got float 1.0"),
    (lambda: compare({"a": [1.0], "b": "1"}), T, "compare: 'b' must be a list of results, got str '1'"),
    (lambda: compare({"a": [1.0], "b": []}), V, "compare expects results in pairs, got 1 of a and 0 of b"),
    (lambda: compare({"a": [1.0], "b": [1.0]}), V, "compare expects at least 2 pairs, got 1"),
    (lambda: compare({"a": [], "b": []}), V, "compare expects at least 2 pairs, got 0"),
    (
        lambda: compare({"a": [1.0, "x"], "b": [1.0, 2.0]}),
        T,
        f"compare expects a number of each result, got str 'x'; {METRIC}",
    ),
    (
        lambda: compare({"a": np.ones((2, 3)), "b": np.ones((2, 3))}),
        T,
        f"compare expects a number of each result, got float64 array (3,); {METRIC}",
    ),
    (lambda: compare(TRIALS, by="width"), T, f"compare expects a number of each result, got dict {{…; {METRIC}"),
    (lambda: compare(TRIALS, by="width", metric="loss"), V, "compare: no metric 'loss' in the result dict {…"),
    (
        lambda: compare({"a": [1.0, math.nan], "b": [1.0, 2.0]}),
        V,
        f"compare expects finite numbers, got nan: {WORST}",
    ),
    (lambda: compare({"a": [1.0, math.inf], "b": [1.0, 2.0]}), V, f"compare expects finite numbers, got inf: {WORST}"),
    (
        lambda: compare({"a": [1.0, 2.0], "b": [1.0, 2.0]}, confidence=95),
        V,
        "compare: the confidence must be at least 0 and below 1.0, got 95",
    ),
    (
        lambda: compare({"a": [1.0, 2.0], "b": [1.0, 2.0]}, confidence="95 %"),
        T,
        "compare: the confidence must be a number, got str '95 %'",
    ),
    (
        lambda: compare({"a": [-1e308, 0.0], "b": [1e308, 0.0]}),
        V,
        "compare: a difference is too large for float64; scale the results",
    ),
    (lambda: compare({"a": [1.0, 2.0], "b": [1.0, 2.0]}, key=3), T, "compare expects a key, got int 3; write Key(3)"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
