"""What runs in a submission's own process: the program, then its functions one by one, each under an alarm.

main : settings -> a line of JSON where each thing begins, and one with what was found
"""

from __future__ import annotations

import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from fnn.programs.confined import OutOfTime, alarm, confine
from fnn.programs.discovery import discovered
from fnn.programs.loops import HOOK, Loops
from fnn.programs.running import stops
from fnn.programs.training import trained
from fnn.testing.conventions import concerning
from fnn.testing.exercises import EXERCISES
from fnn.testing.grading import SIGNATURES, grade
from fnn.testing.results import Finding, shown


def _encoded(finding: Finding) -> dict[str, Any]:
    """Return what JSON can hold of a finding: small arrays as lists, its inputs as they are shown."""
    fields: dict[str, Any] = attrs.asdict(finding, recurse=False) | {"inputs": [shown(each) for each in finding.inputs]}
    for name in ("found", "expected", "at"):
        array = fields[name]
        small = isinstance(array, np.ndarray) and array.dtype.kind in "biuf" and array.size <= 4096
        fields[name] = array.tolist() if small else None
    return fields


def main(settings: dict[str, Any]) -> None:
    """Grade a file; each line is written before the next thing begins, so that what ends the process is known."""
    path, skip, began = Path(settings["file"]), settings["skip"], time.monotonic()
    refused: list[str] = []
    with open(settings["results"], "w", encoding="utf-8") as results:

        def tell(**line: Any) -> None:
            print(json.dumps(line), file=results, flush=True)

        def half() -> float:
            return max(0.5, (settings["seconds"] - (time.monotonic() - began)) / 2)

        missing = confine(settings["folder"], settings["megabytes"], settings["seconds"], refused)
        tell(begins="program", notes=[missing] if missing else [])
        sys.modules["__main__"], sys.argv = types.ModuleType("__main__"), [str(path)]
        names = sys.modules["__main__"].__dict__
        names["__file__"], names[HOOK] = str(path), (watch := Loops())
        stopped = list(stops(path, names, half(), settings["megabytes"]))
        names[HOOK] = lambda *_: None
        found, misfits = discovered(names, SIGNATURES, ordered="order" in settings["conventions"])
        tell(notes=misfits)
        for name, (label, function) in found.items():
            if name not in skip:
                tell(begins=name)
                try:
                    with alarm(half()):
                        by = concerning(EXERCISES[name], settings["conventions"])
                        findings = grade(**{name: function}, **by).findings
                except OutOfTime as error:
                    findings = (Finding(name, f"{error}: an endless loop, or a very slow one"),)
                except Exception as error:  # of the grader's own: nobody is to pay for it
                    tell(notes=[f"{label} is not graded: {type(error).__name__}: {error}"])
                    continue
                tell(name=name, label=label, findings=[_encoded(each) for each in findings])
        tell(begins="training")
        if "training" not in skip:
            training = ("the program", list(watch.findings())) if watch.trained else trained(names, half() / 4)
            if training:
                told = [_encoded(Finding("training", **each)) for each in training[1]]
                tell(name="training", label=training[0], findings=told)
        more = f" (and {len(stopped) - 1} more statements)" if len(stopped) > 1 else ""
        of_program = [Finding("program", stop + more) for stop in stopped[:1]]
        told = [f"{each}, which is refused" for each in dict.fromkeys(refused)]
        of_program += [Finding("program", each, severity="edge") for each in told]
        tell(name="program", label=path.name, findings=[_encoded(each) for each in of_program], done=True)
