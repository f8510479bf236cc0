"""The catalogue of faults by its numbers, and the tests that carry them in their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
KIT = TESTS.parent / "core" / "operator_tool" / "testing"
"""Checks that any plugin is put through, our own among them."""
PARTS = {
    "A. Flight": range(1, 20),
    "B. Lock": range(20, 31),
    "C. Download": range(31, 53),
    "D. Companion": range(53, 67),
    "E. Transfer": range(67, 79),
    "F. Build and switch": range(79, 101),
    "G. Report": range(101, 112),
    "H. Secrets": range(112, 122),
    "I. Plugins": range(122, 133),
    "J. Command line and no-op": range(133, 140),
    "K. Generated matrices": range(140, 144),
}
_DEFINED = re.compile(r"def (test_cases?((?:_(?:and_)?[0-9]{2,3})+)(?:_[0-9a-z_]+)?)\(")


def sources() -> Iterator[tuple[str, Path]]:
    """Yield each file of tests and of the conformance kit, with its place: below the tests, or as its package says."""
    for path in TESTS.rglob("test_*.py"):
        yield path.relative_to(TESTS).as_posix(), path
    for path in KIT.rglob("*.py"):
        yield path.relative_to(KIT.parents[1]).as_posix(), path


def tests_by_case() -> dict[int, list[str]]:
    """Return the places of the files whose tests carry each number."""
    found: dict[int, set[str]] = {}
    for place, path in sources():
        for _name, numbers in _DEFINED.findall(path.read_text(encoding="utf-8")):
            for number in re.findall(r"[0-9]+", numbers):
                found.setdefault(int(number), set()).add(place)
    return {number: sorted(files) for number, files in sorted(found.items())}
