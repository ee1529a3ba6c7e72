"""Laws of IDX files: read in every type, and a header is believed only as far as the file bears it out."""

import gzip
import math
import random
import re
import struct
import tracemalloc

import numpy as np
import pytest

from fnn import FormatError
from fnn.data import digits, mnist, read_idx
from tests.each_of import each_of

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx(code, shape, body=None):
    """The bytes of an IDX file: by default a body of the numbers 0, 1, 2 ..."""
    if body is None:
        body = np.arange(math.prod(shape)).astype(f">{TYPES[code]}").tobytes()
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + body


def written(folder, content, zipped=False, name="file"):
    path = folder / name
    path.unlink(missing_ok=True)  # some filesystems flush a file that is written again, which takes long
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return path


either_way = pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])


@either_way
@each_of(("code", "kind"), TYPES.items())
@each_of("shape", [(3,), (2, 3), (2, 1, 3, 2)], ids=str)
def test_idx_files_of_every_type_are_read_in_the_machines_byte_order(tmp_path, code, kind, shape, zipped):
    edges = np.array([1, 0, 77], kind)
    if kind[0] == "f":
        edges[:] = -1.5, np.inf, np.finfo(kind).tiny
    else:
        edges[:2] = np.iinfo(kind).min, np.iinfo(kind).max
    expected = np.resize(edges, shape)
    found = read_idx(written(tmp_path, idx(code, shape, expected.astype(f">{kind}").tobytes()), zipped))
    assert found.dtype == np.dtype(kind)
    assert found.dtype.isnative
    assert found.tolist() == expected.tolist()


@either_way
def test_a_path_may_be_text_and_a_file_may_be_empty_of_numbers(tmp_path, zipped):
    assert read_idx(str(written(tmp_path, idx(0x08, (0,)), zipped))).shape == (0,)
    assert read_idx(written(tmp_path, idx(0x0D, (3, 0, 2)), zipped)).shape == (3, 0, 2)


@either_way
def test_a_file_cut_off_anywhere_is_refused(tmp_path, zipped):
    whole = written(tmp_path, idx(0x0B, (2, 3)), zipped).read_bytes()
    assert read_idx(tmp_path / "file").tolist() == [[0, 1, 2], [3, 4, 5]]
    for length in range(len(whole)):
        with pytest.raises(FormatError, match="file: "):
            read_idx(written(tmp_path, whole[:length]))


@either_way
def test_changed_bytes_give_a_format_error_or_an_array(tmp_path, zipped):
    whole = written(tmp_path, idx(0x0C, (3, 2, 2)), zipped).read_bytes()
    dice, refused = random.Random(0), 0
    for _ in range(300):
        changed = bytearray(whole)
        for place in dice.sample(range(len(whole)), dice.choice((1, 1, 2, 5))):
            changed[place] = dice.randrange(256)
        try:
            assert isinstance(read_idx(written(tmp_path, changed)), np.ndarray)
        except FormatError as error:
            assert str(tmp_path / "file") in str(error)  # noqa: PT017
            refused += 1
    assert refused > 50


@each_of(
    ("content", "message"),
    [
        (b"", "offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found ''"),
        (b"PK\3\4" + bytes(20), "offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found '50 4b 03 04'"),
        (idx(0x08, (1,), b"a")[:2] + b"\x0a\1" + bytes(8), "found '00 00 0a 01'"),
        (b"\0\0\x08\0a", "found '00 00 08 00'"),
        (b"\0\0\x08\2" + bytes(6), "offset 4: expected 2 axis lengths (8 bytes), found 6 bytes"),
        (idx(0x08, (2, 3), b"12345"), "offset 12: expected 6 bytes for the shape (2, 3), found"),
        (idx(0x0E, (2,), bytes(17)), "offset 8: expected 16 bytes for the shape (2,), found more"),
        (idx(0x08, (1,) * 65), f"offset 4: expected a shape that an array can have, found {(1,) * 65}"),
        (
            idx(0x08, (0, 2**32 - 1, 2**32 - 1), b""),
            "offset 4: expected a shape that an array can have, found (0, 4294967295, 4294967295)",
        ),
    ],
)
@either_way
def test_the_error_names_the_file_the_place_the_expected_and_the_found(tmp_path, content, message, zipped):
    path = written(tmp_path, content, zipped)
    with pytest.raises(FormatError, match=re.escape(f"{path}: ")) as caught:
        read_idx(path)
    assert message in str(caught.value)


@either_way
def test_sixteen_bytes_that_claim_3_3_terabytes_are_refused_without_memory_for_them(tmp_path, zipped):
    path = written(tmp_path, idx(0x08, (14_900, 14_900, 14_900), b""), zipped)
    assert len(gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()) == 16
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=r"expected 3307949000000 bytes for the shape \(14900, 14900, 14900\)"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


GOOD = idx(0x08, (4,))


