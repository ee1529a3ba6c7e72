"""Images and filters, pixel by pixel."""

# ruff: noqa: E402 (matplotlib may be missing)

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex, to_rgb

from fnn import (
    Key,
    plot,
)
from fnn.core.keys import normals, uniforms
from tests.plot.drawing import IMAGES, KERNELS, ORANGE, axes


def corners(ax):
    """Return the left upper pixel of each frame, in order, those drawn twice once."""
    frames = {(round(patch.get_x() + 0.5), round(patch.get_y() + 0.5)): None for patch in ax.patches}
    return list(frames)


@pytest.mark.parametrize("titles", [None, "abcdefghij"])
@pytest.mark.parametrize("columns", [None, 1, 3, 20])
def test_each_image_is_in_the_grid_pixel_by_pixel_and_nothing_else(columns, titles):
    ax = plot.images(axes(), IMAGES, titles, columns)
    canvas = ax.images[0].get_array().filled(np.nan)
    places = corners(ax)
    assert len(places) == 10
    assert len({x for x, _ in places}) == (min(columns, 10) if columns else len({x for x, _ in places}))
    for image, (left, top) in zip(IMAGES, places, strict=True):
        np.testing.assert_array_equal(canvas[top : top + 8, left : left + 8], image)
    assert np.count_nonzero(np.isfinite(canvas)) == IMAGES.size
    assert places == sorted(places, key=lambda place: (place[1], place[0]))


def test_a_grid_fits_the_shape_of_its_axes():
    shapes = {}
    for size in ((12, 2), (4, 4), (2, 12)):
        places = corners(plot.images(axes(size), np.zeros((16, 8, 8))))
        shapes[size] = len({y for _, y in places}), len({x for x, _ in places})
    assert shapes[4, 4] == (4, 4)
    assert shapes[12, 2][1] >= 8
    assert shapes[2, 12][0] >= 8


def test_a_full_last_row_is_worth_somewhat_smaller_images():
    places = corners(plot.images(axes((6, 4)), np.zeros((28, 8, 8))))
    assert len({x for x, _ in places}) == 7


def test_one_channel_is_ink_on_one_scale_for_all():
    ax = plot.images(axes(), np.stack([np.zeros((2, 2)), np.full((2, 2), 255)]).astype(np.uint8))
    assert ax.images[0].get_clim() == (0, 255)
    assert ax.images[0].cmap(1.0)[:3] == (0, 0, 0)
    assert ax.images[0].cmap(0.0)[:3] == (1, 1, 1)
    with_channel = plot.images(axes(), IMAGES[..., None])
    np.testing.assert_array_equal(with_channel.images[0].get_array(), plot.images(axes(), IMAGES).images[0].get_array())


@pytest.mark.parametrize("channels", [3, 4])
def test_colors_are_drawn_as_they_are_and_nothing_between_them(channels):
    colors = uniforms(Key(0), (2, 3, 3, channels))
    for images, expected in (
        (colors, colors),
        ((255 * colors).astype(np.uint8), (255 * colors).astype(np.uint8) / 255),
    ):
        ax = plot.images(axes(), images, columns=2)
        canvas = ax.images[0].get_array()
        (left, top), (other, _) = corners(ax)
        np.testing.assert_allclose(canvas[top : top + 3, left : left + 3, :channels], expected[0])
        assert (canvas[top : top + 3, left + 3 : other, 3] == 0).all()
        if channels == 3:
            assert (canvas[top : top + 3, left : left + 3, 3] == 1).all()


def test_titles_stand_above_their_images_and_the_marked_are_orange():
    marked = np.array([False, True, False])
    ax = plot.images(axes(), IMAGES[:3], titles=[7, "9, read as 4", 1.5], marked=marked, columns=3)
    assert [text.get_text() for text in ax.texts] == ["7", "9, read as 4", "1.5"]
    places = corners(ax)
    for text, (left, top), mark in zip(ax.texts, places, marked, strict=True):
        assert text.xy == (left + 3.5, top - 0.5)
        red, green, _ = to_rgb(text.get_color())
        assert (red > 2 * green) == mark
    orange = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()).upper() == ORANGE]
    assert [(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in orange] == places[1:2]
    assert (orange[0].get_width(), orange[0].get_height()) == (8, 8)


def test_titles_of_two_lines_have_room_over_small_images():
    ax = plot.images(axes(), np.ones((30, 4, 4)), ["a\nb"] * 30)
    ax.figure.draw_without_rendering()
    above = [text.get_window_extent() for text in ax.texts]
    frames = [patch.get_window_extent() for patch in ax.patches]
    for box in above:
        assert not any(
            frame.x0 < box.x1 and box.x0 < frame.x1 and frame.y0 + 1 < box.y1 and box.y0 + 1 < frame.y1
            for frame in frames
        )


def test_filters_are_tiles_on_one_symmetric_scale():
    ax = plot.filters(axes(), KERNELS)
    image = ax.images[0]
    largest = np.abs(KERNELS).max()
    assert image.get_clim() == (-largest, largest)
    canvas, places = image.get_array().filled(np.nan), corners(ax)
    assert len(places) == 8
    assert len({x for x, _ in places}) == 4
    for place, (left, top) in enumerate(places):  # a row for each input, a column for each filter
        np.testing.assert_array_equal(canvas[top : top + 3, left : left + 3], KERNELS[:, :, place // 4, place % 4])
    np.testing.assert_allclose(image.cmap(0.5)[:3], 1, atol=0.05)
    blue, red = image.cmap(0.0), image.cmap(1.0)
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert ax.child_axes[0].get_ylabel() == "weight"


def test_a_dense_layer_s_filters_are_its_columns_as_images():
    weight = normals(Key(1), (12, 5))
    ax = plot.filters(axes(), weight, (3, 4))
    canvas = ax.images[0].get_array().filled(np.nan)
    for unit, (left, top) in enumerate(corners(ax)):
        np.testing.assert_array_equal(canvas[top : top + 3, left : left + 4], weight[:, unit].reshape(3, 4))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("5 filters of 3 x 4", "")
    in_colour = plot.filters(axes(), weight, (2, 2, 3))
    canvas = in_colour.images[0].get_array().filled(np.nan)
    for place, (left, top) in enumerate(corners(in_colour)):
        expected = weight[:, place % 5].reshape(2, 2, 3)[..., place // 5]
        np.testing.assert_array_equal(canvas[top : top + 2, left : left + 2], expected)


def test_filters_of_zeros_have_a_scale_too():
    assert plot.filters(axes(), np.zeros((2, 2, 1, 1))).images[0].get_clim() == (-1, 1)
