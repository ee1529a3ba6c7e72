"""Memory that a step frees is kept for the next one, unless somebody has said otherwise."""

import os
import subprocess
import sys

import pytest

from fnn.train.allocator import keep_freed_memory

FAULTS = """
import resource, numpy as np, fnn
def step():
    arrays = [np.ones(2**20) for _ in range(16)]  # 128 MB
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def is_gnu():
    return (
        sys.platform == "linux"
        and "CS_GNU_LIBC_VERSION" in os.confstr_names
        and os.confstr("CS_GNU_LIBC_VERSION") != ""
    )


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)


@pytest.mark.skipif(not is_gnu(), reason="needs GNU's C library")
def test_a_second_step_asks_the_system_for_no_new_pages():
    faults = int(subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout)
    assert faults < 100  # without it, all of them: 128 MB are 32,768 pages, or 64 large ones


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_what_the_environment_says_stands(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert keep_freed_memory() is False


@pytest.mark.parametrize("answer", [None, "", "musl 1.2"])
def test_another_c_library_is_left_alone(monkeypatch, answer):
    monkeypatch.setattr(os, "confstr", lambda name: answer)
    assert keep_freed_memory() is False


def test_a_system_without_that_question_is_left_alone(monkeypatch):
    monkeypatch.delattr(os, "confstr")
    assert keep_freed_memory() is False
