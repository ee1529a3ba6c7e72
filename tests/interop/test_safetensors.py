"""The reference implementation of safetensors reads what fnn writes, fnn what it writes, and both refuse the same."""

import random

import numpy as np
import pytest

import fnn
from fnn import FormatError, Key
from fnn.checkpoint.safetensors import pack, unpack
from tests.checkpoint.test_safetensors import BAD, DTYPES, LAYOUTS, SHAPES, file_of, same, some

safetensors = pytest.importorskip("safetensors")
reference = pytest.importorskip("safetensors.numpy")

# What fnn refuses on purpose though the reference takes it: ambiguous headers, and what NumPy has no array for.
STRICTER = {"a space", "twice", "a key more", "metadata", "dtype", "many axes", "overflow beside 0", "a bool of 2"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape)[:12])
def test_each_reads_what_the_other_writes(dtype, shape):
    arrays = {"a": some("u1", (3,)), "größe": some(dtype, shape)}
    same(dict(sorted(reference.load(pack(arrays, {"step": "7"})).items())), arrays)
    found, metadata = unpack(reference.save(arrays, {"step": "7", "more": "ü"}), "file")
    same(dict(sorted(found.items())), arrays)
    assert metadata == {"step": "7", "more": "ü"}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i2", "u4", "u1", "?"])
def test_the_reference_reads_the_numbers_of_an_array_however_it_lies_in_memory(layout, dtype):
    # Its own writer, 0.8, stores the bytes of a transposed array as they lie (safetensors#825).
    plain = np.arange(24).reshape(2, 3, 4).astype(dtype)
    same(reference.load(pack({"x": layout(plain)}, {})), {"x": plain})


def test_the_reference_finds_our_metadata(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(pack({"x": np.zeros(3)}, {"step": "7"}))
    with safetensors.safe_open(path, "numpy") as file:
        told = file.metadata()
        assert file.keys() == ["x"]
    assert told.keys() == {"format", "sha256", "step"}
    assert (told["format"], told["step"], len(told["sha256"])) == ("fnn", "7", 64)


@pytest.mark.parametrize("seed", range(20))
def test_random_trees_pass_both_ways(seed):
    dice = random.Random(seed)
    constructors = [fnn.dense(dice.randrange(1, 9)), fnn.tanh, fnn.batch_norm(), fnn.dropout(0.2), fnn.dense(3)]
    net = fnn.serial(*dice.sample(constructors, 5))(Key(seed), np.zeros((4, 5), dice.choice([np.float32, np.float64])))
    arrays = dict(sorted(zip(fnn.tree.paths(net), fnn.tree.leaves(net), strict=True)))
    same(dict(sorted(reference.load(pack(arrays, {})).items())), arrays)
    same(dict(sorted(unpack(reference.save(arrays), "file")[0].items())), arrays)


def test_what_torch_writes_in_bf16_is_read_as_torch_reads_it():
    torch = pytest.importorskip("torch")
    numbers = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    data = pytest.importorskip("safetensors.torch").save({"a": numbers, "b": numbers[0, 0].clone(), "c": torch.ones(3)})
    found, _ = unpack(data, "file")
    same(
        dict(sorted(found.items())),
        {"a": numbers.float().numpy(), "b": numbers[0, 0].float().numpy(), "c": np.ones(3, "f4")},
    )


def test_torchs_other_floats_are_refused_by_name():
    torch = pytest.importorskip("torch")
    data = pytest.importorskip("safetensors.torch").save({"a": torch.ones(3).to(torch.float8_e4m3fn)})
    with pytest.raises(FormatError, match=r"entry 'a': expected a dtype out of .*, found str 'F8_E4M3'"):
        unpack(data, "file")


def refused_by_the_reference(data):
    try:
        safetensors.deserialize(data)
    except safetensors.SafetensorError:
        return True
    return False


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_here_is_refused_there_but_for_what_is_listed(name):
    assert refused_by_the_reference(BAD[name][0]) or name in STRICTER


def test_what_is_taken_here_is_taken_there_and_is_the_same():
    """Damage to a file without a checksum can go unseen, but never makes two readers see different things."""
    dice, taken = random.Random(0), 0
    arrays = {"a": np.arange(3.0), "b": np.arange(4, dtype=np.uint8).reshape(2, 2), "on": np.array(True)}
    whole = reference.save(arrays, {"note": "x"})
    for _ in range(3000):
        changed = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2))):
            changed[dice.randrange(8, len(whole))] ^= 1 << dice.randrange(8)
        try:
            found, _ = unpack(bytes(changed), "file")
        except FormatError:
            continue
        theirs = reference.load(bytes(changed))
        same({name: found[name] for name in theirs}, theirs)
        assert len(found) == len(theirs)
        taken += 1
    assert taken > 300


def test_offsets_in_another_order_than_the_names_mean_the_same_to_both():
    header = {
        "a": {"dtype": "I16", "shape": [2], "data_offsets": [4, 8]},
        "b": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    }
    data = file_of(header, bytes(range(8)))
    theirs = reference.load(data)
    same(unpack(data, "file")[0], {name: theirs[name] for name in "ab"})
