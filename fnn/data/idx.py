"""Handwritten digits, and the format of their files: IDX, a header with the shape, then the values.

    read_idx : path   -> array, from a plain or gzipped file
    digits   :        -> images (1797, 64), labels (1797,)
    mnist    : folder -> train, test

The header is two zero bytes, one for the type, one for the number of axes, then each axis as a big-endian uint32
(LeCun, Cortes and Burges). A header may claim anything: memory is allocated for bytes that were read, not for claims.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from importlib.resources import as_file, files
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fnn.core._errors import FormatError, MissingFile, file_path
from fnn.data._rows import Data

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_BEST_RATIO = 1032  # of deflate: a gzipped file cannot hold more bytes than this for each of its own
_BLOCK = 2**16  # bytes read at a time; gzip allocates two blocks before it has a byte, and larger ones save no time


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, gzipped or not, as an array of the file's dtype in the machine's byte order.

    Raises ``FormatError`` with the file, the place, what was expected and what was found.

    >>> from importlib.resources import files
    >>> read_idx(files("fnn.data") / "digits-labels-idx1-ubyte.gz")[:5]
    array([0, 1, 2, 3, 4], dtype=uint8)
    """
    path = file_path("read_idx", path)
    size = path.stat().st_size
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            return _read(path, raw, size)
        with gzip.open(raw) as unzipped:
            try:
                return _read(path, unzipped, size * _BEST_RATIO)  # type: ignore[arg-type]
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise FormatError(f"{path}: the gzip stream is damaged or cut off ({error})") from None


def _read(path: Path, stream: BinaryIO, available: int) -> np.ndarray:
    """Read a stream of at most ``available`` bytes; ``path`` is the file's name in an error."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise FormatError(
            f"{path}: offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found {magic.hex(' ')!r}"
        )
    dtype, axes = np.dtype(_TYPES[magic[2]]), magic[3]
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise FormatError(
            f"{path}: offset 4: expected {axes} axis lengths ({4 * axes} bytes), found {len(lengths)} bytes"
        )
    shape = struct.unpack(f">{axes}I", lengths)
    begin, size = 4 + 4 * axes, math.prod(shape) * dtype.itemsize
    what = f"{path}: offset {begin}: expected {size} bytes for the shape {shape}"
    if begin + size > available:
        raise FormatError(f"{what}, found a file too short for it (it can hold {available} at most)")
    if axes > 64 or math.prod(n or 1 for n in shape) * dtype.itemsize > 2**62:
        raise FormatError(f"{path}: offset 4: expected a shape that an array can have, found {shape}")
    body = _at_most(stream, size + 1)
    if len(body) != size:
        raise FormatError(f"{what}, found {len(body) if len(body) < size else 'more'}")
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _at_most(stream: BinaryIO, size: int) -> bytearray:
    """Read block by block: ``read(size)`` would allocate what a header claims before it has read a byte."""
    body = bytearray()
    while block := stream.read(min(_BLOCK, size - len(body))):
        body += block
    return body


def digits() -> Data:
    """Return 1,797 handwritten digits: 8x8 images as rows of 64 values from 0 to 1 (float32), and their labels (int64).

    They are the test part of "Optical Recognition of Handwritten Digits", by E. Alpaydin and C. Kaynak, UCI Machine
    Learning Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0: 16 gray levels, divided by 16 here.

    >>> x, labels = digits()
    >>> x.shape, labels[:5]
    ((1797, 64), array([0, 1, 2, 3, 4]))
    """
    folder = files("fnn.data")
    with (
        as_file(folder / "digits-images-idx3-ubyte.gz") as images,
        as_file(folder / "digits-labels-idx1-ubyte.gz") as labels,
    ):
        return _images_and_labels(images, labels, 16)


def mnist(folder: str | os.PathLike[str]) -> tuple[Data, Data]:
    """Read MNIST's four files, gzipped or not, from a folder, and return ``(train, test)``, each ``(x, labels)``.

    ``x`` is (n, 784), float32 from 0 to 1; the labels are int64. Raises ``MissingFile``, a ``FormatError`` that lists
    the missing files, and ``FormatError`` if the numbers of images and labels differ or a file holds something else.
    """
    folder = file_path("mnist", folder)
    names = [f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    found = [next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None) for name in names]
    missing = [f"{name}[.gz]" for name, path in zip(names, found, strict=True) if path is None]
    if missing:
        raise MissingFile(f"mnist: {folder} should hold MNIST's four files; missing: {', '.join(missing)}")
    train_images, train_labels, test_images, test_labels = [path for path in found if path is not None]
    return _images_and_labels(train_images, train_labels, 255), _images_and_labels(test_images, test_labels, 255)


def _images_and_labels(images_path: Path, labels_path: Path, levels: int) -> Data:
    """Return images divided by ``levels`` as rows, and their labels."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8 or images.size == 0:
        raise FormatError(
            f"{images_path}: expected bytes of the shape (n, height, width), found {images.dtype} {images.shape}"
        )
    if labels.shape != images.shape[:1] or labels.dtype != np.uint8 or (labels > 9).any():
        raise FormatError(
            f"{labels_path}: expected {len(images)} labels from 0 to 9, found {labels.dtype} {labels.shape}"
        )
    return images.reshape(len(images), -1).astype(np.float32) / levels, labels.astype(np.int64)
