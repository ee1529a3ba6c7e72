"""A table is its text where it is printed, and HTML in a notebook."""

import copy
import pickle
from html.parser import HTMLParser

import pytest

from fnn.diagnostics._table import Table

HEAD = ("name", "size", "rms")
ROWS = [("first", "5", "0.5"), ("second layer", "1,200", "nan"), ("third", "", "inf")]
TOTAL = ("total", "1,205", "")
TEXT = """\
name           size  rms
------------------------
first             5  0.5
second layer  1,200  nan
third                inf
------------------------
total         1,205"""


class Cells(HTMLParser):
    """Collect (part, tag, style, text) of each cell, and see that what is opened is closed."""

    def __init__(self, page):
        super().__init__()
        self.opened, self.cells, self.tables = [], [], 0
        self.feed(page)
        assert not self.opened

    def handle_starttag(self, tag, attrs):
        self.opened.append((tag, dict(attrs).get("style")))
        self.tables += tag == "table"
        if tag in ("td", "th"):
            self.cells.append((self.opened[1][0], tag, dict(attrs)["style"], ""))

    def handle_data(self, data):
        assert self.opened[-1][0] in ("td", "th", "p"), data
        if self.opened[-1][0] != "p":
            self.cells[-1] = (*self.cells[-1][:3], self.cells[-1][3] + data)

    def handle_endtag(self, tag):
        assert self.opened.pop()[0] == tag


def test_the_text_has_columns_of_which_those_of_numbers_stand_to_the_right():
    table = Table(HEAD, ROWS, TOTAL)
    assert str(table) == repr(table) == f"{table}" == TEXT
    assert table == TEXT
    assert table.splitlines()[0] == "name           size  rms"
    assert type(str(table)) is str


def test_a_table_without_a_total_or_without_rows():
    assert Table(("a", "b"), [("x", "1")]) == "a  b\n----\nx  1"
    assert Table(("a", "b"), [], ("sum", "0")) == "a    b\n------\n------\nsum  0"


def test_a_notebook_shows_the_same_cells_aligned_alike():
    cells = Cells(Table(HEAD, ROWS, TOTAL)._repr_html_()).cells
    left, right = "text-align: left", "text-align: right"
    parts = [("thead", "th", [HEAD]), ("tbody", "td", ROWS), ("tfoot", "th", [TOTAL])]
    assert cells == [
        (part, tag, side, cell)
        for part, tag, lines in parts
        for line in lines
        for side, cell in zip((left, right, right), line, strict=True)
    ]
    assert {part for part, *_ in Cells(Table(HEAD, ROWS)._repr_html_()).cells} == {"thead", "tbody"}


def test_html_in_a_cell_stays_text():
    table = Table(("<b>", "a&b"), [('"<script>alert(1)</script>', "1")])
    assert "<script" not in table._repr_html_()
    assert "&quot;&lt;script&gt;" in table._repr_html_()
    assert [cell[3] for cell in Cells(table._repr_html_()).cells] == ["<b>", "a&b", '"<script>alert(1)</script>', "1"]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])
def test_a_table_is_a_value_that_can_be_copied_and_pickled(again):
    table = Table(HEAD, iter(ROWS), TOTAL)
    other = again(table)
    assert type(other) is Table
    assert other == table
    assert hash(other) == hash(TEXT)
    assert other._repr_html_() == table._repr_html_()
