"""Arrays by name as bytes, and the writing of files."""

import errno
import json
import struct
from unittest import mock

from fnn import FormatError
from fnn.checkpoint._atomic import write_durably
from fnn.checkpoint.safetensors import pack, unpack
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import T, V, X


def written(header):
    """Return a safetensors file of another program that holds this header."""
    return struct.pack("<Q", len(header)) + header.encode()


def entry(dtype, shape, offsets):
    return written(json.dumps({"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}))


def with_room_for(n, function, *arguments):
    with mock.patch("fnn.checkpoint.safetensors._LONGEST_HEADER", n):
        return function(*arguments)


def failing(*errors):
    """Write where the first, second ... sync to the disk fails so."""
    with mock.patch("os.fsync", side_effect=errors):
        write_durably("net.fnn", b"data")


def write_protected():
    write_durably("net.fnn", b"old")
    with mock.patch("os.access", return_value=False):  # the tests may run as root, who may write to anything
        write_durably("net.fnn", b"new")


ROWS = [
    # --- arrays by name ---
    (
        lambda: pack({"w": [1.0]}, {}),
        T,
        "pack: 'w' must be an array of floats (16 to 64 bits), integers or booleans, got list "
        "[1.0]; write np.asarray(...)",
    ),
    (
        lambda: pack({"w": X + 1j}, {}),
        T,
        "pack: 'w' must be an array of floats (16 to 64 bits), integers or booleans, got complex64 array (5, 4)",
    ),
    (lambda: pack({1: X}, {}), T, "pack: the name of an array must be text, got int 1"),
    (lambda: pack({"__metadata__": X}, {}), V, "pack: the name '__metadata__' is taken by the format; choose another"),
    (
        lambda: pack({"\ud800": X}, {}),
        V,
        "pack: the name of an array must be text that UTF-8 can hold, got str '\\ud800' (surrogates not allowed)",
    ),
    (lambda: pack({}, {"a": 1}), T, "pack: the metadata 'a' must be text, got int 1"),
    (
        lambda: pack({}, {"format": "fnn"}),
        V,
        "pack: the name 'format' in the metadata is taken by fnn itself; choose another",
    ),
    (
        lambda: pack({}, {"\ud800": ""}),
        V,
        "pack: a name in the metadata must be text that UTF-8 can hold, got str '\\ud800' (surrogates not allowed)",
    ),
    (
        lambda: pack({}, {"a": "\ud800"}),
        V,
        "pack: the metadata 'a' must be text that UTF-8 can hold, got str '\\ud800' (surrogates not allowed)",
    ),
    (
        lambda: with_room_for(100, pack, {"w" * 90: X}, {}),
        V,
        "pack: names and metadata must fit into 100 bytes, got 256",
    ),
    (
        lambda: unpack(b"", "net.fnn"),
        FormatError,
        "net.fnn: offset 0: expected 8 bytes with the length of the header, found 0",
    ),
    (
        lambda: unpack(b"\xff" * 8, "net.fnn"),
        FormatError,
        "net.fnn: offset 0: expected a header of at most 0 bytes, found 18446744073709551615",
    ),
    (
        lambda: unpack(written("[]"), "net.fnn"),
        FormatError,
        "net.fnn: offset 8: expected {, the beginning of the header, found b'['",
    ),
    (
        lambda: unpack(written('{"a"}'), "net.fnn"),
        FormatError,
        "net.fnn: offset 8: expected JSON in UTF-8, found what is none (Expecting ':' delimiter: line 1 "
        "column 5 (char 4))",
    ),
    (
        lambda: unpack(written('{"a":{},"a":{}}'), "net.fnn"),
        FormatError,
        "net.fnn: offset 8: expected JSON in UTF-8, found what is none (the key 'a' twice)",
    ),
    (
        lambda: unpack(written('{"__metadata__":[]}'), "net.fnn"),
        FormatError,
        "net.fnn: entry '__metadata__': expected texts by name, found a list",
    ),
    (
        lambda: unpack(written('{"__metadata__":{"a":1}}'), "net.fnn"),
        FormatError,
        "net.fnn: entry '__metadata__': 'a': expected text, found int 1",
    ),
    (
        lambda: unpack(written('{"w":[]}'), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': expected the keys dtype, shape and data_offsets, found a list",
    ),
    (
        lambda: unpack(written('{"w":{"dtype":"F32"}}'), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': expected the keys dtype, shape and data_offsets, found the keys dtype",
    ),
    (
        lambda: unpack(entry("F128", [1], [0, 16]), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': expected a dtype out of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, "
        "U16, U8, BOOL, found str 'F128'",
    ),
    (
        lambda: unpack(entry("F32", 1, [0, 4]), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': shape: expected a list of integers, found int 1",
    ),
    (
        lambda: unpack(entry("F32", [-1], [0, 4]), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': shape: expected integers from 0 to 2**63 - 1, found int -1",
    ),
    (
        lambda: unpack(entry("F32", [2**62, 2], [0, 4]), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': shape: expected one that an array can have, found (4611686018427387904, 2)",
    ),
    (
        lambda: unpack(entry("F32", [2], [0, 4]), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': data_offsets: expected two, 8 apart for F32 (2,), found [0, 4]",
    ),
    (
        lambda: unpack(entry("F32", [1], [4, 8]), "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': data_offsets: expected to begin at 0, where the bytes before it end, found 4",
    ),
    (
        lambda: unpack(entry("F32", [1], [0, 4]), "net.fnn"),
        FormatError,
        "net.fnn: expected 73 bytes, as the header says, found 69",
    ),
    (
        lambda: unpack(entry("BOOL", [1], [0, 1]) + b"\2", "net.fnn"),
        FormatError,
        "net.fnn: entry 'w': expected bytes 0 and 1, found 2",
    ),
    (
        lambda: unpack(pack({"w": X}, {})[:-1] + b"!", "net.fnn"),
        FormatError,
        "net.fnn: expected the SHA-256 fc0612f0539c1bcf03c5ed12f43dd8f6bdc6768988122ea80c9322412..., as "
        "the header says, found 8bfbe9ea90d2712997727be395128afcdb0611371122596674cb5e67d...; the file "
        "was changed after it was written",
    ),
    (
        lambda: unpack(pack({}, {"a": "b"}).replace(b"format", b"former"), "net.fnn"),
        FormatError,
        'net.fnn: offset 8: expected {"__metadata__":{"sha256":"(64 digits)","format":"fnn", as in each '
        'file of fnn, found b\'{"__metadata__":{"sha256":"15c911072b37a8433fe416455dbc...; the file is '
        "damaged, or another program has rewritten it and kept its metadata",
    ),
    # --- writing ---
    (
        lambda: write_durably("no/such/folder", b""),
        FileNotFoundError,
        "[Errno 2] there is no such folder to write to; make it first: 'no/such'",
    ),
    (
        lambda: write_durably(".", b""),
        IsADirectoryError,
        "[Errno 21] expected the path of a file to write, and this is a folder: '.'",
    ),
    (
        lambda: write_durably("/dev/null", b""),
        OSError,
        "[Errno 22] expected the path of a file to write, and this is a device or a pipe: '/dev/null'",
    ),
    (
        lambda: failing(OSError(errno.ENOSPC, "No space left on device")),
        OSError,
        "[Errno 28] No space left on device; nothing was written, and what was there before is unchanged: 'net.fnn'",
    ),
    (lambda: write_protected(), PermissionError, "[Errno 13] the file is write-protected: 'net.fnn'"),
    (
        lambda: failing(None, OSError(errno.EIO, "Input/output error")),
        OSError,
        "[Errno 5] Input/output error; the new file is there, but might not outlive a power failure: 'net.fnn'",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
