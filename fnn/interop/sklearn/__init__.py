"""Networks as estimators of scikit-learn: for its pipelines, searches and scores, on arrays and tables.

    NetworkClassifier : classes of any kind, or several labels a row     NetworkRegressor : one number a row, or several

The training is fnn's: a stream of states, seen an epoch at a time (``Epoch``), which the functions in ``callbacks``
look at, act on or end. The network that comes out is ``network_``, a value like any other.

Read ``_classifier``, which says what the settings are, and ``_regressor``; then ``_network``, what both are: a way from
tables to rows (``_rows``), and training as a pipe. ``_settings`` says what the settings stand for, ``_targets`` what a
loss makes of labels, and ``_epochs`` how a stream of states is one of epochs.
"""

try:
    import sklearn as _sklearn  # noqa: F401 (only to say clearly that it is missing)
except ImportError as _error:
    raise ImportError('fnn.interop.sklearn needs scikit-learn: pip install "fnn[sklearn]"') from _error

from fnn.interop.sklearn._classifier import NetworkClassifier
from fnn.interop.sklearn._epochs import Epoch
from fnn.interop.sklearn._regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor", "Epoch"]
