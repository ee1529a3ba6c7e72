"""Laws of numeric slopes: they are the exact ones to nine digits, and nothing is written to or cut to integers."""

import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest

from fnn import Key, cross_entropy, mlp, tree, value_and_grad
from fnn.diagnostics.numeric import derivative, gradient, gradient_field, tangent
from tests.each_of import each_of
from tests.laws.cases import numbers

T, V = TypeError, ValueError
EXACT = {
    "exp": (np.exp, np.exp, np.linspace(-3, 3, 41)),
    "sin": (np.sin, np.cos, np.linspace(-1.4, 1.4, 41)),
    "square": (lambda x: x**2, lambda x: 2 * x, np.linspace(0.5, 90, 41)),
    "cubic": (lambda x: x**3 - 5 * x**2 + 1, lambda x: 3 * x**2 - 10 * x, np.array([-9.0, -2.0, 1.0, 2.0, 7.0, 40.0])),
    "constant": (lambda x: 0 * x + 5, lambda x: 0 * x, np.linspace(-50, 50, 11)),
    "the tutorial's": (lambda x: 0.01 * x**2 + 0.1 * x, lambda x: 0.02 * x + 0.1, np.linspace(0, 20, 41)),
}
each_function = each_of(("f", "slope", "x"), EXACT.values(), ids=EXACT)


@each_function
def test_the_slope_is_the_exact_one_to_nine_digits(f, slope, x):
    found = derivative(f, x)
    assert (found.dtype, found.shape) == (np.float64, x.shape)
    np.testing.assert_allclose(found, slope(x), rtol=1e-9)


@each_function
def test_of_a_number_the_slope_is_the_float_that_it_is_in_an_array(f, slope, x):
    for each in x[::5]:
        found = derivative(f, float(each))
        assert type(found) is float
        assert found == pytest.approx(float(slope(each)), rel=1e-9)
        assert found == pytest.approx(float(derivative(f, np.array([[each]]))[0, 0]), rel=1e-9)


def test_a_function_of_python_s_own_numbers_has_a_slope():
    assert derivative(math.exp, 1) == pytest.approx(math.e, rel=1e-9)
    assert derivative(lambda x: float(x) ** 2, 3) == pytest.approx(6, rel=1e-9)


def test_the_tutorial_s_numbers():
    def f(x):
        return 0.01 * x**2 + 0.1 * x

    assert derivative(f, 5) == pytest.approx(0.2, rel=1e-9)
    assert derivative(f, 10) == pytest.approx(0.3, rel=1e-9)
    for point in ([3, 4], (0.0, 2.0), np.array([3.0, 0.0])):
        np.testing.assert_allclose(gradient(lambda x: np.sum(x**2), point), 2 * np.array(point), rtol=1e-9, atol=1e-12)


@each_of("dtype", [np.uint8, np.int8, np.int64, np.float16, np.float32, np.float64])
def test_integers_and_short_floats_are_perturbed_in_double_precision(dtype):
    x = np.array([[1, 2], [3, 9]], dtype)
    before = x.tobytes()
    x.setflags(write=False)
    np.testing.assert_allclose(derivative(lambda x: x**3, x), 3.0 * np.float64(x) ** 2, rtol=1e-9)
    np.testing.assert_allclose(gradient(lambda x: (x**3).sum(), x), 3.0 * np.float64(x) ** 2, rtol=1e-7)
    np.testing.assert_allclose(derivative(lambda x: x * x, dtype(7)), 14, rtol=1e-9)
    assert x.tobytes() == before


def test_a_result_of_integers_or_short_floats_does_not_wrap_or_round_further():
    steep = np.uint8(200)
    assert derivative(lambda x: steep if x < 1 else np.uint8(100), 1.0, step=0.5) == -100
    assert derivative(lambda x: 3 if x > 0 else 1, 0, step=0.5) == 2
    assert derivative(lambda x: np.float32(x), 2.0, step=0.25) == 1


@each_of("shape", [(), (1,), (4,), (2, 3), (2, 1, 3), (0,)], ids=str)
def test_a_gradient_has_the_shape_of_x_whatever_its_order_in_memory(shape):
    x, weight = numbers(*shape), numbers(*shape, seed=1)
    strided = np.stack([x, x], axis=-1)[..., 0]
    for given in (x, np.array(x, order="F"), strided, x.tolist()):
        found = gradient(lambda x: float((weight * np.sin(x)).sum()), given)
        assert (found.shape, found.dtype) == (shape, np.float64)
        np.testing.assert_allclose(found, weight * np.cos(x), rtol=1e-8, atol=1e-10)


