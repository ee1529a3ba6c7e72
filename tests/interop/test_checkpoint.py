"""Files that the reference implementation of safetensors reads, and files that it wrote."""

import numpy as np
import pytest

from fnn import Key, adam, dropout, mlp, serial, start, tree
from fnn.checkpoint.files import load, notes, save
from tests.laws.cases import LAYERS, SHARED

reference = pytest.importorskip("safetensors.numpy")
NETWORKS = {name: tree.map(np.float32, layer) for name, (layer, _) in LAYERS.items() if tree.leaves(layer)}


def network(dtype=np.float32):
    return serial(mlp(4, 4), SHARED, dropout(0.5), SHARED)(Key(0), np.zeros((1, 2), dtype))


def test_the_reference_reads_a_network_by_the_paths_of_its_arrays(tmp_path):
    for net in NETWORKS.values():
        save(tmp_path / "net.safetensors", net)
        found = reference.load_file(tmp_path / "net.safetensors")
        assert sorted(found) == sorted(tree.paths(net))
        for path, leaf in zip(tree.paths(net), tree.leaves(net), strict=True):
            assert (found[path].dtype, found[path].shape) == (leaf.dtype, leaf.shape)
            np.testing.assert_array_equal(found[path], leaf)


def test_and_every_kind_of_array_with_the_notes_beside_it(tmp_path):
    kinds = "?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"
    saved = tuple(np.arange(6).reshape(2, 3).astype(kind).T for kind in kinds), np.zeros((0, 2)), np.array(1.5)
    save(tmp_path / "all.safetensors", saved, epoch=3)
    found = reference.load_file(tmp_path / "all.safetensors")
    for path, leaf in zip(tree.paths(saved), tree.leaves(saved), strict=True):
        assert found[path].dtype == leaf.dtype
        np.testing.assert_array_equal(found[path], leaf)
    with pytest.importorskip("safetensors").safe_open(tmp_path / "all.safetensors", "numpy") as file:
        assert file.metadata()["notes"] == '{"epoch":3}'


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_the_reference_wrote_under_these_names_loads_with_like(dtype, tmp_path):
    for wanted in (tree.map(dtype, network()), start(tree.map(dtype, network()), adam())):
        arrays = {path: leaf.copy() for path, leaf in zip(tree.paths(wanted), tree.leaves(wanted), strict=True)}
        reference.save_file(arrays, tmp_path / "theirs.safetensors", metadata={"made": "elsewhere"})
        loaded = load(tmp_path / "theirs.safetensors", like=tree.zeros_like(wanted))
        assert tree.equal(loaded, wanted)
        assert notes(tmp_path / "theirs.safetensors") == {}
        assert sorted(load(tmp_path / "theirs.safetensors")) == sorted(arrays)


def test_a_file_that_the_reference_has_written_again_without_our_metadata_is_one_from_elsewhere(tmp_path):
    net = network()
    save(tmp_path / "ours.safetensors", net)
    reference.save_file(reference.load_file(tmp_path / "ours.safetensors"), tmp_path / "theirs.safetensors")
    assert tree.equal(load(tmp_path / "theirs.safetensors", like=net), net)
    assert tree.equal(load(tmp_path / "ours.safetensors"), net)
