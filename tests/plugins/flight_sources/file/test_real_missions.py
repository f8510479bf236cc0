"""Real missions of other projects, where they lie beside this one: each is a route or a clear refusal."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from operator_tool.api import FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings

MISSIONS = Path(__file__).parents[5] / "shared" / "data" / "missions"
FILES = sorted([*MISSIONS.glob("qgc_plan/*.plan"), *MISSIONS.glob("wpl/*")])

REFUSED = {
    "mavsdk_digicam_control.plan": (NoRouteError, "mission.items: 1 item, none of them a place"),
    "qgc_ce_geofence_rd_2.plan": (NoRouteError, "mission.items: 0 items"),
    "mavsdk_without_mission.plan": (FlightFormatError, "mission: missing"),
    "mavsdk_wrong_mission_version.plan": (FlightFormatError, "mission.version: 7, expected 2"),
    "mavsdk_wrong_overall_version.plan": (FlightFormatError, "version: 42, expected 1"),
    "mavsdk_survey_wrong_version.plan": (FlightFormatError, "mission.items[1].version: survey version 9"),
    "mavsdk_structure_scan.plan": (FlightFormatError, "mission.items[1].complexItemType: 'StructureScan'"),
}
DRAWN_LINE_ONLY = {"mavsdk_survey_missing_items.plan": 8}
"""The index counts items; this survey has none and is read from its drawn line."""

pytestmark = [
    pytest.mark.shared_missions,
    pytest.mark.skipif(not FILES, reason="no real missions beside the project (shared/data/missions)"),
]


def positioned_points() -> dict[str, int]:
    with (MISSIONS / "INDEX.tsv").open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    counts = {row["file"]: re.search(r"(\d+) positioned nav points", row["holds"]) for row in rows}
    return {Path(file).name: int(count[1]) for file, count in counts.items() if count}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_mission_is_a_route_or_a_refusal_that_names_the_place(path: Path) -> None:
    """With as many waypoints as an independent count found positions."""
    source = FileFlightSource(FileSettings())
    if path.name in REFUSED:
        kind, place = REFUSED[path.name]
        with pytest.raises(kind) as caught:
            source.resolve(str(path))
        assert caught.value.message.startswith(f"{path.name}: {place}")
        assert caught.value.hint
        return
    flight = source.resolve(str(path))
    expected = DRAWN_LINE_ONLY.get(path.name) or positioned_points()[path.name]
    assert len(flight.waypoints) == expected
    assert flight.takeoff_origin.lat_deg == flight.waypoints[0].lat_deg


def test_the_refusals_are_all_among_the_files() -> None:
    """A renamed file must not make its refusal go untested."""
    assert {path.name for path in FILES} >= {*REFUSED, *DRAWN_LINE_ONLY}
