"""The lessons are notebooks, too: converted and executed, they show their figures and write no other files."""

import json
import subprocess
import sys

import pytest

from tests.examples.lessons import EXAMPLES, figures_of

pytestmark = pytest.mark.long


@pytest.mark.parametrize("script", ["01_one_neuron.py", "07_streams.py"])
def test_a_lesson_runs_as_a_notebook(script, tmp_path):
    for module in ("jupytext", "nbconvert", "ipykernel", "matplotlib"):
        pytest.importorskip(module)
    for command in (
        ["jupytext", "--to", "notebook", str(EXAMPLES / script), "-o", "lesson.ipynb"],
        ["nbconvert", "--to", "notebook", "--execute", "lesson.ipynb", "--output", "executed.ipynb"],
    ):
        run = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["executed.ipynb", "lesson.ipynb"]
    cells = json.loads((tmp_path / "executed.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == len(figures_of(script))
    assert not [output["text"] for output in outputs if output.get("name") == "stderr"]
