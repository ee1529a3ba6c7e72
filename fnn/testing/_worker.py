"""What runs in a submission's own process: the program, then its functions one by one, each under an alarm.

main : settings -> a line of JSON where each thing begins, and one with what was found
"""

from __future__ import annotations

import json
import sys
import time
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from fnn.core.keys import Key, normals
from fnn.data import one_hot
from fnn.programs.confined import OutOfTime, alarm, confine
from fnn.programs.discovery import NAMES, called, discovered, methods, own_of, plain
from fnn.programs.loops import HOOK, Loops
from fnn.programs.running import stops
from fnn.testing.grading import SIGNATURES, grade
from fnn.testing.results import Finding, shown


def _trained(names: dict[str, Any], seconds: float) -> tuple[str, list[dict[str, Any]]] | None:
    """Call what trains with small data, as one-hot, labels, a column and by columns; return what is least wrong."""
    own = own_of(names)
    calls: list[Any] = [(name, None, each) for name, each in own.items() if plain(name) in NAMES["methods"]["train"]]
    classes = [(name, each) for name, each in own.items() if isinstance(each, type)]
    calls += [(f"{name}.{method}", cls, method) for name, cls in classes for method in methods(cls, "train")]
    x, best = normals(Key(0), (50, 4)), None
    hot = one_hot(x.argmax(axis=1), 4).astype(np.float64)
    forms = [(x, hot, 4), (x, x.argmax(axis=1), 4), (x, (x[:, :1] > 0) * 1.0, 1), (x.T, hot.T, 4)]
    for label, cls, train in calls:
        for inputs, target, n_out in forms:
            values = {"x": inputs.copy(), "target": target.copy(), "epochs": 6, "size": 16, "seed": 0, "momentum": 0.9}
            values |= {"learning_rate": 0.1, "n_in": 4, "n_hidden": 4, "n_out": n_out, "sizes": [4, 4, n_out]}
            names[HOOK] = watch = Loops()
            with suppress(Exception, SystemExit, OutOfTime), alarm(seconds):
                called(getattr(called(cls, values), train) if cls else train, values)
                found = list(watch.findings())
                if watch.trained and (best is None or len(found) < len(best[1])):
                    best = label, found
    return best


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
        names[HOOK] = watch = Loops()
        stopped = list(stops(path, names, half(), settings["megabytes"]))
        names[HOOK] = lambda *_: None
        found, misfits = discovered(names, SIGNATURES, ordered="order" in settings["conventions"])
        tell(notes=misfits)
        for name, (label, function) in found.items():
            if name not in skip:
                tell(begins=name)
                try:
                    with alarm(half()):
                        findings = grade(**{name: function}, **settings["conventions"]).findings
                except OutOfTime as error:
                    findings = (Finding(name, f"{error}: an endless loop, or a very slow one"),)
                tell(name=name, label=label, findings=[_encoded(each) for each in findings])
        tell(begins="training")
        if "training" not in skip:
            training = ("the program", list(watch.findings())) if watch.trained else _trained(names, half() / 4)
            if training:
                told = [_encoded(Finding("training", **each)) for each in training[1]]
                tell(name="training", label=training[0], findings=told)
        more = f" (and {len(stopped) - 1} more statements)" if len(stopped) > 1 else ""
        of_program = [Finding("program", stop + more) for stop in stopped[:1]]
        told = [f"{each}, which is refused" for each in dict.fromkeys(refused)]
        of_program += [Finding("program", each, severity="edge") for each in told]
        tell(name="program", label=path.name, findings=[_encoded(each) for each in of_program], done=True)
