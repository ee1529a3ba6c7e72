"""A sharded loss on joblib and on Dask has the bits that it has in one process, also if a worker is killed."""

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from toolz import last, pipe

import fnn
from fnn import Key, cross_entropy, sharded, states, tap, train_step
from fnn.data import epochs
from tests.train.runs import DATA, OPTIMIZER, begin, dask, digest, joblib
from tests.train.test_digest import digests


@pytest.mark.long
def test_joblib_changes_no_bit_of_a_run_of_200_steps():
    pytest.importorskip("joblib")
    found = digests(0, ("map", 1), ("loky", 2), ("threading", 3), main="main_in_shards")
    assert len(found) == 3
    assert len(set(found)) == 1


@pytest.mark.long
def test_a_dask_cluster_of_two_processes_changes_no_bit_of_it():
    pytest.importorskip("dask.distributed")
    one, two = digests(0, ("map", 1), ("dask", 2), main="main_in_shards")
    assert one == two


def trained(map, *streams, state=None, steps=24):
    """Train in four shards, the stream of states passed through functions, and return the last state."""
    first, run_key = begin(Key(0))
    state = first if state is None else state
    batches = list(epochs(DATA, 10, run_key, epochs=3))[state.step : steps]
    step = train_step(sharded(cross_entropy, 4, map=map), OPTIMIZER, run_key)
    return pipe(states(step, state, batches), *streams, last)


def test_threads_of_joblib_change_no_bit():
    pytest.importorskip("joblib")
    with joblib("threading")(2) as executor:
        assert digest(trained(executor.map)) == digest(trained(map))


def test_a_run_goes_on_when_a_worker_is_killed_and_ends_in_an_error_with_a_checkpoint_when_all_are_gone(tmp_path):
    pytest.importorskip("dask.distributed")
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    with limits(1, user_api="blas"):  # as in Dask's workers
        expected = digest(trained(map))
    killed = []

    def kill_one(state):
        if state.step == 7:
            pid = min(client.run(os.getpid).values())
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    def leave(state):
        if state.step == 15:
            client.cluster.scale(0)

    with dask(2) as executor:
        client = executor._client
        before = set(client.run(os.getpid).values())
        assert digest(trained(executor.map, tap(kill_one))) == expected
        client.wait_for_workers(2)
        assert len(before - set(client.run(os.getpid).values())) == len(killed) == 1
        keep = fnn.checkpointed(tmp_path / "run", every=10)
        with pytest.raises(TimeoutError) as caught:
            trained(partial(executor.map, timeout=5), keep, tap(leave))
        assert caught.value.__notes__ == ["sharded: the map returned the results of 0 of 4 shards"]
    left = fnn.load(tmp_path / "run")
    assert left.step == 15
    with limits(1, user_api="blas"):
        assert digest(trained(map, state=left)) == expected


@pytest.mark.long
def test_the_example_trains_on_a_cluster_what_it_trains_in_one_process(tmp_path):
    pytest.importorskip("dask.distributed")
    root = Path(__file__).parents[2]
    given = ["--fast", "--steps", "8", "--kill", "--out", str(tmp_path / "run.fnn")]
    command = [sys.executable, str(root / "examples" / "cluster.py"), *given]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("the same to the bit") == 2
    assert re.search(r"killed a worker, process \d+, at step 4", run.stdout)
    assert fnn.load(tmp_path / "run.fnn").step == 8
    measured = re.search(r"sends (\d+) bytes .* and (\d+) come back", run.stdout.replace(",", ""))
    sent, received = map(int, measured.groups())
    parameters, rows = 85_002 * 4 * 4, 1024 * 65 * 4  # in four shards; labels are of eight bytes
    assert parameters < received < 1.01 * parameters
    assert parameters + rows < sent < 1.05 * (parameters + rows)
