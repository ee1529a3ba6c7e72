"""What all pictures share: colors that most eyes can tell apart, a light grid, text that is large enough to read.

color          : place                   -> a color
tint           : color, strength         -> the color mixed into white
contrast       : color, background       -> the contrast of the two, from 1 to 21
readable       : color, *backgrounds     -> the color, or one like it in which text can be read there
canvas         : figure or ax            -> the color behind what is drawn on it
legible        : ax, xlabel, ylabel      -> nothing; labels and a grid
legend         : ax, title?              -> nothing; a legend
scale_bar      : ax, image, label        -> nothing; what the colors of an image mean
size_in_points : ax                      -> width, height
require_axes   : caller, ax              -> nothing, or an error that names ``caller``
numbers        : caller, name, values    -> array
texts          : caller, name, values, n -> n texts
span           : caller, low, high, n    -> n numbers from low to high
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure, SubFigure
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike

from fnn.core._arrays import as_array
from fnn.core._errors import describe, number

# Okabe and Ito's colors for all kinds of color vision (2008), without their yellow, which is hard to see on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
BLUE, ORANGE, SKY = COLORS[0], COLORS[1], COLORS[4]
DARK, MIDDLE, LIGHT = "0.25", "0.6", "0.88"

TEXT = 9  # points
_LARGEST = 1e307  # matplotlib subtracts the ends of an axis in float64, and adds a margin
_ENOUGH = 4.55  # WCAG asks for a contrast of 4.5 of small text, and a screen rounds colors to 8 bits


def color(place: int) -> str:
    """Return the color at a place; after the seventh they begin again.

    >>> color(0), color(7)
    ('#0072B2', '#0072B2')
    """
    return COLORS[place % len(COLORS)]


def tint(of: str, strength: ArrayLike) -> np.ndarray:
    """Mix a color into white, of strength 0 white and of 1 the color, and return it; of an array, colors (..., 3).

    >>> tint("black", np.array([0.0, 0.25, 1.0]))[:, 0]
    array([1.  , 0.75, 0.  ])
    """
    return 1 - np.asarray(strength, np.float64)[..., None] * (1 - np.array(to_rgb(of)))


def contrast(color: ColorType, background: ColorType) -> float:
    """Return the contrast of two colors, from 1 for the same to 21 for black and white.

    It is (L + 0.05) / (l + 0.05), where L and l are their relative luminances, the larger first (WCAG 2.1, 2018).

    >>> round(contrast("white", "black"), 6), contrast("red", "red")
    (21.0, 1.0)
    """
    low, high = sorted((_luminance(color), _luminance(background)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: ColorType) -> float:
    """Return how bright a color of the screen is, sRGB made linear, from 0 for black to 1 for white."""
    c = np.array(to_rgb(color))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def readable(color: ColorType, *backgrounds: ColorType) -> tuple[float, float, float]:
    """Return the color, mixed with black or white as far as it takes to read small text in it on the backgrounds.

    It then stands out as it does on white, and by 4.5 to 1 at least. Where nothing between it and black or white does,
    the better of the two is returned: on one background that is 4.58 to 1 or more.

    >>> readable("black", "white")
    (0.0, 0.0, 0.0)
    >>> dark_orange = readable(ORANGE, "white")
    >>> contrast(ORANGE, "white") < 4.5 < contrast(dark_orange, "white") < 5
    True
    """

    def least(color: ColorType) -> float:
        return min(contrast(color, background) for background in backgrounds)

    end = to_rgb(max(("black", "white"), key=least))
    mixed = [blend((*end, part), color) for part in np.linspace(0, 1, 41).tolist()]
    wanted = max(_ENOUGH, contrast(color, "white"))
    return next((each for each in mixed if least(each) >= wanted), end)


def canvas(place: Figure | SubFigure | Axes) -> tuple[float, float, float]:
    """Return the color behind what is drawn on axes or a figure: what is transparent shows what lies behind.

    >>> from matplotlib.figure import Figure
    >>> canvas(Figure(facecolor="black").subplots(subplot_kw={"facecolor": (1.0, 1.0, 1.0, 0.25)}))
    (0.25, 0.25, 0.25)
    """
    behind = None if isinstance(place, Figure) else place.figure
    below = (1.0, 1.0, 1.0) if behind is None else canvas(behind)
    return blend(place.get_facecolor() if place.patch.get_visible() else "none", below)


def blend(over: ColorType, below: ColorType) -> tuple[float, float, float]:
    """Return what is seen of a color, which may be transparent, over another."""
    *upper, alpha = to_rgba(over)
    red, green, blue = [alpha * a + (1 - alpha) * b for a, b in zip(upper, to_rgb(below), strict=True)]
    return red, green, blue


def legible(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Label the axes, draw a light grid behind everything, and remove the frame at the top and on the right."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(True, color=LIGHT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes, title: str | None = None) -> None:
    """Draw the legend where it hides least; what it hides is seen through it, if its text can be read then."""
    paper, opacity = canvas(ax), 0.8
    behind = [blend((*paper, opacity), line) for line in ("black", "white")]
    ink = readable(DARK, *behind)
    if min(contrast(ink, color) for color in behind) < _ENOUGH:
        ink, opacity = readable(DARK, paper), 1.0
    look: dict[str, Any] = {"facecolor": paper, "framealpha": opacity, "edgecolor": "none", "labelcolor": [ink]}
    words: dict[str, Any] = {"title": title, "fontsize": TEXT, "title_fontsize": TEXT, "alignment": "left"}
    made = ax.legend(loc="best", frameon=True, **look, **words)
    made.get_title().set_color(ink)
    for text in made.get_texts():
        text.set_parse_math(False)  # a label is a text, not a formula


def scale_bar(ax: Axes, image: ScalarMappable, label: str) -> None:
    """Draw beside the axes what the colors of an image mean. It is part of the axes and takes no space from others."""
    ax.figure.colorbar(image, cax=ax.inset_axes((1.03, 0.0, 0.04, 1.0)), label=label)


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return the width and height of the axes in points, as they are before the figure is laid out."""
    inches = ax.bbox.transformed(ax.figure.dpi_scale_trans.inverted())
    return max(72 * inches.width, 1.0), max(72 * inches.height, 1.0)


