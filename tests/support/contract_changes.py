"""What differs between two texts of the contract, and whether a plugin that was made for the older one still works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Place = tuple[str, ...]
"""Where a line stands, from the outermost line inwards: what it is and its name, as ``("name Tile", "field id")``."""

_MADE_BY_THE_CORE = {"name TileSupply"}
"""Protocols that a plugin is given, and never implements: these may grow."""
_UNNAMED = re.compile(r"(error|struct|dataclass|enum|protocol|class|function|is)(?=[( ])")


@dataclass(frozen=True)
class Change:
    """One line that was added, taken away or altered."""

    place: Place
    before: str | None
    after: str | None

    @property
    def words(self) -> tuple[str, ...]:
        """The names that a reader of the changelog looks for."""
        if self.place[0].startswith("marker "):
            return ("hookimpl",)  # what a type checker knows of it
        named = (key.partition(" ")[2].partition(" #")[0] for key in self.place)
        return tuple(name for name in named if name)

    def __str__(self) -> str:
        what = "added" if self.before is None else "removed" if self.after is None else "changed"
        return f"{what}: {' > '.join(self.place)}"


def contract_lines(text: str) -> dict[Place, str]:
    """Return each line by its place, in order. What is repeated at one place (overloads) is numbered."""
    lines: dict[Place, str] = {}
    above: list[str] = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        key = _key(line.strip())
        place = (*above[:depth], key)
        number = 2
        while place in lines:
            place = (*above[:depth], f"{key} #{number}")
            number += 1
        lines[place] = line.strip()
        above = list(place)
    return lines


def contract_changes(before: str, after: str) -> list[Change]:
    """Return what differs, outermost first: what stands below a line that is new or gone is not repeated."""
    old, new = contract_lines(before), contract_lines(after)
    found: list[Change] = []
    whole: set[Place] = set()
    for place in [*new, *(place for place in old if place not in new)]:
        if old.get(place) == new.get(place) or place[0].startswith("contract "):
            continue
        if any(place[:depth] in whole for depth in range(1, len(place))):
            continue
        found.append(Change(place, old.get(place), new.get(place)))
        if place not in old or place not in new:
            whole.add(place)
    return found


def breaking_changes(before: str, after: str) -> list[str]:
    """Return what a plugin that was made for ``before`` may trip over in ``after``; empty: the change only adds."""
    old, new = contract_lines(before), contract_lines(after)
    broken = [reason for change in contract_changes(before, after) if (reason := _breaks(change, new))]
    owners = dict.fromkeys(place[:-1] for place in old if len(place) > 1)
    return broken + [
        f"what may be given by its position is in another order: {' > '.join(owner)}"
        for owner in owners
        if _positional(old, owner) != _positional(new, owner)[: len(_positional(old, owner))]
    ]


def _breaks(change: Change, new: Mapping[Place, str]) -> str:
    outermost, kind = change.place[0], change.place[-1].partition(" ")[0]
    if outermost.startswith("marker ") or kind == "deprecated":
        return ""
    if change.after is None or change.before is not None:
        return str(change)
    if len(change.place) == 1 or outermost.startswith("hook "):
        return ""
    if (outermost, "protocol") in new and outermost not in _MADE_BY_THE_CORE:
        return f"{change}: plugins implement this Protocol; make one of its own for what is new"
    if kind in ("field", "argument", "positional", "keyword") and " = " not in change.after:
        return f"{change}: without a default, who was there before does not give it"
    return ""


def _positional(lines: Mapping[Place, str], owner: Place) -> list[str]:
    """Return what may be given by its position; a hook's arguments are always given by name."""
    if owner[0].startswith("hook "):
        return []
    below = [(place[-1], line) for place, line in lines.items() if place[:-1] == owner]
    return [
        key
        for key, line in below
        if key.startswith(("argument ", "positional ")) or (key.startswith("field ") and " positional" in line)
    ]


def _key(line: str) -> str:
    """Return what a line is, and its name where it has one: what stays when its annotation or its value changes."""
    if line.startswith(("or ", "contract ")):
        return line
    if found := _UNNAMED.match(line):
        return found[0]
    return re.split(r":? ->|:? =|: | ->|:$", line, maxsplit=1)[0]
