"""A flight payload becomes a flight, or is refused with the path of what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from operator_tool.api import AltitudeFrame, Flight, FlightFormatError, NoRouteError, TakeoffOrigin
from operator_tool_plugins.flight_sources._payload import FieldNames, parse_flight
from operator_tool_plugins.flight_sources._strict_json import parse_json
from tests.plugins.flight_sources.samples import encoded, payload, positions, waypoint


def parse(document: object, **more: Any) -> Flight:
    return parse_flight(parse_json(encoded(document)), source="test", **more)


def refusal(document: object) -> FlightFormatError:
    with pytest.raises(FlightFormatError) as caught:
        parse(document)
    return caught.value


def test_every_field_of_a_flight_arrives() -> None:
    """Altitude frame, objective and source are taken when they are there."""
    flight = parse(payload(waypoint(0, alt_frame="amsl", objective="look", source="survey 3"), waypoint(1)))
    first, second = flight.waypoints
    assert (flight.id, flight.name, flight.source, flight.notes) == ("F-12", "Ridge", "test", ())
    assert (first.alt_m, first.alt_frame, first.objective, first.source) == (
        120,
        AltitudeFrame.AMSL,
        "look",
        "survey 3",
    )
    assert (second.alt_frame, second.objective) == (AltitudeFrame.UNKNOWN, None)
    assert second.source == "waypoints[1]"


def test_the_takeoff_origin_is_the_first_waypoint_unrounded() -> None:
    """Sixteen digits in, the same float out."""
    flight = parse(payload(waypoint(0, 47.39773941040039, -122.10316712345678)))
    assert flight.takeoff_origin == TakeoffOrigin(lat_deg=47.39773941040039, lon_deg=-122.10316712345678, alt_m=120)


@pytest.mark.parametrize(
    "route",
    [
        [waypoint(0, 10, 179.9), waypoint(1, 10, -179.9)],
        [waypoint(0)],
        [waypoint(0), waypoint(1)],
        [waypoint(0, 0, 180), waypoint(1, 0, -180)],
        [waypoint(0, 90, 0), waypoint(1, -90, 0)],
        [waypoint(0, 0, 0)],
    ],
    ids=["antimeridian", "single point", "zero-length leg", "lon 180", "poles", "0, 0"],
)
def test_case_012_legal_oddities_pass(route: list[dict[str, Any]]) -> None:
    """They are rare, and right."""
    flight = parse(payload(*route))
    assert positions(flight.waypoints) == [(point["lat"], point["lon"]) for point in route]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lat": 91}, "waypoints[1].lat: latitude 91, expected -90 to 90"),
        ({"lat": -90.0000001}, "waypoints[1].lat: latitude -90.0000001, expected -90 to 90"),
        ({"lon": 181}, "waypoints[1].lon: longitude 181, expected -180 to 180"),
        ({"lat": "48.5"}, "waypoints[1].lat: '48.5', expected a number"),
        ({"lat": True}, "waypoints[1].lat: true, expected a number"),
        ({"lat": None}, "waypoints[1].lat: null, expected degrees"),
        ({"ordinal": 1.5}, "waypoints[1].ordinal: 1.5, expected a whole number"),
        ({"alt_m": "high"}, "waypoints[1].alt_m: 'high', expected a number"),
        ({"alt_frame": "moon"}, "waypoints[1].alt_frame: 'moon', expected one of takeoff, amsl, terrain, unknown"),
        ({"objective": ["a"]}, "waypoints[1].objective: a list, expected text"),
    ],
)
def test_case_011_a_wrong_value_is_named_by_its_path(change: dict[str, object], message: str) -> None:
    """The operator can find the place without reading the payload."""
    assert refusal(payload(waypoint(0), {**waypoint(1), **change})).message == message


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"lat_ref": "S", "lon_ref": "W"}, (-33.9, -18.4)),
        ({"N/S": "S"}, (-33.9, 18.4)),
        ({"hemisphere": "SW"}, (-33.9, -18.4)),
        ({"datum": "WGS84", "zone": "x"}, (33.9, 18.4)),
    ],
)
def test_members_that_change_a_position_are_read(more: dict[str, object], place: tuple[float, float]) -> None:
    """A service may send unsigned degrees as a logger does."""
    assert positions(parse(payload(waypoint(0, 33.9, 18.4, **more))).waypoints) == [place]


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (payload(waypoint(0, -33.9, 18.4, lat_ref="N")), "waypoints[0].lat_ref"),
        (payload(waypoint(0, 0.59, 0.32, angle_unit="rad")), "waypoints[0].angle_unit"),
        (payload(waypoint(0), crs="EPSG:25832"), "crs"),
        (payload(waypoint(0, alt_unit="ft")), "waypoints[0].alt_unit"),
        (payload(waypoint(0, "33,9")), "waypoints[0].lat"),
    ],
)
def test_members_that_make_a_position_another_are_refused(document: object, named: str) -> None:
    """By their place."""
    assert named in refusal(document).message


def test_members_beside_a_mapped_name_are_read_too() -> None:
    """Within the object that has the position; a unit of altitudes where the name says none."""
    names = FieldNames(lat="at.latDeg", lon="at.lonDeg", alt_m="altitude", alt_frame="alt_type")
    at = {"latDeg": 33.9, "lonDeg": 18.4, "latDir": "S"}
    spelled = {"ordinal": 0, "at": at, "altitude": 100, "altitude_unit": "ft", "alt_type": "amsl"}
    first = parse(payload(spelled), names=names).waypoints[0]
    assert (first.lat_deg, first.lon_deg) == (-33.9, 18.4)
    assert first.alt_m == pytest.approx(30.48)


def test_positions_that_no_field_takes_are_kept_as_left_out() -> None:
    """Home, a second path, a geometry; each by its name."""
    path = [{"lat": 48.1, "lon": 11.1}, {"lat": 48.2, "lon": 11.2}]
    flight = parse(
        payload(
            waypoint(0, path=path),
            waypoint(1),
            home={"latitude": 47.0, "longitude": 10.0},
            geometry={"type": "LineString", "coordinates": [[7, 50], [8, 51]]},
        )
    )
    assert sorted((one.is_line, one.places) for one in flight.left_out) == [
        (False, ((47, 10),)),
        (True, ((48.1, 11.1), (48.2, 11.2))),
        (True, ((50, 7), (51, 8))),
    ]


@pytest.mark.parametrize("ordinals", [(0, 2), (1, 2), (0, 0), (0, -1), (0, 10**30)])
def test_ordinals_with_a_gap_or_a_double_are_refused(ordinals: tuple[int, int]) -> None:
    """A gap may be a waypoint that was lost on the way."""
    assert "ordinals run from 0 without a gap or a double" in refusal(payload(*map(waypoint, ordinals))).message


def test_ordinals_decide_the_order() -> None:
    """A list in another order is put right, and that is said."""
    flight = parse(payload(waypoint(1, 2, 2), waypoint(0, 1, 1)))
    assert positions(flight.waypoints) == [(1, 1), (2, 2)]
    assert flight.notes == ("waypoints: not listed in the order of their ordinals; the ordinals count.",)


def test_a_waypoint_without_altitude_passes_with_a_note() -> None:
    """The map under a route doesn't need it."""
    flight = parse(payload(waypoint(0), waypoint(1, alt_m=None)))
    assert flight.waypoints[1].alt_m is None
    assert flight.notes == ("waypoints: 1 of 2 waypoints have no altitude.",)


