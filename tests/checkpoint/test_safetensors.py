"""Laws of safetensors files: arrays come back to the bit, equal arrays make equal bytes, no change goes unseen."""

import hashlib
import itertools
import json
import math
import random
import re
import struct
import tracemalloc

import numpy as np
import pytest

import fnn.checkpoint.safetensors
from fnn import FormatError
from fnn.checkpoint.safetensors import pack, unpack
from tests.each_of import each_of

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]
SHAPES = [(), (1,), (3,), (2, 3), (0,), (3, 0, 2), (2, 1, 3, 2), (1,) * 64]


def some(dtype, shape):
    """Random bytes as numbers: NaNs with payloads, infinities and subnormal numbers among the floats."""
    raw = random.Random(0).randbytes(math.prod(shape) * np.dtype(dtype).itemsize)
    if dtype == "?":
        raw = bytes(byte % 2 for byte in raw)
    return np.frombuffer(raw, dtype).reshape(shape)


def file_of(header, body=b"", length=None):
    """The bytes of a file as any program may write it: no checksum, no padding."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(**other):
    return {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]} | other


def same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


# --- what is packed is unpacked --------------------------------------------------------------------------------------


@each_of("dtype", DTYPES)
@each_of("shape", SHAPES, ids=lambda shape: str(shape)[:12])
def test_arrays_of_every_kind_come_back_to_the_bit(dtype, shape):
    arrays = {"it": some(dtype, shape), "zz": some("u1", (5,))}
    found, metadata = unpack(pack(arrays, {}), "file")
    same(found, arrays)
    assert metadata == {}
    assert found["it"].dtype.isnative


def test_any_text_is_a_name_and_any_text_is_metadata():
    names = ["", "a", "layers[0].weight", "größe", "重み", "\U0001f9e0", 'say "b"\\', "tab\tnull\0", "sha256", "format"]
    arrays = {name: np.array(i) for i, name in enumerate(sorted(names))}
    metadata = {name: name[::-1] for name in names if name not in ("sha256", "format")}
    found, told = unpack(pack(arrays, metadata), "file")
    same(found, arrays)
    assert told == metadata


def test_no_arrays_and_no_metadata_are_a_file_too():
    assert unpack(pack({}, {}), "file") == ({}, {})


def test_what_comes_back_is_read_only_and_aligned_though_the_bytes_in_the_file_are_not():
    arrays = {"a": some("u1", (3,)), "b": some("f8", (4,)), "c": some("?", (2,)), "d": some("f4", (2, 2))}
    for found in unpack(pack(arrays, {}), "file")[0].values():
        assert found.flags.c_contiguous
        assert found.flags.aligned
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0


# --- equal arrays make equal bytes -----------------------------------------------------------------------------------

LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "transposed twice": lambda a: a.T.copy().T,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "big-endian Fortran": lambda a: np.asfortranarray(a.astype(a.dtype.newbyteorder(">"))),
    "unaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "a view": lambda a: np.stack([a, a + a.dtype.type(1)])[0],
}


@each_of("layout", LAYOUTS.values(), ids=LAYOUTS)
@each_of("dtype", ["f8", "f4", "f2", "i8", "i2", "u4", "u1", "?"])
def test_the_bytes_do_not_depend_on_how_an_array_lies_in_memory(layout, dtype):
    plain = np.arange(24).reshape(2, 3, 4).astype(dtype)
    other = layout(plain)
    assert (other == plain).all()
    before = other.tobytes(), other.flags.writeable
    assert pack({"x": other}, {}) == pack({"x": plain}, {})
    assert (other.tobytes(), other.flags.writeable) == before
    same(unpack(pack({"x": other}, {}), "file")[0], {"x": plain})


def test_the_bytes_do_not_depend_on_the_order_of_names():
    arrays, metadata = {name: np.array(ord(name)) for name in "abcd"}, {"one": "1", "two": "2", "three": "3"}
    first = pack(arrays, metadata)
    for names in itertools.permutations(arrays):
        assert pack({name: arrays[name] for name in names}, dict(reversed(metadata.items()))) == first


def test_a_file_is_what_the_format_says_byte_by_byte():
    header = (
        '{"__metadata__":{"sha256":"%s","format":"fnn","step":"7"},'
        '"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},'
        '"é":{"dtype":"BOOL","shape":[],"data_offsets":[8,9]}}'
    )
    length = -(-len((header % ("0" * 64)).encode()) // 8) * 8
    body = struct.pack("<2f?", 1.5, -2.0, True)
    blank = struct.pack("<Q", length) + (header % ("0" * 64)).encode().ljust(length) + body
    whole = struct.pack("<Q", length) + (header % hashlib.sha256(blank).hexdigest()).encode().ljust(length) + body
    assert pack({"é": np.array(True), "b": np.array([[1.5], [-2.0]], np.float32)}, {"step": "7"}) == whole


@each_of("extra", range(9))
def test_the_header_is_filled_up_with_spaces_to_a_multiple_of_8(extra):
    data = pack({"n" * (extra + 1): np.zeros(3)}, {})
    (length,) = struct.unpack_from("<Q", data)
    assert length % 8 == 0
    assert len(data) == 8 + length + 24
    text = data[8 : 8 + length].decode()
    assert len(text) - len(text.rstrip(" ")) < 8
    assert text.rstrip(" ") == json.dumps(json.loads(text), separators=(",", ":"))


# --- no change goes unseen -------------------------------------------------------------------------------------------

SMALL = pack({"w": np.array([[1.0, -2.0]], np.float32), "on": np.array([True, False])}, {"note": "x"})


def test_no_flipped_bit_goes_unseen():
    for place, bit in itertools.product(range(len(SMALL)), range(8)):
        changed = bytearray(SMALL)
        changed[place] ^= 1 << bit
        with pytest.raises(FormatError, match=r"^file: "):
            unpack(bytes(changed), "file")


def test_no_byte_more_or_less_goes_unseen():
    for place in range(len(SMALL)):
        for changed in (SMALL[:place], SMALL[:place] + SMALL[place + 1 :], SMALL[:place] + b" " + SMALL[place:]):
            with pytest.raises(FormatError, match=r"^file: "):
                unpack(changed, "file")
    with pytest.raises(FormatError, match="expected 250 bytes, as the header says, found 251"):
        unpack(SMALL + b"\0", "file")


def test_a_change_that_leaves_a_faultless_file_is_seen_by_the_checksum():
    renamed = SMALL.replace(b'"w":', b'"v":')
    swapped = SMALL.replace(struct.pack("<2f", 1, -2), struct.pack("<2f", -2, 1))
    reshaped = SMALL.replace(b"[1,2]", b"[2,1]")
    noted = SMALL.replace(b'"note":"x"', b'"note":"y"')
    for changed in (renamed, swapped, reshaped, noted):
        assert len(changed) == len(SMALL)
        assert changed != SMALL
        with pytest.raises(FormatError, match=r"^file: expected the SHA-256 \w{57}\.\.\., as the header says, found "):
            unpack(changed, "file")


KEY, DIGITS, FORM = '"sha256"', SMALL[35:99].decode(), '"format":"fnn"'
KEYS_SPOILT, DIGITS_SPOILT = ['"sha257"', '"______"'], [DIGITS[:20] + "x" + DIGITS[21:], DIGITS[:20]]
FORMS_SPOILT = ['"former":"fnn"', '"format":"pnn"', '"format":"pt"', '"by":"me"', '"":""']


@each_of(
    ("key", "digits", "form"),
    [
        *itertools.product(KEYS_SPOILT, [DIGITS], [FORM, *FORMS_SPOILT]),
        *itertools.product([*KEYS_SPOILT, '"s256"', '"sha256sha256"'], [DIGITS, *DIGITS_SPOILT], [FORM]),
        *itertools.product([KEY], [DIGITS, *DIGITS_SPOILT], FORMS_SPOILT),
    ],
)
def test_a_file_of_ours_whose_mark_is_damaged_is_not_taken_for_one_of_another_program(key, digits, form):
    end = 8 + struct.unpack_from("<Q", SMALL)[0]
    text = SMALL[8:end].decode().replace(KEY, key).replace(DIGITS, digits).replace(FORM, form)
    begin = 'offset 8: expected {"__metadata__":{"sha256":"(64 digits)","format":"fnn", as in each file of fnn, found b'
    with pytest.raises(FormatError, match=f"^file: {re.escape(begin)}.*; the file is damaged, or another program has"):
        unpack(file_of(text.encode(), SMALL[end:]), "file")


# --- files of other programs -----------------------------------------------------------------------------------------


def test_a_file_without_our_mark_needs_no_checksum():
    header = {"__metadata__": {"format": "pt", "by": "me"}, "b": entry(data_offsets=[1, 2]), "a": entry()}
    found, metadata = unpack(file_of(header, b"\7\x08"), "file")
    same(found, {"b": np.array([8], np.uint8), "a": np.array([7], np.uint8)})
    assert metadata == {"format": "pt", "by": "me"}
    assert unpack(file_of(b"{}"), "file") == ({}, {})
    assert unpack(file_of(b"{}  \n"), "file") == ({}, {})


@each_of("first", ["weight", "a", "shared.weight", "layers.0.bias"])
@each_of("form", ["pt", "np", "tf", "flax", "mlx", "jax"])
def test_marks_of_other_programs_are_not_taken_for_a_damaged_one_of_ours(form, first):
    text = json.dumps({"__metadata__": {"format": form}, first: entry()}, separators=(",", ":"))
    assert unpack(file_of(text.encode(), b"\7"), "file")[1] == {"format": form}


def test_every_bf16_becomes_the_float32_that_it_is_the_upper_half_of():
    every = np.arange(2**16, dtype="<u2")
    header = {"a": {"dtype": "BF16", "shape": [256, 256], "data_offsets": [0, 2**17]}}
    found = unpack(file_of(header, every.tobytes()), "file")[0]["a"]
    assert (found.dtype, found.shape, found.flags.writeable) == (np.float32, (256, 256), False)
    expected = b"".join(struct.pack("<f", *struct.unpack("<f", struct.pack("<HH", 0, n))) for n in (0x3FC0, 0xC000))
    assert found.ravel()[[0x3FC0, 0xC000]].tobytes() == expected == struct.pack("<2f", 1.5, -2.0)
    assert found.astype("<f4").tobytes() == b"".join(b"\0\0" + every[i : i + 1].tobytes() for i in range(2**16))
    single = unpack(file_of({"a": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]}}, b"\xc0\x3f"), "file")[0]["a"]
    assert (type(single), single.shape, single.tolist()) == (np.ndarray, (), 1.5)


def test_arrays_of_no_size_may_stand_between_others():
    header = {"a": entry(), "z": entry(shape=[0, 2**40], data_offsets=[1, 1]), "b": entry(data_offsets=[1, 2])}
    found, _ = unpack(file_of(header, b"\1\2"), "file")
    assert [found[name].tolist() for name in "azb"] == [[1], [], [2]]
    assert found["z"].shape == (0, 2**40)


# --- every message ---------------------------------------------------------------------------------------------------

DTYPE = "entry 'a': expected a dtype out of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, found "
WHOLE_LIST = "expected a list of integers, found "
TWO = "entry 'a': data_offsets: expected two, "
POSSIBLE = "entry 'a': shape: expected one that an array can have, found "
HEADER = "offset 0: expected a header of at most 2 bytes, found "
KEYS = "entry 'a': expected the keys dtype, shape and data_offsets, found "
WHOLES = "expected integers from 0 to 2**63 - 1, found "
NO_JSON = "offset 8: expected JSON in UTF-8, found what is none ("
BAD = {
    "no bytes": (b"", "offset 0: expected 8 bytes with the length of the header, found 0"),
    "seven bytes": (bytes(7), "offset 0: expected 8 bytes with the length of the header, found 7"),
    "length": (file_of(b"{}", length=3), HEADER + "3"),
    "huge length": (file_of(b"{}", length=2**64 - 1), HEADER + str(2**64 - 1)),
    "no header": (bytes(8), "offset 8: expected {, the beginning of the header, found b''"),
    "a list": (file_of([]), "offset 8: expected {, the beginning of the header, found b'['"),
    "a space": (file_of(b" {}"), "offset 8: expected {, the beginning of the header, found b' '"),
    "a BOM": (file_of(b"\xef\xbb\xbf{}"), r"offset 8: expected {, the beginning of the header, found b'\xef'"),
    "cut off": (file_of(b'{"a":'), NO_JSON + "Expecting value: line 1 column 6 (char 5))"),
    "two": (file_of(b"{}{}"), NO_JSON + "Extra data: line 1 column 3 (char 2))"),
    "no UTF-8": (file_of(b'{"\xff":1}'), NO_JSON + "'utf-8' codec can't decode byte 0xff in position 2: invalid start"),
    "half a pair": (file_of(b'{"\\ud800":1}'), NO_JSON + "'utf-8' codec can't encode character '\\ud800'"),
    "twice": (file_of(b'{"a":1,"a":2}'), NO_JSON + "the key 'a' twice)"),
    "twice within": (file_of(b'{"a":{"dtype":1,"dtype":1}}'), NO_JSON + "the key 'dtype' twice)"),
    "twice, long": (file_of(b'{"%s":1,"%s":1}' % (b"n" * 99, b"n" * 99)), NO_JSON + f"the key '{'n' * 57}...' twice)"),
    "deep list": (file_of(b'{"a":' + b"[" * 10**5), NO_JSON + "maximum recursion depth exceeded"),
    "deep object": (file_of(b'{"a":' * 10**5), NO_JSON + "maximum recursion depth exceeded"),
    "long number": (file_of(b'{"a":' + b"9" * 5000 + b"}"), NO_JSON + "Exceeds the limit (4300 digits)"),
    "metadata": (file_of({"__metadata__": None}), "entry '__metadata__': expected texts by name, found NoneType None"),
    "metadata list": (file_of({"__metadata__": []}), "entry '__metadata__': expected texts by name, found a list"),
    "a number": (file_of({"__metadata__": {"x": 1}}), "entry '__metadata__': 'x': expected text, found int 1"),
    "an object": (file_of({"__metadata__": {"x": {}}}), "entry '__metadata__': 'x': expected text, found an object"),
    "entry": (file_of({"a": None}), KEYS + "NoneType None"),
    "NaN": (file_of(b'{"a":NaN}'), KEYS + "float nan"),
    "rather deep": (file_of(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}"), KEYS + "a list"),
    "no keys": (file_of({"a": {}}), KEYS + "an object"),
    "a key less": (file_of({"a": {"dtype": "U8", "shape": [1]}}), KEYS + "the keys dtype, shape"),
    "a key more": (file_of({"a": entry(b=1)}), KEYS + "the keys dtype, shape, data_offsets, b"),
    "dtype": (file_of({"a": entry(dtype="F8_E4M3")}), DTYPE + "str 'F8_E4M3'"),
    "dtype 1": (file_of({"a": entry(dtype=[])}), DTYPE + "a list"),
    "shape": (file_of({"a": entry(shape=1)}), f"entry 'a': shape: {WHOLE_LIST}int 1"),
    "shape -1": (file_of({"a": entry(shape=[-1])}), f"entry 'a': shape: {WHOLES}int -1"),
    "shape 1.0": (file_of({"a": entry(shape=[1.0])}), f"entry 'a': shape: {WHOLES}float 1.0"),
    "shape true": (file_of({"a": entry(shape=[True])}), f"entry 'a': shape: {WHOLES}bool True"),
    "shape [[1]]": (file_of({"a": entry(shape=[[1]])}), f"entry 'a': shape: {WHOLES}a list"),
    "shape 2**63": (file_of({"a": entry(shape=[2**63])}), f"entry 'a': shape: {WHOLES}int 9223372036854775808"),
    "many axes": (file_of({"a": entry(shape=[1] * 65)}), POSSIBLE + "(1, "),
    "overflow": (
        file_of({"a": entry(shape=[2**32, 2**32])}),
        POSSIBLE + "(4294967296, 4294967296)",
    ),
    "overflow beside 0": (
        file_of({"a": entry(shape=[0, 2**62, 2**62], data_offsets=[0, 0])}),
        POSSIBLE + "(0, 4611686018427387904, 4611686018427387904)",
    ),
    "offsets": (file_of({"a": entry(data_offsets="01")}), f"entry 'a': data_offsets: {WHOLE_LIST}str '01'"),
    "offsets -1": (file_of({"a": entry(data_offsets=[-1, 0])}), f"entry 'a': data_offsets: {WHOLES}int -1"),
    "offsets true": (file_of({"a": entry(data_offsets=[False, True])}), f"entry 'a': data_offsets: {WHOLES}bool False"),
    "one offset": (file_of({"a": entry(data_offsets=[0])}), TWO + "1 apart for U8 (1,), found [0]"),
    "wrong size": (
        file_of({"a": entry(dtype="F64", shape=[2, 3], data_offsets=[0, 47])}, bytes(47)),
        TWO + "48 apart for F64 (2, 3), found [0, 47]",
    ),
    "backwards": (file_of({"a": entry(data_offsets=[1, 0])}), TWO + "1 apart for U8 (1,), found [1, 0]"),
    "a hole": (
        file_of({"a": entry(), "b": entry(data_offsets=[2, 3])}, b"abc"),
        "entry 'b': data_offsets: expected to begin at 1, where the bytes before it end, found 2",
    ),
    "an overlap": (
        file_of({"a": entry(), "b": entry()}, b"a"),
        "entry 'b': data_offsets: expected to begin at 1, where the bytes before it end, found 0",
    ),
    "late": (
        file_of({"a": entry(data_offsets=[1, 2])}, b"ab"),
        "entry 'a': data_offsets: expected to begin at 0, where the bytes before it end, found 1",
    ),
    "too short": (file_of({"a": entry()}), "expected 69 bytes, as the header says, found 68"),
    "too long": (file_of({"a": entry()}, b"ab"), "expected 69 bytes, as the header says, found 70"),
    "a bool of 2": (
        file_of({"a": entry(dtype="BOOL", shape=[2], data_offsets=[0, 2])}, b"\1\2"),
        "entry 'a': expected bytes 0 and 1, found 2",
    ),
    "a long name": (file_of({"n" * 99: entry(shape=1)}), f"entry '{'n' * 57}...': shape: expected a list"),
}  # fmt: skip


@each_of(("data", "message"), BAD.values(), ids=BAD)
def test_the_error_names_the_file_the_place_the_expected_and_the_found(data, message):
    with pytest.raises(FormatError, match=f"^{re.escape(f'net.safetensors: {message}')}") as caught:
        unpack(data, "net.safetensors")
    assert len(str(caught.value)) < 400


def test_a_header_longer_than_what_can_be_read_is_neither_written_nor_read(monkeypatch):
    data = pack({"name" * 100: np.zeros(1)}, {})
    monkeypatch.setattr(fnn.checkpoint.safetensors, "_LONGEST_HEADER", 500)
    with pytest.raises(FormatError, match=r"^file: offset 0: expected a header of at most 500 bytes, found 568$"):
        unpack(data, "file")
    with pytest.raises(ValueError, match=r"^pack: names and metadata must fit into 500 bytes, got 568$"):
        pack({"name" * 100: np.zeros(1)}, {})


def test_nothing_is_allocated_for_a_claim():
    header = {"a": entry(dtype="F64", shape=[2**40], data_offsets=[0, 2**43])}
    data = file_of(header, bytes(100))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=f"expected {len(data) - 100 + 2**43} bytes"):
            unpack(data, "file")
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()


FLOATS = "pack: 'a' must be an array of floats (16 to 64 bits), integers or booleans, got "

UTF_8 = " must be text that UTF-8 can hold, got str '\\ud800' (surrogates not allowed)"


@each_of(
    ("arrays", "metadata", "kind", "message"),
    [
        ({"a": np.array([None])}, {}, TypeError, FLOATS + "object array (1,)"),
        ({"a": np.zeros(2, complex)}, {}, TypeError, FLOATS + "complex128 array (2,)"),
        ({"a": np.array(["x"])}, {}, TypeError, FLOATS + "<U1 array (1,)"),
        ({"a": np.zeros(1, "M8[s]")}, {}, TypeError, FLOATS + "datetime64[s] array (1,)"),
        ({"a": np.zeros(1, "f4,i4")}, {}, TypeError, FLOATS),
        ({"a": np.zeros(1, "V2")}, {}, TypeError, FLOATS),
        ({"a": [1.0]}, {}, TypeError, FLOATS + "list [1.0]; write np.asarray(...)"),
        ({"a": np.float32(1)}, {}, TypeError, FLOATS),
        ({"a": None}, {}, TypeError, FLOATS + "NoneType None"),
        ({1: np.zeros(1)}, {}, TypeError, "pack: the name of an array must be text, got int 1"),
        ({"__metadata__": np.zeros(1)}, {}, ValueError, "pack: the name '__metadata__' is taken by the format"),
        ({"\ud800": np.zeros(1)}, {}, ValueError, "pack: the name of an array" + UTF_8),
        ({}, {"a": 1}, TypeError, "pack: the metadata 'a' must be text, got int 1"),
        ({}, {b"a": "1"}, TypeError, "pack: a name in the metadata must be text, got bytes b'a'"),
        ({}, {"sha256": "1"}, ValueError, "pack: the name 'sha256' in the metadata is taken by fnn"),
        ({}, {"format": "1"}, ValueError, "pack: the name 'format' in the metadata is taken by fnn itself; choose"),
        ({}, {"\ud800": "1"}, ValueError, "pack: a name in the metadata" + UTF_8),
        ({}, {"a": "\ud800"}, ValueError, "pack: the metadata 'a'" + UTF_8),
    ],
)  # fmt: skip
def test_what_the_format_cannot_hold_is_refused(arrays, metadata, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        pack(arrays, metadata)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="a longdouble is a double here")
def test_floats_beyond_64_bits_are_refused():
    with pytest.raises(TypeError, match=re.escape(FLOATS)):
        pack({"a": np.zeros(1, np.longdouble)}, {})


@each_of(
    ("data", "words"),
    [
        (b"PK\x03\x04" + bytes(2000), "found a zip archive, as torch.save writes it; load it with PyTorch"),
        (b"\x80\x02\x8a\nl" + bytes(2000), "found a pickle, as torch.save writes it; load it with PyTorch"),
        (b"\x80\x04\x95" + b"\x01" * 9, "found a pickle, as torch.save writes it"),
        (b"\x93NUMPY\x01\x00" + bytes(200), "found an array that np.save wrote; read it with np.load"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), "found an HDF5 file, as Keras writes it"),
    ],
)
def test_a_file_of_another_kind_is_told_by_its_first_bytes(data, words):
    with pytest.raises(FormatError, match=rf"^net\.pt: expected a safetensors file, {re.escape(words)}"):
        unpack(data, "net.pt")


def test_a_file_of_torch_itself(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.ones(3)}, tmp_path / "net.pt")
    with pytest.raises(FormatError, match=r"as torch\.save writes it"):
        unpack((tmp_path / "net.pt").read_bytes(), "net.pt")
