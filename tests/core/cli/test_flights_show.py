"""``flights show``, as an operator calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from operator_tool.api import (
    AltitudeFrame,
    Camera,
    Fence,
    Flight,
    FlightFileError,
    FlightFormatError,
    GroundPolygon,
    HomePosition,
    NoRouteError,
    RallyPoint,
    UsageError,
    Waypoint,
)
from operator_tool.build_cache.plausibility import Finding
from operator_tool.cli import operator_tool
from operator_tool.cli.flight_lines import document_of, lines_of
from tests.plugins.flight_sources.samples import payload, waypoint
from tests.plugins.flight_sources.scripted_server import ScriptedServer, json_answer
from tests.support.command import Workstation

LINE = {"type": "LineString", "coordinates": [[11.5, 48.1], [11.6, 48.2, 600]]}


def run(tmp_path: Path, *arguments: str) -> Result:
    """Run the command in this process; what it raises comes out."""
    data = ("--data-dir", str(tmp_path / "data"))
    command = ["flights", "show", *arguments, *data]
    return CliRunner().invoke(operator_tool, command, standalone_mode=False, catch_exceptions=False)


@pytest.fixture
def mission(tmp_path: Path) -> Path:
    """A mission file."""
    path = tmp_path / "ridge.json"
    path.write_text(json.dumps(LINE))
    return path


def flight(**more: Any) -> Flight:
    """A flight that has everything."""
    route = [
        Waypoint(ordinal=n, lat_deg=48.0 + n / 1000, lon_deg=11.0, alt_m=50 + n, alt_frame=AltitudeFrame.TAKEOFF)
        for n in range(8)
    ]
    route.append(Waypoint(ordinal=8, lat_deg=48.01, lon_deg=11, loiter_radius_m=80, source="items[9]"))
    square = ((48.0, 11.0), (48.0, 11.1), (48.1, 11.1))
    fields: dict[str, Any] = {
        "id": "F-1",
        "name": "Ridge",
        "source": "file:ridge.plan",
        "format": "QGC .plan",
        "waypoints": tuple(route),
        "areas": (GroundPolygon(outer=square, holes=(square,), margin_m=30, source="items[2]"),),
        "home": HomePosition(lat_deg=48, lon_deg=11, amsl_m=500),
        "returns_home": True,
        "fences": (
            Fence(inclusion=True, polygon=square, source="geoFence.polygons[0]"),
            Fence(inclusion=False, center=(48.05, 11.05), radius_m=120),
        ),
        "rally_points": (RallyPoint(lat_deg=48, lon_deg=11, alt_m=40),),
        "camera": Camera(
            name="Sony a6000",
            sensor_width_mm=23.5,
            sensor_height_mm=15.6,
            focal_length_mm=16,
            image_width_px=6000,
            image_height_px=4000,
        ),
        "notes": ("items[3]: left out.",),
    }
    return Flight(**(fields | more))


def test_a_file_is_shown_as_it_was_understood(mission: Path, tmp_path: Path) -> None:
    """Format, length, each place with its altitude and where it stands, and the notes; nothing is written."""
    text = run(tmp_path, str(mission)).stdout
    assert "flight     ridge (file:ridge.json)\nformat     GeoJSON\nroute      2 waypoints, 13.38 km\n" in text
    assert "  1  48.2000000, 11.6000000     600 m above ?" in text
    assert "coordinates[1]" in text
    assert "altitudes  600 m above what is not known (1 waypoint)\n           none for 1 waypoint" in text
    assert "note       Altitudes are heights above the ellipsoid" in text
    assert not (tmp_path / "data").exists()


def test_the_document_has_all_of_it(mission: Path, tmp_path: Path) -> None:
    """For a script: the flight itself, the route's length, heights and findings."""
    found = json.loads(run(tmp_path, str(mission), "--json").stdout)
    assert [one["lat_deg"] for one in found["flight"]["waypoints"]] == [48.1, 48.2]
    assert found["takeoff_origin"]["lon_deg"] == 11.5
    assert found["route_m"] == pytest.approx(13_383, abs=10)
    assert found["heights_m"] is None
    assert found["findings"] == []


def test_a_flight_with_everything_is_told_in_full() -> None:
    """Circles, areas, home and the way back, fences, rally points and the camera, each on a line of its own."""
    text = "\n".join(lines_of(flight(), (), whole=False))
    for line in (
        "route      9 waypoints, 1.11 km",
        "... 3 more; --all shows them",
        "takeoff    48.0, 11.0, the first waypoint",
        "altitudes  50 to 57 m above the takeoff point (8 waypoints)",
        "height     above the ground: 50 to 57 m\n           ",
        "circle     80 m around waypoint 8",
        "area       3 corners, 1 hole, and 30 m around it  (items[2])",
        "home       48.0000000, 11.0000000, 500 m above sea; the drone flies back there",
        "fence      stay inside: 3 corners  (geoFence.polygons[0])",
        "fence      keep out: 120 m around 48.0500000, 11.0500000",
        "rally      48.0000000, 11.0000000, 40 m above home",
        "camera     Sony a6000: sensor 23.5 × 15.6 mm, focal length 16 mm, 6000 × 4000 px",
        "note       items[3]: left out.",
    ):
        assert line in text
    assert "  5  " not in text
    assert "  5  " in "\n".join(lines_of(flight(), (), whole=True))


