"""Without matplotlib all of fnn works, and fnn.plot says what to install."""

import importlib
import re
import sys

import pytest

import fnn

MESSAGE = 'fnn.plot needs matplotlib: pip install "fnn[plot]"'


@pytest.fixture
def _no_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[:2] == ["fnn", "plot"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(vars(fnn), "plot", raising=False)  # to ask for the attribute would load it
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # what makes Python's import fail


@pytest.mark.usefixtures("_no_matplotlib")
def test_plot_says_what_to_install_however_it_is_imported():
    with pytest.raises(ImportError, match=re.escape(MESSAGE)) as caught:
        importlib.import_module("fnn.plot")
    assert caught.value.__cause__ is not None  # why it could not be imported is kept
    with pytest.raises(ImportError, match=re.escape(MESSAGE)):
        from fnn import plot  # noqa: F401
    with pytest.raises(ImportError, match=re.escape(MESSAGE)):
        importlib.import_module("fnn.plot.lines")
    with pytest.raises(ImportError, match=re.escape(MESSAGE)):
        fnn.plot.curves  # noqa: B018
