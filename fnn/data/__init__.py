"""Data as tuples of arrays whose rows belong together: ``(x, target)``, ``(x, target, weights)``.

line, moons, circles, spirals, blobs, xor : n, noise, key -> data          digits : -> data, real ones
read_idx : path -> array          mnist : folder -> train, test           read_csv : path, label? -> data
characters       : text, alphabet? -> ids, alphabet
train_test_split : data, fraction, key, stratify? -> train, test          one_hot, standardize : array -> array
batches, epochs  : data, size, key -> stream of batches
"""

from fnn.data.batches import batches, epochs
from fnn.data.csv import read_csv
from fnn.data.idx import digits, mnist, read_idx
from fnn.data.preprocessing import one_hot, standardize, train_test_split
from fnn.data.synthetic import blobs, circles, line, moons, spirals, xor
from fnn.data.text import characters

__all__ = [
    "batches",
    "blobs",
    "characters",
    "circles",
    "digits",
    "epochs",
    "line",
    "mnist",
    "moons",
    "one_hot",
    "read_csv",
    "read_idx",
    "spirals",
    "standardize",
    "train_test_split",
    "xor",
]
