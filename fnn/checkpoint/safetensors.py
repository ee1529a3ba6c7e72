"""Named arrays as bytes that other programs read too, and in which every change is found: the safetensors format.

    pack          : arrays by name, metadata -> bytes
    unpack        : bytes, the file's name   -> arrays by name, metadata
    read_metadata : path                     -> metadata

A file is eight bytes with the length of the header, the header, which is JSON, and then the values of all arrays, in C
order, little-endian, one array after the other without a gap (https://huggingface.co/docs/safetensors):

    {"__metadata__":{"sha256":"9f86...","format":"fnn"},"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}

The format has no checksum of its own, so nobody would see a flipped bit of a weight. A file of ours carries the SHA-256
of all its bytes, computed with 64 zeros in the place of its own digits; names are sorted, so equal arrays make equal
bytes. Files of other programs are read without that check. What tells them apart must survive damage too: a file is
ours if its metadata have a "sha256", or the format "fnn", or digits where ours stand; then all three must hold.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import FormatError, describe

_STORED = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1",
}  # fmt: skip
_NAMES = {"b1": "BOOL"} | {kind.lstrip("<"): name for name, kind in _STORED.items() if name not in ("BF16", "BOOL")}
_METADATA = "__metadata__"
# Each header of ours begins with these two texts, and 64 digits between them: no small damage hits both.
_BEGIN, _THEN, _ZEROS = b'{"__metadata__":{"sha256":"', b'","format":"fnn"', "0" * 64
_DIGITS = slice(8 + len(_BEGIN), 8 + len(_BEGIN) + 64)
_LONGEST_HEADER = 100_000_000  # bytes, the bound of the reference reader: parsed JSON takes far more memory than that


def pack(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file. Equal arrays give equal bytes, whatever their order and memory layout.

    Arrays are of floats of 16 to 64 bits, integers or booleans; ``metadata`` are texts by name. Raises ``TypeError``
    for a name, text or array of another kind, ``ValueError`` for a name that the format keeps for itself.

    >>> data = pack({"bias": np.array([1.0, 2.0], np.float32)}, {"step": "7"})
    >>> unpack(data, "net.safetensors")
    ({'bias': array([1., 2.], dtype=float32)}, {'step': '7'})
    """
    _require_names(arrays, metadata)
    header: dict[str, Any] = {_METADATA: {"sha256": _ZEROS, "format": "fnn", **dict(sorted(metadata.items()))}}
    parts, end = [], 0
    for name in sorted(arrays):
        array = arrays[name]
        dtype = _NAMES.get(array.dtype.str[1:]) if isinstance(array, np.ndarray) else None
        if dtype is None:
            hint = "; write np.asarray(...)" if isinstance(array, int | float | list | np.generic) else ""
            raise TypeError(
                f"pack: {name!r} must be an array of floats (16 to 64 bits), integers or booleans, "
                f"got {describe(array)}{hint}"
            )
        # tobytes() goes through the array in C order, however it lies in memory.
        parts.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _LONGEST_HEADER:
        raise ValueError(f"pack: names and metadata must fit into {_LONGEST_HEADER} bytes, got {len(text)}")
    first = struct.pack("<Q", len(text)) + text
    digest = _checksum(first, *parts)
    return b"".join([first[: _DIGITS.start], digest.encode(), first[_DIGITS.stop :], *parts])


