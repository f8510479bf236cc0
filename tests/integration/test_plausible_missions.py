"""Real missions of other projects, where they lie beside this one: none is taken for a mistake that isn't one."""

from __future__ import annotations

from pathlib import Path

import pytest

from operator_tool.api import FlightError
from operator_tool.build_cache.plausibility import findings_of
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings

MISSIONS = Path(__file__).parents[3] / "shared" / "data" / "missions"
FILES = sorted(path for path in MISSIONS.glob("*/*") if path.is_file())

pytestmark = [
    pytest.mark.shared_missions,
    pytest.mark.skipif(not FILES, reason="no real missions lie beside the project"),
]

SEVERE = {
    # Two lines half the planet apart, one of them from 0, 0: drawn to try how lines are cut at 180°.
    "antimeridian_multi-line.json": [
        "waypoint 2 (latitude 0.0, longitude 0.0",
        "the leg from waypoint 1 (latitude 10.0",
    ],
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_mission_is_severe_only_where_nobody_flies(path: Path) -> None:
    """Every file that is read has no severe finding, but for the one that was drawn as a puzzle."""
    try:
        flight = FileFlightSource(FileSettings()).resolve(str(path))
    except FlightError:
        return
    severe = [finding.text for finding in findings_of(flight) if finding.severe]
    expected = SEVERE.get(path.name, [])
    assert len(severe) == len(expected), severe
    assert all(text.startswith(words) for text, words in zip(severe, expected, strict=True))


def test_a_real_mission_with_one_pair_swapped_is_found() -> None:
    """In each one whose places are far from their mirror images, whichever waypoint is swapped."""
    import msgspec

    tried = 0
    for path in FILES:
        try:
            flight = FileFlightSource(FileSettings()).resolve(str(path))
        except FlightError:
            continue
        for chosen in {0, len(flight.waypoints) // 2, len(flight.waypoints) - 1}:
            one = flight.waypoints[chosen]
            if abs(abs(one.lat_deg) - abs(one.lon_deg)) < 10.0 or abs(one.lon_deg) > 90.0 or len(flight.waypoints) < 3:
                continue
            if path.name.startswith("antimeridian") or "all_fields" in path.name:
                continue  # drawn, with legs of 150 km and more: a mirror image is no neighbour either
            swapped = msgspec.structs.replace(one, lat_deg=one.lon_deg, lon_deg=one.lat_deg)
            waypoints = (*flight.waypoints[:chosen], swapped, *flight.waypoints[chosen + 1 :])
            severe = [
                finding
                for finding in findings_of(msgspec.structs.replace(flight, waypoints=waypoints))
                if finding.severe
            ]
            assert [finding.waypoint for finding in severe] == [chosen], (path.name, severe)
            tried += 1
    assert tried > 30
