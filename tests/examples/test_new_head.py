"""A network from an ONNX file gets a new head, which learns, and leaves as a file that onnxruntime computes."""

import numpy as np
import pytest

from tests.examples.lessons import number_after, run_script

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def test_squeezenet_reads_digits(tmp_path):
    path = tmp_path / "new_head.onnx"
    _, printed = run_script("new_head.py", "--fast", "--out", path)
    assert "67 layers, 1,235,496 parameters" in printed
    assert "All numbers of a weight are one" in printed
    assert number_after("epoch  0/4 test accuracy", printed) < 0.3
    found = number_after("test accuracy of all of it", printed)
    assert found > 0.5
    assert found == number_after("epoch  4/4 test accuracy", printed)
    session = runtime.InferenceSession(str(path))
    images = np.zeros((3, 3, 48, 48), np.float32)
    assert session.run(None, {"x": images})[0].shape == (3, 10)
