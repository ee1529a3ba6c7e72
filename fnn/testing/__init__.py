"""The tests of this package, for functions that others wrote: is it pure, is its gradient right, what is its mistake?

    check_function   : function, input, ... -> the first Finding, or None
    check_derivative : f, df, x -> Finding, or None          check_gradient : f, x, ... -> Finding, or None
    grade            : name=function, ..., convention=... -> Grades: findings, passed, share, score, mistakes
    grade_file       : .py or .ipynb -> Submission, run and graded in a process of its own
    grade_files      : files -> Submissions: a table, JSON, a page for each     exercise : file, names -> a pytest test

A layer's pullback goes through ``fnn.check_vjp``.

Read ``mistakes`` (what goes wrong, by number) and ``results`` (``Finding``, ``Grades``), then ``purity`` and
``derivatives``, whose checks need nothing but the function. ``grading`` knows what the function is to compute: that is
an exercise (``exercises/exercise``), and the other files in ``exercises`` hold them by topic. ``conventions`` says in
which other forms a function may be right. ``submissions`` grades whole files, with the room ``programs``: ``_worker``
is what runs in their processes, and ``_page`` fills in ``page.html``. Below them are ``_sandbox`` (a call that cannot
do harm) and ``_compare`` (where two results differ).
"""

from fnn.testing.derivatives import check_derivative, check_gradient
from fnn.testing.grading import CONVENTIONS, SIGNATURES, grade
from fnn.testing.mistakes import MISTAKES
from fnn.testing.purity import check_function
from fnn.testing.results import COSTS, Finding, Grades
from fnn.testing.submissions import Submission, Submissions, exercise, grade_file, grade_files

__all__ = [
    "CONVENTIONS", "COSTS", "MISTAKES", "SIGNATURES", "Finding", "Grades", "Submission", "Submissions",
    "check_derivative", "check_function", "check_gradient", "exercise", "grade", "grade_file", "grade_files",
]  # fmt: skip