def unpack(data: bytes, where: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of a safetensors file, read-only and in the machine's byte order, and its metadata.

    ``where`` is the file's name, for messages. BF16, which NumPy lacks, becomes float32, exactly. Raises
    ``FormatError``, with the file, the offset or the entry, what was expected and what was found, for bytes that are no
    such file, that have changed since ``pack`` made them, or that hold values of another type.
    """
    header, begin = _header(data, where)
    metadata = _metadata(header.pop(_METADATA, {}), where)
    spans = {name: _span(name, entry, where) for name, entry in header.items()}
    end = 0
    for start, stop, name in sorted((*span, name) for name, span in spans.items()):
        if start != end:
            raise FormatError(
                f"{where}: entry {_cut(name)!r}: data_offsets: expected to begin at {end}, where the bytes before it "
                f"end, found {start}"
            )
        end = stop
    if begin + end != len(data):
        raise FormatError(f"{where}: expected {begin + end} bytes, as the header says, found {len(data)}")
    if _is_ours(data, metadata):
        _require_unchanged(data, metadata, where)
        metadata = {name: text for name, text in metadata.items() if name not in ("format", "sha256")}
    arrays = {
        name: _array(data, begin + spans[name][0], entry, f"{where}: entry {_cut(name)!r}")
        for name, entry in header.items()
    }
    return arrays, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file. Only its header is read: the rest may be damaged.

    Raises ``FormatError``, as ``unpack`` does, for a file that does not begin with a header.
    """
    with open(path, "rb") as file:
        data = file.read(8)
        data += file.read(min(int.from_bytes(data, "little"), _LONGEST_HEADER))
    header, _ = _header(data, str(path))
    return _metadata(header.pop(_METADATA, {}), str(path))


def _require_names(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    for name in arrays:
        _require_text("the name of an array", name)
        if name == _METADATA:
            raise ValueError(f"pack: the name {_METADATA!r} is taken by the format; choose another")
    for name, text in metadata.items():
        _require_text("a name in the metadata", name)
        _require_text(f"the metadata {name!r}", text)
        if name in ("format", "sha256"):
            raise ValueError(f"pack: the name {name!r} in the metadata is taken by fnn itself; choose another")


def _require_text(what: str, text: Any) -> None:
    if not isinstance(text, str):
        raise TypeError(f"pack: {what} must be text, got {describe(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"pack: {what} must be text that UTF-8 can hold, got {describe(text)} ({error.reason})"
        ) from None


def _checksum(first: bytes, *rest: bytes | memoryview) -> str:
    """Return the SHA-256 of a file that comes in parts; the first holds the header, where the digits stand."""
    digest = hashlib.sha256(first[: _DIGITS.start] + _ZEROS.encode())
    digest.update(memoryview(first)[_DIGITS.stop :])
    for part in rest:
        digest.update(part)
    return digest.hexdigest()


_BY_TORCH = "as torch.save writes it; load it with PyTorch, and write it with safetensors.torch.save_file"
_OTHERS = {  # what other files begin with; as the length of a header each would be one of petabytes
    b"PK\x03\x04": f"a zip archive, {_BY_TORCH}, or as np.savez does; read that with np.load",
    b"\x80\x02": f"a pickle, {_BY_TORCH}",
    b"\x80\x03": f"a pickle, {_BY_TORCH}",
    b"\x80\x04": f"a pickle, {_BY_TORCH}",
    b"\x80\x05": f"a pickle, {_BY_TORCH}",
    b"\x93NUMPY": "an array that np.save wrote; read it with np.load",
    b"\x89HDF\r\n": "an HDF5 file, as Keras writes it; read it with h5py",
}


def _header(data: bytes, where: str) -> tuple[dict[str, Any], int]:
    """Return the header and the offset at which it ends."""
    if len(data) < 8:
        raise FormatError(f"{where}: offset 0: expected 8 bytes with the length of the header, found {len(data)}")
    length = struct.unpack_from("<Q", data)[0]
    longest = min(len(data) - 8, _LONGEST_HEADER)
    if length > longest:
        other = next((what for begin, what in _OTHERS.items() if data.startswith(begin)), "")
        if other:
            raise FormatError(f"{where}: expected a safetensors file, found {other}")
        raise FormatError(f"{where}: offset 0: expected a header of at most {longest} bytes, found {length}")
    found = data[8 : 8 + length]
    if found[:1] != b"{":
        raise FormatError(f"{where}: offset 8: expected {{, the beginning of the header, found {found[:1]!r}")
    try:
        header = json.loads(found.decode(), object_pairs_hook=_without_repeats)
        # JSON can spell half of a surrogate pair, which is no text: such a name could not be printed or written again.
        json.dumps(header, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: offset 8: expected JSON in UTF-8, found what is none ({error})") from None
    return header, 8 + length


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {_cut(name)!r} twice")
        found[name] = value
    return found


def _metadata(found: Any, where: str) -> dict[str, str]:
    place = f"{where}: entry {_METADATA!r}"
    if not isinstance(found, dict):
        raise FormatError(f"{place}: expected texts by name, found {_found(found)}")
    for name, text in found.items():
        if not isinstance(text, str):
            raise FormatError(f"{place}: {_cut(name)!r}: expected text, found {_found(text)}")
    return found


def _span(name: str, entry: Any, where: str) -> tuple[int, int]:
    """Check all that an entry says, and return where its bytes begin and end after the header."""
    place = f"{where}: entry {_cut(name)!r}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        keys = ", ".join(map(_cut, list(entry)[:5])) if isinstance(entry, dict) else ""
        found = f"the keys {keys}" if keys else _found(entry)
        raise FormatError(f"{place}: expected the keys dtype, shape and data_offsets, found {found}")
    dtype = entry["dtype"]
    if dtype not in list(_STORED):
        raise FormatError(f"{place}: expected a dtype out of {', '.join(_STORED)}, found {_found(dtype)}")
    shape = _integers(entry["shape"], f"{place}: shape")
    # NumPy bounds the product without the zeros. The number of axes is checked first: a long product takes long.
    if len(shape) > 64 or math.prod(n or 1 for n in shape) * 8 >= 2**63:
        raise FormatError(f"{place}: shape: expected one that an array can have, found {_cut(str(shape))}")
    offsets = _integers(entry["data_offsets"], f"{place}: data_offsets")
    size = math.prod(shape) * np.dtype(_STORED[dtype]).itemsize
    if len(offsets) != 2 or offsets[1] - offsets[0] != size:
        raise FormatError(
            f"{place}: data_offsets: expected two, {size} apart for {dtype} {_cut(str(shape))}, "
            f"found {_cut(str(list(offsets)))}"
        )
    return offsets[0], offsets[1]


def _integers(found: Any, place: str) -> tuple[int, ...]:
    if not isinstance(found, list):
        raise FormatError(f"{place}: expected a list of integers, found {_found(found)}")
    for n in found:
        if type(n) is not int or not 0 <= n < 2**63:  # True is an int as well
            raise FormatError(f"{place}: expected integers from 0 to 2**63 - 1, found {_found(n)}")
    return tuple(found)


def _is_ours(data: bytes, metadata: dict[str, str]) -> bool:
    """Return True if a file was written here, even if its mark is damaged; False if it never had the mark."""
    # Blocks that change places can spoil both keys and the ends of the digits at once, but then not their middle.
    digits = re.fullmatch(rb"[0-9a-f]{48}", data[_DIGITS][8:-8])
    return "sha256" in metadata or metadata.get("format") == "fnn" or digits is not None


def _require_unchanged(data: bytes, metadata: dict[str, str], where: str) -> None:
    if data[8 : _DIGITS.start] != _BEGIN or data[_DIGITS.stop : _DIGITS.stop + len(_THEN)] != _THEN:
        begin = f"{_BEGIN.decode()}(64 digits){_THEN.decode()}"
        raise FormatError(
            f"{where}: offset 8: expected {begin}, as in each file of fnn, found {_cut(repr(data[8:80]))}; "
            "the file is damaged, or another program has rewritten it and kept its metadata"
        )
    found = _checksum(data)
    if metadata["sha256"] != found:
        raise FormatError(
            f"{where}: expected the SHA-256 {_cut(metadata['sha256'])}, as the header says, found {_cut(found)}; "
            "the file was changed after it was written"
        )


def _array(data: bytes, offset: int, entry: dict[str, Any], place: str) -> np.ndarray:
    dtype = entry["dtype"]
    stored = np.ndarray(tuple(entry["shape"]), _STORED[dtype], data, offset)
    if dtype == "BF16":  # the upper half of a float32
        words = stored.astype(np.uint32)
        words <<= 16
        return read_only(words.view(np.float32))
    if dtype == "BOOL":
        if (stored > 1).any():
            raise FormatError(f"{place}: expected bytes 0 and 1, found {stored.max()}")
        return read_only(stored.view(np.bool_))
    array = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    return read_only(array if array.flags.aligned else array.copy())


def _found(value: Any) -> str:
    """Describe what JSON has where something else was expected; never the repr of a list, which may be deep."""
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else describe(value)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
