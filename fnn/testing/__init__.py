"""The tests of this package, for functions that others wrote: is it pure, is its gradient right, what is its mistake?

    check_function   : function, input, ... -> the first finding, or None
    check_derivative : f, df, x -> a finding, or None          check_gradient : f, x, ... -> a finding, or None
    grade            : name=function, ... -> grades: findings, passed, share, mistakes

A layer's pullback goes through ``fnn.check_vjp``.
"""

from fnn.testing.findings import Finding, Grades
from fnn.testing.grading import SIGNATURES, grade
from fnn.testing.mistakes import MISTAKES
from fnn.testing.purity import check_function
from fnn.testing.slopes import check_derivative, check_gradient

__all__ = [
    "MISTAKES",
    "SIGNATURES",
    "Finding",
    "Grades",
    "check_derivative",
    "check_function",
    "check_gradient",
    "grade",
]
