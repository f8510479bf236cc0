"""The options that say which ground and which zooms, by the real command: what it prints before take-off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ended, Workstation

HOME = {"lat": 47.0553, "lon": 8.3104}
CONFIG = """
[cameras.nadir]
title = "Our nadir camera"
sensor_width_mm = 13.2
sensor_height_mm = 8.8
focal_length_mm = 8.8
image_width_px = 5472
image_height_px = 3648
"""
AREA = {
    "type": "Feature",
    "properties": {"name": "Landing site"},
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[8.35, 47.05], [8.36, 47.05], [8.36, 47.06], [8.35, 47.06], [8.35, 47.05]]],
    },
}


@pytest.fixture
def station(tmp_path: Path) -> Workstation:
    """A workstation with a configuration of its own."""
    station = Workstation(tmp_path)
    station.config.write_text(CONFIG)
    station.config.chmod(0o600)
    return station


def flight_file(station: Workstation, *places: tuple[float, float], alt_m: float = 100.0) -> Path:
    """Write a flight through these places, by default some 1.5 km near Lucerne."""
    chosen = places or ((47.0553, 8.3104), (47.0600, 8.3204), (47.0560, 8.3250))
    waypoints = [
        {"ordinal": n, "lat": lat, "lon": lon, "alt_m": alt_m, "alt_frame": "terrain"}
        for n, (lat, lon) in enumerate(chosen)
    ]
    path = station.folder / "flight.json"
    path.write_text(json.dumps({"id": "F-1", "name": "Ridge", "waypoints": waypoints}))
    return path


def plan_file(station: Workstation, fence: list[list[float]]) -> Path:
    """Write a QGroundControl plan with a home, a return and an inclusion fence."""

    def item(command: int, lat: float, lon: float, number: int) -> dict[str, Any]:
        return {
            "type": "SimpleItem",
            "command": command,
            "frame": 3,
            "autoContinue": True,
            "doJumpId": number,
            "params": [0, 0, 0, None, lat, lon, 100],
        }

    document = {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": {
            "version": 2,
            "firmwareType": 12,
            "vehicleType": 2,
            "cruiseSpeed": 15,
            "hoverSpeed": 5,
            "plannedHomePosition": [47.04, 8.30, 440],
            "items": [item(16, 47.0553, 8.3104, 1), item(16, 47.0600, 8.3204, 2), item(20, 0, 0, 3)],
        },
        "geoFence": {"version": 2, "circles": [], "polygons": [{"version": 1, "inclusion": True, "polygon": fence}]},
        "rallyPoints": {"version": 2, "points": []},
    }
    path = station.folder / "mission.plan"
    path.write_text(json.dumps(document))
    return path


def plan(station: Workstation, file: Path, *more: str) -> Ended:
    """Run ``plan`` without asking for samples."""
    return station.run(
        "plan",
        "--flight-file",
        str(file),
        "--provider",
        "synthetic",
        "--samples",
        "0",
        "-q",
        "--config",
        str(station.config),
        *more,
    )


def planned(station: Workstation, file: Path, *more: str) -> dict[str, Any]:
    """Return the plan's document."""
    ended = plan(station, file, "--json", *more)
    assert ended.code == 0, ended.err
    return ended.report


