"""``fnn.processes`` is a map on so many processes with one BLAS thread each; when one fails, that is an error here."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fnn
from fnn import Key, cross_entropy, mlp, sharded, tree, value_and_grad
from tests.laws.cases import numbers
from tests.train.test_threads import blas_threads, two_threads_of_blas

__all__ = ["two_threads_of_blas"]

BATCH = numbers(40, 5), np.arange(40) % 3
NET = mlp(4, 3)(Key(0), BATCH[0][:1])


def inverse(n):
    """1 / n, or an error that pickles; at -1 the process itself ends, at -2 the result does not pickle."""
    if n == -1:
        os._exit(3)
    return (lambda: n) if n == -2 else 1 / n


class Unreadable:
    """A function that pickles, and that nobody can read."""

    def __reduce__(self):
        return int, ("x",)

    def __call__(self, n):
        return n


def process(n):
    return os.getpid()


def limits_of_blas(n):
    return set(blas_threads())


def interrupted_in_the_first_process(n):
    if multiprocessing.parent_process() is None:
        raise KeyboardInterrupt
    return n


def test_one_process_is_this_one():
    pytest.importorskip("threadpoolctl")
    with fnn.processes(1) as on_one:
        assert on_one(process, [0, 1]) == [os.getpid()] * 2


@pytest.mark.long
def test_items_are_shared_out_in_order_and_afterwards_all_is_as_it_was(two_threads_of_blas):
    with fnn.processes(3) as on_three:
        assert set(blas_threads()) <= {1}
        assert on_three(abs, range(-7, 0)) == [7, 6, 5, 4, 3, 2, 1]
        assert on_three(abs, []) == []
        assert on_three(abs, iter([-1])) == [1]
        where = on_three(process, range(6))
        assert where[0] == os.getpid()
        assert [where.count(each) for each in where] == [2] * 6
        assert on_three(limits_of_blas, range(3)) == [{1}] * 3
    assert blas_threads() == two_threads_of_blas
    for each in where[2:]:
        with pytest.raises(ProcessLookupError):
            os.kill(each, 0)


@pytest.mark.long
def test_a_sharded_loss_on_processes_has_the_bits_that_it_has_without_them():
    pytest.importorskip("threadpoolctl")
    value, gradient = value_and_grad(sharded(cross_entropy, 4), NET, BATCH)
    with fnn.processes(2) as on_two:
        for _ in range(3):
            ours = value_and_grad(sharded(cross_entropy, 4, map=on_two), NET, BATCH)
            assert ours[0] == value
            assert tree.equal(ours[1], gradient)


@pytest.mark.long
def test_an_error_there_is_an_error_here_and_the_next_call_is_as_ever():
    pytest.importorskip("threadpoolctl")
    with fnn.processes(2) as on_two:
        for items in ([1, 0], [0, 1], [0, 0]):
            with pytest.raises(ZeroDivisionError, match="division by zero") as found:
                on_two(inverse, items)
            there = getattr(found.value, "__notes__", [])
            assert len(there) == (items[0] != 0)  # the first item is computed here, and has a traceback
            assert all(note.startswith("in another process: ") and ", in inverse\n" in note for note in there)
            assert on_two(inverse, [1, 2]) == [1, 0.5]
        with pytest.raises(TypeError, match=r"^processes: a result, or an error, does not pickle: "):
            on_two(inverse, [1, -2])
        with pytest.raises(ValueError, match="rows") as found:
            value_and_grad(sharded(cross_entropy, 2, map=on_two), NET, (BATCH[0][:, :4], BATCH[1]))
        assert found.value.__notes__ == ["sharded: in shard 0, rows 0 to 19 of a batch of 40"]
        with pytest.raises(TypeError, match=r"^processes expects a function and items that pickle, no lambda"):
            on_two(lambda n: n, [1, 2])
        with pytest.raises(ValueError, match="invalid literal for int"):
            on_two(Unreadable(), [1, 2])
        assert on_two(inverse, [1, 2]) == [1, 0.5]


@pytest.mark.long
def test_a_call_within_a_call_is_computed_here():
    pytest.importorskip("threadpoolctl")
    with fnn.processes(2) as on_two:
        assert on_two(lambda n: on_two(abs, [n, -n]), [3]) == [[3, 3]]
        assert on_two(abs, [-1, -2]) == [1, 2]


@pytest.mark.long
def test_a_process_that_ends_is_an_error_and_then_all_is_computed_here():
    pytest.importorskip("threadpoolctl")
    with fnn.processes(2) as on_two:
        with pytest.raises(RuntimeError, match=r"^processes: a process ended, with exit code 3$"):
            on_two(inverse, [1, -1])
        assert on_two(process, [1, 2]) == [os.getpid()] * 2


@pytest.mark.long
def test_an_interruption_leaves_no_answer_for_the_next_call():
    pytest.importorskip("threadpoolctl")
    with fnn.processes(2) as on_two:
        with pytest.raises(KeyboardInterrupt):
            on_two(interrupted_in_the_first_process, [5, 6])
        assert on_two(inverse, [1, 2]) == [1, 0.5]


@pytest.mark.long
def test_a_script_that_would_start_itself_again_is_told_how_to_begin(tmp_path):
    pytest.importorskip("threadpoolctl")
    script = tmp_path / "script.py"
    script.write_text("import fnn\nwith fnn.processes(2) as on_two: on_two(abs, [-1, -2])\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(fnn.__file__).parents[1])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.endswith(
        "RuntimeError: processes: a process ended, with exit code 1; "
        'a script must start processes behind if __name__ == "__main__":\n'
    )


def test_without_threadpoolctl_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ImportError, match=r'^fnn.processes needs threadpoolctl: pip install "fnn\[parallel\]"$'):
        fnn.processes(2)
