"""Companions that say they are one and the same: copies of one image, or one drone under two names."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from operator_tool.api.build import FleetReport


class Named(msgspec.Struct, frozen=True):
    """A companion of a command, and who it says it is."""

    name: str
    companion_id: str
    """Empty where it was not found out, and for one that is simulated."""


def notes_on_twins(companions: Sequence[Named]) -> list[str]:
    """Return for each companion the note that another one has its id, empty where none has."""
    notes = []
    for one in companions:
        others = [other.name for other in companions if other is not one and other.companion_id == one.companion_id]
        twin = bool(one.companion_id) and bool(others)
        notes.append(
            f"{', '.join(others)} has the same id {one.companion_id}: one drone of two names, or drones of one image;"
            " a cache that was signed for one of them is sound on the other"
            if twin
            else ""
        )
    return notes


def with_twins_told(fleet: FleetReport) -> FleetReport:
    """Return the builds' reports, with a note in those of companions that say they are one and the same."""
    reached = [(name, one.companion) for name, one in fleet.builds.items()]
    ids = [Named(name, "" if there is None or there.simulated else there.id) for name, there in reached]
    builds = {
        name: msgspec.structs.replace(one, notes=(*one.notes, note)) if note else one
        for (name, one), note in zip(fleet.builds.items(), notes_on_twins(ids), strict=True)
    }
    return msgspec.structs.replace(fleet, builds=builds)
