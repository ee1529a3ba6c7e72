"""What the recipes write is read back with the tools' own readers, and is what the stream held."""

import csv
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toolz import pipe

from fnn import history, tree
from tests.examples.lessons import EXAMPLES

EVERY = slice(None, None, 10)  # a row or a point for each tenth state


@pytest.fixture(scope="module")
def logs():
    return SimpleNamespace(**runpy.run_path(str(EXAMPLES / "experiment_logs.py"), run_name="experiment_logs"))


@pytest.fixture(scope="module")
def seen(logs):
    """The steps and losses of the run, and its last state."""
    measures = history(step=lambda state: state.step, loss=lambda state: state.loss, state=lambda state: state)
    kept = pipe(logs.run(epochs=2), measures)
    return SimpleNamespace(steps=np.array(kept["step"]), losses=np.array(kept["loss"]), final=kept["state"][-1])


def test_a_csv_file(logs, seen, tmp_path):
    final = logs.to_csv(logs.run(epochs=2), tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    due = seen.steps % 10 == 0
    assert [int(row["step"]) for row in rows] == seen.steps[due].tolist()
    assert [float(row["loss"]) for row in rows] == seen.losses[due].tolist()
    assert float(rows[-1]["test_loss"]) < float(rows[0]["test_loss"])
    assert tree.equal(final.params, seen.final.params)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_event_files_of_tensorboard(logs, seen, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    final = logs.to_tensorboard(logs.run(epochs=2), tmp_path)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    points = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    assert sorted(points) == ["loss", "test/loss"]
    assert [point.step for point in points["loss"]] == seen.steps.tolist()
    written = [make_ndarray(point.tensor_proto) for point in points["loss"]]
    np.testing.assert_array_equal(written, seen.losses.astype(np.float32))
    assert [point.step for point in points["test/loss"]] == seen.steps[EVERY].tolist()
    assert tree.equal(final.params, seen.final.params)


@pytest.mark.long  # its database takes a while to be made
@pytest.mark.filterwarnings("ignore")  # its own, of the libraries below it
def test_runs_of_mlflow(logs, seen, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    logs.to_mlflow(logs.run(epochs=2), uri, learning_rate=3e-3)
    (run,) = mlflow.MlflowClient(uri).search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"learning_rate": "0.003"}
    points = mlflow.MlflowClient(uri).get_metric_history(run.info.run_id, "loss")
    assert sorted((point.step, point.value) for point in points) == list(
        zip(seen.steps[EVERY].tolist(), seen.losses[EVERY].tolist(), strict=True)
    )


def test_weights_and_biases_by_the_same_shape(logs, seen, monkeypatch):
    """Its client needs an account, so that a stand-in takes what it would be told."""
    told = []

    class Log:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            told.append("end")

        def log(self, values, step):
            told.append((step, values["loss"]))

    def init(project, config):
        told.append((project, config))
        return Log()

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    logs.to_wandb(logs.run(epochs=2), learning_rate=3e-3)
    first, *points, end = told
    assert first == ("digits", {"learning_rate": 3e-3})
    assert points == list(zip(seen.steps[EVERY].tolist(), seen.losses[EVERY].tolist(), strict=True))
    assert end == "end"


@pytest.mark.filterwarnings("ignore")
def test_optuna_ends_what_is_not_worth_its_time(logs):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = logs.search(trials=12, epochs=2)
    by_state = {name: [trial for trial in study.trials if trial.state.name == name] for name in ("COMPLETE", "PRUNED")}
    assert len(by_state["COMPLETE"]) >= 3
    assert len(by_state["PRUNED"]) >= 2
    steps = [len(trial.intermediate_values) for trial in by_state["PRUNED"]]
    assert max(steps) <= 5 == len(by_state["COMPLETE"][0].intermediate_values)
    assert study.best_value < 0.7
    again = logs.search(trials=12, epochs=2)
    assert [trial.params for trial in again.trials] == [trial.params for trial in study.trials]
    assert [trial.value for trial in again.trials] == [trial.value for trial in study.trials]