def require_axes(caller: str, ax: object) -> None:
    """Raise ``TypeError`` in the name of ``caller`` unless there are axes to draw on."""
    if not isinstance(ax, Axes):
        raise TypeError(f"plot.{caller} expects the axes to draw on first, got {describe(ax)}; write figure.subplots()")


def numbers(caller: str, name: str, values: Any, finite: bool = True) -> np.ndarray:
    """Return real numbers as an array, or raise in the name of ``caller``.

    Args:
        caller: the function of ``fnn.plot``.
        name: what the values are, for the error.
        values: an array, or a list or tuple.
        finite: whether to refuse NaN and infinity.

    Raises ``TypeError`` unless the values are real numbers, ``ValueError`` for NaN or infinity, or for numbers so large
    that no axis can hold them.

    >>> numbers("curves", "x", (1, 2))
    array([1, 2])
    """
    array = as_array(f"plot.{caller}, as {name},", list(values) if isinstance(values, tuple) else values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"plot.{caller}: {name} must be real numbers, got {describe(values)}")
    if finite and not np.isfinite(array).all():
        raise ValueError(f"plot.{caller}: {name} holds NaN or infinity")
    if array.dtype.kind == "f":
        largest = float(np.abs(array).max(initial=0, where=np.isfinite(array)))
        if largest > _LARGEST:
            raise ValueError(f"plot.{caller}: {name} holds {largest:.3g}, which is too large to draw; scale it")
    return array


def texts(caller: str, name: str, values: Any, n: int, each: str) -> list[str]:
    """Return values as texts, or raise in the name of ``caller`` unless there are ``n``, one for ``each``.

    >>> texts("images", "titles", [5, "six"], 2, "image")
    ['5', 'six']
    """
    if not isinstance(values, Iterable):
        raise TypeError(f"plot.{caller}: {name} must be a list or a text, got {describe(values)}")
    found = [str(value) for value in cast("Iterable[Any]", values)]
    if len(found) != n:
        raise ValueError(f"plot.{caller}: {name} must be {n}, one for each {each}, got {len(found)}")
    return found


def span(caller: str, low: float, high: float, n: int) -> np.ndarray:
    """Return ``n`` numbers from ``low`` to ``high``, or raise in the name of ``caller`` unless low is below high."""
    low, high = number(f"plot.{caller}: low", low, -np.inf), number(f"plot.{caller}: high", high, -np.inf)
    if low >= high:
        raise ValueError(f"plot.{caller}: low must be below high, got {low:g} and {high:g}")
    if max(-low, high) > _LARGEST:
        raise ValueError(f"plot.{caller}: low and high must be numbers that an axis can hold, got {low:g} and {high:g}")
    return np.linspace(low, high, n)
