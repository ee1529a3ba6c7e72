"""Confusion matrices and attention weights, cell by cell."""

# ruff: noqa: E402 (matplotlib may be missing)
import math

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")


import fnn
from fnn import (
    Attention,
    Key,
    fold_in,
    plot,
)
from fnn import attention as attention_layer
from fnn.core.keys import normals
from tests.plot.drawing import BLUE, COUNTS, ORANGE, SEQUENCE, axes, mixed


def test_a_confusion_matrix_has_its_numbers_in_its_cells_truths_down():
    ax = plot.confusion(axes(), COUNTS, ["a", "b", "c"])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(j, i): str(COUNTS[i, j]) for i in range(3) for j in range(3)}
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first truth is above
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in ticks] == ["a", "b", "c"]
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == [0, 1, 2]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {0}
    long = plot.confusion(axes(), COUNTS, ["setosa", "versicolor", "virginica"])
    assert {label.get_rotation() for label in long.get_xticklabels()} == {45}


def test_what_is_right_is_blue_by_its_fraction_of_the_true_class_and_what_is_wrong_orange():
    image = plot.confusion(axes(), COUNTS).images[0].get_array()
    np.testing.assert_allclose(image[0, 0], mixed(BLUE, 0.9))
    np.testing.assert_allclose(image[2, 2], mixed(BLUE, 1.0))
    np.testing.assert_allclose(image[1, 0], mixed(ORANGE, math.sqrt(0.2)))
    np.testing.assert_allclose(image[0, 2], 1)


def test_fractions_and_classes_that_never_occur_are_drawn_too():
    assert [text.get_text() for text in plot.confusion(axes(), [[0.9, 0.1], [0.25, 0.75]]).texts] == [
        "0.90", "0.10", "0.25", "0.75",
    ]  # fmt: skip
    empty = plot.confusion(axes(), np.array([[0, 0], [1, 3]]))
    np.testing.assert_array_equal(empty.images[0].get_array()[0], 1)
    assert [label.get_text() for label in empty.get_xticklabels()] == ["0", "1"]


def two_steps(causal):
    """An attention whose second head gives query 2 x[0] and key x[1], both over sqrt(4), and whose first gives 0."""
    weight = np.zeros((8, 24))
    weight[0, 4], weight[1, 8 + 4] = 2, 1
    return Attention(weight, np.zeros(24), np.eye(8), np.zeros(8), heads=2, causal=causal)


def test_attention_s_weights_are_those_found_by_hand():
    x = np.zeros((2, 8))
    x[:, 0], x[1, 1] = 1, math.log(3)  # scores 0 and log 3, of which softmax makes 1 and 3 quarters
    for sequence in (x, x[None]):
        weights = plot.attention(axes(), two_steps(False), sequence, head=1).images[0].get_array()
        np.testing.assert_allclose(weights, [[0.25, 0.75], [0.25, 0.75]])
    weights = plot.attention(axes(), two_steps(True), x, head=1).images[0].get_array()
    np.testing.assert_allclose(weights, [[1, 0], [0.25, 0.75]])
    weights = plot.attention(axes(), two_steps(False), x).images[0].get_array()
    np.testing.assert_allclose(weights, 0.5)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_s_weights_sum_to_one_and_make_what_the_layer_gives(causal):
    layer = attention_layer(2, causal=causal)(Key(1), SEQUENCE[None])
    layer = fnn.tree.map(lambda leaf: normals(fold_in(Key(2), leaf.size), leaf.shape), layer)
    value = (SEQUENCE @ layer.weight + layer.bias)[:, 16:]
    context = []
    for head in range(2):
        ax = plot.attention(axes(), layer, SEQUENCE, head)
        weights = ax.images[0].get_array().filled()
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        assert ax.images[0].get_clim() == (0, weights.max())
        context.append(weights @ value[:, 4 * head : 4 * head + 4])
    y = np.concatenate(context, axis=1) @ layer.output_weight + layer.output_bias
    np.testing.assert_allclose(y, layer(SEQUENCE[None])[0])


def test_steps_have_the_names_of_their_symbols_and_what_is_blank_can_be_seen():
    ax = plot.attention(axes(), two_steps(True), np.zeros((7, 8)), symbols="a b\nc\td")
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in ticks] == ["a", "␣", "b", "↵", "c", "⇥", "d"]
    assert ax.child_axes[0].get_ylabel() == "attention weight"


def test_a_memory_that_is_attended_to_has_columns_and_names_of_its_own():
    memory = normals(Key(3), (5, 6))
    layer = attention_layer(2)(Key(1), (SEQUENCE[None], memory[None]))
    ax = plot.attention(axes(), layer, SEQUENCE, 1, memory=memory, memory_symbols="vwxyz")
    weights = ax.images[0].get_array().filled()
    np.testing.assert_allclose(weights, layer(also="weights")((SEQUENCE[None], memory[None]))[1][0, 1], rtol=1e-12)
    assert weights.shape == (len(SEQUENCE), 5)
    assert [label.get_text() for label in ax.get_xticklabels()] == list("vwxyz")
    with pytest.raises(
        ValueError, match=r"plot.attention expects one sequence \(time, 6\), got float64 array \(5, 3\)"
    ):
        plot.attention(axes(), layer, SEQUENCE, memory=memory[:, :3])
    with pytest.raises(ValueError, match=r"plot.attention: memory_symbols must be 5, one for each step, got 2"):
        plot.attention(axes(), layer, SEQUENCE, memory=memory, memory_symbols="ab")
