"""The catalogue of faults by its numbers, and the tests that carry them in their names."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
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


def tests_by_case() -> dict[int, list[str]]:
    """Return the files, relative to the folder of the tests, whose tests carry each number."""
    found: dict[int, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for _name, numbers in _DEFINED.findall(path.read_text(encoding="utf-8")):
            for number in re.findall(r"[0-9]+", numbers):
                found.setdefault(int(number), set()).add(path.relative_to(TESTS).as_posix())
    return {number: sorted(files) for number, files in sorted(found.items())}
