"""The catalogue of faults: each case of a part that is built has a test that carries its number."""

from __future__ import annotations

import re

import pytest

from tests.support.catalogue import sources

BUILT = range(1, 133)


def numbers_in_names() -> set[int]:
    """Return the numbers of all cases that the name of a test carries."""
    found: set[int] = set()
    for _place, path in sources():
        for name in re.findall(r"def (test_cases?_[0-9a-z_]+)", path.read_text(encoding="utf-8")):
            numbers = re.match(r"test_cases?((?:_(?:and_)?[0-9]{2,3})+)", name)
            found |= {int(number) for number in re.findall(r"[0-9]+", numbers[1])} if numbers else set()
    return found


@pytest.mark.parametrize("number", BUILT)
def test_each_case_of_what_is_built_has_a_test(number: int) -> None:
    """A case that loses its last test is noticed here."""
    assert number in numbers_in_names()
