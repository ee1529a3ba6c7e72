"""Processes as a map: the cores of this machine, each with an interpreter and a BLAS of its own.

processes : n -> a context whose value is an ordered map

Threads wait for Python's lock between one operation of NumPy's and the next; processes do not, but what they compute
with is sent to them, and their results are sent back.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import Any

import attrs

from fnn.core._errors import integer
from fnn.train._maps import Map, blas_limit
from fnn.train.allocator import keep_freed_memory

Outcome = tuple[bool, Any]  # whether it went well; the results, or the error


def processes(n: int) -> Any:
    """Return a context whose value maps on ``n`` processes, this one and ``n - 1`` more, for ``sharded``.

        if __name__ == "__main__":
            with fnn.processes(2) as on_two:
                state = fit(sharded(cross_entropy, 2, map=on_two), optimizer, state, data, steps=1000, key=key)

    The bits are those of ``fnn.threads``. Processes are faster where a step is many short operations, as of recurrent
    layers, and threads where the network or the batch is large, since a step sends both. The processes are started
    anew ("spawn"), half a second each, and import your script; so what it does stands behind ``if __name__``, and a
    loss of your own is a class of a module. BLAS is limited to one thread in each, in this one to the end of the
    context. A call from within a call, or from another thread meanwhile, is computed in this process. Needs
    threadpoolctl.

    Raises ``TypeError`` or ``ValueError`` unless ``n`` is an integer from 1, ``ImportError`` without threadpoolctl; the
    map ``TypeError`` for what does not pickle, ``RuntimeError`` if a process ends, and what the function raises there.

    >>> processes(0)
    Traceback (most recent call last):
    ValueError: processes: the number of processes must be at least 1, got 0
    """
    return _started(integer("processes: the number of processes", n), blas_limit("processes"))


@contextmanager
def _started(n: int, limit: Callable[[], Any]) -> Generator[Map]:
    with limit(), ExitStack() as stack:
        workers = [stack.enter_context(_worker()) for _ in range(n - 1)]
        try:
            for worker in workers:
                worker.receive()  # None, when it is ready: they start at the same time
        except RuntimeError as error:
            hint = 'a script must start processes behind if __name__ == "__main__":'
            raise RuntimeError(f"{error}; {hint}") from None
        yield partial(_mapped, workers, Lock())


@attrs.frozen
class _Worker:
    process: Any
    pipe: Any  # the end of it that is here

    def send(self, message: Any) -> None:
        try:
            self.pipe.send_bytes(message)
        except OSError:
            raise self.ended() from None

    def receive(self) -> Any:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise self.ended() from None

    def ended(self) -> RuntimeError:
        self.process.join()
        return RuntimeError(f"processes: a process ended, with exit code {self.process.exitcode}")


@contextmanager
def _worker() -> Generator[_Worker]:
    from multiprocessing import get_context  # loaded for whoever asks for it

    spawn = get_context("spawn")  # a fork would copy locks that another thread holds
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _Worker(process, ours)
    finally:
        ours.close()
        process.terminate()
        process.join()


def _serve(pipe: Any) -> None:
    """Compute what comes through the pipe, in a process of its own, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks, which ends this one
    keep_freed_memory()
    with blas_limit("processes")():
        pipe.send(None)
        while True:
            try:
                outcome = _outcome(*pipe.recv())
            except EOFError:
                return
            except Exception as error:  # what was sent cannot be read here
                outcome = False, error
            if not outcome[0]:  # a traceback does not pickle
                outcome[1].add_note("in another process: " + "".join(traceback.format_tb(outcome[1].__traceback__)))
            try:
                pipe.send(outcome)
            except Exception as error:  # nor can every result be sent
                pipe.send((False, TypeError(f"processes: a result, or an error, does not pickle: {error}")))


def _outcome(function: Callable[[Any], Any], items: list[Any]) -> Outcome:
    try:
        return True, [function(item) for item in items]
    except Exception as error:
        return False, error


def _mapped(workers: list[_Worker], free: Lock, function: Callable[[Any], Any], items: Any) -> list[Any]:
    """Apply a function to each item, the first of them here and the rest in the workers."""
    from multiprocessing.reduction import ForkingPickler

    items = list(items)
    edges = [-(-place * len(items) // (len(workers) + 1)) for place in range(len(workers) + 2)]
    here, *others = [items[begin:end] for begin, end in pairwise(edges)]
    if not free.acquire(blocking=False):
        return [function(item) for item in items]
    try:
        messages = [ForkingPickler.dumps((function, part)) for part in others if part]
    except Exception as error:
        free.release()
        wanted = "a function and items that pickle, no lambda and nothing that is defined within a function"
        raise TypeError(f"processes expects {wanted}: {error}") from error
    asked = workers[: len(messages)]
    for worker, message in zip(asked, messages, strict=True):
        worker.send(message)
    outcomes = [_outcome(function, here), *[worker.receive() for worker in asked]]
    # Not in a finally: after an interruption an answer may still be on its way, and from then on all is done here.
    free.release()
    for went_well, found in outcomes:
        if not went_well:
            raise found
    return [result for _, results in outcomes for result in results]
