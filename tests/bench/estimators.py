"""Compare the estimators of fnn.interop.sklearn with scikit-learn's own networks: scores over folds, and time to fit.

python -m tests.bench.estimators                   25 folds (5 times 5) of digits, breast_cancer, wine, diabetes
python -m tests.bench.estimators --folds 5         a quick look

Both have the same settings, their defaults, and fit each fold in turn; columns, and the targets of diabetes, are
standardized. Beside the mean difference stands its standard error, of differences in pairs, and the ratio of the times
of all fits. The settings mean the same in both, but their seeds are drawn by other generators.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded; the products are small, and threads wait

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from fnn.interop.sklearn import NetworkClassifier, NetworkRegressor
from fnn.metrics import rmse

DATA: dict[str, Callable[..., Any]] = {
    "digits": load_digits,
    "breast_cancer": load_breast_cancer,
    "wine": load_wine,
    "diabetes": load_diabetes,
}


def compare(name: str, repeats: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, seconds and epochs (folds, 2), ours first; a score is an accuracy, or an RMSE for diabetes."""
    x, y = DATA[name](return_X_y=True)
    numbers = name == "diabetes"
    kinds = (NetworkRegressor, MLPRegressor) if numbers else (NetworkClassifier, MLPClassifier)
    folds = RepeatedKFold if numbers else RepeatedStratifiedKFold
    scores, seconds, epochs = np.zeros((3, 5 * repeats, 2))
    for fold, (train, test) in enumerate(folds(n_splits=5, n_repeats=repeats, random_state=0).split(x, y)):
        scaler = StandardScaler().fit(x[train])
        mean, std = (y[train].mean(), y[train].std()) if numbers else (0, 1)
        target = (y[train] - mean) / std if numbers else y[train]
        for column in (0, 1) if fold % 2 else (1, 0):
            model = kinds[column](random_state=fold)
            begin = time.perf_counter()
            model.fit(scaler.transform(x[train]), target)
            seconds[fold, column] = time.perf_counter() - begin
            epochs[fold, column] = model.n_iter_
            said = model.predict(scaler.transform(x[test]))
            scores[fold, column] = rmse(mean + std * said, y[test]) if numbers else np.mean(said == y[test])
    return scores, seconds, epochs


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the estimators with scikit-learn's own networks.")
    parser.add_argument("--folds", type=int, default=25, help="a multiple of 5")
    repeats = parser.parse_args().folds // 5
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{'':<15}{'fnn':>9}{'sklearn':>9}{'difference':>20}{'epochs':>12}{'time ratio':>12}")
    for name in DATA:
        scores, seconds, epochs = compare(name, repeats)
        difference = scores[:, 0] - scores[:, 1]
        error = difference.std(ddof=1) / len(difference) ** 0.5
        ours, theirs = scores.mean(axis=0)
        counts = "{:.0f} / {:.0f}".format(*epochs.mean(axis=0))
        ratio = seconds[:, 0].sum() / seconds[:, 1].sum()
        apart = f"{difference.mean():+.4f} +- {error:.4f}"
        print(f"{name:<15}{ours:>9.4f}{theirs:>9.4f}{apart:>20}{counts:>12}{ratio:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
