"""Forty ways to be wrong: each mistake of the list has a test, in the three files named ``test_mistakes_...``."""

import re
from collections import Counter

from tests.laws import test_mistakes_gradients, test_mistakes_numbers, test_mistakes_training


def test_each_of_the_42_mistakes_has_one_test():
    names = [
        name for file in (test_mistakes_gradients, test_mistakes_numbers, test_mistakes_training) for name in vars(file)
    ]
    found = Counter(int(match[1]) for name in names if (match := re.match(r"test_mistake_(\d\d)_", name)))
    assert found == dict.fromkeys(range(1, 43), 1)
