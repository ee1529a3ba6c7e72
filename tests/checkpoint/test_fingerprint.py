"""The fingerprint says what the bits of a run depend on, and a change of it is said in words."""

import os
import platform
import warnings

import numpy as np
import pytest

from fnn.checkpoint import _fingerprint
from fnn.checkpoint._fingerprint import EnvironmentChanged, fingerprint, warn_if_changed

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@pytest.fixture
def anew(monkeypatch):
    """Look up again what is remembered, with 16 cores, no variable set, and a BLAS of any name."""
    for variable in (*VARIABLES, "OPENBLAS_CORETYPE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)

    def found(blas="scipy-openblas", simd=None, **variables):
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        config = {"Build Dependencies": {"blas": {"name": blas, "version": "0.3"}}, "SIMD Extensions": simd or {}}
        monkeypatch.setattr(np, "show_config", lambda mode: config)
        return dict(_fingerprint._found.__wrapped__())

    return found


def test_it_names_the_library_the_machine_and_the_threads():
    found = fingerprint()
    assert list(found) == ["NumPy", "machine", "system", "CPU kernel", "BLAS", "BLAS threads"]
    assert found["NumPy"] == np.__version__
    assert (found["machine"], found["system"]) == (platform.machine(), platform.system())
    assert int(found["BLAS threads"]) >= 1
    assert all(type(text) is str and text for text in found.values())


def test_it_is_looked_up_once_and_each_caller_has_a_dictionary_of_its_own(monkeypatch):
    asked, show_config = [], np.show_config
    monkeypatch.setattr(np, "show_config", lambda mode: asked.append(mode) or show_config(mode))
    _fingerprint._found.cache_clear()
    fingerprint()["NumPy"] = "spoilt"
    assert fingerprint()["NumPy"] == np.__version__
    assert asked == ["dicts"]


def test_the_kernel_is_what_numpy_found_on_this_processor(anew):
    simd = {"baseline": ["SSE2"], "found": ["AVX2", "FMA3"], "not found": ["AVX512F"]}
    assert anew(simd=simd)["CPU kernel"] == "SSE2 AVX2 FMA3"
    assert anew(simd=simd, OPENBLAS_CORETYPE="Haswell")["CPU kernel"] == "SSE2 AVX2 FMA3 OPENBLAS_CORETYPE=Haswell"


def test_what_numpy_does_not_tell_is_unknown(anew, monkeypatch):
    assert anew()["CPU kernel"] == "unknown"
    monkeypatch.setattr(np, "show_config", lambda mode: None)
    found = dict(_fingerprint._found.__wrapped__())
    assert (found["BLAS"], found["CPU kernel"], found["BLAS threads"]) == ("unknown", "unknown", "16")


def test_threads_are_those_of_the_blas_s_own_variable_then_of_openmp_then_the_cores(anew):
    assert anew()["BLAS threads"] == "16"
    assert anew(OMP_NUM_THREADS="8")["BLAS threads"] == "8"
    assert anew(MKL_NUM_THREADS="5")["BLAS threads"] == "8"  # not this BLAS's
    assert anew(OPENBLAS_NUM_THREADS="3")["BLAS threads"] == "3"
    assert anew("mkl-sdl")["BLAS threads"] == "5"
    assert anew("accelerate")["BLAS threads"] == "8"
    assert anew("accelerate", VECLIB_MAXIMUM_THREADS="1")["BLAS threads"] == "1"


@pytest.mark.parametrize("nonsense", ["", "0", "-2", "many", "1.5"])
def test_a_variable_that_is_no_number_of_threads_is_passed_over(anew, nonsense):
    assert anew(OPENBLAS_NUM_THREADS=nonsense)["BLAS threads"] == "16"


def test_no_blas_uses_more_threads_than_there_are_cores(anew, monkeypatch):
    assert anew(OPENBLAS_NUM_THREADS="100")["BLAS threads"] == "16"
    monkeypatch.delattr(os, "sched_getaffinity")
    assert anew(OPENBLAS_NUM_THREADS="100")["BLAS threads"] == "64"


def test_the_same_environment_is_no_warning():
    warn_if_changed("run.fnn", fingerprint())  # warnings are errors in these tests


def test_a_change_is_a_warning_that_says_what_was_then_and_is_now(monkeypatch):
    monkeypatch.setattr(_fingerprint, "fingerprint", lambda: {"NumPy": "2.4", "machine": "x", "BLAS threads": "2"})
    expected = (
        "run.fnn was written in another environment (NumPy 2.0 then, 2.4 now; BLAS threads unknown then, 2 now; "
        "moon full then, unknown now): what follows will agree with the first run to rounding, not bit for bit"
    )

    def load():  # the warning is to point at the line that calls this
        warn_if_changed("run.fnn", {"NumPy": "2.0", "machine": "x", "moon": "full"})

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load()
    (warning,) = caught
    assert (str(warning.message), warning.category) == (expected, EnvironmentChanged)
    assert warning.filename == __file__
    assert warning.lineno == load.__code__.co_firstlineno + 5
    assert issubclass(EnvironmentChanged, UserWarning)
