"""A program, as a file or as a notebook, is run a statement at a time, each whatever became of those above it.

stops : path, names, seconds, megabytes -> in words, where it stops
"""

from __future__ import annotations

import ast
import json
import linecache
import re
import time
import tokenize
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fnn.programs.confined import OutOfTime, alarm, use_reserve
from fnn.programs.loops import hooked

SOURCE = "<submission, "  # how the names of its files begin, in a traceback
# A line that only a notebook understands, a command, a magic or a question, or what such a line is assigned to.
MAGIC = re.compile(r"(?m)^([ \t]*)(\w+ *= *)?(?:[%!?].*|[\w.]+\?{1,2} *)$")
PYTHON = ("%%time", "%%capture", "%%prun")  # magics for cells of Python that run as they are
FUTURE = annotations  # an import of it at the top of a program would not last for the next statement


def _texts(path: Path) -> list[tuple[str, str]]:
    """Return the source of a file, or of each cell of a notebook without its magics, and the word for its lines."""
    if path.suffix != ".ipynb":
        with tokenize.open(path) as file:  # in the encoding that its first lines name
            return [(file.read(), "line")]
    cells = json.loads(path.read_text("utf-8-sig"))["cells"]
    codes = [(number, "".join(cell["source"])) for number, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    return [
        (_without_magics(code), f"cell {number}, line")
        for number, code in codes
        if not code.lstrip().startswith("%%") or code.split()[0] in PYTHON
    ]


def _without_magics(code: str) -> str:
    """Return a cell with None for its magics, which are no Python where they stand; ``% b`` may go on with a line."""
    lines = code.split("\n")
    while True:
        try:
            ast.parse("\n".join(lines))
            return "\n".join(lines)
        except SyntaxError as error:
            at = min(error.lineno or 1, len(lines)) - 1
            if not MAGIC.match(lines[at]):
                return MAGIC.sub(r"\1\2None", code)
            lines[at] = MAGIC.sub(r"\1\2None", lines[at])
        except (ValueError, RecursionError, MemoryError):  # which tell nothing of a line
            return code


def _display(*values: Any, **named: Any) -> None:
    print(*values, sep="\n")


def stops(path: Path, names: dict[str, Any], seconds: float, megabytes: int) -> Iterator[str]:
    """Run a program and yield where it stops; when its time is over, only what it defines is run.

    Args:
        path: a ``.py`` or ``.ipynb`` file.
        names: in which it runs, HOOK among them.
        seconds, megabytes: the limits; that of memory is named where it was met.
    """
    until = time.monotonic() + seconds
    if path.suffix == ".ipynb":
        names["display"] = _display  # which a notebook has without an import
    try:
        texts = _texts(path)
    except (
        ValueError,
        KeyError,
        TypeError,
        SyntaxError,
    ) as error:  # of a notebook that is none, or of bytes that are no text
        texts = []
        yield f"cannot be read: {type(error).__name__}: {error}"
    for text, word in texts:
        name = f"{SOURCE}{word}>"
        linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name  # for inspect.getsource
        try:
            body = hooked(text)
        except SyntaxError as error:
            yield f"cannot be read at {word} {error.lineno}: {error.msg}"
            continue
        except (ValueError, RecursionError, MemoryError) as error:  # a null byte, or nested too deeply
            yield f"cannot be read at {word} 1: {error or 'nested too deeply'}"
            continue
        for node in body:
            left = until - time.monotonic()
            if left < 0 and not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
                continue
            try:
                flag = FUTURE.compiler_flag
                code = compile(ast.Module([node], []), name, "exec", flag, dont_inherit=True)
                with alarm(max(left, 0.5)):
                    exec(code, names)
            except BaseException as error:
                frames = [(each.filename, each.lineno) for each in traceback.extract_tb(error.__traceback__)]
                own = [frame for frame in frames if frame[0].startswith(SOURCE)] or [(name, node.lineno)]
                at = f"at {own[-1][0][len(SOURCE) : -1]} {own[-1][1]}"
                if isinstance(error, OutOfTime):
                    yield f"{error} {at}: an endless loop, or long work"
                elif isinstance(error, SystemExit):
                    if not error.code and node is body[-1] and path.suffix != ".ipynb":
                        continue  # as sys.exit(main()) does, with nothing left to run
                    yield f"ends itself by exit() {at}"
                elif isinstance(error, MemoryError):
                    use_reserve()
                    yield f"needs more than {megabytes} MB {at}"
                else:
                    yield f"stops {at}: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
