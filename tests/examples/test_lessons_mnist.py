"""The lesson on MNIST: the data it reads, its initial loss, small batches against all rows, and counts that add up."""

import gzip
import math
import re
import struct
from collections import Counter

import numpy as np
import pytest

from fnn import tree
from fnn.data import digits
from tests.examples.lessons import run_lesson


@pytest.fixture
def lesson(tmp_path):
    return lambda *arguments: run_lesson("06_mnist.py", tmp_path, *arguments)


def rows(data):
    x, labels = data
    return Counter((x[i].tobytes(), int(labels[i])) for i in range(len(x)))


@pytest.mark.long
def test_it_learns_to_read_the_embedded_digits(lesson):
    names, printed = lesson()
    assert "1,797 digits of 8x8 pixels: 1,438 for training, 359 for development" in printed
    assert re.search(r"total +2,778\n", printed)  # 64 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10
    assert rows(names["train"]) + rows(names["dev"]) == rows(digits())

    x, labels = names["train"]
    for name, net in names["initial"].items():  # the initial loss, in float64, row by row
        scores = net(x).astype(np.float64)
        each = [math.log(sum(math.exp(s - row.max()) for s in row)) + row.max() for row in scores]
        by_hand = np.mean(each - scores[np.arange(len(x)), labels])
        assert float(re.search(rf"{name} +([\d.]+)\n", printed)[1]) == pytest.approx(by_hand, abs=0.006)
    initial = names["initial_loss"]
    assert initial["standard normal"] > 10 * math.log(10)
    assert initial["uniform from -1/2 to 1/2"] > initial["He"] > math.log(10) > initial["He"] / 1.2

    full, small = names["all_rows"]["all rows, He"], names["small"]
    assert tree.equal(full["net"][0], small["net"][0])
    assert re.findall(r"^ +(\d+)  (?:0\.\d{3} ?)+$", printed, re.MULTILINE) == ["0", "100", "0", "100"]
    assert full["train"][0] < 0.3 < 0.6 < full["train"][-1]
    after_ten_epochs = re.search(r"^ +10 +(0\.\d+) +(0\.\d+)$", printed, re.MULTILINE).groups()
    assert float(after_ten_epochs[0]) + 0.3 < float(after_ten_epochs[1])
    assert small["dev"][-1] > full["dev"][-1]
    assert int(re.search(r"reach after epoch (\d+)", printed)[1]) < 10

    x, labels = names["dev"]
    predicted = names["net"](x).argmax(axis=1)
    wrong, accuracy = re.search(r"(\d+) of 359 wrong; accuracy ([\d.]+)", printed).groups()
    assert int(wrong) == sum(prediction != label for prediction, label in zip(predicted, labels, strict=True))
    assert float(accuracy) == pytest.approx(1 - int(wrong) / 359, abs=1e-4)
    assert names["counts"].sum(axis=1).tolist() == [list(labels).count(digit) for digit in range(10)]
    assert names["counts"].sum(axis=0).tolist() == [list(predicted).count(digit) for digit in range(10)]
    for digit in range(10):
        right = sum(prediction == label == digit for prediction, label in zip(predicted, labels, strict=True))
        recall = float(re.search(rf"^ +{digit}(?: +[\d.]+){{10}} +([\d.]+)$", printed, re.MULTILINE)[1])
        assert recall == pytest.approx(right / list(labels).count(digit), abs=6e-4)


def pixels(n):
    return (np.arange(n * 784) * 7919 % 256).astype(np.uint8).reshape(n, 784)


@pytest.mark.long
def test_it_reads_kaggle_s_table(lesson, tmp_path):
    table = np.column_stack([np.arange(60) % 9, pixels(60)])  # no nine among them
    header = ",".join(["label"] + [f"pixel{i}" for i in range(784)])
    np.savetxt(tmp_path / "train.csv", table, fmt="%d", delimiter=",", header=header, comments="")
    names, printed = lesson("--csv", tmp_path / "train.csv")
    assert "60 digits of 28x28 pixels: 48 for training, 12 for development" in printed
    assert re.search(r"total +25,818\n", printed)
    assert rows(names["train"]) + rows(names["dev"]) == rows((pixels(60).astype(np.float32) / 255, np.arange(60) % 9))
    assert re.search(r"^   9(?:    \.){10}    none$", printed, re.MULTILINE)
    assert "test set" not in printed


@pytest.mark.long
def test_it_reads_mnist_s_own_files_and_uses_the_test_set_once(lesson, tmp_path):
    for part, n in (("train", 40), ("t10k", 30)):
        for kind, header, body in (
            ("images-idx3", struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28), pixels(n)),
            ("labels-idx1", struct.pack(">4BI", 0, 0, 8, 1, n), np.arange(n, dtype=np.uint8) % 10),
        ):
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + body.tobytes()))
    _, printed = lesson("--mnist", tmp_path)
    assert "40 digits of 28x28 pixels: 32 for training, 8 for development" in printed
    assert printed.count("on the 30 digits of the test set, used once: 0.") == 1


def test_a_table_and_a_folder_are_not_both_read(lesson, capsys):
    with pytest.raises(SystemExit):
        lesson("--csv", "a", "--mnist", "b")
    assert "argument --mnist: not allowed with argument --csv" in capsys.readouterr().err
