"""ONNX's own tests of the operators of neural networks: none comes out wrong, and what is not said is counted.

A test passes if ``from_onnx`` reads its model as it stands, weights as constants, and the network's outputs are those
that ONNX ships, in shape, dtype and values. Nothing is done in NumPy around it.
"""

import collections
import re

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from tests.interop.onnx_nodes import cases, outcome  # noqa: E402 (after onnx is known to be there)

# How many are not said, at most, and why. Who adds a word takes its tests off.
NOT_SAID = {
    # GridSample 18, LinearAttention 14, FlexAttention 5, DeformConv 4, MaxUnpool 2, Gradient 2
    "no layer for the operator": 45,
    # GRU, LSTM and RNN backwards, with peepholes or a state in both directions 7; dropout at random 4; PRelu of old 3;
    # places of maxima 2; moving statistics 2; zeros that count in a window that is left over 1
    "a setting, a shape or an output that the layer has not": 19,
    # bfloat16 9, optimizers as operators 7, sequences and optional values 2
    "no model that from_onnx takes: bfloat16, no opset, an input that is no array": 18,
}


def reason(text):
    if re.match(r"[\w.]+(, control flow that depends on the data)? \(at [^)]*\)$", text):
        return "no layer for the operator"
    if re.match(r"from_onnx|[A-Z]\w*Error:|cannot be converted", text):
        return "no model that from_onnx takes: bfloat16, no opset, an input that is no array"
    return "a setting, a shape or an output that the layer has not"


@pytest.mark.filterwarnings("ignore")  # of the versions of models that onnx converts, and its own data
def test_no_operator_is_computed_wrongly_and_what_is_not_said_is_counted():
    with np.errstate(all="ignore"):
        found = {case[0]: outcome(case) for case in cases()}
    assert len(found) == 687
    assert {name: text for name, text in found.items() if text.startswith("wrong")} == {}
    assert sum(text == "pass" for text in found.values()) >= 605
    counts = collections.Counter(reason(text) for text in found.values() if text != "pass")
    assert counts.keys() <= NOT_SAID.keys()
    assert all(counts[why] <= most for why, most in NOT_SAID.items()), counts
