"""The examples do what they say; the network by hand and the library's agree to rounding."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fnn import Dense, Serial, cross_entropy, relu, sgd, start, train_step, tree, value_and_grad
from fnn.checkpoint.files import load
from fnn.data import digits
from tests.examples.lessons import played

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def from_scratch(tmp_path_factory):
    """The names of lesson 10 and what it printed. It is run, as a module's name cannot begin with a digit."""
    names, printed = played("10_from_scratch.py", tmp_path_factory.mktemp("lesson"))
    return SimpleNamespace(**names, printed=printed)


def twin(params):
    weight1, bias1, weight2, bias2 = params
    return Serial((Dense(weight1, bias1), relu, Dense(weight2, bias2)))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-4)])
def test_the_network_by_hand_and_the_library_s_agree_over_200_steps(from_scratch, dtype, tolerance):
    x, label = digits()
    x = x.astype(dtype)
    by_hand = from_scratch.first_params(64, 64, 10, seed=0, dtype=dtype)
    step = train_step(cross_entropy, sgd(0.2))
    state = start(twin(by_hand), sgd(0.2))
    for number in range(200):
        rows = (np.arange(32) * 7 + number * 32) % len(x)
        loss, by_hand = from_scratch.train_step(by_hand, x[rows], label[rows], dtype(0.2))
        state = step(state, (x[rows], label[rows]))
        assert state.loss == pytest.approx(float(loss), rel=tolerance, abs=tolerance)
    for ours, theirs in zip(tree.leaves(state.params), by_hand, strict=True):
        assert ours.dtype == theirs.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_the_gradients_of_one_step_agree_to_the_last_bits(from_scratch):
    x, label = digits()
    x = x.astype(np.float64)
    params = from_scratch.first_params(64, 64, 10, seed=1, dtype=np.float64)
    loss, gradient = from_scratch.loss_and_gradient(params, x, label)
    value, ours = value_and_grad(cross_entropy, twin(params), (x, label))
    assert value == pytest.approx(loss, rel=1e-15)
    for a, b in zip(tree.leaves(ours), gradient, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-16)


def test_the_network_by_hand_learns_to_read(from_scratch):
    x, label = digits()
    losses, params = from_scratch.learn(from_scratch.first, seed=0, epochs=10)
    scores = from_scratch.forward(params, x[from_scratch.test])[1]
    assert len(losses) == 10 * 45  # 1,437 rows in batches of 32
    assert np.mean(scores.argmax(axis=1) == label[from_scratch.test]) > 0.95
    assert not set(from_scratch.test) & set(from_scratch.train)
    assert len(from_scratch.test) == 360


def test_the_lesson_ends_with_the_same_numbers_from_the_library(from_scratch):
    after = (
        r"after 270 steps the weights by hand and by the library differ by (\S+) at most,\nand the losses .* by (\S+)"
    )
    weights, losses = map(float, re.search(after, from_scratch.printed).groups())
    assert max(weights, losses) < 1e-12
    start_to_end = zip(tree.leaves(from_scratch.run[0].params), from_scratch.params, strict=True)
    assert max(np.abs(a - b).max() for a, b in start_to_end) > 0.1  # it has gone somewhere
    by_hand, by_library = map(
        int, re.search(r"by hand (\d+) lines, with the library (\d+)", from_scratch.printed).groups()
    )
    assert 5 * by_library <= by_hand < 40


def test_the_network_by_hand_takes_nothing_but_the_data_from_the_library():
    by_hand = (ROOT / "examples" / "10_from_scratch.py").read_text().split("# %% The same with the library")[0]
    assert re.findall(r"\bfnn\.\w+\.?\w*", by_hand.split('"""')[2]) == ["fnn.data.digits"]


def example(*arguments, folder):
    """Run the main job as a user does, in a process of its own."""
    command = [sys.executable, "-W", "error::RuntimeWarning", str(ROOT / "examples" / "digits.py"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run a script in this process, which takes a third of the time."""

    def run(script, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(str(ROOT / "examples" / script), run_name="__main__")
        return capsys.readouterr().out

    return run


def accuracy_of(printed):
    return float(printed.split("test accuracy ")[1].split()[0])


def test_the_main_job_learns_to_read_digits(tmp_path):
    printed = example(folder=tmp_path)
    assert ["layers[0]", "Dense", "(n,", "64)", "4,160"] in [line.split() for line in printed.splitlines()]
    assert "epoch 100/100" in printed
    assert "what it is (down) and what it was taken for (across)" in printed
    assert accuracy_of(printed) >= 0.96
    assert ("wrote digits.png" in printed) == (tmp_path / "digits.png").exists()


def test_the_main_job_is_the_same_from_the_same_seed_and_another_from_another(here):
    runs = [here("digits.py", "--seed", seed, "--epochs", "2", "--out", "a.png") for seed in ("0", "0", "1")]
    assert runs[0] == runs[1] != runs[2]


def test_the_main_job_reads_mnist_s_own_files(tmp_path):
    import gzip
    import struct

    images = (np.arange(40 * 28 * 28) * 7919 % 256).astype(np.uint8)
    labels = np.arange(40, dtype=np.uint8) % 10
    for part in ("train", "t10k"):
        for kind, header, body in (
            ("images-idx3", struct.pack(">4B3I", 0, 0, 8, 3, 40, 28, 28), images),
            ("labels-idx1", struct.pack(">4BI", 0, 0, 8, 1, 40), labels),
        ):
            with gzip.open(tmp_path / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(header + body.tobytes())
    printed = example("--mnist", str(tmp_path), "--epochs", "1", folder=tmp_path)
    assert ["layers[0]", "Dense", "(n,", "32)", "25,120"] in [line.split() for line in printed.splitlines()]
    assert "40 digits to learn from, 40 to be tested on, 784 pixels each" in printed


def test_a_convolutional_network_learns_to_read_digits(here):
    assert accuracy_of(here("digits_cnn.py", "--fast")) >= 0.9


@pytest.mark.long
def test_an_lstm_learns_to_add_what_it_saw_long_ago(here):
    printed = here("adding.py", "--fast", "--cell", "lstm")
    assert float(printed.split("lstm: test loss ")[1].split(",")[0]) < 0.01


@pytest.mark.long
@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_a_network_learns_to_write(model, here):
    printed = here("characters.py", "--fast", "--model", model)
    assert float(printed.split("held out, all of it: ")[1].split()[0]) < 3.4  # a guess has 4.11
    assert "and it goes on" in printed


def test_a_run_that_was_killed_goes_on_from_its_file_and_ends_at_the_same_bits(here, tmp_path):
    printed = here("resume.py", "--fast", "--out", "run.fnn")
    said = r"(?:never stopped|and gone on): +(step 300, test accuracy 0\.\d+, parameters [0-9a-f]{16})"
    ends = re.findall(said, printed)
    assert len(ends) == 2
    assert ends[0] == ends[1]
    reported, held = map(int, re.search(r"reported step (\d+); the file holds step (\d+)", printed).groups())
    assert reported >= 104
    assert reported - 10 < held <= 300
    assert "The two are the same to the last bit" in printed
    assert load(tmp_path / "run.fnn").step == 300


def test_a_file_that_is_there_is_not_taken_for_a_new_run(here, tmp_path, capsys):
    (tmp_path / "run.fnn").write_bytes(b"mine")
    with pytest.raises(SystemExit):
        here("resume.py", "--fast", "--out", "run.fnn")
    assert "--out must be a new file, and run.fnn is there already" in capsys.readouterr().err
    assert (tmp_path / "run.fnn").read_bytes() == b"mine"
