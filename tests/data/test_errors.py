"""The messages of the data room: rows, synthetic data, text and files."""

import gzip
from pathlib import Path
from unittest import mock

import numpy as np

from fnn import FormatError
from fnn.data import (
    augmented,
    balanced,
    batches,
    blobs,
    characters,
    circles,
    cutout,
    epochs,
    kfold,
    line,
    mixup,
    mnist,
    normalized,
    one_hot,
    pad_rows,
    random_crop,
    random_flip,
    random_noise,
    random_shift,
    read_csv,
    read_idx,
    spirals,
    standardization,
    standardize,
    train_test_split,
    unstandardize,
    windows,
    xor,
)
from fnn.data._faults import parsed
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, KEY, LOGITS, T, V, X, Y


def csv(content, **options):
    data = content if isinstance(content, bytes) else content.encode()
    Path("table.csv").write_bytes(data)
    return read_csv("table.csv", **options)


def idx(data):
    Path("array.idx").write_bytes(data)
    return read_idx("array.idx")


def mnist_of(images=(2, 1, 1), labels=(2,)):
    """Read MNIST's four files, written here with zeros of these shapes."""
    for name, shape in (("images-idx3", images), ("labels-idx1", labels)):
        array = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(int(np.prod(shape)))
        for part in ("train", "t10k"):
            Path(f"{part}-{name}-ubyte").write_bytes(array)
    return mnist(".")


def unreadable_together():
    """Read lines that NumPy takes one by one, but not together; no such lines are known."""
    with mock.patch("fnn.data.csv.parsed", lambda texts, columns: parsed(texts, columns) if len(texts) == 1 else None):
        return csv("label,a\n1,2\n3,4\n")


