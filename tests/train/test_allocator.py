"""Memory that a step frees is kept for the next one where the user asks for it; an import does not ask."""

import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import fnn
from fnn.train import allocator
from fnn.train.allocator import keep_freed_memory

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as in malloc.h


def is_gnu():
    return sys.platform == "linux" and (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")


needs_gnu = pytest.mark.skipif(not is_gnu(), reason="needs GNU's C library")


@pytest.fixture(autouse=True)
def _no_limits_in_the_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)


@pytest.fixture
def told(monkeypatch):
    """What malloc is told, in the place of telling it."""
    calls = []

    def mallopt(parameter, value):
        calls.append((parameter, value))
        return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    monkeypatch.setattr(allocator, "_is_gnu", lambda: True)
    return calls


def test_the_public_function_is_this_one():
    assert fnn.keep_freed_memory is keep_freed_memory


def test_malloc_is_told_to_keep_256_mb_and_to_keep_blocks_of_up_to_32_mb(told):
    assert keep_freed_memory() is True
    assert told == [(M_TRIM_THRESHOLD, 2**28), (M_MMAP_THRESHOLD, 2**25)]


# --- what malloc holds ------------------------------------------------------------------------------------------------

# malloc itself says how much it has taken from the system, whatever else runs on the machine.
HELD = """
import ctypes, numpy as np
class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_int) for name in names.split()]
mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Info
def held():
    info = mallinfo()
    return (info.arena + info.hblkhd) // 2**20
def kept():
    before = held()
    arrays = [np.ones(2**17) for _ in range(64)]  # 1 MB each
    assert held() - before >= 48  # some of it was there already, free
    del arrays
    return held() - before
"""


def megabytes_kept(script):
    """How many of 64 MB malloc still holds in a new process after the process has freed them."""
    command = [sys.executable, "-c", f"{HELD}\n{script}\nprint(kept())"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.long
@needs_gnu
def test_memory_that_is_freed_stays_with_the_process():
    assert megabytes_kept("import fnn; assert fnn.keep_freed_memory()") >= 48


@pytest.mark.long
@needs_gnu
def test_without_the_call_it_goes_back_to_the_system():
    assert megabytes_kept("import fnn") <= 4


# --- where nothing is done -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_what_the_environment_says_stands(monkeypatch, told, name):
    monkeypatch.setenv(name, "1")
    assert keep_freed_memory() is False
    assert told == []


@pytest.mark.parametrize("answer", [None, "", "musl 1.2"])
def test_another_c_library_is_left_alone(monkeypatch, answer):
    monkeypatch.setattr(os, "confstr", lambda name: answer, raising=False)
    assert keep_freed_memory() is False


def test_a_system_without_that_question_is_left_alone(monkeypatch):
    monkeypatch.delattr(os, "confstr", raising=False)
    assert keep_freed_memory() is False
