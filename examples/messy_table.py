"""A messy table to a network: text categories, gaps and a text label, by scikit-learn's ColumnTransformer.

python examples/messy_table.py                 pip install "fnn[sklearn]" pandas

The table is of machines: which maker, at which site, what three sensors say, and what the mechanic wrote down. Some
cells are empty, some names are rare, and what is normal for one maker is an alarm for another, so that no sum of
columns is enough.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fnn import adamw, gelu, summary, tap
from fnn.interop.sklearn import Epoch, NetworkClassifier

MAKERS = ["Ansaldo", "Borsig", "Krupp", "Skoda"]


def machines(rows: int, seed: int) -> pd.DataFrame:
    """Return the table; its last column, what the mechanic wrote, is the label."""
    random = np.random.default_rng(seed)
    maker = random.integers(0, 4, rows)
    site = np.array(["north", "south", "harbor"], object)[random.integers(0, 3, rows)]
    site[random.random(rows) < 0.01] = "loading dock 7"  # so rare that some folds never see it
    heat, shake, hours = 60 + 15 * random.normal(size=rows), random.gamma(2.0, 2.0, rows), random.exponential(900, rows)
    # One maker's machines run hot, another's run cold, and old ones shake.
    strain = np.array([1, -1, 1, -1])[maker] * (heat - 60) / 15 + 0.6 * (shake - 4) * (hours > 600)
    strain += 0.3 * random.normal(size=rows)
    label = np.select([strain > 1.2, strain > 0.3], ["repair", "watch"], "fine")
    table = pd.DataFrame({"maker": np.array(MAKERS, object)[maker], "site": site, "heat": heat, "shake": shake})
    table["hours"] = hours.round()
    for column, share in {"maker": 0.03, "site": 0.1, "heat": 0.05, "shake": 0.05, "hours": 0.05}.items():
        table.loc[random.random(rows) < share, column] = None
    table["verdict"] = label
    return table


def columns():
    """Return what makes numbers of a table: gaps filled and marked, names (a gap is one too) as ones and zeros."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    names = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (names, make_column_selector(dtype_exclude="number"))
    )


def report(epoch: Epoch) -> None:
    print(f"epoch {epoch.epoch:3}: loss {epoch.loss:.3f}, of the rows set aside {epoch.validation_loss:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="A messy table to a network.")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    table = machines(options.rows, options.seed)
    print(table.head(6).to_string(na_rep="-"), "\n")
    train, test = train_test_split(table, test_size=0.25, random_state=options.seed, stratify=table["verdict"])

    network = NetworkClassifier(
        (64, 32),
        activation=gelu,
        dropout=0.1,
        solver=adamw(3e-3, weight_decay=1e-2),
        batch_size=64,
        dtype=np.float32,
        early_stopping="loss",
        class_weight="balanced",
        callbacks=tap(report, every=10),
        random_state=options.seed,
    )
    linear = LogisticRegression(class_weight="balanced", max_iter=1000)
    for name, model in {"logistic regression": linear, "network": network}.items():
        whole = make_pipeline(columns(), model).fit(train.drop(columns="verdict"), train["verdict"])
        said = whole.predict(test.drop(columns="verdict"))
        print(f"\n{name}: test accuracy {np.mean(said == test['verdict']):.3f}")
        print(pd.DataFrame(confusion_matrix(test["verdict"], said), whole.classes_, whole.classes_).to_string())
    print("", summary(network.network_, whole[0].transform(test).astype(np.float32)), sep="\n")


if __name__ == "__main__":
    main()
