"""Run a lesson as a reader would, but quickly, in this process, and without its pictures unless they are asked for."""

import contextlib
import io
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def played(script, folder, *arguments, pictures=False):
    """Give the names that the lesson has at its end, and what it printed."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setattr(sys, "argv", [script, "--fast", "--out", str(folder), *map(str, arguments)])
        if not pictures:  # they take two thirds of the time
            patch.setitem(sys.modules, "matplotlib.figure", None)
        names = runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    return names, printed.getvalue()
