"""A table with text, gaps and a text label goes by a ColumnTransformer to a network that beats a linear model."""

import re

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6")
pytest.importorskip("pandas")

import pandas

from tests.examples.lessons import number_after, run_script


@pytest.fixture(scope="module")
def messy():
    return run_script("messy_table.py", "--rows", "2000", "--seed", "1")


def test_the_table_is_messy(messy):
    table = messy[0]["machines"](2000, 0)
    assert set(table["verdict"]) == {"fine", "watch", "repair"}
    assert {array.to_numpy().dtype.kind for _, array in table.items()} == {"O", "f"}
    assert 0.02 < table.drop(columns="verdict").isna().to_numpy().mean() < 0.1
    assert table["site"].value_counts().min() < 30


def test_the_network_is_better_than_a_sum_of_columns(messy):
    printed = messy[1]
    linear, network = [number_after(f"{name}: test accuracy", printed) for name in ("logistic regression", "network")]
    assert network > max(linear + 0.1, 0.7)
    assert linear > 0.4  # a third of the rows is what a guess gets
    assert re.search(r"^epoch +11: loss 0\.\d+, of the rows set aside 0\.\d+$", printed, re.MULTILINE)


def test_rows_with_new_names_and_no_values_are_told_too(messy):
    names, _ = messy
    table = names["machines"](600, 2)
    x, y = table.drop(columns="verdict"), table["verdict"]
    network = names["NetworkClassifier"]((8,), early_stopping=True, random_state=0)
    model = names["make_pipeline"](names["columns"](), network)
    model.fit(x, y)
    strange = pandas.DataFrame([{"maker": "Tatra", "site": None, "heat": np.nan, "shake": np.nan, "hours": np.nan}])
    assert model.predict(strange.astype({"site": x["site"].dtype}))[0] in set(y)