def test_a_camera_of_the_configuration_gives_zooms_and_footprint(station: Workstation) -> None:
    """At 100 m its zooms are 19 and 20, and the corridor is 91 m wider; the text says all of it."""
    file = flight_file(station)
    document = planned(station, file, "--camera", "nadir")
    assert document["zooms"] == [19, 20]
    assert document["zooms_from"] == "camera"
    assert document["camera"]["name"] == "Our nadir camera"
    assert document["heights_m"] == [100.0, 100.0]
    assert (document["area"]["metres"], document["area"]["footprint_m"]) == (500.0, 91.0)
    text = plan(station, file, "--camera", "nadir").out
    assert "area       corridor, 500 m to either side of the route and 91 m that the camera sees beyond it" in text
    assert "zooms      19 to 20: from Our nadir camera, 100 m above the ground" in text
    assert "zoom 19 " in text
    assert planned(station, file, "--camera", "nadir", "--coarser", "4")["zooms"] == [17, 18]
    assert planned(station, file, "--camera", "nadir", "--height", "400")["zooms"] == [17, 18]
    asked = plan(station, file, "--camera", "nadir", "--zoom", "15-16").out
    assert "camera     Our nadir camera, 100 m above the ground" in asked
    assert "zooms      15 to 16: as asked for" in asked
    assert "91 m that the camera sees" in asked


def test_an_own_corridor_of_no_width_is_the_line_itself(station: Workstation) -> None:
    """--corridor 0 needs fewer tiles than --corridor 500, and some."""
    file = flight_file(station)
    line = planned(station, file, "--corridor", "0")["tiles"]["count"]
    assert 0 < line < planned(station, file)["tiles"]["count"]


def test_the_polygons_of_another_file_are_needed_too(station: Workstation) -> None:
    """--area adds its ground, whatever --flight-format says of the flight; its name decides nothing of the cache."""
    file = flight_file(station)
    area = station.folder / "landing.geojson"
    area.write_text(json.dumps(AREA))
    with_area = planned(station, file, "--area", str(area), "--flight-format", "flight-json")
    assert with_area["tiles"]["count"] > planned(station, file)["tiles"]["count"] + 50
    assert len(with_area["area"]["polygons"]) == 1
    assert with_area["bounds_deg"][2] == pytest.approx(8.36, abs=0.001)
    assert "           1 area besides, as drawn" in plan(station, file, "--area", str(area)).out
    moved = station.folder / "other-name.json"
    area.rename(moved)
    assert planned(station, file, "--area", str(moved))["content_key"] == with_area["content_key"]
    twice = planned(station, file, "--area", str(moved), "--area", str(moved))
    assert twice["tiles"] == with_area["tiles"]


def test_an_area_file_that_names_no_ground_is_refused(station: Workstation) -> None:
    """A line is no area (2), no file is none (94), and what is no mission says so (93)."""
    file = flight_file(station)
    ended = plan(station, file, "--area", str(file))
    assert (ended.code, "--area flight.json: the file has no polygon" in ended.err) == (2, True)
    assert plan(station, file, "--area", "nowhere.kml").code == 94
    odd = station.folder / "odd.kml"
    odd.write_text("<kml")
    assert plan(station, file, "--area", str(odd)).code == 93


def test_home_and_fence_can_be_left_out(station: Workstation) -> None:
    """The ways home, and the fence around the mission, each change the ground and the key."""
    wide = [[47.0, 8.2], [47.0, 8.4], [47.1, 8.4], [47.1, 8.2]]
    file = plan_file(station, wide)
    whole, without = planned(station, file), planned(station, file, "--no-home")
    assert without["tiles"]["count"] < whole["tiles"]["count"]
    assert without["content_key"] != whole["content_key"]
    assert "the way to the first waypoint and back belongs to the area" in plan(station, file).out
    assert "left out, as asked for" in plan(station, file, "--no-home").out
    narrow = plan_file(station, [[47.05, 8.305], [47.05, 8.325], [47.065, 8.325], [47.065, 8.305]])
    clipped, beyond = planned(station, narrow), planned(station, narrow, "--no-fence")
    assert clipped["tiles"]["count"] < beyond["tiles"]["count"]
    assert "within 1 inclusion fence" in plan(station, narrow).out
    assert "not within the 1 inclusion fence, as asked for" in plan(station, narrow, "--no-fence").out
    outside = plan_file(station, [[47.05, 8.305], [47.05, 8.315], [47.065, 8.315], [47.065, 8.305]])
    text = plan(station, outside).out
    assert "not within the 1 inclusion fence" in text
    assert "warning    waypoint 1 lies outside of the inclusion fences" in text


