"""Values that somebody will one day pass where another was meant, each to be tried wherever it can reach."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np

from fnn import Dense, Key, dense, relu

X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
LABELS = np.array([0, 1, 2, 0, 1])

VALUES = {
    # numbers that are none, or too large
    "nan": np.full((5, 4), np.nan, np.float32),
    "infinity": np.full((5, 4), np.inf, np.float32),
    "one nan": np.where(X[2, 1] == X, np.nan, X),
    "numbers of 1e300": np.full((5, 4), 1e300),
    # arrays of other kinds
    "objects": X.astype(object),
    "complex numbers": X + 1j,
    "booleans": X > 0,
    "bytes to 255": np.full((5, 4), 255, np.uint8),
    "integers": np.arange(20).reshape(5, 4),
    "half precision": X.astype(np.float16),
    "other byte order": X.astype(">f4"),
    "text in an array": np.array([["a", "b", "c", "d"]] * 5),
    "dates": np.full((5, 4), "2020-01-01", "datetime64[D]"),
    "durations": np.ones((5, 4), "timedelta64[s]"),
    "records in an array": np.zeros(5, [("a", "f4"), ("b", "i8")]),
    "raw bytes in an array": np.zeros(5, "V4"),
    "a masked array": np.ma.masked_less(X, 0),
    "a matrix of numpy": X.view(np.matrix),
    # arrays of other shapes
    "no rows": X[:0],
    "no columns": X[:, :0],
    "no axes": np.array(1.0),
    "one row without its axis": X[0],
    "fewer rows": X[:3],
    "wider rows": np.ones((5, 9), np.float32),
    "a column": np.ones((5, 1), np.float32),
    "three axes": np.ones((5, 4, 2), np.float32),
    "five axes": np.ones((5, 1, 2, 1, 2), np.float32),
    # labels
    "labels": LABELS,
    "labels from -1": LABELS - 1,
    "labels to k": LABELS + 1,
    "labels as floats": LABELS.astype(float),
    "labels as booleans": LABELS > 0,
    "labels as a column": LABELS[:, None],
    "labels for fewer rows": LABELS[:3],
    "labels as text": np.array(list("abcab")),
    "huge labels": np.full(5, 2**62),
    "huge labels without a sign": np.full(5, 2**64 - 1, np.uint64),
    "one-hot rows": np.eye(3)[LABELS],
    "one-hot rows too wide": np.eye(7)[LABELS],
    "rows that do not sum to 1": np.full((5, 3), 0.5),
    # weights
    "negative weights": np.array([1.0, 1.0, -1.0, 1.0, 1.0]),
    "weights of zero": np.zeros(5),
    "infinite weights": np.full(5, np.inf),
    # what is no array
    "nothing": None,
    "text": "abc",
    "bytes": b"abc",
    "a list of lists": X.tolist(),
    "an empty list": [],
    "a ragged list": [[1.0], [1.0, 2.0]],
    "a list of text": ["a", "b", "c", "d", "e"],
    "integers beyond int64": [[2**70] * 4] * 5,
    "decimals": [[Decimal(1)] * 4] * 5,
    "fractions": [[Fraction(1, 2)] * 4] * 5,
    "a tuple of arrays": (X, LABELS),
    "an empty tuple": (),
    "a tuple of text": ("a", "b"),
    "a dict": {"x": X},
    "a set": {1.0, 2.0},
    "a range": range(5),
    "a slice": slice(0, 5),
    "a date": datetime.date(2020, 1, 1),
    "the ellipsis": ...,
    "a class": Dense,
    "a function": np.tanh,
    "a constructor": dense(3),
    "a layer": relu,
    "a key": Key(3),
    # numbers where a value of another range or kind is meant
    "true": True,
    "zero": 0,
    "minus one": -1,
    "one and a half": 1.5,
    "not a number": float("nan"),
    "an infinite number": float("inf"),
    "a huge integer": 10**400,
    "a complex number": 1j,
}
