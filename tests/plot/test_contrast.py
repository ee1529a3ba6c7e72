"""Text stands out from what is behind it by 4.5 to 1 or more (WCAG 2.1), whatever is drawn and in whatever style.

The colors are read from the figure as it is drawn: behind a text lies what is seen where its letters are, without it.
"""

# ruff: noqa: E402 (matplotlib may be missing)
import math

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from fnn import plot
from fnn.plot._style import canvas, legend, readable
from tests.plot.drawing import axes, bowl
from tests.plot.test_plot import PICTURES


def luminance(color):
    """WCAG's, channel by channel."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = max(luminance(one), luminance(other)), min(luminance(one), luminance(other))
    return (high + 0.05) / (low + 0.05)


def test_contrasts_are_those_that_are_published():
    for color, expected in (("#767676", 4.54), ("#595959", 7.0), ("#0000FF", 8.59), ("#FF0000", 4.0), ("black", 21)):
        assert contrast(to_rgb(color), (1, 1, 1)) == pytest.approx(expected, abs=0.005)


def seen(figure):
    """Return the colors of a figure, pixel by pixel from the bottom."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255


def contrasts(figure):
    """Return the least contrast of each text that is drawn, to the pixels that its letters cover."""
    texts, draw = {}, Text.draw

    def spy(text, renderer):
        if text.get_text().strip() and text.get_visible():
            texts[text] = True
        draw(text, renderer)

    seen(figure)
    figure.set_layout_engine("none")  # so that the second picture is laid out as the first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", spy)
        whole = seen(figure)
    boxes = {text: text.get_window_extent() for text in texts}
    for text in texts:
        text.set_alpha(0)
    behind = seen(figure)
    least = {}
    for text, box in boxes.items():
        part = np.s_[math.floor(box.y0) : math.ceil(box.y1), math.floor(box.x0) : math.ceil(box.x1)]
        covered = behind[part][np.abs(whole[part] - behind[part]).max(axis=2) > 0.1]
        assert len(covered) > 3, text
        colors = np.unique(covered, axis=0)
        least[text] = min(contrast(to_rgb(text.get_color()), color) for color in colors)
    return least


def contrasts_on_cells(ax):
    """Return the contrast of each text of a table to its cell, whose colors have 8 bits on a screen."""
    cells = np.round(255 * ax.images[0].get_array()) / 255
    inks = {text.get_position(): np.round(255 * np.array(to_rgb(text.get_color()))) / 255 for text in ax.texts}
    return [contrast(inks[column, row], cells[row, column]) for row in range(2) for column in range(2)]


def test_the_numbers_of_a_confusion_matrix_stand_out_at_every_strength_of_its_colors():
    ax = axes()
    for right in np.linspace(0, 1, 151):
        ax.clear()
        plot.confusion(ax, [[right, 1 - right], [(1 - right) ** 2, 1 - (1 - right) ** 2]])
        assert min(contrasts_on_cells(ax)) >= 4.5, right


@pytest.mark.parametrize("name", ["Blues", "gray_r", "RdBu_r", "viridis"])
def test_text_is_readable_at_every_position_of_every_color_map(name):
    for color in matplotlib.colormaps[name](np.linspace(0, 1, 101))[:, :3]:
        for ink in ("0.25", "0.6", "#D55E00", "white"):
            assert contrast(readable(ink, tuple(color)), color) >= 4.5
        for paper in ("white", "black", "0.5", "#fdf6e3"):  # labels of contours have their color
            assert contrast(readable(tuple(color), paper), to_rgb(paper)) >= 4.5


def test_a_color_that_can_be_read_stays_as_it_is_and_an_other_keeps_its_hue():
    assert readable("0.25", "white") == (0.25, 0.25, 0.25)
    red, green, blue = readable("#D55E00", "white")
    assert red > 2 * green > blue == 0


@pytest.mark.parametrize("settings", [{}, {"legend.frameon": False, "text.color": "0.6", "legend.facecolor": "0.5"}])
@pytest.mark.parametrize("face", ["white", "black", "0.2", "0.4", "0.5", "0.7", "#586e75", (1.0, 0.5, 0.0, 0.3)])
def test_the_text_of_a_legend_stands_out_from_whatever_shines_through(face, settings):
    with matplotlib.rc_context(settings):
        ax = Figure().subplots(subplot_kw={"facecolor": face})
        ax.plot([0, 1], label="line")
        legend(ax, "title")
        assert ax.get_legend().get_frame_on()
        assert to_rgb(ax.get_legend().get_frame().get_facecolor()) == pytest.approx(canvas(ax))
    box, inks = ax.get_legend().get_frame(), [ax.get_legend().get_title(), *ax.get_legend().get_texts()]
    *rgb, opacity = box.get_facecolor()
    assert opacity >= 0.8
    for line in np.linspace(0, 1, 11):
        behind = opacity * np.array(rgb) + (1 - opacity) * line
        assert all(contrast(to_rgb(text.get_color()), behind) >= 4.5 for text in inks)


STYLES = ["default", "dark_background", "fivethirtyeight"]


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("picture", PICTURES)
def test_every_text_of_every_picture_stands_out_from_what_is_behind_its_letters(picture, name):
    with style.context(name):
        figure = Figure(figsize=(6, 5), dpi=60, layout="constrained")
        PICTURES[picture](figure.subplots())
        low = {text.get_text(): least for text, least in contrasts(figure).items() if least < 4.5}
    assert not low


def test_heights_of_contours_stand_out_even_where_arrows_are_thick_as_leaves():
    figure = Figure(figsize=(5, 5), dpi=80)
    plot.gradient_field(figure.subplots(), bowl, arrows=40)
    assert min(contrasts(figure).values()) >= 4.5


def test_the_canvas_is_what_is_seen_behind_the_axes():
    figure = Figure(facecolor="blue")
    part, other = figure.subfigures(1, 2)
    other.set_facecolor("white")
    assert canvas(part.subplots(subplot_kw={"facecolor": "none"})) == (0, 0, 1)
    assert canvas(other.subplots(subplot_kw={"facecolor": (0, 0, 0, 0.5)})) == (0.5, 0.5, 0.5)
    ax = figure.add_subplot()
    ax.patch.set_visible(False)
    assert canvas(ax) == (0, 0, 1)
