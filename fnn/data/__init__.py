"""Data as tuples of arrays whose rows belong together: ``(x, target)``, ``(x, target, weights)``.

Read in this order:

1. ``batching``: ``batches`` and ``epochs``, a few rows at a time in an order that a key decides.
2. ``blocks``: ``block_epochs`` for rows that are more than memory holds.
3. ``splits``: ``train_test_split`` and ``kfold``.
4. ``preprocessing``: ``one_hot``, and ``normalized`` and ``balanced`` weights; ``scaling``: ``standardize``, and
   ``standardization``, which remembers how, and ``unstandardize``.
5. ``sequences``: ``pad_rows`` of unequal lengths, and ``windows`` of a time series.
6. ``augment``: ``augmented`` batches, by ``random_noise`` and ``mixup``; ``images``: by ``random_shift``,
   ``random_flip``, ``random_crop``, ``cutout``.
7. ``synthetic``: ``line``, ``moons``, ``circles``, ``spirals``, ``blobs``, ``xor``.
8. ``idx``: ``digits``, which come with the package, ``mnist``, and ``read_idx`` for their file format.
9. ``csv``: ``read_csv`` for tables of numbers, some of whose columns may be text.
10. ``text``: ``characters`` as integers.

``_rows`` checks that the arrays of a tuple have the same number of rows, and takes rows from all of them at once;
``_labels`` says what is wrong with labels, ``_names`` turns columns that are text into codes, ``_faults`` says what in
a table cannot be read, and ``_units`` in which unit values can be squared.
"""

from fnn.data.augment import augmented, mixup, random_noise
from fnn.data.batching import batches, epochs
from fnn.data.blocks import block_epochs
from fnn.data.csv import read_csv
from fnn.data.idx import digits, mnist, read_idx
from fnn.data.images import cutout, random_crop, random_flip, random_shift
from fnn.data.preprocessing import balanced, normalized, one_hot
from fnn.data.scaling import Standardization, standardization, standardize, unstandardize
from fnn.data.sequences import pad_rows, windows
from fnn.data.splits import kfold, train_test_split
from fnn.data.synthetic import blobs, circles, line, moons, spirals, xor
from fnn.data.text import characters

__all__ = [
    "Standardization",
    "augmented",
    "balanced",
    "batches",
    "blobs",
    "block_epochs",
    "characters",
    "circles",
    "cutout",
    "digits",
    "epochs",
    "kfold",
    "line",
    "mnist",
    "mixup",
    "moons",
    "normalized",
    "one_hot",
    "pad_rows",
    "random_crop",
    "random_flip",
    "random_noise",
    "random_shift",
    "read_csv",
    "read_idx",
    "spirals",
    "standardization",
    "standardize",
    "train_test_split",
    "unstandardize",
    "windows",
    "xor",
]
