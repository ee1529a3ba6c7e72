"""Pictures as text: what differs is marked, and what is not finite leaves out no more than itself."""

import re

import numpy as np

from fnn.diagnostics._svg import curve, side_by_side


def test_what_differs_is_marked():
    svg = side_by_side(np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[1, 2], [3, 4.0]]))
    assert svg.count('class="off"') == 1
    assert svg.count("<rect") == 8
    assert svg.index('class="off"') < svg.index(">nan<")


def test_arrays_of_any_shape_are_cut_to_what_fits():
    assert side_by_side(np.ones(3), np.ones((2, 3, 2))).count("<rect") == 3 + 10
    assert side_by_side(np.array(3.0), np.ones((100, 2))).count("<rect") == 1 + 16
    assert side_by_side(np.array([np.inf]), np.array([np.inf])).count('class="off"') == 0


def test_a_curve_skips_what_is_not_finite():
    svg = curve(np.array([1.0, 2.0, np.inf, 3.0, 4.0]))
    points = [each.split(",") for each in re.search(r'points="([^"]*)"', svg)[1].split()]
    assert [float(x) for x, _ in points] == [70, 148, 304, 382]
    assert [float(y) for _, y in points] == [110, 80, 50, 20]


def test_what_is_no_picture_is_none():
    for found, expected in ((None, np.ones(3)), (np.ones(3), None), (np.array(3.0), np.array(2.0))):
        assert side_by_side(found, expected) == ""
    for values in (None, np.array(3.0), np.ones(3), np.ones((9, 2))):
        assert curve(values) == ""