def test_heights_above_the_ground_that_nobody_knows_are_said_to_be_unknown() -> None:
    """A height above the ground says nothing of one above the takeoff point, and the other way around."""
    terrain = Waypoint(ordinal=0, lat_deg=48, lon_deg=11, alt_m=60, alt_frame=AltitudeFrame.TERRAIN)
    text = "\n".join(lines_of(flight(waypoints=(terrain,), home=None), (), whole=False))
    assert "60 m above the ground below; height above the takeoff point unknown" in text
    assert "home       not given; the drone flies back to the first waypoint" in text
    amsl = Waypoint(ordinal=0, lat_deg=48, lon_deg=11, alt_m=600, alt_frame=AltitudeFrame.AMSL)
    text = "\n".join(lines_of(flight(waypoints=(amsl,), home=None), (), whole=False))
    assert "height     above the ground: not known" in text
    assert document_of(flight(waypoints=(amsl,), home=None), ())["heights_m"] is None


def test_what_is_hard_to_believe_is_said() -> None:
    """What stops a plan louder than what is only odd; a route that can't be planned has no length."""
    findings = (Finding(text="waypoint 3 lies at 0, 0", severe=True), Finding(text="a leg is long"))
    text = "\n".join(lines_of(flight(), findings, whole=False))
    assert "WARNING    waypoint 3 lies at 0, 0: no plan is made of it without --accept-implausible." in text
    assert "warning    a leg is long." in text
    pole = (Waypoint(ordinal=0, lat_deg=89, lon_deg=11),)
    text = "\n".join(lines_of(flight(waypoints=pole), (), whole=False))
    assert "route      1 waypoint\n" in text
    assert "WARNING    no plan can be made of it: waypoint 0" in text


def test_a_flight_of_the_service_is_shown_too(tmp_path: Path) -> None:
    """Asked over HTTP as for a build; the token that it takes is shown nowhere."""
    document = payload(waypoint(0, 48, 11, alt_frame="terrain"), waypoint(1, 49, 12))
    with ScriptedServer(json_answer(document)) as server:
        options = ("--flight-id", "F-12", "-o", f"api.base_url={server.url}", "-o", "api.api_key=canary-7")
        shown = run(tmp_path, *options)
    assert f"flight     Ridge (api:{server.url}" in shown.stdout
    assert "format     flights service" in shown.stdout
    assert "120 m above ground" in shown.stdout
    assert len(server.requests) == 1
    assert "canary-7" not in shown.output


def test_a_flight_that_is_none_ends_as_in_every_command(mission: Path, tmp_path: Path) -> None:
    """93, 94 and 95, in the readers' words."""
    with pytest.raises(FlightFileError):
        run(tmp_path, str(tmp_path / "none.plan"))
    with pytest.raises(FlightFormatError, match="expected KML, as was asked for; this is GeoJSON"):
        run(tmp_path, str(mission), "--flight-format", "kml")
    mission.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(NoRouteError):
        run(tmp_path, str(mission))


def test_what_can_not_be_asked_is_a_usage_error(mission: Path, tmp_path: Path) -> None:
    """One flight, and a format for files alone; an unknown format is told with those that are known."""
    for arguments in ((), (str(mission), "--flight-id", "F-1"), ("--flight-id", "F-1", "--flight-format", "kml")):
        with pytest.raises(UsageError):
            run(tmp_path, *arguments)
    with pytest.raises(click.UsageError, match="'kmx' is not one of 'flight-json', 'qgc-plan'"):
        run(tmp_path, str(mission), "--flight-format", "kmx")
    with pytest.raises(click.UsageError):
        run(tmp_path, str(mission), "--zoom", "15")


def test_what_a_file_says_can_not_steer_the_terminal(tmp_path: Path) -> None:
    """Neither its name nor the names in it."""
    path = tmp_path / "\x1b[31m.json"
    path.write_text(json.dumps({"type": "Feature", "properties": {"name": "\x1b[2J\u202e"}, "geometry": LINE}))
    text = run(tmp_path, str(path)).stdout
    assert text.isascii()
    assert "flight     \\x1b[2J\\u202e (file:\\x1b[31m.json)" in text


def test_the_command_itself_ends_with_the_readers_code(mission: Path, tmp_path: Path) -> None:
    """A process of its own: one line of what is wrong, one of what to do."""
    tool = Workstation(tmp_path)
    assert tool.run("flights", "show", str(mission)).code == 0
    mission.write_bytes(b"")
    ended = tool.run("flights", "show", str(mission))
    assert ended.code == 93
    assert ended.err.startswith("error: ridge.json: an empty file")
    assert "next: These are read: " in ended.err
