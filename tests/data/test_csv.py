"""Laws of tables: every number is read as it stands, and what is none is refused by row and column."""

import math
import os
import random
import re
import tracemalloc

import numpy as np
import pytest

import fnn.data.csv
from fnn import FormatError
from fnn.data import read_csv
from tests.each_of import each_of

T = TypeError
GOOD = b"label,a,b\n1,2.5,-3\n0,1e2,.5\n2,+7.,1e-3\n"
X, LABELS = [[2.5, -3.0], [100.0, 0.5], [7.0, 0.001]], [1, 0, 2]


@pytest.fixture
def written(tmp_path):
    """Write bytes, or text as UTF-8, to a file."""

    def write(content):
        path = tmp_path / "table.csv"
        path.unlink(missing_ok=True)  # some filesystems flush a file that is written again, which takes long
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


# --- what is read ----------------------------------------------------------------------------------------------------


@each_of(
    "content",
    [
        GOOD,
        GOOD.removesuffix(b"\n"),
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r\n").removesuffix(b"\n"),
        GOOD.replace(b"1\n", b"1\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"label,a,b", b'"label","a","b"'),
        GOOD.replace(b"label,a,b", b'label, "a, with b","say ""b"""'),
        GOOD.replace(b",", b" , ").replace(b"\n", b" \n"),
        GOOD.replace(b"label,a", b"label,"),
        GOOD.replace(b",a", ",größe".encode()),
    ],
    ids=["plain", "no last newline", "\\r\\n", "\\r at the end", "mixed", "BOM", "quotes", "quoted commas", "spaces"]
    + ["a name without letters", "umlauts"],
)
def test_a_table_is_a_header_and_rows_of_numbers(written, content):
    x, labels = read_csv(written(content))
    assert (x.dtype, labels.dtype) == (np.float32, np.int64)
    assert x.tolist() == np.float32(X).tolist()
    assert labels.tolist() == LABELS


@each_of("dtype", [np.float16, np.float32, np.float64, "f8", float])
def test_numbers_have_the_dtype_asked_for(written, dtype):
    path = written(GOOD)
    x, labels = read_csv(path, dtype=dtype)
    assert (x.dtype, labels.dtype) == (np.dtype(dtype), np.int64)
    assert x.tolist() == np.array(X, dtype).tolist()
    _, parts = read_csv(path, "a", dtype=dtype)
    assert parts.dtype == np.dtype(dtype)
    assert parts.tolist() == np.array(X, dtype)[:, 0].tolist()


@pytest.mark.parametrize(("label", "place"), [("label", 0), ("a", 1), ("b", 2)])
def test_labels_are_the_column_of_that_name_wherever_it_stands(written, label, place):
    table = np.column_stack([LABELS, X])
    x, labels = read_csv(str(written(GOOD)), label, dtype=np.float64)
    assert labels.shape == (3,)
    assert labels.tolist() == table[:, place].tolist()
    assert x.tolist() == np.delete(table, place, axis=1).tolist()


def test_without_a_label_every_column_is_x(written):
    (x,) = read_csv(written(GOOD), None, dtype=np.float64)
    assert x.tolist() == np.column_stack([LABELS, X]).tolist()
    (x,) = read_csv(written("only\n5"), label=None)
    assert x.tolist() == [[5.0]]
    (x,) = read_csv(written("0,1,2\n5,6,7\n"), label=None)  # pandas' names for columns without any
    assert x.tolist() == [[5, 6, 7]]


@each_of(
    ("cells", "expected"),
    [
        (["3", "-1", "0"], [3, -1, 0]),
        (["3.0", "1e3", "-0.0"], [3, 1000, 0]),
        (["16777217", "2147483648", "-16777217"], [2**24 + 1, 2**31, -(2**24) - 1]),
        (["9007199254740993", "7", "-9007199254740993"], [2**53 + 1, 7, -(2**53) - 1]),
        (["9223372036854775807", "-9223372036854775808", "0"], [2**63 - 1, -(2**63), 0]),
        ([" 9223372036854775807 ", "1e18", "9007199254740993.0"], [2**63 - 1, 10**18, 2**53 + 1]),
    ],
)
@each_of("order", [1, -1], ids=["first column", "last column"])
@each_of("dtype", [np.float16, np.float32, np.float64])
def test_labels_that_are_integers_are_exact_to_the_last_digit(written, cells, expected, order, dtype):
    rows = ["label,a", *(f"{cell},0.5" for cell in cells)]
    text = "\n".join(",".join(row.split(",")[::order]) for row in rows)
    x, labels = read_csv(written(text), dtype=dtype)
    assert labels.dtype == np.int64
    assert labels.tolist() == expected
    assert x.tolist() == [[0.5]] * 3


def test_numbers_that_the_dtype_would_round_to_a_few_are_refused(written):
    """Seconds since 1970, of which a float32 has one in 128."""
    path = written(b"time,label\n1600000001,0\n1600000002,1\n1600000040,0\n")
    words = (
        "row 1, column 'time': expected numbers that float32 tells apart, found some from 1600000001.0 to 1600000040.0"
    )
    with pytest.raises(FormatError, match=words):
        read_csv(path)
    assert read_csv(path, dtype=np.float64)[0][:, 0].tolist() == [1600000001, 1600000002, 1600000040]
    # Rounded, but far apart, or all the same.
    x, _ = read_csv(written(b"people,area,label\n20000001,1600000001,0\n31000003,1600000001,1\n"))
    assert x[:, 0].tolist() == [20000000, 31000004]


def test_one_label_with_a_fraction_makes_all_of_them_floats(written):
    _, labels = read_csv(written("label,a\n1,0\n2.5,0\n16777217,0\n1e20,0"))
    assert labels.dtype == np.float32
    assert labels.tolist() == np.float32([1, 2.5, 2**24, 1e20]).tolist()


@each_of("block", [1, 7, 64, 2**20])
def test_the_table_does_not_depend_on_how_much_is_read_at_a_time(written, monkeypatch, block):
    dice = random.Random(0)
    table = [[dice.choice((dice.randrange(-9, 9), dice.random(), 2**60 + 1)) for _ in range(5)] for _ in range(40)]
    for row in table:
        row[2] = dice.randrange(2**62)
    path = written("a,b,label,c,d\n" + "\n".join(",".join(map(repr, row)) for row in table))
    monkeypatch.setattr(fnn.data.csv, "_BLOCK", block)
    x, labels = read_csv(path, dtype=np.float64)
    assert labels.tolist() == [row[2] for row in table]
    assert x.tolist() == [[float(cell) for cell in row[:2] + row[3:]] for row in table]


def test_every_float_is_read_as_python_reads_it(written):
    dice = random.Random(1)
    bits = np.array([dice.getrandbits(64) for _ in range(3000)], np.uint64).view(np.float64)
    numbers = bits[np.isfinite(bits)].tolist()
    (x,) = read_csv(written("a\n" + "\n".join(map(repr, numbers))), None, dtype=np.float64)
    assert x[:, 0].tolist() == numbers


@pytest.mark.long
def test_little_is_held_beside_the_result(written):
    rows = 4000
    path = written("label," + ",".join(f"pixel{i}" for i in range(784)) + "\n" + (",".join(["7"] * 785) + "\n") * rows)
    tracemalloc.start()
    try:
        x, _ = read_csv(path)
        assert x.shape == (rows, 784)
        assert tracemalloc.get_traced_memory()[1] < 2 * x.nbytes + 30 * 2**20
    finally:
        tracemalloc.stop()


def test_what_is_read_is_the_caller_s_to_write_to(written):
    for array in read_csv(written(GOOD)):
        assert array.flags.writeable
        assert array.base is None or array.base.nbytes == array.nbytes


# --- labels that are text ---------------------------------------------------------------------------------------------

FLOWERS = "long,species,wide\n5.1,setosa,3.5\n6.3, virginica ,3.3\n4.9,setosa,3\n7,versicolor,3.2\n"
NAMES_OF_FLOWERS = ("setosa", "versicolor", "virginica")


@pytest.mark.parametrize("block", [1, 2**20], ids=["line by line", "at once"])
def test_text_labels_are_codes_by_the_order_of_their_names(written, monkeypatch, block):
    monkeypatch.setattr(fnn.data.csv, "_BLOCK", block)
    (x, codes), names = read_csv(written(FLOWERS), label="species", names=True)
    assert names == NAMES_OF_FLOWERS
    assert (codes.dtype, codes.tolist()) == (np.int64, [0, 2, 0, 1])
    assert x.dtype == np.float32
    assert x.tolist() == np.float32([[5.1, 3.5], [6.3, 3.3], [4.9, 3], [7, 3.2]]).tolist()


@pytest.mark.parametrize("given", [NAMES_OF_FLOWERS[::-1], [*NAMES_OF_FLOWERS, "rosa"], np.array(NAMES_OF_FLOWERS)])
def test_a_test_set_is_read_with_the_names_of_its_training_set(written, given):
    (_, codes), names = read_csv(written(FLOWERS), "species", names=given)
    assert names == tuple(given)
    assert all(type(name) is str for name in names)
    assert [names[code] for code in codes] == ["setosa", "virginica", "setosa", "versicolor"]


@each_of(
    ("cell", "name"),
    [
        ('"red, or pink"', "red, or pink"),
        (' "12"" long" ', '12" long'),
        ('12" long', '12" long'),
        ('""""', '"'),
        ("größe", "größe"),
        ("NaN", "NaN"),
        ("007", "007"),
        ("# one", "# one"),
        ('" padded "', "padded"),
    ],
)
@each_of("order", [1, -1], ids=["first column", "last column"])
def test_a_name_is_taken_as_it_stands(written, cell, name, order):
    rows = [["label", "a", "b"], [cell, "1", "2"], ["other", "3", "4"]]
    (x, codes), names = read_csv(written("\n".join(",".join(row[::order]) for row in rows)), names=True)
    assert names == tuple(sorted([name, "other"]))
    assert [names[code] for code in codes] == [name, "other"]
    assert np.sort(x).tolist() == [[1, 2], [3, 4]]


def test_numbers_that_are_names_are_in_the_order_of_text_and_never_taken_for_codes(written):
    path = written("label,a\n10,0\n2,0\n10,0\n1,0\n")
    (_, codes), names = read_csv(path, names=True)
    assert (codes.tolist(), names) == ([1, 2, 1, 0], ("1", "10", "2"))
    with pytest.raises(FormatError, match="row 2, column 'label': expected one of 'x', 'y', found '10'"):
        read_csv(path, names=["x", "y"])


def test_a_single_name_and_many_are_read(written):
    (_, codes), names = read_csv(written("label,a\ncat,0\n"), names=True)
    assert (codes.tolist(), names) == ([0], ("cat",))
    many = [f"name {i}" for i in range(3000)]
    (_, codes), names = read_csv(written("label,a\n" + "".join(f"{name},0\n" for name in many[::-1])), names=True)
    assert names == tuple(sorted(many))
    assert [names[code] for code in codes] == many[::-1]


@each_of(
    ("content", "where", "found"),
    [
        ("label,a\ncat,1\n,2\n", "row 3, column 'label': expected a name", "an empty cell"),
        ('label,a\n"",1\n', "row 2, column 'label': expected a name", "'\"\"'"),
        ('label,a\n"cat,1\n', "row 2, column 'label': expected a name", "'\"cat'"),
        ('label,a\n"cat"s,1\n', "row 2, column 'label': expected a name", "'\"cat\"s'"),
        (
            "label,a\ncat,x\n,2\n",
            "row 2, column 'a': expected a number",
            "'x'; for text write text=['a'], or use pandas.read_csv",
        ),
        ("label,a\ncat,1\ncat\n,2\n", "row 3, column 'a': expected 2 numbers, one for each name", "only 1"),
        ("label,a\ncat,1\n\n", "row 3: expected 2 numbers, one for each name", "a blank line"),
        ("label,a\ncat,1,\n", "row 2: expected 2 numbers, one for each name", "3"),
        ("label,a\ncat,nan\n", "row 2, column 'a': expected a finite number", "'nan'; for tables with gaps"),
        ("label,a\ncat,1e39\n", "row 2, column 'a': expected a number that float32 can hold", "1e+39"),
        ("label,a\n", "row 2: expected numbers", "the end of the file"),
    ],
)
def test_what_is_wrong_beside_names_is_found_where_it_stands(written, content, where, found):
    path = written(content)
    with pytest.raises(FormatError) as caught:
        read_csv(path, names=True)
    assert str(caught.value).startswith(f"{path}: {where}, found {found}")


@each_of(
    ("content", "label", "remedy"),
    [
        ("label,a\n1,cat\n", "label", "use pandas.read_csv and pandas.get_dummies"),
        ('label,a\n1,"cat, dog"\n', "label", "found '\"cat, dog\"'; for text write text=['a'], or use pandas.read_csv"),
        ("a,kind\n1,cat\n", "kind", "for labels that are text write label='kind', names=True"),
        ("a,kind\n1,cat\n", None, "for labels that are text write label='kind', names=True"),
        ("label,a\n1,\n", "label", "for tables with gaps use pandas.read_csv"),
        ("label,a\n,1\n", "label", "for tables with gaps use pandas.read_csv"),
        ("label,a\n1,NA\n", "label", "for tables with gaps use pandas.read_csv"),
        ("label,a\n1,?\n", "label", "for tables with gaps use pandas.read_csv"),
        ("label,a\n1,nan\n", "label", "for tables with gaps use pandas.read_csv"),
        ('label,a\n1,"7"\n', "label", "for numbers in quotes use pandas.read_csv"),
        ("label;a\n1;7\n", "label", "use pandas.read_csv(path, sep=';')"),
        ("label\ta\n1\t7\n", "label", r"use pandas.read_csv(path, sep='\t')"),
        ("label|a\n1|7\n", None, "use pandas.read_csv(path, sep='|')"),
        (b"label,a\n1,\xe9\n", "label", "use pandas.read_csv(path, encoding=...)"),
    ],
)
def test_the_error_says_what_reads_the_file(written, content, label, remedy):
    with pytest.raises(FormatError, match=re.escape(remedy)):
        read_csv(written(content), label)


def test_names_are_checked_before_the_file_is_opened():
    for names, kind in (("cat", T), (None, T), (3, T), ([1], T), ([], ValueError), (["a", "a"], ValueError)):
        with pytest.raises(kind, match=r"read_csv: .*names"):
            read_csv("nowhere.csv", names=names)


# --- other columns that are text -------------------------------------------------------------------------------------

CARS = 'color,power,kind,price\nred,90,a,12\n"sky, blue",110,b,15\nred,75, b ,9\ngreen,60,a,7\n'
COLORS, KINDS = ("green", "red", "sky, blue"), ("a", "b")


@each_of("block", [1, 2**20], ids=["line by line", "at once"])
def test_columns_of_text_are_codes_by_the_order_of_their_names(written, monkeypatch, block):
    monkeypatch.setattr(fnn.data.csv, "_BLOCK", block)
    (x, price), names = read_csv(written(CARS), "price", text=["kind", "color"])
    assert names == {"kind": KINDS, "color": COLORS}
    assert (x.dtype, price.tolist()) == (np.float32, [12, 15, 9, 7])
    assert x.tolist() == [[1, 90, 0], [2, 110, 1], [1, 75, 1], [0, 60, 0]]


def test_the_label_may_be_text_too_and_is_among_the_names(written):
    path = written(CARS)
    (x, kind), names = read_csv(path, "kind", names=True, text=["color"])
    assert names == {"color": COLORS, "kind": KINDS}
    assert (kind.dtype, kind.tolist(), x[:, 0].tolist()) == (np.int64, [0, 1, 1, 0], [1, 2, 1, 0])
    again = read_csv(path, "kind", text=names)
    assert [part.tolist() for part in again[0]] == [x.tolist(), kind.tolist()]
    assert again[1] == names
    (alone,), names = read_csv(path, None, text=("kind", "color"))
    assert (alone.shape, names) == ((4, 4), {"kind": KINDS, "color": COLORS})


def test_a_test_set_is_read_with_the_codes_of_its_training_set_and_what_was_not_there_is_refused(written):
    known = {"color": ("violet", "red", "green", "sky, blue"), "kind": iter("ba")}
    (x, _), names = read_csv(written(CARS), "price", text=known)
    assert (x[:, 0].tolist(), x[:, 2].tolist()) == ([1, 3, 1, 2], [1, 0, 0, 1])
    assert names == {"color": ("violet", "red", "green", "sky, blue"), "kind": ("b", "a")}
    with pytest.raises(FormatError, match="row 3, column 'kind': expected one of 'a', 'c', found 'b'"):
        read_csv(written(CARS), "price", text={"color": COLORS, "kind": ["a", "c"]})


@each_of(
    ("text", "message"),
    [
        (
            ["size"],
            "row 1: expected a column 'size', found 'color', 'power', 'kind', 'price'; write text= some of these",
        ),
        (["color"], "row 2, column 'kind': expected a number, found 'a'; for text write text=['kind'], or use pandas"),
    ],
)
def test_what_is_wrong_with_columns_of_text_is_told_with_its_place(written, text, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        read_csv(written(CARS), "price", text=text)


def test_a_gap_among_text_is_refused(written):
    with pytest.raises(
        FormatError, match="row 3, column 'a': expected a name, found an empty cell; for tables with gaps"
    ):
        read_csv(written("label,a\n1,x\n2,\n"), text=["a"])


def test_more_names_than_a_narrow_float_tells_apart_are_refused(written):
    many = "label,a\n" + "".join(f"0,n{i}\n" for i in range(2049))
    assert len(np.unique(read_csv(written(many), text=["a"])[0][0])) == 2049
    message = "column 'a': expected as many names as float16 holds integers, found 2049; write a wider dtype"
    with pytest.raises(FormatError, match=message):
        read_csv(written(many), text=["a"], dtype=np.float16)


def test_columns_of_text_are_checked_before_the_file_is_opened():
    for text, kind, message in (
        ("a", T, "text must be the columns that are text, say"),
        (3, T, "text must be the columns that are text, say"),
        ([1], T, "each column of text must be a str, got int 1"),
        ([], ValueError, "text must be the columns that are text, one or more, got none"),
        ({"a": "bc"}, T, "names must be True, or the names in the column 'a', got str 'bc'"),
        ({"a": ["b", "b"]}, ValueError, "the names must differ, got 'b' twice"),
    ):
        with pytest.raises(kind, match=message):
            read_csv("nowhere.csv", text=text)
    with pytest.raises(T, match="the names of the labels are given twice; leave names= or text= 'label' out"):
        read_csv("nowhere.csv", names=True, text=["label"])


# --- what is refused -------------------------------------------------------------------------------------------------

MANY = ",".join(f"p{i}" for i in range(9))
TWO, THREE = "2 numbers, one for each name", "3 numbers, one for each name"
NUMBER, FINITE, NAMES, LABEL = "a number", "a finite number", "column names", "a column 'label'"
UTF8, LINES = "text in UTF-8", "text in lines that end in \\n or \\r\\n"
FAULTS = {
    # rows
    "too few cells": ("label,a,b\n1,2,3\n1,2\n", "row 3, column 'b'", THREE, "only 2"),
    "too few in the first row": ("label,a,b\n1\n1,2,3\n", "row 2, column 'a'", THREE, "only 1"),
    "too few everywhere": ("label,a,b\n1,2\n1,2\n", "row 2, column 'b'", THREE, "only 2"),
    "too many cells": ("label,a\n1,2\n1,2,3\n", "row 3", TWO, "3"),
    "too many everywhere": ("label,a\n1,2,3\n1,2,3\n", "row 2", TWO, "3"),
    "a comma at the end": ("label,a\n1,2,\n", "row 2", TWO, "3"),
    "a blank line": ("label,a\n1,2\n\n1,2\n", "row 3", TWO, "a blank line"),
    "a line of spaces": ("label,a\n1,2\n  \n1,2\n", "row 3", TWO, "a blank line"),
    "a blank line at the end": ("label,a\n1,2\n\n", "row 3", TWO, "a blank line"),
    "only blank lines": ("label,a\n\r\n\r\n", "row 2", TWO, "a blank line"),
    "a blank line before": ("\nlabel,a\n1,2\n", "row 1", NAMES, "a blank line"),
    # cells
    "an empty cell": ("label,a,b\n1,2,3\n1,,3\n", "row 3, column 'a'", NUMBER, "an empty cell"),
    "an empty last cell": ("label,a,b\n1,2,\n", "row 2, column 'b'", NUMBER, "an empty cell"),
    "a cell of spaces": ("label,a\n  ,2\n", "row 2, column 'label'", NUMBER, "an empty cell"),
    "text": ("label,a\n1,2\n1,cat\n", "row 3, column 'a'", NUMBER, "'cat'"),
    "a text label": ("label,a\ncat,2\n", "row 2, column 'label'", NUMBER, "'cat'"),
    "a quoted number": ('label,a\n1,"2"\n', "row 2, column 'a'", NUMBER, "'\"2\"'"),
    "an underscore": ("label,a\n1,1_000\n", "row 2, column 'a'", NUMBER, "'1_000'"),
    "a hexadecimal": ("label,a\n1,0x10\n", "row 2, column 'a'", NUMBER, "'0x10'"),
    "other digits": ("label,a\n1,\u0661\n", "row 2, column 'a'", NUMBER, "'\u0661'"),
    "two numbers": ("label,a\n1,2 3\n", "row 2, column 'a'", NUMBER, "'2 3'"),
    "a comment": ("label,a\n1,2 # fine\n", "row 2, column 'a'", NUMBER, "'2 # fine'"),
    "a line of comment": ("label,a\n# fine\n1,2\n", "row 2, column 'a'", TWO, "only 1"),
    "a complex number": ("label,a\n1,1j\n", "row 2, column 'a'", NUMBER, "'1j'"),
    "half an exponent": ("label,a\n1,1e\n", "row 2, column 'a'", NUMBER, "'1e'"),
    "a long text": ("label,a\n1," + "x" * 99 + "\n", "row 2, column 'a'", NUMBER, "'" + "x" * 37 + "...'"),
    "the header again": ("label,a\n1,2\nlabel,a\n", "row 3, column 'label'", NUMBER, "'label'"),
    "the first of many": ("label,a,b\n1,2,3\n1,x,y\n1,z\n", "row 3, column 'a'", NUMBER, "'x'"),
    "a BOM in the middle": ("label,a\n\ufeff1,2\n", "row 2, column 'label'", NUMBER, "'\\ufeff1'"),
    # numbers
    "NaN": ("label,a\n1,2\n1,nan\n", "row 3, column 'a'", FINITE, "'nan'"),
    "infinity": ("label,a\n1,-Infinity\n", "row 2, column 'a'", FINITE, "'-Infinity'"),
    "a label of NaN": ("label,a\nNaN,2\n", "row 2, column 'label'", FINITE, "'NaN'"),
    "beyond float64": ("label,a\n1,1e999\n", "row 2, column 'a'", FINITE, "'1e999'"),
    "beyond float32": ("label,a\n1,2\n1,-1e39\n", "row 3, column 'a'", "a number that float32 can hold", "-1e+39"),
    "after the label": ("a,label,b\n1,2,3\n1,2,4e38\n", "row 3, column 'b'", "a number that float32 can hold", "4e+38"),
    "a label beyond float32": (
        "label,a\n0.5,2\n1e39,2\n",
        "row 3, column 'label'",
        "a number that float32 can hold",
        "1e+39",
    ),
    "a whole label beyond int64": (
        "label,a\n1,2\n9223372036854775808,2\n",
        "row 3, column 'label'",
        "an integer that int64 can hold",
        "'9223372036854775808'",
    ),
    "a whole label far below": (
        "label,a\n-1e300,2\n",
        "row 2, column 'label'",
        "an integer that int64 can hold",
        "'-1" + "0" * 35 + "...'",
    ),
    # headers
    "nothing": ("", "row 1", NAMES, "an empty file"),
    "nothing but a BOM": (b"\xef\xbb\xbf", "row 1", NAMES, "an empty file"),
    "a header alone": ("label,a\n", "row 2", "numbers", "the end of the file"),
    "a header without end": ("label,a", "row 2", "numbers", "the end of the file"),
    "names twice": ("label,a,b,a\n1,2,3,4\n", "row 1", "different column names", "'a' 2 times"),
    "labels twice": ("label,label\n1,2\n", "row 1", "different column names", "'label' 2 times"),
    "no such label": ("y,a,b\n1,2,3\n", "row 1", LABEL, "'y', 'a', 'b'; write label= one of these, or None"),
    "no label among many": (f"{MANY}\n", "row 1", LABEL, "'p0', 'p1', 'p2', 'p3', 'p4' and 4 more; write label= one"),
    "another case": ("Label,a\n1,2\n", "row 1", LABEL, "'Label', 'a'; write label= one of these, or None"),
    "semicolons": ("label;a\n1;2\n", "row 1", LABEL, "'label;a'; write label= one of these, or None"),
    "labels alone": ("label\n1\n", "row 1", "columns next to 'label'", "no other"),
    "no header": ("5,0.5,3\n1,2,3\n", "row 1", NAMES, "a row of numbers, '5,0.5,3'; put a line of names before it"),
    "an open quote": ('"label,a\n1,2\n', "row 1", NAMES, "a line that is not CSV (unexpected end of data)"),
    "text after a quote": ('"label"s,a\n1,2\n', "row 1", NAMES, "a line that is not CSV (',' expected after '\"')"),
    # bytes
    "latin-1": (b"label,a,b\n1,2,3\n1,\xe9,3\n", "row 3, column 'a'", UTF8, "the byte 0xe9"),
    "latin-1 in the header": (b"label,gr\xf6\xdfe\n1,2\n", "row 1", UTF8, "the byte 0xf6"),
    "UTF-16 with its mark": (b"\xff\xfel\0,\0a\0\n\0", "row 1", UTF8, "the byte 0xff"),
    "half a character": ("label,a\n1,ö".encode()[:-1], "row 2, column 'a'", UTF8, "the byte 0xc3"),
    "half a surrogate pair": (b"label,a\n1,\xed\xa0\x80\n", "row 2, column 'a'", UTF8, "the byte 0xed"),
    "UTF-16": ("label,a\n1,2\n".encode("utf-16-le"), "row 1", LINES, "the character '\\x00'"),
    "NUL": (b"label,a\n1,2\n1,2\0\n", "row 3, column 'a'", LINES, "the character '\\x00'"),
    "NUL in the header": (b"label,a\0\n1,2\n", "row 1", LINES, "the character '\\x00'"),
    "NUL beyond the columns": (b"label,a\n1,2,\0\n", "row 2", LINES, "the character '\\x00'"),
    "a lone \\r": (b"label,a\n1,2\r1,2\n", "row 2, column 'a'", LINES, "the character '\\r'"),
    "\\r for \\n": (b"label,a\r1,2\r1,2\r", "row 1", LINES, "the character '\\r'"),
    "\\r\\r\\n": (b"label,a\n1,2\r\r\n", "row 2, column 'a'", LINES, "the character '\\r'"),
}


@each_of("block", [1, 2**20], ids=["line by line", "at once"])
@each_of("fault", FAULTS.values(), ids=FAULTS)
def test_the_error_names_the_file_the_row_the_column_the_expected_and_the_found(written, monkeypatch, fault, block):
    monkeypatch.setattr(fnn.data.csv, "_BLOCK", block)
    content, where, expected, found = fault
    path = written(content)
    with pytest.raises(FormatError) as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"{path}: {where}: expected {expected}, found {found}")


def test_the_row_is_right_far_down_the_file(written):
    rows = ["label,a"] + ["1,2.25"] * 70_000
    rows[66_001] = "1,2.2.5"
    with pytest.raises(FormatError, match=r"row 66002, column 'a': expected a number, found '2\.2\.5'"):
        read_csv(written("\n".join(rows)))


def test_a_file_that_is_not_there_is_not_a_matter_of_format(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read_csv(tmp_path / "nowhere.csv")
    assert not isinstance(caught.value, FormatError)


@each_of(
    ("named", "message"),
    [
        ({"label": 0}, "read_csv: label must be the name of a column or None, got int 0"),
        ({"label": ["label"]}, "read_csv: label must be the name of a column or None, got list ['label']"),
        ({"dtype": np.uint8}, "read_csv: dtype must be one of floats, say np.float32, got uint8"),
        ({"dtype": "int"}, "read_csv: dtype must be one of floats, say np.float32, got int64"),
        ({"dtype": "single precision"}, "dtype must be one of floats, say np.float32, got str 'single precision'"),
        ({"dtype": 32}, "dtype must be one of floats, say np.float32, got int 32"),
        ({"dtype": None}, "dtype must be one of floats, say np.float32, got NoneType None"),
    ],
)
def test_what_is_no_label_or_no_dtype_is_refused(written, named, message):
    with pytest.raises(T, match=re.escape(message)):
        read_csv(written(GOOD), **named)


@pytest.mark.long
def test_changed_bytes_give_a_format_error_or_a_table_of_finite_numbers(written):
    dice = random.Random(0)
    whole = b"label,a,b\r\n" + b"".join(b"%d,%d.5,-%de-3\r\n" % (i, 3 * i, i) for i in range(6))
    interesting = b'\0\r\n,,."+-eE019 nai_x#\xff\xef\xbb\xbf\xc3'
    read = refused = 0
    for _ in range(2000):
        changed = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2, 5))):
            place, byte = dice.randrange(len(changed)), dice.choice((dice.randrange(256), dice.choice(interesting)))
            how = dice.randrange(4)
            if how == 0:
                changed[place] = byte
            elif how == 1:
                changed.insert(place, byte)
            elif how == 2:
                del changed[place : place + dice.choice((1, 1, 2, 20))]
            else:
                changed[place:place] = changed[dice.randrange(len(changed)) :][: dice.randrange(30)]
        path, label = written(bytes(changed)), dice.choice(("label", "b", None))
        try:
            table = read_csv(path, label)
        except FormatError as error:
            assert str(error).startswith(f"{path}: row ")  # noqa: PT017
            refused += 1
            continue
        lines = bytes(changed).removesuffix(b"\n").count(b"\n")
        columns = changed.split(b"\n")[1].count(b",") + 1
        assert table[0].shape == (lines, columns - (label is not None))
        assert [part.shape for part in table[1:]] == [(lines,)] * (label is not None)
        assert all(math.isfinite(number) for part in table for number in part.ravel().tolist())
        read += 1
    assert read > 100
    assert refused > 1000


def test_reading_leaves_no_file_open(written):
    path = written(GOOD)
    read_csv(path)  # an unclosed file is a ResourceWarning, and warnings are errors here
    os.replace(path, path.with_suffix(".moved"))
