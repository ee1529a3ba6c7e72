"""Run an example as a reader would, but in this process, and without its figures unless a test asks for them."""

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LESSONS = sorted(path.name for path in EXAMPLES.glob("[0-9][0-9]_*.py"))
NO_FIGURES = ("matplotlib", "matplotlib.figure")  # importing it and drawing take two thirds of the time


def run_script(script, *arguments, without=NO_FIGURES):
    """Run a script as if some modules were not installed; return its names at the end, and what it printed."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")  # as some lessons do, but undone afterwards
        patch.setattr(sys, "argv", [script, *map(str, arguments)])
        for module in without:
            patch.setitem(sys.modules, module, None)
        names = runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    return names, printed.getvalue()


def run_lesson(script, folder, *arguments, without=NO_FIGURES):
    """Run the short version of a lesson, with its files in ``folder``."""
    return run_script(script, "--fast", "--out", folder, *arguments, without=without)


def figures_of(script):
    """Return the names of the figures that a lesson shows."""
    return sorted(re.findall(r'^ +show\(figure, "(.+)"\)$', (EXAMPLES / script).read_text(), re.MULTILINE))


def number_after(text, printed):
    return float(re.search(re.escape(text) + r"\s*(-?[\d.]+(e[+-]?\d+)?)", printed)[1])
