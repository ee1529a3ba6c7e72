"""Rows that carry their number in every part, and what tests of batches and splits ask of them."""

import numpy as np

N, SIZE = 105, 50  # a last batch of 5
ROWS = (np.array([[i, -i] for i in range(N)], np.float32), np.array([3 * i for i in range(N)], np.int16))


def numbers(data):
    """Return the number of each row, having checked that its parts are still together and of their own dtypes."""
    x, y = data
    assert (x.dtype, y.dtype) == (np.float32, np.int16)
    assert (x * [3, -3] == y[:, None]).all()
    return (y // 3).tolist()


def same_batches(ours, theirs):
    """Return True if two streams of batches are the same, to the bit."""
    ours, theirs = list(ours), list(theirs)
    assert len(ours) == len(theirs)
    return all(a.tobytes() == b.tobytes() for p, q in zip(ours, theirs, strict=True) for a, b in zip(p, q, strict=True))
