"""What stands against a contract as it is now: held against the texts of the minors before it, and the changelog."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from .changelog import ContractItem, contract_items
from .contract_changes import Change, breaking_changes, contract_changes


def contract_objections(text: str, minors: Mapping[str, str], changelog: str) -> list[str]:
    """Return what is to be mended before the contract may be as ``text`` says; empty: nothing.

    ``minors`` has the text of each released minor, and of the first one from before its release. What is released,
    the changelog says: a line ``Contract 1.N`` under *Plugin contract* that stands below a version's heading.
    """
    items = contract_items(changelog)
    ordered = sorted(minors, key=_ordinal)
    number, last = text.partition("\n")[0].removeprefix("contract "), ordered[-1]
    changes = contract_changes(minors[last], text)
    announced = {found[1]: item for item in items if (found := re.match(r"Contract (\d+\.\d+)\b", item.text))}
    objections = _unnamed(changes, [item for item in items if item.release == "Unreleased"])
    if number not in announced:
        objections.append(f"no line under *Plugin contract* in CHANGELOG.md begins with 'Contract {number}'")
    for older, newer in itertools.pairwise(ordered):
        objections += [
            f"from {older} to {newer}: {reason}" for reason in breaking_changes(minors[older], minors[newer])
        ]
    if last not in announced or announced[last].release == "Unreleased":
        return objections + ([f"contract {last} is not released: CONTRACT stays {last}"] if number != last else [])
    if changes and number == last:
        objections.append(
            f"contract {last} is released, and no longer what tests/contract/minors/{last}.txt says: count CONTRACT in "
            f"api/contract.py up, and add the line 'Contract {_next(last)}' to the changelog (or, in the very commit "
            f"that releases {last}, copy contract_v1.txt to minors/{last}.txt)"
        )
    elif number not in (last, _next(last)):
        objections.append(f"CONTRACT is {number}: after {last} comes {_next(last)}")
    return objections + [f"not without another major: {reason}" for reason in breaking_changes(minors[last], text)]


def _unnamed(changes: list[Change], items: list[ContractItem]) -> list[str]:
    return [
        f"{change}: no line under *Plugin contract* of [Unreleased] in CHANGELOG.md has "
        f"{' and '.join(f'`{word}`' for word in change.words)}"
        for change in changes
        if not any(all(item.names(word) for word in change.words) for item in items)
    ]


def _ordinal(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


def _next(number: str) -> str:
    major, minor = _ordinal(number)
    return f"{major}.{minor + 1}"
