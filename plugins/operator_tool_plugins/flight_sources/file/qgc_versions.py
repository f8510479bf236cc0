"""The versions of QGroundControl's complex items that can be read."""

from __future__ import annotations

from .._json_node import Node

SAVE_AGAIN = "Open the plan in a current QGroundControl, let it recalculate the item, and save it again."
_VERSIONS = {
    "survey": (2, 3, 4, 5),
    "CorridorScan": (1, 2, 3),
    "StructureScan": (1, 2, 3),
    "fwLandingPattern": (1, 2),
    "vtolLandingPattern": (1, 2),
}


def check_version(item: Node, kind: str) -> None:
    """Raise ``FlightFormatError`` where the item says that it is of a version that isn't known."""
    version = item.get("version")
    if version is not None and version.integer() not in _VERSIONS[kind]:
        expected = " or ".join(map(str, _VERSIONS[kind]))
        raise version.error(f"{kind} version {version.seen()}, expected {expected}", hint=SAVE_AGAIN)