def test_a_gradient_asks_f_at_points_that_differ_from_x_in_one_coordinate():
    x, seen = np.array([[1.0, -2.0], [300.0, 0.0]]), []

    def f(point):
        seen.append(point.copy())
        point[...] = math.nan  # what f does to its argument is its own affair
        return 1.0

    assert gradient(f, x).tolist() == [[0, 0], [0, 0]]
    moved = [np.argwhere(point != x).tolist() for point in seen]
    assert moved == [[place] for place in ([0, 0], [0, 1], [1, 0], [1, 1]) for _ in range(2)]
    h = 2.0 ** (-52 / 3)
    offsets = [float(np.abs(point - x).max()) for point in seen]
    np.testing.assert_allclose(offsets, [h, h, 2 * h, 2 * h, 300 * h, 300 * h, h, h], rtol=1e-6)


def test_x_is_as_it_was_though_f_writes_to_what_it_is_given_and_reuses_what_it_returns():
    x, buffer = np.array([1.0, 2.0]), np.empty(2)

    def f(x):
        np.multiply(x, x, out=buffer)
        x += 1000
        return buffer

    np.testing.assert_allclose(derivative(f, x), [2, 4], rtol=1e-9)
    assert x.tolist() == [1, 2]
    np.testing.assert_allclose(gradient(lambda x: f(x)[:1].reshape(()), x), [2, 0], rtol=1e-9)
    assert x.tolist() == [1, 2]


@each_of("step", [0.5, 0.1, 1, np.float32(1e-3)])
def test_a_step_given_is_the_one_taken(step):
    seen = []
    slope = derivative(lambda x: seen.append(float(x)) or x**3, 2.0, step=step)
    assert sorted(seen) == [2.0 - float(step), 2.0 + float(step)]
    h = Fraction(float(step))
    assert slope == pytest.approx(float(12 + h * h), rel=1e-9)  # ((2 + h)^3 - (2 - h)^3) / 2h
    assert gradient(lambda x: x[0] ** 3, [2.0], step=step)[0] == pytest.approx(float(12 + h * h), rel=1e-9)


def test_the_slope_of_a_straight_line_is_exact_because_the_step_is_the_one_the_machine_takes():
    """A third is no float, so 1000 + h is rounded: the rise over 2h would be off in the tenth digit."""
    x = np.array([1000.0, 1 / 3, 12345.678, -0.1])
    assert derivative(lambda x: x, x).tolist() == [1, 1, 1, 1]
    assert derivative(lambda x: x, 1000.0, step=1e-9) == 1
    assert gradient(lambda x: 4 * x[0], x[:1]).tolist() == [4]


def test_a_gradient_is_that_of_back_propagation():
    net = mlp(4, 3)(Key(0), np.zeros((1, 5)))
    batch = numbers(7, 5), np.array([0, 2, 1, 1, 0, 2, 2])
    vector, unravel = tree.ravel(net)
    before = vector.tobytes()
    _, exact = value_and_grad(cross_entropy, net, batch)
    found = gradient(lambda vector: cross_entropy(unravel(vector)(batch[0]), batch[1]), vector)
    np.testing.assert_allclose(found, tree.ravel(exact)[0], rtol=1e-6, atol=1e-9)
    assert vector.tobytes() == before


# --- tangents and fields ---------------------------------------------------------------------------------------------


@each_function
def test_a_tangent_touches_f_at_x_and_has_its_slope(f, slope, x):
    for each in x[::10].tolist():
        line = tangent(f, each)
        assert line(each) == f(each)
        assert type(line(each)) is float
        rise = line(np.array([each - 1, each + 2])) - f(each)
        np.testing.assert_allclose(rise, slope(each) * np.array([-1, 2]), rtol=1e-8, atol=1e-12)


def test_the_tangents_of_the_tutorial():
    line = tangent(lambda x: 0.01 * x**2 + 0.1 * x, 5)
    np.testing.assert_allclose(line(np.array([0, 5, 20], np.uint8)), [-0.25, 0.75, 3.75], rtol=1e-9)
    assert pickle.loads(pickle.dumps(line))(20) == line(20)


