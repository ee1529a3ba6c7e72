"""A key is a seed with an address. Randomness is a value: the same key gives the same numbers, today and anywhere.

    Key     : seed -> key           uniforms    : key, shape -> floats in [0, 1)
    fold_in : key, i -> key         normals     : key, shape -> floats, mean 0 and standard deviation 1
    split   : key, n -> n keys      permutation : key, n -> the integers 0 to n - 1 in random order

Address, don't thread: the step's key is ``fold_in(key, step)``, the epoch's ``fold_in(key, epoch)``, so a run that
resumes at step k needs no stored generator. NumPy promises the raw bits of its PCG64 for ever, but not what its
``Generator`` makes of them; so the bits become numbers here, by exact arithmetic.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_tuple
from fnn.core._errors import describe, integer


# Within these bounds no two keys share their bits: a larger number would spill into the next word of the address.
def _seed(value: Any) -> int:
    return integer("Key: the seed", value, 0, 2**128)


def _path(value: Any) -> tuple[int, ...]:
    if not is_tuple(value):
        raise TypeError(f"Key: the path must be a tuple, got {describe(value)}; write fold_in(key, i)")
    return tuple(integer("Key: each number of the path", i, 0, 2**32) for i in value)


@attrs.frozen
class Key:
    """A seed (0 to 2**128 - 1) and an address below it. Equal keys draw equal values, other keys unrelated ones.

    Raises ``TypeError`` for a seed that is no integer or a path that is no tuple of them, ``ValueError`` for the size.

    >>> Key(0) == Key(0), Key(0) == Key(1)
    (True, False)
    """

    seed: int = attrs.field(converter=_seed)
    path: tuple[int, ...] = attrs.field(default=(), converter=_path)


def require_key(caller: str, key: Any) -> Key:
    """Return the key, or raise ``TypeError`` in the name of ``caller`` and say how to make one."""
    if isinstance(key, Key):
        return key
    hint = f"Key({key})" if isinstance(key, int) else "Key(0)"
    raise TypeError(f"{caller} expects a key, got {describe(key)}; write {hint}")


def require_keys(caller: str, keys: Any) -> tuple[Key, ...]:
    """Return a tuple of keys, one for each member of an ensemble, or raise in the name of ``caller``."""
    if not keys:
        raise ValueError(f"{caller} expects a key, or one for each member, got an empty tuple; write split(Key(0), n)")
    return tuple([require_key(caller, key) for key in keys])


def fold_in(key: Key, i: int) -> Key:
    """Return the key one address further down.

    Raises ``TypeError`` for what is no key or no integer, ``ValueError`` unless i is from 0 and below 2**32.

    >>> fold_in(fold_in(Key(7), 2), 5)
    Key(seed=7, path=(2, 5))
    """
    key = require_key("fold_in", key)
    if type(i) is not int or not 0 <= i < 2**32:
        return Key(key.seed, (*key.path, i))  # which converts it, or says what is wrong with it
    # The rest of the address was checked when the key was made; checking it again at each layer would be slow.
    child = object.__new__(Key)
    object.__setattr__(child, "seed", key.seed)
    object.__setattr__(child, "path", (*key.path, i))
    return child


def split(key: Key, n: int) -> tuple[Key, ...]:
    """Return ``n`` independent keys: ``n`` fold-ins, so the first ones do not depend on ``n``.

    Raises ``TypeError`` for what is no key or no integer, ``ValueError`` for a negative ``n``.

    >>> split(Key(7), 2)
    (Key(seed=7, path=(0,)), Key(seed=7, path=(1,)))
    """
    require_key("split", key)
    return tuple(fold_in(key, i) for i in range(integer("split: n", n, 0, 2**32)))


def _bits(key: Key, n: int) -> np.ndarray:
    """Draw ``n`` random 64-bit words."""
    key = require_key("drawing", key)
    return np.random.PCG64(np.random.SeedSequence(key.seed, spawn_key=key.path)).random_raw(n)


def uniforms(key: Key, shape: tuple[int, ...] | int) -> np.ndarray:
    """Draw float64 values from [0, 1), multiples of 2**-53, the same on every machine.

    >>> uniforms(Key(0), 2).round(4)
    array([0.637 , 0.2698])
    """
    shape = (shape,) if isinstance(shape, int) else shape
    return (_bits(key, math.prod(shape)) >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53


def normals(key: Key, shape: tuple[int, ...] | int) -> np.ndarray:
    """Draw float64 values from the standard normal distribution.

    The Box-Muller transform, sqrt(-2 ln u) cos(2 pi v) (Box and Muller, 1958). It needs a logarithm and a cosine, so
    machines may differ in the last bit here; uniform values and permutations do not.

    >>> bool(abs(normals(Key(0), 10_000).std() - 1) < 0.02)
    True
    """
    shape = (shape,) if isinstance(shape, int) else shape
    u, v = uniforms(key, (2, math.prod(shape)))
    return (np.sqrt(-2.0 * np.log(1.0 - u)) * np.cos(2.0 * np.pi * v)).reshape(shape)


def permutation(key: Key, n: int) -> np.ndarray:
    """Draw the integers 0 to n - 1 in random order, as int64.

    >>> permutation(Key(0), 5)
    array([3, 2, 1, 0, 4])
    """
    # Sort random words that carry their row number in the low bits. No two are equal, so every sorting algorithm
    # gives the same order, and a plain sort of integers is several times faster than an argsort.
    n = integer("permutation: n", n, 0)
    low = np.uint64((1 << max(n - 1, 0).bit_length()) - 1)
    words = (_bits(key, n) & ~low) | np.arange(n, dtype=np.uint64)
    words.sort()
    return (words & low).astype(np.int64)
