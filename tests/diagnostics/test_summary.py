"""The table of a network: its layers in order, the shapes that flow, and every parameter counted once."""

import numpy as np
import pytest

import fnn
from fnn import Key, Serial, concatenate, dense, dropout, mlp, parallel, relu, residual, serial, summary, tree
from fnn.diagnostics._table import Table
from fnn.diagnostics.summary import flow
from tests.diagnostics.test_table import Cells
from tests.each_of import each_of
from tests.laws.cases import numbers

X = numbers(8, 4)
NETS = {
    "nested": serial(serial(dense(5), relu), serial(serial(dense(3))))(Key(0), X),
    "branches": serial(parallel(dense(3), serial(dense(5), relu)), concatenate)(Key(0), X),
    "residual": residual(dense(4), dropout(0.5))(Key(0), X),
    "a bare layer": dense(3)(Key(0), X),
    "no layers": Serial(()),
}


def test_a_hand_counted_net():
    assert summary(serial(parallel(dense(3), relu), concatenate, dense(2))(Key(0), X), X).splitlines() == [
        "path                   layer        output          parameters",
        "--------------------------------------------------------------",
        "layers[0]              Parallel     (n, 3), (n, 4)",
        "layers[0].branches[0]  Dense        (n, 3)                  15",
        "layers[0].branches[1]  Relu         (n, 4)                   0",
        "layers[1]              Concatenate  (n, 7)                   0",
        "layers[2]              Dense        (n, 2)                  16",
        "--------------------------------------------------------------",
        "total                                                       31",
    ]


@each_of("name", NETS)
def test_the_sizes_add_up_to_the_total_which_is_that_of_all_leaves(name):
    table = summary(NETS[name], X)
    sizes = [int(row[3].replace(",", "")) for row in table.rows if row[3]]
    assert sum(sizes) == int(table.total[3]) == sum(leaf.size for leaf in tree.leaves(NETS[name]))


def test_a_record_that_is_used_twice_is_counted_once():
    same = dense(4)(Key(0), X)
    table = summary(Serial((same, relu, same)), X)
    assert [row[3] for row in table.rows] == ["20", "0", "again"]
    assert table.total[3] == "20"


def test_one_row_is_enough_and_all_rows_show_the_same():
    assert summary(NETS["nested"], X) == summary(NETS["nested"], X[:1]) == summary(NETS["nested"], X.tolist())


def test_a_summary_is_shown_without_print():
    table = summary(mlp(64, 2)(Key(0), X), X)
    assert isinstance(table, Table)
    assert repr(table) == str(table)
    cells = [cell[3] for cell in Cells(table._repr_html_()).cells]
    assert cells[:4] == ["path", "layer", "output", "parameters"]
    assert cells[4:8] == ["layers[0]", "Dense", "(n, 64)", "320"]
    assert cells[-4:] == ["total", "", "", "450"]


def test_the_name_of_a_layer_that_looks_like_html_stays_text():
    odd = type("Odd", (fnn.Record,), {"__annotations__": {}})
    odd.__name__ = "<i>"
    fnn.vjp.register(odd, lambda layer, x, key=None: (x, lambda dy: (layer, lambda: dy)))
    page = summary(odd(), X)._repr_html_()
    assert "<i>" not in page
    assert "&lt;i&gt;" in page


def test_each_layer_flows_with_the_key_of_a_step_of_training():
    seen = {}

    def evaluate(layer, x, key):
        seen[len(seen)] = key
        return fnn.forward(layer, x, key)

    net = serial(dense(4), parallel(relu, residual(dropout(0.5))))(Key(0), X)
    paths = [path for path, _, _ in flow(evaluate, net, X, Key(7))]
    keys = dict(zip(paths, seen.values(), strict=True))
    assert keys["layers[0]"] == Key(7, (0,))
    assert keys["layers[1].branches[1]"] == Key(7, (1, 1))
    assert keys["layers[1].branches[1].body"] == Key(7, (1, 1))


def test_data_of_several_inputs_is_shown_a_row_of_each():
    net = serial(concatenate, dense(2))(Key(0), (X, X))
    assert summary(net, (X, X)).splitlines()[2].split() == ["layers[0]", "Concatenate", "(n,", "8)", "0"]
    with pytest.raises(ValueError, match=r"summary expects data \(n, ...\), of which it shows the network a row"):
        summary(net, (X, np.array(1.0)))
