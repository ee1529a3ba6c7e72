"""The lessons are notebooks, too: one command writes them, executed, with their figures in them and no other files."""

import json
import subprocess
import sys

import pytest

from examples import notebooks
from tests.examples.lessons import EXAMPLES, LESSONS, figures_of


@pytest.mark.long
def test_one_command_makes_notebooks_of_all_lessons(tmp_path):
    for module in ("jupytext", "nbclient", "ipykernel", "matplotlib"):
        pytest.importorskip(module)
    command = [sys.executable, "-m", "examples.notebooks", str(tmp_path / "new" / "folder"), "--fast"]
    run = subprocess.run(command, cwd=EXAMPLES.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    written = sorted((tmp_path / "new" / "folder").iterdir())
    assert [path.with_suffix(".py").name for path in written] == LESSONS
    for path, script in zip(written, LESSONS, strict=True):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        assert sum("image/png" in output.get("data", {}) for output in outputs) == len(figures_of(script)), script
        assert not [output["text"] for output in outputs if output.get("name") == "stderr"], script


def test_a_notebook_can_be_told_to_be_fast():
    assert [path.name for path in notebooks.LESSONS] == LESSONS
    for path in notebooks.LESSONS:
        assert path.read_text(encoding="utf-8").count(notebooks.OPTIONS) == 1, path.name


def test_a_lesson_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        notebooks.main([str(tmp_path), "--fast", "01", "99"])
    assert "the lessons are 01, 02, 03" in capsys.readouterr().err


def test_what_it_needs_is_named(tmp_path):
    hidden = "import runpy, sys; sys.modules['jupytext'] = None; sys.argv = ['notebooks', sys.argv[1], '01']; "
    command = [sys.executable, "-c", hidden + "runpy.run_module('examples.notebooks', run_name='__main__')"]
    run = subprocess.run([*command, str(tmp_path)], cwd=EXAMPLES.parent, capture_output=True, text=True, check=False)
    assert 'examples.notebooks needs jupytext, nbclient and ipykernel: pip install "fnn[notebooks]"' in run.stderr