def test_a_flight_without_waypoints_has_no_route() -> None:
    """An empty list is a flight, only one that needs no map."""
    with pytest.raises(NoRouteError, match=r"^waypoints: 0 waypoints$"):
        parse(payload())


@pytest.mark.parametrize("missing", ["id", "waypoints"])
def test_a_payload_without_id_or_waypoints_is_refused(missing: str) -> None:
    """The name may be missing: the id stands in for it."""
    document = payload(waypoint(0))
    del document[missing], document["name"]
    assert refusal(document).message.startswith(f"{missing}: missing")
    assert parse({**payload(waypoint(0)), "name": None}).name == "F-12"


@pytest.mark.parametrize("document", [[], "flight", 3, None])
def test_a_payload_that_is_no_object_is_refused(document: object) -> None:
    """The root has no path; it is called the document."""
    assert refusal(document).message.startswith("the document: ")


def test_more_waypoints_than_a_mission_can_hold_are_refused() -> None:
    """MAVLink counts a mission's items in 16 bits."""
    route = [{"lat": 0}] * 65_536
    assert refusal(payload(*route)).message == "waypoints: 65,536 waypoints, at most 65,535"


def test_case_016_a_hostile_name_is_shown_escaped() -> None:
    """It is for people alone: one line, nothing that drives a terminal, at most 100 characters."""
    flight = parse(payload(waypoint(0), name="../../etc/passwd\x00\n\x1b[31m\u202e" + "x" * 300, id="-rf \x07"))
    assert flight.name.startswith("../../etc/passwd\\x00\\n\\x1b[31m\\u202e" + "xx")
    assert len(flight.name) == 100
    assert flight.id == "-rf \\x07"


def test_another_services_names_are_mapped_and_dots_step_inwards() -> None:
    """A setting maps the names, so no code is needed for another service."""
    names = FieldNames(
        id="data.uid", waypoints="data.route", ordinal="seq", lat="position.latitude", lon="position.lng"
    )
    point = {"seq": 0, "position": {"latitude": 1.5, "lng": 2.5}}
    flight = parse({"data": {"uid": 77, "route": [point]}}, names=names)
    assert (flight.id, positions(flight.waypoints)) == ("77", [(1.5, 2.5)])
    with pytest.raises(FlightFormatError, match=r"^data\.route\[0\]\.position\.lng: missing"):
        parse({"data": {"uid": 77, "route": [{"seq": 0, "position": {"latitude": 1}}]}}, names=names)


@pytest.mark.parametrize("apart", [[waypoint(0, 7, 8)], {"waypoints": [waypoint(0, 7, 8)]}])
def test_waypoints_may_come_in_a_document_of_their_own(apart: object) -> None:
    """As a bare list, or as an object that holds the list."""
    flight = parse({"id": "F-1"}, waypoints=parse_json(encoded(apart)))
    assert positions(flight.waypoints) == [(7, 8)]
