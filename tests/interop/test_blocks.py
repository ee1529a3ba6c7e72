"""Batches from the chunks of arrays that other libraries read when asked: the same as from memory."""

from itertools import pairwise

import numpy as np
import pytest

from fnn import Key, tree
from fnn.data import block_epochs
from tests.laws.cases import numbers

X, TARGET = numbers(103, 5, dtype=np.float32), np.arange(103) % 7


def check(lazy):
    expected = list(block_epochs((X, TARGET), 8, Key(0), 20, 2, together=2))
    for begin in (0, 5, 17):
        found = list(block_epochs(lazy, 8, Key(0), 20, 2, begin, together=2))
        assert len(found) == len(expected[begin:]) > 0
        assert tree.equal(tuple(found), tuple(expected[begin:]))
        assert {type(part) for batch in found for part in batch} == {np.ndarray}


def test_chunks_of_dask():
    array = pytest.importorskip("dask.array")
    check((array.from_array(X, chunks=(20, 5)), array.from_array(TARGET, chunks=33)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_chunks_of_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(str(tmp_path / "x.zarr"), shape=X.shape, chunks=(20, 5), dtype=X.dtype)
    stored[:] = X
    check((zarr.open_array(str(tmp_path / "x.zarr"), mode="r"), TARGET))


def test_a_file_of_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=X, chunks=(20, 5))
    with h5py.File(tmp_path / "x.h5", "r") as file:
        check((file["x"], TARGET))


def test_a_list_of_files_that_numpy_maps(tmp_path):
    edges = [0, 30, 31, 103]
    for i, (begin, end) in enumerate(pairwise(edges)):
        np.save(tmp_path / f"{i}.npy", X[begin:end])
    check(([np.load(tmp_path / f"{i}.npy", mmap_mode="r") for i in range(3)], TARGET))
