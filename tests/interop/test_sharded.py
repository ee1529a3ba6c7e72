"""A sharded loss on joblib and on Dask has the bits that it has in one process, also if a worker is killed."""

import os
import signal
from functools import partial

import pytest
from toolz import last, pipe

import fnn
from fnn import Key, cross_entropy, sharded, states, tap, train_step
from fnn.data import epochs
from tests.train.runs import DATA, OPTIMIZER, begin, dask, digest
from tests.train.test_digest import digests


def test_joblib_changes_no_bit_of_a_run_of_200_steps():
    pytest.importorskip("joblib")
    found = digests(0, ("map", 1), ("loky", 2), ("threading", 3), main="main_in_shards")
    assert len(found) == 3
    assert len(set(found)) == 1


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