def test_a_field_has_the_shape_of_a_meshgrid_and_the_gradient_at_each_of_its_points():
    x0, x1 = np.array([-2, 0, 1, 5]), np.array([0.5, 3.0, 4.0])
    u, v = gradient_field(lambda x: x[0] ** 2 * x[1] + x[1] ** 3, x0, x1)
    grid0, grid1 = np.meshgrid(x0, x1)
    assert u.shape == v.shape == grid0.shape == (3, 4)
    np.testing.assert_allclose(u, 2.0 * grid0 * grid1, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(v, grid0**2 + 3 * grid1**2, rtol=1e-8)
    assert x0.tolist() == [-2, 0, 1, 5]


def test_a_field_asks_f_for_one_point_at_a_time():
    shapes = set()
    gradient_field(lambda x: shapes.add(x.shape) or 0.0, [1.0], [2.0, 3.0])
    assert shapes == {(2,)}


# --- what has no slope -----------------------------------------------------------------------------------------------


def cube(x):
    return x**3


@each_of(
    ("make", "kind", "message"),
    [
        (lambda: derivative(cube, 1, step=math.nan), V, "derivative: the step must be at least 0 and finite, got nan"),
        (lambda: derivative(cube, 1.0, step=-0.1), V, "derivative: the step must be at least 0 and finite, got -0.1"),
        (lambda: derivative(cube, 1, step=math.inf), V, "derivative: the step must be at least 0 and finite, got inf"),
        (lambda: derivative(cube, 1.0, step="0.1"), T, "derivative: the step must be a number, got str '0.1'"),
        (lambda: derivative(cube, 1.0, step=1j), T, "derivative: the step must be a number, got complex 1j"),
        (lambda: derivative(3, 1.0), T, "derivative expects a function of x, got int 3"),
        (lambda: gradient(sum, [1.0], step=math.nan), V, "gradient: the step must be at least 0 and finite, got nan"),
        (lambda: gradient(sum, [1.0], step=True), T, "gradient: the step must be a number, got bool True"),
        (
            lambda: derivative(cube, 5.0, step=0),
            V,
            "derivative: a step of 0 changes nothing at x = 5; write a larger one",
        ),
        (
            lambda: gradient(sum, [1.0, 1e9], step=1e-9),
            V,
            "gradient: a step of 1e-09 changes nothing at x = 1e+09; write a larger one",
        ),
        (lambda: derivative(cube, 1j), T, "derivative expects x as a real number or an array of them, got complex 1j"),
        (lambda: derivative(cube, "5"), T, "derivative expects x as a real number or an array of them, got str '5'"),
        (lambda: derivative(cube, None), T, "derivative expects x as a real number or an array of them, got NoneType"),
        (lambda: derivative(cube, True), T, "derivative expects x as a real number or an array of them, got bool True"),
        (lambda: gradient(sum, np.zeros(2, complex)), T, "of them, got complex128 array (2,)"),
        (lambda: gradient(sum, ["a"]), T, "gradient expects x as a real number or an array of them, got list ['a']"),
        (lambda: gradient(sum, [[1], [1, 2]]), T, "gradient expects an array, got rows of unequal lengths: list [[1]"),
        (lambda: tangent(cube, "5"), T, "tangent expects x as a real number or an array of them, got str '5'"),
        (lambda: derivative(cube, math.nan), V, "derivative: x holds NaN or infinity"),
        (lambda: gradient(sum, [1.0, math.inf]), V, "gradient: x holds NaN or infinity"),
        (lambda: tangent(cube, math.nan), V, "tangent: x holds NaN or infinity"),
        (lambda: tangent(cube, [1.0, 2.0]), V, "tangent expects x as a number, got list [1.0, 2.0]"),
        (lambda: gradient(cube, [1.0, 2.0]), V, "gradient: f must return a number, got float64 array (2,)"),
        (lambda: gradient(cube, [1.0]), V, "gradient: f must return a number, got float64 array (1,)"),
        (lambda: derivative(lambda x: [x, x], 1.0), V, "derivative: f must return a number, got list [np.float64(1.0"),
        (
            lambda: derivative(sum, np.array([1.0, 2.0])),
            V,
            "derivative: f must return one number for each of x, (2,), got np.float64(",
        ),
        (lambda: derivative(lambda x: 1.0, [1.0, 2.0]), V, "one number for each of x, (2,), got float 1.0"),
        (lambda: derivative(lambda x: x[:, None], np.zeros(2)), V, "each of x, (2,), got float64 array (2, 1)"),
        (lambda: derivative(lambda x: x > 0, 1.0), T, "derivative: f must return real numbers, got bool"),
        (lambda: derivative(lambda x: None, 1.0), T, "derivative: f must return real numbers, got NoneType None"),
        (lambda: gradient(lambda x: 1j, [1.0]), T, "gradient: f must return real numbers, got complex 1j"),
        (lambda: tangent(lambda x: "y", 1.0), T, "tangent: f must return real numbers, got str 'y'"),
        (lambda: derivative(lambda x: [[1], [1, 2]], 1.0), T, "derivative, of f(x), expects an array, got rows of"),
        (lambda: gradient_field(sum, 1.0, [1.0]), V, "expects the axis x0 as (n,), got float64 array ()"),
        (lambda: gradient_field(sum, [1.0], np.zeros((2, 2))), V, "the axis x1 as (n,), got float64 array (2, 2)"),
        (lambda: gradient_field(sum, [], [1.0]), V, "expects the axis x0 as (n,), got float64 array (0,)"),
        (lambda: gradient_field(sum, [1.0], ["a"]), T, "gradient_field expects x1 as a real number or an array"),
        (lambda: gradient_field(sum, [math.nan], [1.0]), V, "gradient_field: x0 holds NaN or infinity"),
        (lambda: gradient_field(cube, [1.0], [2.0]), V, "gradient_field: f must return a number, got float64"),
    ],
)  # fmt: skip
def test_what_has_no_slope_is_refused_with_what_was_expected(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()
