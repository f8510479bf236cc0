"""Real missions of other projects, where they lie beside this one: each is a route or a clear refusal."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from operator_tool.api import Flight, FlightError, FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings

MISSIONS = Path(__file__).parents[5] / "shared" / "data" / "missions"
FILES = sorted(path for path in MISSIONS.glob("*/*") if path.is_file())

REFUSED: dict[str, tuple[type[FlightError], str]] = {
    "antimeridian_north-pole.json": (FlightFormatError, "coordinates: this polygon goes around a pole"),
    "gpxpy_unicode_with_bom.gpx": (NoRouteError, "1 single waypoint (<wpt>), and no route (<rte>) or track"),
    "mavsdk_digicam_control.plan": (NoRouteError, "mission.items: 1 item, none of them a place"),
    "mavsdk_survey_wrong_version.plan": (FlightFormatError, "mission.items[1].version: survey version 9"),
    "mavsdk_without_mission.plan": (FlightFormatError, "mission: missing"),
    "mavsdk_wrong_mission_version.plan": (FlightFormatError, "mission.version: 7, expected 2"),
    "mavsdk_wrong_overall_version.plan": (FlightFormatError, "version: 42, expected 1"),
    "qgc_PolygonBadXml.kml": (FlightFormatError, "text that begins with 'Incorrectly formed XML test file'"),
    "qgc_PolygonMissingNode.kml": (NoRouteError, "neither a line nor a polygon with coordinates"),
    "qgc_ce_geofence_rd_2.plan": (NoRouteError, "mission.items: 0 items"),
    "togeojson_bad.kml": (FlightFormatError, "line 14, point 1: longitude: 'no', expected a number"),
}
COUNTED_OTHERWISE = {
    # The index counts items; this survey has none and is read from its drawn line.
    "mavsdk_survey_missing_items.plan": 8,
    # A structure scan has no items either: one lap around its polygon of 4 corners.
    "mavsdk_structure_scan.plan": 5,
}
LIES_BESIDE = {
    # The lap is flown 50 m away from the polygon, whose corners the index gives.
    "mavsdk_structure_scan.plan",
    # Their lines turn beyond the polygon on two sides and end short of it on the others; the index's box has both.
    "mavsdk_survey.plan",
    "mavsdk_survey_missing_items.plan",
    # Single waypoints and tracks, which a file with a route has besides, are in the index's box too.
    "gpxpy_gpx1.0_with_all_fields.gpx",
    "gpxpy_gpx1.1_with_all_fields.gpx",
}
COUNTS = {
    # What the index, which was made without this project, calls the places of a format: the first that is there.
    "qgc_plan": (r"(\d+) positioned nav points",),
    "wpl": (r"(\d+) positioned nav points",),
    "qgc_mission_old": (r"(\d+) items",),
    "gpx": (r"'rtept': (\d+)", r"'trkpt': (\d+)"),
    "kml": (r"(\d+) coordinates",),
    "geojson": (r"(\d+) positions",),
    "csv": (r"(\d+) lines",),
    "dji_wpml": (r"waylines\.wpml .*?(\d+) coordinates",),
}
HEADERS = {"csv": 1}
_BOX = re.compile(r"bbox lat (-?[\d.]+)\.\.(-?[\d.]+) lon (-?[\d.]+)\.\.(-?[\d.]+)")

pytestmark = [
    pytest.mark.shared_missions,
    pytest.mark.skipif(not FILES, reason="no real missions beside the project (shared/data/missions)"),
]


def index() -> dict[str, str]:
    """What an independent reader found in each file."""
    with (MISSIONS / "INDEX.tsv").open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["file"]: row["holds"] for row in rows}


def expected_points(path: Path, holds: str) -> int:
    if path.name in COUNTED_OTHERWISE:
        return COUNTED_OTHERWISE[path.name]
    found = next(match for pattern in COUNTS[path.parent.name] if (match := re.search(pattern, holds)))
    return int(found[1]) - HEADERS.get(path.parent.name, 0)


def box_of(flight: Flight) -> tuple[float, ...]:
    lats = [one.lat_deg for one in flight.waypoints]
    lons = [one.lon_deg for one in flight.waypoints]
    return min(lats), max(lats), min(lons), max(lons)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_mission_is_a_route_or_a_refusal_that_names_the_place(path: Path) -> None:
    """With as many waypoints as an independent count found places, in the same box."""
    source = FileFlightSource(FileSettings())
    if path.name in REFUSED:
        kind, place = REFUSED[path.name]
        with pytest.raises(kind) as caught:
            source.resolve(str(path))
        assert caught.value.message.startswith(f"{path.name}: {place}")
        assert caught.value.hint
        return
    holds = index()[f"{path.parent.name}/{path.name}"]
    flight = source.resolve(str(path))
    assert len(flight.waypoints) == expected_points(path, holds)
    assert flight.takeoff_origin.lat_deg == flight.waypoints[0].lat_deg
    assert flight.format
    box = _BOX.findall(holds)  # of a DJI file: the template's, then that of what is flown
    if box:
        apart = [got - float(said) for got, said in zip(box_of(flight), box[-1], strict=True)]
        if path.name in LIES_BESIDE:
            assert apart[0] > -0.001 < apart[2]
            assert apart[1] < 0.001 > apart[3]
        else:
            assert max(map(abs, apart)) < 0.000_051


def test_the_refusals_are_all_among_the_files() -> None:
    """A renamed file must not make its refusal go untested, and no file is without a row in the index."""
    names = {path.name for path in FILES}
    assert names >= {*REFUSED, *COUNTED_OTHERWISE, *LIES_BESIDE}
    assert {f"{path.parent.name}/{path.name}" for path in FILES} == set(index())
