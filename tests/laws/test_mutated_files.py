"""A file that was damaged on its way is refused with a FormatError, or is read; it never does anything else.

Bits flip, bytes change, vanish, come in or come twice, blocks change places, ends are cut off or grow: one to four such
mutations at once, from a seed. All of it with 128 MB of memory to spare, so a claim that is believed is an error too.
"""

import copy
import gzip
import json
import random
import re
import struct
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fnn import FormatError
from fnn.checkpoint.safetensors import pack, unpack
from fnn.data import read_csv, read_idx

each_length = pytest.mark.parametrize("rounds", [500, pytest.param(20_000, marks=pytest.mark.long)])


@contextmanager
def little_memory(spare=2**27):
    """Let no more be allocated than is now, and a little: a MemoryError is no FormatError."""
    resource, pages = pytest.importorskip("resource"), Path("/proc/self/statm")
    if not pages.exists():
        pytest.skip("the memory of a process is bounded on Linux alone")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    now = int(pages.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + spare, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_more_memory_than_that_is_an_error():
    with little_memory(), pytest.raises(MemoryError):
        np.empty(2**28, np.uint8)
    assert np.empty(2**28, np.uint8).nbytes == 2**28


def attempt(read, *arguments):
    """Return what was read and no message, or nothing and the message of the FormatError; any other error goes on."""
    try:
        return read(*arguments), ""
    except FormatError as error:
        return None, str(error)


def rewrite(path, content):
    path.unlink(missing_ok=True)  # some filesystems flush a file that is cut off and written again, which takes long
    path.write_bytes(content)


# --- the mutator -----------------------------------------------------------------------------------------------------


def piece(data, dice, longest=24):
    begin = dice.randrange(len(data) + 1)
    return begin, min(len(data), begin + dice.randint(1, longest))


def flip(data, dice, _):
    if not data:
        return data
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def change(data, dice, _):
    begin, end = piece(data, dice, 4)
    return data[:begin] + dice.randbytes(end - begin) + data[end:]


def delete(data, dice, _):
    begin, end = piece(data, dice)
    return data[:begin] + data[end:]


def insert(data, dice, tokens):
    place = dice.randrange(len(data) + 1)
    new = dice.choice(tokens) if dice.random() < 0.5 else dice.randbytes(dice.randint(1, 8))
    return data[:place] + new + data[place:]


def replace(data, dice, tokens):
    token, (begin, _) = dice.choice(tokens), piece(data, dice)
    return data[:begin] + token + data[begin + len(token) :]


def duplicate(data, dice, _):
    begin, end = piece(data, dice)
    return data[:end] + data[begin:end] * dice.choice((1, 1, 2, 50)) + data[end:]


def swap(data, dice, _):
    """Two blocks of one length change places."""
    length = dice.randint(1, 24)
    if len(data) < 2 * length:
        return data
    first = dice.randrange(len(data) - 2 * length + 1)
    second = dice.randrange(first + length, len(data) - length + 1)
    parts = data[:first], data[second : second + length], data[first + length : second], data[first : first + length]
    return b"".join((*parts, data[second + length :]))


def truncate(data, dice, _):
    return data[: dice.randrange(len(data) + 1)]


def extend(data, dice, _):
    return data + dice.choice((dice.randbytes(dice.randint(1, 16)), bytes(dice.randint(1, 16)), data))


MUTATIONS = [flip, flip, change, delete, insert, replace, duplicate, swap, truncate, extend]


def mutants(data, tokens, rounds, seed=0):
    """Return files with 1 to 4 mutations each."""
    dice = random.Random(seed)
    for _ in range(rounds):
        changed = data
        for _ in range(dice.randint(1, 4)):
            changed = dice.choice(MUTATIONS)(changed, dice, tokens)
        yield changed


def test_the_mutator_changes_nearly_every_file_by_its_seed_alone():
    data = bytes(range(200))
    first = list(mutants(data, [b"token"], 1000))
    assert first == list(mutants(data, [b"token"], 1000))
    assert len(set(first)) > 950
    assert first.count(data) < 10


# --- safetensors: an identical load or a FormatError -----------------------------------------------------------------

ARRAYS = {
    "layers[0].bias": np.array([0.5, -1.0], np.float32),
    "layers[0].weight": np.arange(6.0).reshape(2, 3),
    "on": np.array([True, False, True]),
    "step": np.array(7),
}
SAFETENSORS = pack(ARRAYS, {"note": "x"})
WORDS = [
    b"{", b"}", b"[", b"]", b'"', b",", b":", b" ", b"0", b"-", b"1e9", b"9" * 20, b"9" * 5000, b"null", b"true",
    b"NaN", b'"format"', b'"sha256"', b'"fnn"', b'"pt"', b"__metadata__", b"\\ud800", bytes(8),
    b"[" * 3000, b'{"a":' * 3000,
]  # fmt: skip


def shown(loaded):
    arrays, metadata = loaded
    return [(name, a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()], metadata


@each_length
def test_a_mutated_safetensors_file_is_refused_or_was_not_changed_at_all(rounds):
    expected, refused = shown(unpack(SAFETENSORS, "file")), 0
    with little_memory():
        for changed in mutants(SAFETENSORS, WORDS, rounds):
            loaded, message = attempt(unpack, changed, "file")
            if loaded is None:
                assert message.startswith("file: ")
                refused += 1
            else:
                assert shown(loaded) == expected
                assert changed == SAFETENSORS
    assert rounds * 0.9 < refused <= rounds


# The same arrays as another program writes them: nothing but the header's own sense protects them.
BODY = b"".join(array.tobytes() for array in ARRAYS.values())
ENTRIES = {
    "layers[0].bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    "layers[0].weight": {"dtype": "F64", "shape": [2, 3], "data_offsets": [8, 56]},
    "on": {"dtype": "BOOL", "shape": [3], "data_offsets": [56, 59]},
    "step": {"dtype": "I64", "shape": [], "data_offsets": [59, 67]},
}
NUMBERS = [0, 1, 2, 3, 8, 59, 67, -1, 2**31, 2**32, 2**40, 2**53, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, 10**4000]
ODD = [None, True, False, 1.0, 1e300, float("nan"), float("inf"), "", "F64", "U8", "F8_E4M3", "ü", "n" * 1000, [], {}]


def deep(dice):
    depth, inner = dice.choice((1, 2, 10, 300)), 0
    for _ in range(depth):
        inner = [inner] if dice.random() < 0.5 else {"a": inner}
    return inner


def reshuffled(header, dice):
    """Change one thing in a header, without regard to what it means."""
    places = [(header, key) for key in header]
    for parent, key in places:  # grows on the way: every place in the tree
        inner = parent[key]
        if isinstance(inner, dict | list):
            places += [(inner, key) for key in (inner if isinstance(inner, dict) else range(len(inner)))]
    parent, key = dice.choice(places)
    numbers = [(p, k) for p, k in places if type(p[k]) is int]
    match dice.randrange(7):
        case 0:
            parent[key] = dice.choice(NUMBERS)
        case 1:
            parent[key] = dice.choice(ODD)
        case 2:
            parent[key] = deep(dice)
        case 3:
            del parent[key]
        case 4 if isinstance(parent, dict):
            parent[dice.choice((key + "x", "a", "", "__metadata__"))] = copy.deepcopy(parent[key])
        case 5 if isinstance(parent, list):
            parent.insert(key, dice.choice(NUMBERS))
        case _ if numbers:
            (p, k), (q, j) = dice.choice(numbers), dice.choice(numbers)
            p[k], q[j] = q[j], p[k]
    return header


def with_a_key_twice(text, dice):
    keys = [match.start() for match in re.finditer(r'"[^"]*":', text)]
    place = dice.choice(keys)
    return text[:place] + re.match(r'"[^"]*":', text[place:])[0] + dice.choice(("1,", "[],", "{},")) + text[place:]


def headers(whole, rounds, dice):
    """Return headers with 1 to 3 things changed in each."""
    for _ in range(rounds):
        header = copy.deepcopy(whole)
        for _ in range(dice.randint(1, 3)):
            header = reshuffled(header, dice) or {"a": {}}
        yield header


def file_with(header, dice):
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    if dice.random() < 0.1:
        text = with_a_key_twice(text, dice)
    text = text.encode() + b" " * (-len(text.encode()) % 8)
    return struct.pack("<Q", len(text)) + text + BODY


@each_length
def test_a_header_that_says_other_things_is_refused_or_tells_of_the_same_bytes(rounds):
    dice, read = random.Random(1), 0
    with little_memory():
        for header in headers({"__metadata__": {"format": "pt"}} | ENTRIES, rounds // 2, dice):
            loaded, message = attempt(unpack, file_with(header, dice), "file")
            if loaded is None:
                assert message.startswith("file: ")
                assert len(message) < 1000
            else:
                read += 1
                assert sum(array.nbytes for array in loaded[0].values()) == len(BODY)
                assert not any(array.flags.writeable for array in loaded[0].values())
    assert 0 < read < rounds / 4


@each_length
def test_a_header_that_says_other_things_under_a_checksum_is_refused(rounds):
    dice, read, length = random.Random(2), 0, struct.unpack_from("<Q", SAFETENSORS)[0]
    whole, expected = json.loads(SAFETENSORS[8 : 8 + length]), shown(unpack(SAFETENSORS, "file"))
    mark = {"__metadata__": whole.pop("__metadata__")}
    with little_memory():
        for header in headers(whole, rounds // 2, dice):
            loaded, message = attempt(unpack, file_with(mark | header | mark, dice), "file")
            assert message.startswith("file: ") or shown(loaded) == expected
            read += loaded is not None
    assert 0 < read < rounds / 4


# --- IDX and CSV: an array or a FormatError --------------------------------------------------------------------------

IDX = struct.pack(">HBB2I", 0, 0x0C, 2, 5, 4) + np.arange(20, dtype=">i4").tobytes()
IDX_WORDS = [
    b"\0\0\x08\3", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\1\0\0" * 3, bytes(4), b"\x0e", b"\x1f\x8b", b"\x1f\x8b\x08\0",
]  # fmt: skip


@each_length
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_a_mutated_idx_file_is_refused_or_is_an_array(tmp_path, zipped, rounds):
    path, refused = tmp_path / "file", 0
    whole = gzip.compress(IDX, mtime=0) if zipped else IDX
    with little_memory():
        for changed in mutants(whole, IDX_WORDS, rounds // 2):
            rewrite(path, changed)
            found, message = attempt(read_idx, path)
            if found is None:
                assert message.startswith((f"{path}: offset ", f"{path}: the gzip stream is "))
                refused += 1
            else:
                assert isinstance(found, np.ndarray)
                assert found.nbytes < 1032 * len(changed)
    assert 0 < refused < rounds // 2


CSV = b"label,a,b\n1,2.5,-3\n0,1e2,.5\r\n2,+7.,1e-3\n9007199254740993,0,1\n"
CSV_WORDS = [
    b",", b",,", b"\n", b"\r\n", b"\n\n", b'"', b'""', b"nan", b"inf", b"1e999", b"1e400,", b"-1e308", b"0x1p70",
    b"1_0", b"9" * 17, b"9" * 400, b"-", b"e", b".", b"#", b"1+2j", b"1d5", b"True", b"label", b"0,1,2", b" ", b"\t",
    b"\0", b"\x0b", b"\x1c", b"\x85", b"\xff", b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xef\xbc\x99",
]  # fmt: skip


@each_length
def test_a_mutated_csv_file_is_refused_or_is_a_table_of_finite_numbers(tmp_path, rounds):
    path, refused = tmp_path / "file", 0
    with little_memory():
        for changed in mutants(CSV, CSV_WORDS, rounds):
            rewrite(path, changed)
            table, message = attempt(read_csv, path)
            if table is None:
                assert message.startswith(f"{path}: row ")
                refused += 1
            else:
                x, labels = table
                assert x.dtype == np.float32
                assert labels.dtype in (np.int64, np.float32)
                assert len(x) == len(labels) == len(changed.removesuffix(b"\n").split(b"\n")) - 1
                assert np.isfinite(x).all()
                assert np.isfinite(labels).all()
    assert 0 < refused < rounds


# --- a claim costs nothing -------------------------------------------------------------------------------------------


def peak(function):
    """Return the most memory that was in use at a time, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(path):
    with pytest.raises(FormatError, match=re.escape(f"{path}: offset ")):
        read_idx(path)


def test_a_gzip_that_claims_much_and_holds_little_costs_what_it_holds(tmp_path):
    """Deflate can make 1032 bytes of one, so a file of 100 kB may claim 100 MB: nothing is allocated for that."""
    path = tmp_path / "file"
    noise = random.Random(0).randbytes(100_000)
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 0x08, 1, 100_000_000) + noise, mtime=0))
    assert peak(lambda: refused(path)) < 2**20


def test_a_gzip_bomb_is_not_unpacked_beyond_what_its_header_implies(tmp_path):
    path = tmp_path / "file"
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(">HBBI", 0, 0x08, 1, 1000))
        for _ in range(20):
            file.write(bytes(2**20))
    assert path.stat().st_size < 2**15
    assert peak(lambda: refused(path)) < 2**20
