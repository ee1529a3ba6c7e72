"""What trains is called, with small data and in the forms that are usual, while its loops are watched.

trained : names of a program, seconds -> what it is called and what is wrong with it, or None
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from fnn.core.keys import Key, normals
from fnn.data import one_hot
from fnn.programs.confined import OutOfTime, alarm
from fnn.programs.discovery import NAMES, called, methods, own_of, plain
from fnn.programs.loops import HOOK, Loops


def trained(names: dict[str, Any], seconds: float) -> tuple[str, list[dict[str, Any]]] | None:
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
