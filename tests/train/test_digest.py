"""The bits of a run depend on its key alone: not on the process, the hash seed, the executor or its number of workers.

BLAS has one thread here, in an environment that is set before it starts: with another number of threads, on another
processor or with another build of NumPy, sums are added in another order, and no bits are promised.
"""

import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fnn import Key, cross_entropy, forward, states, train_step, tree
from fnn.data import epochs
from tests.each_of import each_of
from tests.train.runs import DATA, EXECUTORS, NET, OPTIMIZER, OURS, begin, digest

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB")}


def digests(hash_seed, *ways, main="main"):
    """Start a process with a hash seed, in which runs go each of these ways; return what each way printed."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    environment = {**kept, **ONE_THREAD, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-W", "error", "-c", f"from tests.train.runs import {main}; {main}(*{ways!r})"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [(name, int(workers)) for name, workers, *_ in lines] == list(ways)
    return [tuple(found) for _, _, *found in lines]


def _all_equal(found):
    assert len(set(found)) == 1
    assert len(set(found[0])) == 3  # another key, another digest
    assert {len(each) for each in found[0]} == {64}


@pytest.mark.long
def test_two_processes_three_executors_and_two_hash_seeds_give_the_same_bits():
    found = digests(0, ("map", 1), ("threads", 2)) + digests(1, ("map", 1), ("processes", 1))
    assert len(found) == 4
    _all_equal(found)


@pytest.mark.long
def test_45_runs_in_5_processes_under_5_hash_seeds_on_3_executors_with_1_to_3_workers_give_the_same_bits():
    ways = list(itertools.product(EXECUTORS, (1, 2, 3)))
    found = [each for hash_seed in (0, 1, 2, 12345, 2**32 - 1) for each in digests(hash_seed, *ways)]
    assert len(found) == 45
    _all_equal(found)


@pytest.mark.long
def test_a_sharded_loss_gives_the_same_bits_whoever_computes_the_shards():
    found = digests(0, ("map", 1), ("threads", 3), ("processes", 2), main="main_in_shards")
    assert len(found) == 3
    assert {len(each) for (each,) in found} == {64}
    assert len(set(found)) == 1


@pytest.mark.long
def test_so_do_the_maps_of_fnn():
    pytest.importorskip("threadpoolctl")
    ways = [(name, workers) for name in OURS for workers in (1, 2, 3)]
    found = digests(0, ("map", 1), *ways, main="main_in_shards")
    assert len(found) == 7
    assert len(set(found)) == 1


@pytest.mark.long
def test_so_it_does_with_1_to_4_workers_of_each_kind():
    ways = list(itertools.product(EXECUTORS, (1, 2, 3, 4)))
    found = digests(0, *ways, main="main_in_shards") + digests(12345, *ways, main="main_in_shards")
    assert len(found) == 24
    assert len(set(found)) == 1


# --- in one process: what else goes on in it -------------------------------------------------------------------------


def digests_of_steps(seed):
    """The digest of each state of three epochs, one after the other as it is asked for."""
    state, run_key = begin(Key(seed))
    step = train_step(cross_entropy, OPTIMIZER, run_key)
    return map(digest, states(step, state, epochs(DATA, 10, run_key, epochs=3)))


def test_runs_that_take_turns_do_not_touch_each_other():
    alone = list(digests_of_steps(0)), list(digests_of_steps(1))
    in_turns = zip(digests_of_steps(0), digests_of_steps(1), strict=True)
    assert list(in_turns) == list(zip(*alone, strict=True))
    assert len(set(alone[0] + alone[1])) == 2 * 34


def _draw_elsewhere(monkeypatch, place):
    np.random.seed(place)  # noqa: NPY002
    np.random.standard_normal(place)  # noqa: NPY002
    random.seed(place)


def _compute_elsewhere(monkeypatch, place):
    other = NET(Key(place), DATA[0][: place + 1])
    forward(other, DATA[0][: place + 1], Key(0))
    tree.ravel(other)


def _move_the_clock(monkeypatch, place):
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, lambda: -1e9 * place)
        monkeypatch.setattr(time, f"{name}_ns", lambda: -(10**18) * place)


def _refuse_entropy(monkeypatch, place):
    def refused(size):
        raise AssertionError("a run asked the system for random bytes")

    monkeypatch.setattr(os, "urandom", refused)
    monkeypatch.setattr(random.SystemRandom, "getrandbits", lambda self, bits: refused(bits))


@each_of("disturb", [_draw_elsewhere, _compute_elsewhere, _move_the_clock, _refuse_entropy])
def test_what_happens_between_its_steps_changes_no_bit_of_a_run(monkeypatch, disturb):
    expected, found = list(digests_of_steps(0)), []
    with monkeypatch.context() as patch:
        for place, each in enumerate(digests_of_steps(0)):
            found.append(each)
            disturb(patch, place)
    assert found == expected
