"""``fnn.threads`` is a map on so many threads with one BLAS thread each, and everything is as before after it."""

import sys
import threading

import numpy as np
import pytest

import fnn
from fnn import Key, cross_entropy, mlp, sharded, tree, value_and_grad
from tests.laws.cases import numbers

BATCH = numbers(40, 5), np.arange(40) % 3
NET = mlp(4, 3)(Key(0), BATCH[0][:1])


def blas_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    return [each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]


@pytest.fixture
def two_threads_of_blas():
    """As on a machine of two cores; NumPy's own is set, so that the test says the same on a machine of one."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        yield blas_threads()


def test_inside_blas_has_one_thread_and_afterwards_what_it_had(two_threads_of_blas):
    running = threading.active_count()
    with fnn.threads(3) as on_three:
        assert set(blas_threads()) <= {1}
        assert list(on_three(abs, [-1, 2, -3, 4])) == [1, 2, 3, 4]
        assert running < threading.active_count() <= running + 3
        with fnn.threads(2) as on_two:
            assert list(on_two(abs, [-5])) == [5]
        assert set(blas_threads()) <= {1}
    assert blas_threads() == two_threads_of_blas
    assert threading.active_count() == running


def test_so_it_is_after_an_error_in_the_context_and_in_a_thread(two_threads_of_blas):
    running = threading.active_count()
    with pytest.raises(ZeroDivisionError), fnn.threads(2) as on_two:
        list(on_two(lambda n: 1 // n, [1, 0, 1]))
    with pytest.raises(KeyboardInterrupt), fnn.threads(2):
        raise KeyboardInterrupt
    assert blas_threads() == two_threads_of_blas
    assert threading.active_count() == running


def test_two_threads_work_at_the_same_time_and_in_order():
    pytest.importorskip("threadpoolctl")
    both = threading.Barrier(2, timeout=60)  # which one thread alone would wait at for ever

    def meet(n):
        both.wait()
        return n

    with fnn.threads(2) as on_two:
        assert list(on_two(meet, range(6))) == list(range(6))


def test_a_sharded_loss_on_threads_has_the_bits_that_it_has_without_them():
    pytest.importorskip("threadpoolctl")
    value, gradient = value_and_grad(sharded(cross_entropy, 4), NET, BATCH)
    for n in (1, 2, 4):
        with fnn.threads(n) as mapped:
            ours = value_and_grad(sharded(cross_entropy, 4, map=mapped), NET, BATCH)
        assert ours[0] == value
        assert tree.equal(ours[1], gradient)


def test_without_threadpoolctl_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ImportError, match=r'^fnn.threads needs threadpoolctl: pip install "fnn\[parallel\]"$'):
        fnn.threads(2)


def test_a_number_of_threads_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"^threads: the number of threads must be at least 1, got 0$"):
        fnn.threads(0)
    with pytest.raises(TypeError, match=r"^threads: the number of threads must be an integer, got float 1.5$"):
        fnn.threads(1.5)
