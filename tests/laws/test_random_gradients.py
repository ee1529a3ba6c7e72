"""The gradient of the whole objective of any network is the numeric one, leaf by leaf: 500 random cases."""

import numpy as np
import pytest

import fnn
from fnn import tree, value_and_grad, vjp
from fnn.core._structure import walk
from tests.laws.random_cases import BENT, KINDS, check, random_case


def _round(numbers):
    """Check the cases with these numbers; give the errors of all leaves, and what share of coordinates was left out."""
    errors, coordinates, skipped, silent = [], 0, 0, 0
    for number in numbers:
        case = random_case(number)
        try:
            report = check(case)
        except Exception as error:
            error.add_note(f"in random_case({number}): {case.loss} of {case.params}")
            raise
        errors += report.errors.values()
        coordinates, skipped = coordinates + report.coordinates, skipped + report.skipped
        _, gradient = value_and_grad(case.loss, case.params, case.batch, case.key)
        silent += sum(not leaf.any() for leaf in tree.leaves(gradient))
    assert max(errors) <= 1e-8
    assert skipped < 0.01 * coordinates
    assert silent < 0.05 * len(errors)  # a gradient of 0 everywhere says little
    return errors, skipped / coordinates


def test_15_random_cases():
    errors, _ = _round(range(15))
    assert len(errors) == 105


@pytest.mark.long
def test_500_random_cases():
    errors, share = _round(range(500))
    print(f"worst {max(errors):.1e}, median {np.median(errors):.1e} of {len(errors)} leaves; skipped {share:.4%}")


@pytest.mark.long
def test_the_500_cases_are_of_all_that_is_public_and_has_a_slope():
    tried = set()
    for case in map(random_case, range(500)):
        tried |= {type(node) for _, node in walk((case.params, case.loss), every=True)}
    public = {value for name in fnn.__all__ if (value := getattr(fnn, name)) in vjp.registry}
    # Scale is what inference makes of a BatchNorm, and test_laws.py has it, as it has Reshape.
    assert public - tried == {fnn.Heaviside, fnn.Scale, fnn.Reshape}
    assert len(public) == 51
    assert (len(BENT), len(KINDS)) == (12, 5)


def test_a_case_is_the_same_each_time():
    ours, again = random_case(7), random_case(7)
    assert tree.equal((ours.params, ours.batch), (again.params, again.batch))
    assert repr(ours.loss) == repr(again.loss)