ROWS = [
    # --- rows ---
    (
        lambda: batches([X, Y], 2),
        T,
        "batches expects a tuple of arrays, say (x, target), got list of float32 array (5, 4), int64 array (5,)",
    ),
    (
        lambda: batches((X, [0] * 5), 2),
        T,
        "batches: data[1] must be an array of real numbers, got list [0, 0, 0, 0, 0]; write np.array(...)",
    ),
    (
        lambda: batches((X, Y.astype("O")), 2),
        T,
        "batches: data[1] must be an array of real numbers, got object array (5,); write data[1].astype(np.float32)",
    ),
    (lambda: batches((np.array(1.0),), 2), V, "batches: data[0] must have rows, got a single number"),
    (
        lambda: batches((X, (Y, np.ma.masked_array(Y, Y > 1))), 2),
        T,
        "batches: data[1][1] must be a plain array, got a masked one; replace its gaps, data[1][1].filled(0)",
    ),
    (lambda: batches((X, Y), 0), V, "batches: the size must be at least 1, got 0"),
    (lambda: batches((X, Y), 2, 0), T, "batches expects a key, got int 0; write Key(0)"),
    (lambda: epochs((X, Y), 2, KEY, 2.5), T, "epochs: the number of epochs must be an integer, got float 2.5"),
    (lambda: epochs((X, Y), 2, KEY, start=-1), V, "epochs: start must be at least 0, got -1"),
    (lambda: epochs((X, Y), 2, KEY, drop_last=1), T, "epochs: drop_last must be True or False, got int 1"),
    (
        lambda: batches((X, Y), 6, drop_last=True),
        V,
        "batches: of 5 rows drop_last leaves no batch of 6; write a smaller size",
    ),
    (lambda: batches((X, Y[:3]), 2), V, "batches: the arrays must have the same number of rows, got 5 and 3"),
    (lambda: batches((X[:0],), 2), V, "batches: the data has no rows"),
    # --- preprocessing ---
    (
        lambda: train_test_split((X, Y * np.nan), 0.5, KEY),
        V,
        "train_test_split: data[1] holds NaN or infinity in 5 rows, the first is row 0; take them out first",
    ),
    (
        lambda: train_test_split((X, Y), 0.01, KEY),
        V,
        "train_test_split: 0.01 of 5 rows leaves none for testing; write a larger fraction, or more rows",
    ),
    (
        lambda: train_test_split((X, Y), 0.99, KEY),
        V,
        "train_test_split: 0.99 of 5 rows leaves none for training; write a smaller fraction, or more rows",
    ),
    (lambda: train_test_split((X, Y), 0.4, 3), T, "train_test_split expects a key, got int 3; write Key(3)"),
    (
        lambda: train_test_split((X, Y), 1.0, KEY),
        V,
        "train_test_split: the fraction must be at least 0 and below 1, got 1.0",
    ),
    (
        lambda: train_test_split((X, Y), 0.4, KEY, stratify=FLAT),
        T,
        "train_test_split: stratify must be labels, integers, got float64 array (5,); write labels.astype(int)",
    ),
    (
        lambda: train_test_split((X, Y), 0.4, KEY, stratify=LOGITS.astype(int)),
        V,
        "train_test_split: stratify must be one label a row, (5,), got (5, 3); write labels.argmax(axis=1)",
    ),
    (
        lambda: train_test_split((X, Y), 0.4, KEY, stratify=Y[:3]),
        V,
        "train_test_split: stratify must be one label a row, (5,), got (3,)",
    ),
    (
        lambda: train_test_split((X, Y), 0.4, KEY, stratify=Y),
        V,
        "train_test_split: class 2 of stratify has a single row, which cannot be on both sides; leave "
        "out or merge such classes, there is 1",
    ),
    (
        lambda: train_test_split((X, Y), 0.4, KEY, stratify=np.array([0, 0, 0, 1, 2])),
        V,
        "train_test_split: class 1 of stratify has a single row, which cannot be on both sides; leave "
        "out or merge such classes, there are 2",
    ),
    (lambda: kfold((X, Y), 1, KEY), V, "kfold: k, the number of folds, must be at least 2, got 1"),
    (lambda: kfold((X, Y), 6, KEY), V, "kfold: 5 rows make at most 5 folds, got k=6"),
    (lambda: kfold((X, Y), 2, 3), T, "kfold expects a key, got int 3; write Key(3)"),
    (
        lambda: kfold((X, Y * np.nan), 2, KEY),
        V,
        "kfold: data[1] holds NaN or infinity in 5 rows, the first is row 0; take them out first",
    ),
    (
        lambda: kfold((X, Y), 3, KEY, stratify=np.array([4, 4, 4, 7, 7])),
        V,
        "kfold: class 7 of stratify has 2 rows, too few for one in each of 3 folds; write a smaller k, or leave out or "
        "merge such classes",
    ),
    (
        lambda: kfold((X, Y), 2, KEY, stratify=Y[:3]),
        V,
        "kfold: stratify must be one label a row, (5,), got (3,)",
    ),
    # --- augmentation ---
    (lambda: augmented(3, KEY), T, "augmented expects batches, say epochs(data, 32, key), got int 3"),
    (lambda: augmented([], 3), T, "augmented expects a key, got int 3; write Key(3)"),
    (
        lambda: augmented([], ()),
        V,
        "augmented expects a key, or one for each member, got an empty tuple; write split(Key(0), n)",
    ),
    (lambda: augmented([], KEY, 2), T, "augmented expects augmentations, say random_shift(2), got int 2"),
    (lambda: augmented([], KEY, start=-1), V, "augmented: start must be at least 0, got -1"),
    (lambda: random_shift(-1), V, "random_shift: pixels must be at least 0, got -1"),
    (
        lambda: random_shift(1)((np.zeros((5, 784)), Y), KEY),
        V,
        "random_shift expects images (n, height, width, channels), got (5, 784); write x.reshape(-1, 28, 28, 1)",
    ),
    (
        lambda: random_flip()((np.zeros((5, 8, 8)), Y), KEY),
        V,
        "random_flip expects images (n, height, width, channels), got (5, 8, 8); write x[..., None]",
    ),
    (
        lambda: random_flip()((np.zeros((8, 8, 3)), Y), KEY),
        V,
        "random_flip expects images (n, height, width, channels), got (8, 8, 3); write x[None] for a single image",
    ),
    (
        lambda: cutout(1)((np.zeros((5, 7)), Y), KEY),
        V,
        "cutout expects images (n, height, width, channels), got (5, 7)",
    ),
    (lambda: random_flip()(X, KEY), T, "random_flip expects a batch as a tuple, (x, ...), got float32 array (5, 4)"),
    (lambda: random_flip("up"), V, 'random_flip: mode must be "horizontal" or "vertical", got str \'up\''),
    (lambda: random_flip(1), T, 'random_flip: mode must be "horizontal" or "vertical", got int 1'),
    (lambda: random_crop(0), V, "random_crop: the height must be at least 1, got 0"),
    (
        lambda: random_crop(3)((np.zeros((1, 2, 4, 1)),), KEY),
        V,
        "random_crop: a window of 3 by 3 does not fit into images of 2 by 4",
    ),
    (lambda: random_noise(-1), V, "random_noise: std must be at least 0 and finite, got -1"),
    (lambda: cutout(0), V, "cutout: the size must be at least 1, got 0"),
    (lambda: cutout(2, np.nan), V, "cutout: the value must be finite, got nan"),
    (
        lambda: cutout(2, -1)((np.zeros((1, 3, 3, 1), np.uint8),), KEY),
        V,
        "cutout: an array of uint8 cannot hold the value -1.0; write x.astype(np.float64)",
    ),
    (lambda: mixup(0), V, "mixup: alpha must be above 0, got 0"),
    (lambda: mixup(classes=0), V, "mixup: classes must be at least 1, got 0"),
    (lambda: mixup()((X,), KEY), T, "mixup expects a batch as a tuple, (x, target), got tuple of float32 array (5, 4)"),
    (
        lambda: mixup()((X, Y), KEY),
        T,
        "mixup expects a target of floats, got int64 array (5,); for labels write mixup(classes=...)",
    ),
    (
        lambda: mixup()((X, np.eye(5, dtype=int)), KEY),
        T,
        "mixup expects a target of floats, got int64 array (5, 5); write target.astype(np.float32)",
    ),
    (
        lambda: mixup(classes=3)((X, Y[:2]), KEY),
        V,
        "mixup expects x and target with the same rows, got (5, 4) and (2,)",
    ),
    (
        lambda: mixup()((X[:1], FLAT), KEY),  # broadcast
        V,
        "mixup expects x and target with the same rows, got (1, 4) and (5,)",
    ),
    (
        lambda: mixup(classes=3)((X, Y, FLAT[:2]), KEY),
        V,
        "mixup expects a weight for each row, (5,), got (2,)",
    ),
    (
        lambda: mixup(classes=3)((X, Y, X), KEY),
        V,
        "mixup expects a weight for each row, (5,), got (5, 4)",
    ),
    (
        lambda: mixup(classes=2)((X, Y), KEY),
        V,
        "mixup expects labels from 0 to 1, got 2 at row 2; they go from 0 to 2",
    ),
    (
        lambda: mixup(classes=3)((X, FLAT), KEY),
        T,
        "mixup expects integers, got float64 array (5,); write labels.astype(int)",
    ),
    # --- scaling ---
    (
        lambda: standardize(X, like=X[:0]),
        V,
        "standardize expects x and like as rows of the same shape, like with at least one, got (5, 4) and (0, 4)",
    ),
    (lambda: standardization(X[:0]), V, "standardization expects like as rows (n, ...), at least one, got (0, 4)"),
    (
        lambda: standardization(X * np.nan),
        V,
        "standardization: the data holds NaN or infinity; take those rows out first",
    ),
    (
        lambda: standardize(X, like=standardization(X[:, :3])),
        V,
        "standardize expects x and like as rows of the same shape, like with at least one, got (5, 4) and (n, 3)",
    ),
    (
        lambda: unstandardize(X, X),
        T,
        "unstandardize expects what standardization(train) returns, got float32 array (5, 4)",
    ),
    (
        lambda: unstandardize(X, standardization(FLAT)),
        V,
        "unstandardize expects rows (), as of the scaling, got (5, 4)",
    ),
    (lambda: unstandardize(FLAT * np.inf, standardization(FLAT)), V, "unstandardize: y holds NaN or infinity"),
    (
        lambda: unstandardize(np.full(2, 6e4, np.float16), standardization(np.array([0.0, 1e5]))),
        V,
        "unstandardize: some values are too large for float16; write y.astype(np.float64)",
    ),
    # --- sequences ---
    (lambda: pad_rows(3), T, "pad_rows expects several arrays (time, ...), got int 3"),
    (lambda: pad_rows("ab"), T, "pad_rows expects several arrays (time, ...), got str 'ab'"),
    (lambda: pad_rows([]), V, "pad_rows expects at least one row, got none"),
    (lambda: pad_rows([1.0, 2.0]), V, "pad_rows expects row 0 as an array (time, ...), got a single number"),
    (
        lambda: pad_rows([X, ["a", "b"]]),
        T,
        "pad_rows expects row 1 as an array of real numbers, got list ['a', 'b']; write np.unique(row, "
        "return_inverse=True)[1]",
    ),
    (lambda: pad_rows([X, X[:, :2]]), V, "pad_rows: row 1 must be (time, 4), as those before it, got (5, 2)"),
    (lambda: pad_rows([FLAT, X]), V, "pad_rows: row 1 must be (time,), as those before it, got (5, 4)"),
    (lambda: pad_rows([X], length=3), V, "pad_rows: row 0 has 5 steps, more than the length 3; write row[:3]"),
    (lambda: pad_rows([X], length=0), V, "pad_rows: the length must be at least 1, got 0"),
    (lambda: pad_rows([X], value=np.nan), V, "pad_rows: the value must be finite, got nan"),
    (lambda: pad_rows([X], value="0"), T, "pad_rows: the value must be a number, got str '0'"),
    (
        lambda: pad_rows([np.zeros(2, np.uint8)], value=-1),
        V,
        "pad_rows: an array of uint8 cannot hold the value -1; write x.astype(np.float64)",
    ),
    (
        lambda: pad_rows([np.zeros(2, np.float16)], value=1e6),
        V,
        "pad_rows: an array of float16 cannot hold the value 1000000.0; write x.astype(np.float64)",
    ),
    (lambda: windows(FLAT, 0), V, "windows: the size must be at least 1, got 0"),
    (lambda: windows(FLAT, 2, 0), V, "windows: the horizon must be at least 1, got 0"),
    (lambda: windows(FLAT, 2, 1, 1.5), T, "windows: the stride must be an integer, got float 1.5"),
    (
        lambda: windows(FLAT, 4, 2),
        V,
        "windows: a window of 4 and its target of 2 need 6 steps, got 5; write a smaller size",
    ),
    (
        lambda: windows(FLAT, 2, target=Y[:3]),
        V,
        "windows: series and target must have the same steps, got 5 and 3",
    ),
    (lambda: windows(np.float64(3), 2), V, "windows expects the series as an array (time, ...), got a single number"),
    (
        lambda: windows(np.array([1j, 2]), 1),
        T,
        "windows expects the series as an array of real numbers, got complex128 array (2,)",
    ),
    (lambda: one_hot(FLAT, 3), T, "one_hot expects integers, got float64 array (5,); write labels.astype(int)"),
    (
        lambda: one_hot(np.array(["cat", "dog"]), 2),
        T,
        "one_hot expects integers, got <U3 array (2,); write names, labels = np.unique(labels, return_inverse=True)",
    ),
    (
        lambda: one_hot(np.array([0.5, 1.0]), 2),
        T,
        "one_hot expects integers, got float64 array (2,); labels holds fractions or NaN, which are no labels",
    ),
    (
        lambda: one_hot(np.array([0, 1], object), 2),
        T,
        "one_hot expects integers, got object array (2,); write labels.astype(int)",
    ),
    (
        lambda: one_hot(np.array([[0, 1], [1, 2]]), 2),
        V,
        "one_hot expects labels from 0 to 1, got 2 at [1, 1]; they go from 0 to 2",
    ),
    (
        lambda: one_hot(np.arange(1, 27), 26),
        V,
        "one_hot expects labels from 0 to 25, got 26 at row 25; they go from 1 to 26, so write labels - 1",
    ),
    (
        lambda: one_hot(np.array([1, 5]), 3),
        V,
        "one_hot expects labels from 0 to 2, got 5 at row 1; they go from 1 to 5",
    ),
    (lambda: normalized(np.zeros(0)), V, "normalized expects at least one weight, got the shape (0,)"),
    (
        lambda: normalized(np.array([1.0, -1.0])),
        V,
        "normalized expects weights that are finite and not negative, got -1.0 at row 1",
    ),
    (
        lambda: normalized(np.array([[1.0, np.nan]])),
        V,
        "normalized expects weights that are finite and not negative, got nan at [0, 1]",
    ),
    (
        lambda: normalized(np.zeros(3)),
        V,
        "normalized expects a weight above 0: weights that are all zero have no mean to divide by",
    ),
    (
        lambda: normalized(np.eye(1, 70_000, dtype=np.float16)),
        V,
        "normalized: the largest weight over the mean is too large for float16",
    ),
    (
        lambda: balanced(["cat", "dog"]),
        T,
        "balanced expects integers, got <U3 array (2,); write names, labels = np.unique(labels, return_inverse=True)",
    ),
    (
        lambda: balanced(np.eye(2, dtype=int)),
        V,
        "balanced expects labels (n,), one or more, got (2, 2); write labels.argmax(axis=1)",
    ),
    (lambda: balanced(np.zeros(0, int)), V, "balanced expects labels (n,), one or more, got (0,)"),
    (lambda: one_hot(Y, 2), V, "one_hot expects labels from 0 to 1, got 2 at row 2; they go from 0 to 2"),
    (
        lambda: standardize(X, like=X[:, :2]),
        V,
        "standardize expects x and like as rows of the same shape, like with at least one, got (5, 4) and (5, 2)",
    ),
    (lambda: standardize(X * np.nan), V, "standardize: the data holds NaN or infinity; take those rows out first"),
    # --- synthetic ---
    (lambda: xor(4, 0.1, KEY, dtype=int), T, "xor: dtype must be one of floats, say np.float32, got the class int"),
    (
        lambda: xor(4, 0.1, KEY, dtype="floating"),
        T,
        "xor: dtype must be one of floats, say np.float32, got str 'floating'",
    ),
    (lambda: xor(4, 0.1, KEY, dtype=None), T, "xor: dtype must be one of floats, say np.float32, got NoneType None"),
    (
        lambda: blobs(9, 0.1, KEY, centers="two"),
        T,
        "blobs expects centers as an integer or as numbers (k, features), got str 'two'",
    ),
    (
        lambda: blobs(9, 0.1, KEY, centers=FLAT),
        V,
        "blobs expects centers as an integer or as numbers (k, features), got float64 array (5,)",
    ),
    (lambda: blobs(9, 0.1, KEY, centers=X * np.nan), V, "blobs: the centers hold NaN or infinity"),
    (lambda: blobs(9, 0.1, KEY, centers=0), V, "blobs: the number of centers must be at least 1, got 0"),
    (lambda: blobs(9, 0.1, KEY, features=0), V, "blobs: the number of features must be at least 1, got 0"),
    (lambda: circles(9, 0.1, KEY, factor=1), V, "circles: the factor must be at least 0 and below 1, got 1"),
    (lambda: spirals(9, 0.1, KEY, arms=0), V, "spirals: the number of arms must be at least 1, got 0"),
    (lambda: spirals(1, 0.1, KEY), V, "spirals: the number of rows must be at least 2, got 1"),
    (lambda: spirals(9, 0.1, KEY, turns=-1), V, "spirals: turns must be at least 0 and below 4294967296, got -1"),
    (lambda: xor(3, 0.1, KEY), V, "xor: the number of rows must be at least 4, got 3"),
    (
        lambda: xor(9, 1e5, KEY, dtype=np.float16),
        V,
        "xor: float16 holds numbers up to 6.55e+04, got …e+0… at row …; write smaller settings, or a wider dtype",
    ),
    (lambda: line(9, 0.1, KEY, slope="2"), T, "line: the slope must be a number, got str '2'"),
    (
        lambda: line(9, 0.1, KEY, intercept=np.nan),
        V,
        "line: the intercept must be finite, got nan",
    ),
    # --- text ---
    (lambda: characters(3), T, "characters expects the text as a str, got int 3"),
    (lambda: characters(b"abc"), T, "characters expects the text as a str, got bytes b'abc'; write text.decode()"),
    (
        lambda: characters("abc", b"abc"),
        T,
        "characters expects the alphabet as a str, got bytes b'abc'; write alphabet.decode()",
    ),
    (lambda: characters("abc", "abca"), V, "characters: the alphabet must not repeat a character, got 'a' twice"),
    (
        lambda: characters("abc", "ab"),
        V,
        "characters: 'c' at position 2 is not in the alphabet of 2; take it out of the text, or make the "
        "alphabet from text that has it",
    ),
    # --- tables ---
    (lambda: read_csv(3), T, "read_csv expects a path, a str or a Path, got int 3"),
    (lambda: read_csv("table.csv", dtype=int), T, "read_csv: dtype must be one of floats, say np.float32, got int64"),
    (lambda: read_csv("table.csv", label=0), T, "read_csv: label must be the name of a column or None, got int 0"),
    (lambda: csv(""), FormatError, "table.csv: row 1: expected column names, found an empty file"),
    (lambda: csv("\n1\n"), FormatError, "table.csv: row 1: expected column names, found a blank line"),
    (
        lambda: csv('"a\n1\n'),
        FormatError,
        "table.csv: row 1: expected column names, found a line that is not CSV (unexpected end of data)",
    ),
    (lambda: csv("a,a\n1,2\n"), FormatError, "table.csv: row 1: expected different column names, found 'a' 2 times"),
    (
        lambda: csv("1,2\n3,4\n"),
        FormatError,
        "table.csv: row 1: expected column names, found a row of numbers, '1,2'; put a line of names before it",
    ),
    (
        lambda: csv("a,b\n1,2\n"),
        FormatError,
        "table.csv: row 1: expected a column 'label', found 'a', 'b'; write label= one of these, or None",
    ),
    (
        lambda: csv("a,b,c,d,e,f,g\n"),
        FormatError,
        "table.csv: row 1: expected a column 'label', found 'a', 'b', 'c', 'd', 'e' and 2 more; write "
        "label= one of these, or None",
    ),
    (lambda: csv("label\n1\n"), FormatError, "table.csv: row 1: expected columns next to 'label', found no other"),
    (lambda: csv("label,a\n"), FormatError, "table.csv: row 2: expected numbers, found the end of the file"),
    (
        lambda: csv("label,a\n1,2\n1\n"),
        FormatError,
        "table.csv: row 3, column 'a': expected 2 numbers, one for each name, found only 1",
    ),
    (
        lambda: csv("label,a\n1,2\n1,2,3\n"),
        FormatError,
        "table.csv: row 3: expected 2 numbers, one for each name, found 3",
    ),
    (lambda: csv("label\n\n1\n", label=None), FormatError, "table.csv: row 2: expected 1 number, found a blank line"),
    (
        lambda: csv("label,a\n\n1,2\n"),
        FormatError,
        "table.csv: row 2: expected 2 numbers, one for each name, found a blank line",
    ),
    (
        lambda: csv("label,a\n1,x\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected a number, found 'x'; for text write text=['a'], or use pandas.read_csv "
        "and pandas.get_dummies",
    ),
    (
        lambda: csv("label,a\n1,\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected a number, found an empty cell; for tables with gaps use "
        "pandas.read_csv, and its dropna or fillna",
    ),
    (
        lambda: csv("a,kind\n1,cat\n", label="kind"),
        FormatError,
        "table.csv: row 2, column 'kind': expected a number, found 'cat'; for labels that are text write "
        "label='kind', names=True; for text write text=['kind'], or use pandas.read_csv and pandas.get_dummies",
    ),
    (
        lambda: csv("label,a\ncat,1\n,2\n", names=True),
        FormatError,
        "table.csv: row 3, column 'label': expected a name, found an empty cell; for tables with gaps use "
        "pandas.read_csv, and its dropna or fillna",
    ),
    (
        lambda: csv("label,a\ncow,1\n", names=["cat", "dog"]),
        FormatError,
        "table.csv: row 2, column 'label': expected one of 'cat', 'dog', found 'cow'",
    ),
    (
        lambda: csv("a;b\n1;2\n", label=None),
        FormatError,
        "table.csv: row 2, column 'a;b': expected a number, found '1;2'; for cells between ';' use "
        "pandas.read_csv(path, sep=';')",
    ),
    (
        lambda: csv('label,a\n1,"2"\n'),
        FormatError,
        "table.csv: row 2, column 'a': expected a number, found '\"2\"'; for numbers in quotes use pandas.read_csv",
    ),
    (
        lambda: read_csv("table.csv", label=None, names=True),
        T,
        "read_csv: names are those of labels; write label=, the name of their column",
    ),
    (
        lambda: read_csv("table.csv", names="cat"),
        T,
        "read_csv: names must be True, or the names of the labels, got str 'cat'",
    ),
    (lambda: read_csv("table.csv", names=["cat", 1]), T, "read_csv: each of the names must be a str, got int 1"),
    (lambda: read_csv("table.csv", names=[" cat"]), V, "read_csv: names are text without spaces around it, got ' cat'"),
    (lambda: read_csv("table.csv", names=["cat"] * 2), V, "read_csv: the names must differ, got 'cat' twice"),
    (lambda: read_csv("table.csv", names=()), V, "read_csv: names must be True, or one name or more, got none"),
    (
        lambda: csv("label,a\n1,inf\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected a finite number, found 'inf'",
    ),
    (
        lambda: csv("label,a\n1,1e200\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected a number that float32 can hold, found 1e+200",
    ),
    (
        lambda: csv("label,a\n99999999999999999999,1\n"),
        FormatError,
        "table.csv: row 2, column 'label': expected an integer that int64 can hold, found '99999999999999999999'",
    ),
    (
        lambda: csv(b"label,a\n1,\xff\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected text in UTF-8, found the byte 0xff; for other encodings use "
        "pandas.read_csv(path, encoding=...)",
    ),
    (
        lambda: csv("label,a\n1,\0\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected text in lines that end in \\n or \\r\\n, found the character '\\x00'",
    ),
    (
        lambda: csv("label,a\n1,2\r3,4\n"),
        FormatError,
        "table.csv: row 2, column 'a': expected text in lines that end in \\n or \\r\\n, found the character '\\r'",
    ),
    (
        lambda: unreadable_together(),
        FormatError,
        "table.csv: row 2: expected numbers, found what NumPy cannot read, here or in the next 1 rows",
    ),
    # --- images ---
    (
        lambda: idx(b""),
        FormatError,
        "array.idx: offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found ''",
    ),
    (
        lambda: idx(b"\0\0\x08\0"),
        FormatError,
        "array.idx: offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found '00 00 08 00'",
    ),
    (
        lambda: idx(b"\0\0\x08\x02\0\0\0\1"),
        FormatError,
        "array.idx: offset 4: expected 2 axis lengths (8 bytes), found 4 bytes",
    ),
    (
        lambda: idx(b"\0\0\x08\x42" + bytes(4 * 66)),
        FormatError,
        "array.idx: offset 4: expected a shape that an array can have, found (0, 0, 0, 0, 0, 0, 0, 0, 0, "
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
    ),
    (
        lambda: idx(b"\0\0\x08\x01\0\0\0\5ab"),
        FormatError,
        "array.idx: offset 8: expected 5 bytes for the shape (5,), found a file too short for it (it can "
        "hold 10 at most)",
    ),
    (
        lambda: idx(b"\0\0\x08\x02" + b"\xff" * 8),
        FormatError,
        "array.idx: offset 12: expected 18446744065119617025 bytes for the shape (4294967295, "
        "4294967295), found a file too short for it (it can hold 12 at most)",
    ),
    (
        lambda: idx(b"\0\0\x08\x02\0\0\0\0" + b"\xff" * 4 + b"\xff" * 9),
        FormatError,
        "array.idx: offset 12: expected 0 bytes for the shape (0, 4294967295), found more",
    ),
    (
        lambda: idx(b"\0\0\x08\x01\0\0\0\1ab"),
        FormatError,
        "array.idx: offset 8: expected 1 bytes for the shape (1,), found more",
    ),
    (
        lambda: idx(gzip.compress(b"\0\0\x08\x01\0\0\0\5ab")),
        FormatError,
        "array.idx: offset 8: expected 5 bytes for the shape (5,), found 2",
    ),
    (
        lambda: idx(gzip.compress(b"\0\0\x08\x01\0\0\0\5abcde")[:-9]),
        FormatError,
        "array.idx: the gzip stream is damaged or cut off (Compressed file ended before the "
        "end-of-stream marker was reached)",
    ),
    (
        lambda: mnist("no such folder"),
        FormatError,
        "mnist: no such folder should hold MNIST's four files; missing: train-images-idx3-ubyte[.gz], "
        "train-labels-idx1-ubyte[.gz], t10k-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz]",
    ),
    (
        lambda: mnist_of(images=(5,)),
        FormatError,
        "train-images-idx3-ubyte: expected bytes of the shape (n, height, width), found uint8 (5,)",
    ),
    (
        lambda: mnist_of(labels=(3,)),
        FormatError,
        "train-labels-idx1-ubyte: expected 2 labels from 0 to 9, found uint8 (3,)",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
