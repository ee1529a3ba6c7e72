"""The gradient of the whole objective of any network is the numeric one, leaf by leaf: 600 random cases."""

import numpy as np
import pytest

import fnn
from fnn import tree, value_and_grad, vjp
from fnn.core._structure import walk
from tests.laws.random_cases import KINDS, PUBLIC, check, random_case

ALL = range(600)


def _round(numbers):
    """Check the cases with these numbers; return the errors of all leaves and the fraction of coordinates left out."""
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


def test_some_random_cases():
    _round(range(5))


@pytest.mark.long
def test_all_random_cases():
    errors, skipped = _round(ALL)
    print(f"worst {max(errors):.1e}, median {np.median(errors):.1e} of {len(errors)} leaves; skipped {skipped:.4%}")


@pytest.mark.long
def test_the_cases_are_of_all_that_is_public_and_has_a_slope():
    assert len(ALL) > len(PUBLIC) * (len(KINDS) + 1), "more layers than turns: raise ALL"
    tried = set()
    for case in map(random_case, ALL):
        tried |= {type(node) for _, node in walk((case.params, case.loss), every=True)}
    public = {value for name in fnn.__all__ if (value := getattr(fnn, name)) in vjp.registry}
    elsewhere = {fnn.Sharded, fnn.Rows, fnn.GaussianNLL, fnn.Triplet}  # test_sharded.py, tests/losses, LOSS_CASES
    assert public - tried == {fnn.Heaviside, *elsewhere}


def test_a_case_is_the_same_each_time():
    ours, again = random_case(7), random_case(7)
    assert tree.equal((ours.params, ours.batch), (again.params, again.batch))
    assert repr(ours.loss) == repr(again.loss)