def test_options_that_contradict_each_other_are_refused(station: Workstation) -> None:
    """Each with code 2 and the way out; nothing that was given is left unused in silence."""
    file = flight_file(station)
    for given, words in (
        (("--zoom", "15", "--coarser", "1"), "Give --zoom or --coarser."),
        (("--height", "100"), "--camera NAME"),
        (("--camera", "mavik-3e"), "mavic-3e"),
        (("--camera", "nadir", "--height", "0"), "0"),
        (("--flight-format", "dwg"), "flight-json"),
    ):
        ended = plan(station, file, *given)
        assert (ended.code, words in ended.err) == (2, True), ended.err
    by_id = station.run(
        "plan",
        "--flight-id",
        "F-1",
        "--flight-format",
        "wpl",
        "--provider",
        "synthetic",
        "--config",
        str(station.config),
    )
    assert (by_id.code, "--flight-format says how a file is written" in by_id.err) == (2, True)


def test_a_swapped_waypoint_stops_every_command_until_it_is_accepted(station: Workstation) -> None:
    """plan, download, build-cache and verify-ready end with 93 and name it; accepted, the report says so."""
    file = flight_file(station, (47.0553, 8.3104), (8.3204, 47.0600), (47.0560, 8.3250))
    common = ["--flight-file", str(file), "--provider", "synthetic", "--config", str(station.config), "-q"]
    companion = ["--transport", "local", "-o", f"c10.cache_root={station.cache_root}"]
    for command in (["plan"], ["download"], ["build-cache", *companion], ["verify-ready", *companion]):
        ended = station.run(*command, *common)
        assert ended.code == 93, ended.all
        assert "waypoint 1 (latitude 8.3204, longitude 47.06" in ended.all
        assert "look swapped" in ended.all
        assert "--accept-implausible" in ended.all
    assert not station.cache_root.exists()
    near_zero = flight_file(station, (0.0, 0.0), (0.0, 0.0005))
    accepted = station.run(
        "download", *common[:1], str(near_zero), *common[2:], "--accept-implausible", "--zoom", "15", "--json"
    )
    assert accepted.code == 0, accepted.err
    assert [
        note for note in accepted.report["notes"] if note.startswith("Accepted although it can hardly be meant: way")
    ]
    assert accepted.report["zooms"] == [15]


def test_the_report_says_what_was_assumed(station: Workstation) -> None:
    """What the zooms were told from stands in the report of a download, and among the notes of its text."""
    file = plan_file(station, [[47.0, 8.2], [47.0, 8.4], [47.1, 8.4], [47.1, 8.2]])
    arguments = ["download", "--flight-file", str(file), "--provider", "synthetic", "--config", str(station.config)]
    ended = station.run(*arguments, "--camera", "nadir", "--coarser", "6", "--corridor", "50", "--json")
    assert ended.code == 0, ended.err
    assert [note for note in ended.report["notes"] if "taken as level" in note]
    assert ended.report["area"]["footprint_m"] == 91.0
    assert "note: The altitudes are heights above the takeoff point" in ended.err


def test_cameras_are_listed(station: Workstation) -> None:
    """Own ones first, each with what it is counted with; as JSON too."""
    listed = station.run("cameras", "list", "--config", str(station.config))
    assert listed.code == 0
    assert listed.out.splitlines()[0].startswith("nadir")
    assert listed.out.splitlines()[0].endswith("(your own)")
    document = station.run("cameras", "list", "--config", str(station.config), "--json").report
    assert document["cameras"][0]["own"] is True
    assert "mavic-3e" in [one["name"] for one in document["cameras"]]
    station.config.write_text(CONFIG.replace("focal_length_mm", "focal"))
    assert station.run("cameras", "list", "--config", str(station.config)).code == 11
