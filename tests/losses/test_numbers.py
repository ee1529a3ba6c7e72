"""Losses, their gradients and what they are made of, against 50 digits: never more than 4 units in the last place off.

A unit in the last place (ulp) is the distance from the exact result, rounded to the dtype, to the next number of the
dtype. The logits are 2,000 and some edges, of every size from 1e-12 to 1e4 and of both signs.

Three results are not as exact as that, and could not be: they change by more when an *input* changes by half a unit.
- The exponential of a difference of logits: x - y is rounded before exp, so its error is that of logits half a unit
  off. So the logits of a row lie on a grid on which differences are exact; another test lets them lie anywhere, and
  adds what half a unit of the difference does.
- softmax - target for a soft target, a difference of two numbers near each other: measured in units of the larger.
- Divergence, whose terms have both signs: measured in units of the sum of their sizes.
"""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from fnn import (
    BinaryFocal,
    CrossEntropy,
    Focal,
    Triplet,
    binary_cross_entropy,
    cosine_distance,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    kl_divergence,
    log_softmax,
    mae,
    mse,
    nll,
    poisson_nll,
    sigmoid,
    softmax,
    softplus,
    sum_squared_error,
    vjp,
)
from fnn.core.keys import Key, normals, uniforms

ULPS = 4
DTYPES = [np.float64, np.float32]
TINY = {np.float64: 5e-324, np.float32: 1.4e-45}
GRID = {np.float64: 2.0**-36, np.float32: 2.0**-8}  # differences of its multiples up to 1e4 are exact


@pytest.fixture(autouse=True)
def _fifty_digits():
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 50, -(10**6), 10**6
        yield


@pytest.fixture(params=[32, pytest.param(2000, marks=pytest.mark.long)])
def count(request):
    """How many logits; in rows of several, some more, so that the number of rows is a power of 2."""
    return request.param


def edges(dtype):
    info = np.finfo(dtype)
    sizes = [0.0, TINY[dtype], info.tiny, info.eps, 1e-12, 1.0, 36.8, 37.0, 88.0, 104.0, 709.0, 745.2, 1e4]
    return np.array([*sizes, *[-size for size in sizes]], dtype)


def logits(dtype, n, seed=0):
    """Logits of every size from 1e-12 to 1e4, and all edges."""
    sizes = 10.0 ** (16 * uniforms(Key(seed), n) - 12)
    drawn = (sizes * np.sign(uniforms(Key(seed, (1,)), n) - 0.5)).astype(dtype)
    return np.concatenate([edges(dtype), drawn])


