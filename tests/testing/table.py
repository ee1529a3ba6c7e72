"""The grader on the own set of right and wrong functions, now and at an earlier commit, as a table.

python -m tests.testing.table             now
python -m tests.testing.table dcae093     that commit, and now
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROWS = {
    "right functions": ("passed", "passed once their form is said", "blamed"),
    "wrong functions": ("named", "found without the name", "missed"),
    "no such exercise": ("right", "wrong"),
}


def counted():
    """Return how many functions there are of each kind, under whichever version of the package is imported."""
    # Here, for the earlier version to be imported from where the command runs.
    from fnn import testing
    from fnn.testing import SIGNATURES, grade
    from tests.testing.functions import FORMS
    from tests.testing.functions import WRONG as OF_FIELD
    from tests.testing.test_mistakes import WRONG, name_of
    from tests.testing.variants import variants

    counts, keywords_known = Counter(), hasattr(testing, "COSTS")
    forms = [(name, function, keywords) for name, function, keywords, _, _ in FORMS]
    for name, function, keywords in [*((e, f, k) for _, e, f, k in variants()), *forms]:
        if name not in SIGNATURES:
            counts["no such exercise", "right"] += 1
        elif grade(**(keywords if keywords_known else {}), **{name: function}).passed:
            said = keywords_known and keywords and not grade(**{name: function}).passed
            counts["right functions", ROWS["right functions"][bool(said)]] += 1
        else:
            counts["right functions", "blamed"] += 1
    wrong = [(name_of(function), function, least) for function, least, _ in WRONG]
    for name, function, keys in [*wrong, *((name, function, {key}) for name, function, key in OF_FIELD)]:
        if name not in SIGNATURES:
            counts["no such exercise", "wrong"] += 1
            continue
        grades = grade(**{name: function})
        named = all(key in (grades.mistakes if isinstance(key, int) else str(grades)) for key in keys)
        counts["wrong functions", ROWS["wrong functions"][2 if grades.passed else not named]] += 1
    return counts


def counted_at(commit):
    """Return the counts of the package as it was at a commit, in a process of its own."""
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit, "fnn"], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        shutil.copytree(root / "tests", Path(folder) / "tests")
        command = [sys.executable, "-m", "tests.testing.table", "--json"]
        environment = {**os.environ, "PYTHONPATH": folder}
        told = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
    return Counter({tuple(key): count for key, count in json.loads(told)})


def main(arguments):
    if arguments == ["--json"]:
        print(json.dumps([[list(key), count] for key, count in counted().items()]))
        return
    columns = {commit: counted_at(commit) for commit in arguments} | {"now": counted()}
    print(f"{'':52}" + "".join(f"{name:>10}" for name in columns))
    for kind, rows in ROWS.items():
        for row in rows:
            print(f"{f'{kind}, {row}':52}" + "".join(f"{counts[kind, row]:10}" for counts in columns.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
