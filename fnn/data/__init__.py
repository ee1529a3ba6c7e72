"""Data as tuples of arrays whose rows belong together: ``(x, target)``, ``(x, target, weights)``.

line, moons                       : n, noise, key -> data            digits : -> data, real ones
read_idx : path -> array          mnist : folder -> train, test
train_test_split : data, fraction, key -> train, test                one_hot, standardise : array -> array
batches, epochs  : data, size, key -> stream of batches
"""

from fnn.data.batches import batches, epochs
from fnn.data.idx import digits, mnist, read_idx
from fnn.data.prepare import one_hot, standardise, train_test_split
from fnn.data.synthetic import line, moons

__all__ = [
    "batches",
    "digits",
    "epochs",
    "line",
    "mnist",
    "moons",
    "one_hot",
    "read_idx",
    "standardise",
    "train_test_split",
]