def rows_of_logits(dtype, count, classes, seed=0, grid=True):
    """Rows of logits: offsets to +-1e4, within a row differences of every size, some ties."""
    n = 1 << (count // classes).bit_length()
    offsets = 2e4 * uniforms(Key(seed), (n, 1)) - 1e4
    spread = 10.0 ** (8 * uniforms(Key(seed, (1,)), (n, 1)) - 4) * normals(Key(seed, (2,)), (n, classes))
    x = np.clip(offsets + spread, -1e4, 1e4)
    x[::10, 0] = x[::10, -1]
    return (np.round(x / GRID[dtype]) * GRID[dtype] if grid else x).astype(dtype)


def exactly(values):
    return [Decimal(float(value)) for value in values]


def ulps_off(found, exact, dtype, sizes=None):
    """How many units in the last place each number is off; of its exact value, or of ``sizes``."""
    sizes = exact if sizes is None else sizes
    off = []
    for number, true, size in zip(found, exact, sizes, strict=True):
        assert np.isfinite(number)
        with np.errstate(all="ignore"):
            unit = Decimal(float(max(np.spacing(np.abs(dtype(float(size)))), TINY[dtype])))
        off.append(float(abs(Decimal(float(number)) - true) / unit))
    return np.array(off)


def gradient_of(loss, prediction, target, weights=None):
    """The slopes of the sum over rows: their number is a power of 2, so that the mean's division is exact."""
    rows = len(prediction)
    value, pullback = vjp(loss, prediction, target, weights)
    assert np.isfinite(value)
    return pullback(float(rows))[1]()


def values_of(loss, prediction, target):
    """The loss of each row alone."""
    return np.array([loss(prediction[i : i + 1], target[i : i + 1]) for i in range(len(prediction))])


def power_of_two(array):
    """Fill up with the first rows to a number that is a power of 2."""
    return np.resize(array, (1 << (len(array) - 1).bit_length(), *array.shape[1:]))


# --- functions of one number -----------------------------------------------------------------------------------------


def sigmoid_exactly(x):
    return 1 / (1 + (-x).exp())


def softplus_exactly(x):
    return (1 + x.exp()).ln() if x > -60 else x.exp() * (1 - x.exp() / 2)  # 1 + e**-60 and less would not fit 50 digits


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_softplus_and_its_slope(dtype, count):
    x = logits(dtype, count)
    y, pullback = vjp(softplus, x)
    exact = [sigmoid_exactly(value) for value in exactly(x)]
    assert ulps_off(sigmoid(x), exact, dtype).max() <= ULPS
    assert ulps_off(pullback(np.ones_like(x))[1](), exact, dtype).max() <= ULPS
    assert ulps_off(y, [softplus_exactly(value) for value in exactly(x)], dtype).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_binary_cross_entropy_of_certain_targets(dtype, target, count):
    x = power_of_two(logits(dtype, count))[:, None]
    t = np.full_like(x, target)
    exact = [softplus_exactly(value if target == 0 else -value) for value in exactly(x[:, 0])]
    assert ulps_off(values_of(binary_cross_entropy, x, t), exact, dtype).max() <= ULPS
    slopes = [sigmoid_exactly(v) if target == 0 else -sigmoid_exactly(-v) for v in exactly(x[:, 0])]
    assert ulps_off(gradient_of(binary_cross_entropy, x, t)[:, 0], slopes, dtype).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_of_soft_targets(dtype, count):
    x = power_of_two(logits(dtype, count))[:, None]
    t = uniforms(Key(7), x.shape).astype(dtype)
    pairs = list(zip(exactly(x[:, 0]), exactly(t[:, 0]), strict=True))
    exact = [p * softplus_exactly(-v) + (1 - p) * softplus_exactly(v) for v, p in pairs]
    assert ulps_off(values_of(binary_cross_entropy, x, t), exact, dtype).max() <= ULPS
    slopes = [sigmoid_exactly(v) - p for v, p in pairs]
    larger = [max(sigmoid_exactly(v), p) for v, p in pairs]
    assert ulps_off(gradient_of(binary_cross_entropy, x, t)[:, 0], slopes, dtype, larger).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_of_infinite_logits_is_0_or_infinite_and_never_nan(dtype):
    x = np.array([[np.inf], [-np.inf], [np.inf], [-np.inf]], dtype)
    t = np.array([[1.0], [0.0], [0.0], [1.0]], dtype)
    assert values_of(binary_cross_entropy, x, t).tolist() == [0.0, 0.0, np.inf, np.inf]
    _, pullback = vjp(binary_cross_entropy, x, t)
    assert pullback(4.0)[1]()[:, 0].tolist() == [0.0, 0.0, 1.0, -1.0]
    largest = np.finfo(dtype).max
    x = np.array([[largest], [-largest]], dtype)
    assert values_of(binary_cross_entropy, x, np.array([[1.0], [0.0]], dtype)).tolist() == [0.0, 0.0]
    assert values_of(binary_cross_entropy, x, np.array([[0.0], [1.0]], dtype)).tolist() == [largest, largest]


# --- functions of a row ----------------------------------------------------------------------------------------------


class Row:
    """A row of logits in 50 digits: the exponentials of the differences to the largest, and sums of them."""

    def __init__(self, row):
        self.x = exactly(row)
        top = max(range(len(row)), key=lambda place: self.x[place])
        self.e = [(each - self.x[top]).exp() for each in self.x]
        self.sum = sum(self.e)
        rest = sum(each for place, each in enumerate(self.e) if place != top)
        log_sum = (1 + rest).ln() if rest > Decimal("1e-25") else rest - rest * rest / 2
        self.losses = [log_sum - (each - self.x[top]) for each in self.x]

    def softmax(self):
        return [each / self.sum for each in self.e]

    def slope(self, label):
        """softmax - target, of which nothing is lost."""
        p = self.softmax()
        p[label] = -sum(each for place, each in enumerate(self.e) if place != label) / self.sum
        return p


CLASSES = [2, 3, 10]


def flat(lists):
    return [each for one in lists for each in one]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", CLASSES)
def test_cross_entropy_of_labels_and_of_one_hot_rows(dtype, classes, count):
    x = rows_of_logits(dtype, count, classes)
    rows = [Row(row) for row in x]
    labels = (np.arange(len(x)) * 7) % classes
    labels[::2] = x[::2].argmax(axis=1)  # half of them right: there losses and slopes are small
    one_hot = np.eye(classes, dtype=dtype)[labels]
    exact = [row.losses[label] for row, label in zip(rows, labels, strict=True)]
    slopes = flat(row.slope(label) for row, label in zip(rows, labels, strict=True))
    for target in (labels, one_hot):
        assert ulps_off(values_of(cross_entropy, x, target), exact, dtype).max() <= ULPS
        assert ulps_off(gradient_of(cross_entropy, x, target).ravel(), slopes, dtype).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_pairs_at_the_edges(dtype, count):
    # One of the two is 0, so that the difference is the other.
    x = np.stack([logits(dtype, count // 4), 0 * logits(dtype, count // 4)], axis=1)
    x = power_of_two(np.concatenate([x, x[:, ::-1]]))
    rows = [Row(row) for row in x]
    for label in (0, 1):
        labels = np.full(len(x), label)
        assert ulps_off(values_of(cross_entropy, x, labels), [r.losses[label] for r in rows], dtype).max() <= ULPS
        slopes = flat(row.slope(label) for row in rows)
        assert ulps_off(gradient_of(cross_entropy, x, labels).ravel(), slopes, dtype).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_logits_as_large_as_there_are(dtype):
    largest = np.finfo(dtype).max / 2
    x = np.array([[largest, -largest, 0.0], [largest, largest, largest], [0.0, -0.0, -largest]], dtype)
    for target in (np.array([0, 0, 1]), np.eye(3, dtype=dtype)[[0, 0, 1]]):
        np.testing.assert_allclose(values_of(cross_entropy, x, target), [0.0, np.log(3), np.log(2)], rtol=2e-7)
    assert values_of(cross_entropy, x[:1], np.array([1])).tolist() == [2 * largest]


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_count_rows_as_exactly(dtype):
    x = rows_of_logits(dtype, 64, 3)
    weights, labels = 2.0 ** (np.arange(len(x)) % 5), np.arange(len(x)) % 3
    rows, share = [Row(row) for row in x], [Decimal(w) / len(x) for w in weights]
    exact = sum(s * row.losses[label] for s, row, label in zip(share, rows, labels, strict=True))
    found = cross_entropy(x, labels, weights.astype(dtype))
    assert ulps_off([found], [exact], dtype).max() <= ULPS
    slopes = flat([s * p for p in row.slope(label)] for s, row, label in zip(share, rows, labels, strict=True))
    found = vjp(cross_entropy, x, labels, weights.astype(dtype))[1](1.0)[1]()
    assert ulps_off(found.ravel(), slopes, dtype).max() <= ULPS


def soft_targets(n, classes, dtype):
    t = uniforms(Key(3), (n, classes)) ** 4
    return (t / t.sum(axis=1, keepdims=True)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", CLASSES)
def test_cross_entropy_and_divergence_of_soft_targets(dtype, classes, count):
    x = rows_of_logits(dtype, count, classes)
    t = soft_targets(len(x), classes, dtype)
    rows, targets = [Row(row) for row in x], [exactly(row) for row in t]
    pairs = list(zip(rows, targets, strict=True))
    exact = [sum(p * loss for p, loss in zip(t, row.losses, strict=True)) for row, t in pairs]
    assert ulps_off(values_of(cross_entropy, x, t), exact, dtype).max() <= ULPS
    terms = [[p * (p.ln() + loss) if p else p for p, loss in zip(t, row.losses, strict=True)] for row, t in pairs]
    sizes = [
        sum(p * (abs(p.ln()) + loss) if p else p for p, loss in zip(t, row.losses, strict=True)) for row, t in pairs
    ]
    divergences = [sum(term) for term in terms]
    assert ulps_off(values_of(kl_divergence, x, t), divergences, dtype, sizes).max() <= ULPS
    slopes = flat([q - p for q, p in zip(row.softmax(), t, strict=True)] for row, t in pairs)
    larger = flat([max(q, p) for q, p in zip(row.softmax(), t, strict=True)] for row, t in pairs)
    for loss in (cross_entropy, kl_divergence):
        assert ulps_off(gradient_of(loss, x, t).ravel(), slopes, dtype, larger).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", CLASSES)
def test_softmax_and_its_logarithm(dtype, classes, count):
    x = rows_of_logits(dtype, count, classes)
    rows = [Row(row) for row in x]
    assert ulps_off(softmax(x).ravel(), flat(row.softmax() for row in rows), dtype).max() <= ULPS
    exact = [-loss for loss in flat(row.losses for row in rows)]
    assert ulps_off(log_softmax(x).ravel(), exact, dtype).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_logits_anywhere_are_as_good_as_logits_half_a_unit_off(dtype, count):
    x = rows_of_logits(dtype, count, 3, seed=5, grid=False)
    rows, labels = [Row(row) for row in x], np.arange(len(x)) % 3
    found = gradient_of(cross_entropy, x, labels)
    for row, label, slopes, values in zip(rows, labels, found, x, strict=True):
        exact = row.slope(label)
        half = [Decimal(float(np.spacing(np.abs(values - values.max())).max() / 2))] * 3
        for slope, true, moved in zip(slopes, exact, half, strict=True):
            allowed = abs(true) * moved + ULPS * Decimal(float(np.spacing(np.abs(dtype(float(true))))))
            assert abs(Decimal(float(slope)) - true) <= 2 * moved * abs(true) + allowed


# --- focal losses ----------------------------------------------------------------------------------------------------


def focused(gamma, nll, p, q):
    """The loss of an answer of probability p = 1 - q, and its slope by the nll."""
    gamma = Decimal(gamma)
    focus = q**gamma if gamma else Decimal(1)
    return focus * nll, focus * (1 + gamma * p * nll / q)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_focal_loses_nothing_where_a_row_is_nearly_certain(dtype, gamma, count):
    x = rows_of_logits(dtype, count, 3)
    labels = (np.arange(len(x)) * 7) % 3
    labels[::2] = x[::2].argmax(axis=1)
    rows = [Row(row) for row in x]
    exact, slopes = [], []
    for row, label in zip(rows, labels, strict=True):
        q = sum(each for place, each in enumerate(row.softmax()) if place != label)
        value, slope = focused(gamma, row.losses[label], row.softmax()[label], q)
        exact.append(value)
        slopes += [slope * each for each in row.slope(label)]
    wide = 8 if gamma else ULPS  # q and the nll are each some units off, and q counts gamma times
    assert ulps_off(values_of(Focal(gamma), x, labels), exact, dtype).max() <= wide
    assert ulps_off(gradient_of(Focal(gamma), x, labels).ravel(), slopes, dtype).max() <= 2 * wide
    one_hot = np.eye(3, dtype=dtype)[labels]
    np.testing.assert_allclose(values_of(Focal(gamma), x, one_hot), values_of(Focal(gamma), x, labels), rtol=2e-6)
    units = gradient_of(Focal(gamma), x, one_hot).ravel()
    sizes = [max(map(abs, slopes[3 * (i // 3) : 3 * (i // 3) + 3])) for i in range(len(slopes))]
    assert ulps_off(units, slopes, dtype, sizes).max() <= 2 * wide


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_binary_focal_of_certain_targets(dtype, target, count):
    x = power_of_two(logits(dtype, count))[:, None]
    t = np.full_like(x, target)
    exact, slopes = [], []
    for value in exactly(x[:, 0]):
        toward = value if target else -value
        value, slope = focused(2.0, softplus_exactly(-toward), sigmoid_exactly(toward), sigmoid_exactly(-toward))
        exact.append(value)
        slopes.append(slope * sigmoid_exactly(-toward) * (-1 if target else 1))
    assert ulps_off(values_of(BinaryFocal(), x, t), exact, dtype).max() <= 8
    assert ulps_off(gradient_of(BinaryFocal(), x, t)[:, 0], slopes, dtype).max() <= 8


# --- likelihoods -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_nll_is_what_it_is_given(dtype, count):
    x = rows_of_logits(dtype, count, 3)
    labels = np.arange(len(x)) % 3
    assert values_of(nll, x, labels).tolist() == [-float(row[label]) for row, label in zip(x, labels, strict=True)]
    assert gradient_of(nll, x, labels).tolist() == (-np.eye(3)[labels]).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_poisson(dtype, count):
    x = power_of_two(np.clip(logits(dtype, count), -80, 80))[:, None]
    t = np.round(10 * uniforms(Key(1), x.shape)).astype(dtype)
    pairs = list(zip(exactly(x[:, 0]), exactly(t[:, 0]), strict=True))
    larger = [max(v.exp(), abs(k * v)) for v, k in pairs]
    assert ulps_off(values_of(poisson_nll, x, t), [v.exp() - k * v for v, k in pairs], dtype, larger).max() <= ULPS
    larger = [max(v.exp(), k) for v, k in pairs]
    slopes = gradient_of(poisson_nll, x, t)[:, 0]
    assert ulps_off(slopes, [v.exp() - k for v, k in pairs], dtype, larger).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian(dtype, count):
    mean = power_of_two(logits(dtype, count))[:, None]
    n = len(mean)
    variance = (10.0 ** (8 * uniforms(Key(1), (n, 1)) - 4)).astype(dtype)
    t = np.roll(mean, 5, axis=0)
    cases = list(zip(*map(exactly, (mean[:, 0], variance[:, 0], t[:, 0])), strict=True))
    parts = [(v.ln(), (m - k) ** 2 / v, (m - k) / v, v) for m, v, k in cases]
    values = [gaussian_nll((mean[i : i + 1], variance[i : i + 1]), t[i : i + 1]) for i in range(n)]
    sizes = [(abs(log) + ratio) / 2 for log, ratio, _, _ in parts]
    assert ulps_off(values, [(log + ratio) / 2 for log, ratio, _, _ in parts], dtype, sizes).max() <= ULPS
    dmean, dvariance = vjp(gaussian_nll, (mean, variance), t)[1](float(n))[1]()
    assert ulps_off(dmean[:, 0], [slope for *_, slope, _ in parts], dtype).max() <= ULPS
    sizes = [(1 + ratio) / (2 * v) for _, ratio, _, v in parts]
    exact = [(1 - ratio) / (2 * v) for _, ratio, _, v in parts]
    assert ulps_off(dvariance[:, 0], exact, dtype, sizes).max() <= ULPS


# --- embeddings ------------------------------------------------------------------------------------------------------


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
def test_cosine_distance_keeps_what_one_minus_cosine_would_lose(dtype, count):
    n = 1 << (count // 4).bit_length()
    sizes = 10.0 ** (20 * uniforms(Key(1), (n, 1)) - 10)
    y = (sizes * normals(Key(2), (n, 3))).astype(dtype)
    near = (y + 10.0 ** (-6 * uniforms(Key(3), (n, 1))) * sizes * normals(Key(4), (n, 3))).astype(dtype)
    for t in (near, np.roll(y, 1, axis=0)):
        rows = [(exactly(a), exactly(b)) for a, b in zip(y, t, strict=True)]
        norms = [(dot(a, a).sqrt(), dot(b, b).sqrt()) for a, b in rows]
        cosines = [dot(a, b) / (na * nb) for (a, b), (na, nb) in zip(rows, norms, strict=True)]
        # In float64 the directions are rounded, of which their difference has a unit of 1: 1 / distance of its own.
        found = values_of(cosine_distance, y, t)
        off = [abs(Decimal(float(f)) - (1 - c)) for f, c in zip(found, cosines, strict=True)]
        allowed = [8 * Decimal(2.0**-53) * (1 - c).sqrt() + (1 - c) * Decimal(2.0**-52) for c in cosines]
        assert all(o <= a for o, a in zip(off, allowed, strict=True))
        slopes = flat(
            [(c * x / na - z / nb) / na for x, z in zip(a, b, strict=True)]
            for (a, b), (na, nb), c in zip(rows, norms, cosines, strict=True)
        )
        units = flat([1 / na] * 3 for na, _ in norms)
        assert ulps_off(gradient_of(cosine_distance, y, t).ravel(), slopes, dtype, units).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("squared", [True, False])
def test_triplet(dtype, squared, count):
    n = 1 << (count // 4).bit_length()
    three = tuple((3 * normals(Key(seed), (n, 3))).astype(dtype) for seed in range(3))
    values, exact, sizes, slopes = [], [], [], []
    for i in range(n):
        values.append(Triplet(2.0, squared)(tuple(each[i : i + 1] for each in three), None))
        a, p, m = (exactly(each[i]) for each in three)
        near, far = ([x - y for x, y in zip(a, b, strict=True)] for b in (p, m))
        lengths = dot(near, near), dot(far, far)
        if not squared:
            lengths = lengths[0].sqrt(), lengths[1].sqrt()
        short = lengths[0] - lengths[1] + 2
        exact.append(max(short, Decimal(0)))
        sizes.append(sum(lengths) + 2)
        factor = (Decimal(2), Decimal(2)) if squared else (1 / lengths[0], 1 / lengths[1])
        slopes += [(-factor[0] * d if short > 0 else Decimal(0)) for d in near]
    assert ulps_off(values, exact, dtype, sizes).max() <= ULPS
    _, dpositive, _ = vjp(Triplet(2.0, squared), three, None)[1](float(n))[1]()
    assert 0 < np.count_nonzero(dpositive) < dpositive.size
    assert ulps_off(dpositive.ravel(), slopes, dtype).max() <= ULPS


# --- distances -------------------------------------------------------------------------------------------------------

DISTANCES = {
    "mse": (mse, lambda d: d * d, lambda d: 2 * d),
    "sum_squared_error": (sum_squared_error, lambda d: d * d / 2, lambda d: d),
    "mae": (mae, abs, lambda d: Decimal((d > 0) - (d < 0))),
    "huber": (
        huber,
        lambda d: d * d / 2 if abs(d) < 1 else abs(d) - Decimal("0.5"),
        lambda d: max(Decimal(-1), min(Decimal(1), d)),
    ),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DISTANCES)
def test_distances(name, dtype, count):
    loss, distance, slope = DISTANCES[name]
    y = power_of_two(logits(dtype, count))[:, None]
    target = np.roll(y, 5, axis=0)
    differences = [a - b for a, b in zip(exactly(y[:, 0]), exactly(target[:, 0]), strict=True)]
    assert ulps_off(values_of(loss, y, target), [distance(d) for d in differences], dtype).max() <= ULPS
    found = gradient_of(loss, y, target)[:, 0] / (len(y) if loss is sum_squared_error else 1)
    assert ulps_off(found, [slope(d) for d in differences], dtype).max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_hinge(dtype, count):
    x = power_of_two(logits(dtype, count))[:, None]
    sign = np.where(np.arange(len(x)) % 2, 1, -1)[:, None]
    margins = [1 - s * v for s, v in zip(exactly(sign[:, 0]), exactly(x[:, 0]), strict=True)]
    assert ulps_off(values_of(hinge, x, sign), [max(m, Decimal(0)) for m in margins], dtype).max() <= ULPS
    slopes = [Decimal(-int(s)) if 1 - s * v > 0 else Decimal(0) for s, v in zip(sign[:, 0], x[:, 0], strict=True)]
    assert ulps_off(gradient_of(hinge, x, sign)[:, 0], slopes, dtype).max() <= ULPS


def test_what_a_mean_is_measured_against(count):
    # A mean of what is never negative has no cancellation: it is as exact as its terms.
    x = np.concatenate([rows_of_logits(np.float64, count, 3, seed) for seed in range(3)])
    labels = np.arange(len(x)) % 3
    exact = sum(Row(row).losses[label] for row, label in zip(x, labels, strict=True)) / len(x)
    assert ulps_off([cross_entropy(x, labels)], [exact], np.float64).max() <= ULPS


def test_a_network_sure_of_itself_still_learns_in_single_precision():
    # 1 - p is 1e-12, and p is 1 to the last place: a difference of softmax and target would be 0.
    x = np.array([[27.631021, 0.0]], np.float32)
    for target in (np.array([0]), np.array([[1.0, 0.0]], np.float32)):
        value, pullback = vjp(cross_entropy, x, target)
        assert value == pytest.approx(1e-12, rel=1e-6)
        np.testing.assert_allclose(pullback(1.0)[1](), [[-1e-12, 1e-12]], rtol=1e-6)
    value, pullback = vjp(binary_cross_entropy, x, np.array([[1.0, 0.5]], np.float32))
    np.testing.assert_allclose(pullback(2.0)[1](), [[-1e-12, 0.0]], rtol=1e-6)
    assert CrossEntropy(label_smoothing=0.0)(x, np.array([1])) == pytest.approx(27.631021)
