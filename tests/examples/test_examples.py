"""The examples do what they say; the network by hand and the library's agree to rounding."""

import gzip
import re
import struct
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fnn import Dense, Serial, cross_entropy, load, relu, sgd, start, train_step, tree, value_and_grad
from fnn.data import digits
from tests.examples.lessons import EXAMPLES, NO_FIGURES, number_after, run_lesson, run_script


@pytest.fixture(scope="module")
def from_scratch(tmp_path_factory):
    """The names of lesson 10 and what it printed. It is run, since a module's name cannot begin with a digit."""
    names, printed = run_lesson("10_from_scratch.py", tmp_path_factory.mktemp("lesson"))
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
    losses, params = from_scratch.learn(from_scratch.first, seed=0, n_epochs=10)
    scores = from_scratch.forward(params, x[from_scratch.test])[1]
    assert len(losses) == 10 * 45  # 1,437 rows in batches of 32
    assert np.mean(scores.argmax(axis=1) == label[from_scratch.test]) > 0.95
    assert not set(from_scratch.test) & set(from_scratch.train)
    assert len(from_scratch.test) == 360


def test_the_lesson_ends_with_the_same_numbers_from_the_library(from_scratch):
    after = (
        r"after 270 steps the weights by hand and by the library differ by at most (\S+),\nand the losses .* most (\S+)"
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
    by_hand = (EXAMPLES / "10_from_scratch.py").read_text().split("# ## The same with the library")[0]
    code = by_hand.split("# ## The data")[1]  # after the setup
    assert re.findall(r"\bfnn\.\w+\.?\w*", code) == ["fnn.data.digits"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run a script in this process and in an empty folder, and return what it printed."""
    monkeypatch.chdir(tmp_path)
    return lambda script, *arguments, without=NO_FIGURES: run_script(script, *arguments, without=without)[1]


def accuracy_of(printed):
    return float(printed.split("test accuracy ")[1].split()[0])


def layers_of(printed):
    return [line.split() for line in printed.splitlines() if line.startswith("layers[")]


@pytest.mark.long
def test_the_main_job_learns_to_read_digits_in_a_process_of_its_own(tmp_path):
    command = [sys.executable, "-W", "error::RuntimeWarning", str(EXAMPLES / "digits.py"), "--epochs", "30"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stderr
    assert layers_of(run.stdout)[0] == ["layers[0]", "Dense", "(n,", "64)", "4,160"]
    assert "epoch  30/30" in run.stdout
    assert "how often each digit (row) was read as which (column)" in run.stdout
    assert accuracy_of(run.stdout) >= 0.96
    assert ("wrote digits.png" in run.stdout) == (tmp_path / "digits.png").exists()
    assert ("no figure: " in run.stdout) != (tmp_path / "digits.png").exists()


def test_the_main_job_is_the_same_from_the_same_seed_and_another_from_another(here):
    runs = [here("digits.py", "--seed", seed, "--epochs", "2") for seed in ("0", "0", "1")]
    assert runs[0] == runs[1] != runs[2]


def test_the_main_job_reads_mnist_s_own_files(here, tmp_path):
    images = (np.arange(40 * 28 * 28) * 7919 % 256).astype(np.uint8)
    labels = np.arange(40, dtype=np.uint8) % 10
    for part in ("train", "t10k"):
        for kind, header, body in (
            ("images-idx3", struct.pack(">4B3I", 0, 0, 8, 3, 40, 28, 28), images),
            ("labels-idx1", struct.pack(">4BI", 0, 0, 8, 1, 40), labels),
        ):
            with gzip.open(tmp_path / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(header + body.tobytes())
    printed = here("digits.py", "--mnist", tmp_path, "--epochs", "1")
    assert layers_of(printed)[0] == ["layers[0]", "Dense", "(n,", "32)", "25,120"]
    assert "40 digits for training, 40 for testing, 784 pixels each" in printed


@pytest.mark.parametrize("script", ["digits.py", "digits_cnn.py"])
def test_a_number_of_epochs_that_is_none_is_refused(script, here, capsys):
    with pytest.raises(SystemExit):
        here(script, "--epochs", "0")
    assert "--epochs must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.long
def test_a_convolutional_network_learns_to_read_digits(here):
    assert accuracy_of(here("digits_cnn.py", "--fast")) >= 0.9


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("digits_cnn.py", ["--fast", "--augment", "--epochs", "1"]),
        ("adding.py", ["--fast", "--steps", "2"]),
        ("characters.py", ["--fast", "--model", "transformer"]),
    ],
)
def test_the_figure_is_drawn(script, arguments, here, tmp_path):
    pytest.importorskip("matplotlib")
    assert "\nwrote a.png\n" in here(script, *arguments, "--out", "a.png", without=())
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.long
def test_an_lstm_learns_to_add_what_it_saw_long_ago(here):
    printed = here("adding.py", "--fast", "--cell", "lstm")
    assert number_after("\nlstm: test loss", printed) < 0.01


@pytest.mark.long
@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_a_network_learns_to_write(model, here):
    printed = here("characters.py", "--fast", "--model", model)
    assert float(printed.split("loss on the whole held-out text: ")[1].split()[0]) < 3.4  # a guess has 4.11
    assert "--- the network continues:" in printed


@pytest.mark.long
def test_a_run_that_was_killed_goes_on_from_its_file_and_ends_at_the_same_bits(here, tmp_path):
    printed = here("resume.py", "--fast", "--out", "run.fnn")
    ending = r"(?:never killed|resumed): +(step 300, test accuracy 0\.\d+, parameters [0-9a-f]{16})"
    ends = re.findall(ending, printed)
    assert len(ends) == 2
    assert ends[0] == ends[1]
    reported, held = map(int, re.search(r"reported step (\d+); the file holds step (\d+)", printed).groups())
    assert reported >= 104
    assert reported - 10 < held <= 300
    assert "The two are the same to the bit" in printed
    assert load(tmp_path / "run.fnn").step == 300


def test_a_file_that_is_there_is_not_taken_for_a_new_run(here, tmp_path, capsys):
    (tmp_path / "run.fnn").write_bytes(b"mine")
    with pytest.raises(SystemExit):
        here("resume.py", "--fast", "--out", "run.fnn")
    assert "--out must be a new file, and run.fnn is there already" in capsys.readouterr().err
    assert (tmp_path / "run.fnn").read_bytes() == b"mine"
