"""The lessons as notebooks, with their outputs and figures below their cells, in a folder of your choice.

    python -m examples.notebooks FOLDER              all of them: ten minutes
    python -m examples.notebooks FOLDER --fast       shorter runs of all: a minute or two
    python -m examples.notebooks FOLDER 01 07        these alone

Each is executed from its first cell to its last, two at a time. Needs jupytext, nbclient, ipykernel and matplotlib:
pip install "fnn[notebooks]".
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

LESSONS = sorted(Path(__file__).parent.glob("[0-9][0-9]_*.py"))
OPTIONS = '["--out", tempfile.mkdtemp()]'  # what a lesson takes for its arguments as a notebook


def executed(folder: Path, fast: bool, lesson: Path) -> Path:
    """Write a lesson as an executed notebook into a folder, and return its path; what a cell raises is raised here."""
    import jupytext
    from nbclient import NotebookClient

    text = lesson.read_text(encoding="utf-8")
    if text.count(OPTIONS) != 1:
        raise ValueError(f"{lesson.name}: expected {OPTIONS} once, where a notebook gets its options")
    shorter = OPTIONS.replace("[", '["--fast", ')
    begin, path = time.perf_counter(), folder / lesson.with_suffix(".ipynb").name
    notebook = jupytext.reads(text.replace(OPTIONS, shorter) if fast else text, fmt="py:percent")
    NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": folder}},
        extra_arguments=["--IPKernelApp.log_level=40"],
    ).execute()  # fmt: skip
    jupytext.write(notebook, path, fmt="ipynb")
    print(f"wrote {path} after {time.perf_counter() - begin:.0f} s", flush=True)
    return path


def main(arguments: list[str] | None = None) -> None:
    """Write the lessons that were asked for."""
    parser = argparse.ArgumentParser(description="The lessons as notebooks, with their outputs and figures.")
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="numbers, such as 01 07; all if there are none")
    parser.add_argument("--fast", action="store_true", help="shorter runs")
    options = parser.parse_intermixed_args(arguments)
    chosen = [lesson for lesson in LESSONS if not options.lessons or lesson.name[:2] in options.lessons]
    if len(chosen) < len(set(options.lessons)):
        parser.error(f"the lessons are {', '.join(lesson.name[:2] for lesson in LESSONS)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    root = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(executed, options.folder, options.fast), chosen))


if __name__ == "__main__":
    try:
        main()
    except ImportError as missing:
        sys.exit(f'examples.notebooks needs jupytext, nbclient and ipykernel: pip install "fnn[notebooks]" ({missing})')