@each_of(
    "content",
    [
        gzip.compress(GOOD + b"\0"),
        gzip.compress(GOOD + bytes(2_000_000)),
        gzip.compress(GOOD) + b"trailing",
        gzip.compress(GOOD) + gzip.compress(b"more"),
        gzip.compress(GOOD)[:-1],
        gzip.compress(GOOD)[:-8] + bytes(8),
        gzip.compress(gzip.compress(GOOD)),
    ],
    ids=["one byte more", "a bomb", "trailing bytes", "a second member", "no trailer", "wrong checksum", "twice"],
)
def test_a_gzip_with_more_less_or_other_than_the_header_says_is_refused(tmp_path, content):
    path = written(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=re.escape(str(path))):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


# --- the digits that come with the package ---------------------------------------------------------------------------


def test_the_digits_are_those_of_alpaydin_and_kaynak():
    x, label = digits()
    assert (x.shape, x.dtype, label.shape, label.dtype) == ((1797, 64), np.float32, (1797,), np.int64)
    assert np.bincount(label).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(label).sum() == 1797
    levels = x * 16
    assert (x.min(), x.max()) == (0, 1)
    assert (levels == levels.round()).all()
    assert levels[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert levels.sum(dtype=np.float64) == 561718


# --- MNIST -----------------------------------------------------------------------------------------------------------

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
PIXELS = bytes([0, 51, 102, 153, 204, 255])


def mnist_folder(folder, zipped=(), **other):
    contents = {
        NAMES[0]: idx(0x08, (2, 1, 3), PIXELS),
        NAMES[1]: idx(0x08, (2,), b"\x07\x00"),
        NAMES[2]: idx(0x08, (1, 1, 3), PIXELS[3:]),
        NAMES[3]: idx(0x08, (1,), b"\x09"),
    }
    for place, (name, content) in enumerate(contents.items()):
        content = other.get(f"file{place}", content)
        if content is not None:
            written(folder, content, place in zipped, f"{name}.gz" if place in zipped else name)
    return folder


@each_of("zipped", [(), (0, 1, 2, 3), (0, 3), (1, 2)], ids=str)
def test_mnist_is_read_from_its_four_files_zipped_or_not(tmp_path, zipped):
    (x, label), (test_x, test_label) = mnist(mnist_folder(tmp_path, zipped))
    assert (x.dtype, label.dtype, test_x.dtype, test_label.dtype) == (np.float32, np.int64, np.float32, np.int64)
    np.testing.assert_allclose(x, [[0, 0.2, 0.4], [0.6, 0.8, 1]], rtol=1e-7)
    np.testing.assert_allclose(test_x, [[0.6, 0.8, 1]], rtol=1e-7)
    assert (label.tolist(), test_label.tolist()) == ([7, 0], [9])


@pytest.mark.parametrize("missing", [(0,), (1, 3), (0, 1, 2, 3)], ids=str)
def test_missing_mnist_files_are_listed(tmp_path, missing):
    folder = mnist_folder(tmp_path, **{f"file{place}": None for place in missing})
    listed = ", ".join(f"{NAMES[place]}[.gz]" for place in missing)
    message = f"mnist: {folder} should hold MNIST's four files; missing: {listed}"
    with pytest.raises(FormatError, match=re.escape(message) + "$") as caught:
        mnist(folder)
    assert isinstance(caught.value, FileNotFoundError)


@each_of(
    ("other", "message"),
    [
        ({"file1": idx(0x08, (3,))}, f"{NAMES[1]}: expected 2 labels from 0 to 9, found uint8 (3,)"),
        ({"file3": idx(0x08, (1,), b"\x0a")}, f"{NAMES[3]}: expected 1 labels from 0 to 9, found"),
        ({"file3": idx(0x0C, (1,))}, f"{NAMES[3]}: expected 1 labels from 0 to 9, found int32 (1,)"),
        ({"file1": idx(0x08, (2, 1))}, f"{NAMES[1]}: expected 2 labels from 0 to 9, found uint8 (2, 1)"),
        ({"file0": idx(0x08, (2, 3))}, f"{NAMES[0]}: expected bytes of the shape (n, height, width), found uint8 (2,"),
        ({"file2": idx(0x0D, (1, 1, 3))}, f"{NAMES[2]}: expected bytes of the shape (n, height, width), found float32"),
        (
            {"file0": idx(0x08, (0, 28, 28)), "file1": idx(0x08, (0,))},
            f"{NAMES[0]}: expected bytes of the shape (n, height, width), found uint8 (0, 28, 28)",
        ),
        ({"file2": GOOD[:-1]}, f"{NAMES[2]}: offset 8: expected 4 bytes for the shape (4,), found"),
    ],
    ids=["too many", "label 10", "wide labels", "label columns", "flat images", "float images", "no images", "cut off"],
)
def test_images_and_labels_that_do_not_go_together_are_refused(tmp_path, other, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        mnist(mnist_folder(tmp_path, **other))
