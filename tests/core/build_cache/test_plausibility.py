"""What is hard to believe of a flight is found, named, and refused unless it is accepted; real routes are not."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import (
    AltitudeFrame,
    AreaRequest,
    BuildCacheRequest,
    Fence,
    Flight,
    GroundPolygon,
    HomePosition,
    ImplausibleFlightError,
    ProviderInfo,
    RallyPoint,
    Waypoint,
)
from operator_tool.build_cache.plan import make_plan
from operator_tool.build_cache.plausibility import Finding, check_plausible, findings_of
from operator_tool.build_cache.swapped import looks_swapped, swapped_waypoints
from tests.core.build_cache.test_heights import flight_at

ZURICH = (47.3977, 8.5456)
Places = Sequence[tuple[float, float]]


def near(place: tuple[float, float] = ZURICH, number: int = 6) -> list[tuple[float, float]]:
    """Return places that go eastwards from a place, some 75 m apart."""
    return [(place[0], place[1] + step / 1000.0) for step in range(number)]


def flight_of(places: Places, **more: object) -> Flight:
    """Return a flight through these places, as a file gave it."""
    waypoints = tuple(
        Waypoint(ordinal=number, lat_deg=lat_deg, lon_deg=lon_deg, source=f"items[{number + 1}]")
        for number, (lat_deg, lon_deg) in enumerate(places)
    )
    flight = Flight(id="f", name="F", source="file:f.plan", waypoints=waypoints)
    changed: Flight = msgspec.structs.replace(flight, **more)
    return changed


def severe(flight: Flight, polygons: Sequence[GroundPolygon] = ()) -> list[Finding]:
    """Return what stops a plan."""
    return [finding for finding in findings_of(flight, polygons) if finding.severe]


def only(findings: Sequence[Finding]) -> Finding:
    """Return the one finding."""
    (finding,) = findings
    return finding


def swap(places: Places, *numbers: int) -> list[tuple[float, float]]:
    """Return the places with some of them swapped."""
    return [(lon, lat) if n in numbers else (lat, lon) for n, (lat, lon) in enumerate(places)]


def square(center: tuple[float, float], half_deg: float = 0.01) -> tuple[tuple[float, float], ...]:
    """Return a square ring around a place."""
    lat, lon = center
    return tuple((lat + n * half_deg, lon + e * half_deg) for n, e in ((-1, -1), (-1, 1), (1, 1), (1, -1)))


def test_an_ordinary_flight_has_nothing_odd() -> None:
    """Home, areas, fences and rally points where they belong; an altitude of a drone's."""
    flight = flight_of(
        near(),
        home=HomePosition(lat_deg=47.3977, lon_deg=8.5456, amsl_m=488.0),
        areas=(GroundPolygon(outer=square(ZURICH)),),
        fences=(
            Fence(inclusion=True, polygon=square(ZURICH, 0.1)),
            Fence(inclusion=False, center=(47.5, 8.5456), radius_m=50),
        ),
        rally_points=(RallyPoint(lat_deg=47.40, lon_deg=8.55, alt_m=30.0),),
    )
    assert findings_of(flight, (GroundPolygon(outer=square((47.0, 8.0))),)) == ()


@pytest.mark.parametrize("number", range(6))
def test_one_swapped_waypoint_is_named(number: int) -> None:
    """Whichever it is, the first and the last too: its ordinal, place and place in the file, and nothing else."""
    finding = only(findings_of(flight_of(swap(near(), number))))
    assert finding.severe
    assert finding.waypoint == number
    assert f"waypoint {number} (latitude 8.5" in finding.text
    assert f"items[{number + 1}])" in finding.text
    assert "latitude and longitude look swapped" in finding.text


def test_several_swapped_waypoints_are_one_finding() -> None:
    """The first is named and the others are counted; a run of them is no proof against it."""
    finding = only(findings_of(flight_of(swap(near(number=9), 3, 4, 6))))
    assert finding.waypoint == 3
    assert "(and 2 more)" in finding.text
    flight = flight_of(swap(near(number=9), 3, 4, 6))
    assert [one.waypoint.ordinal for one in swapped_waypoints(flight.waypoints, None)] == [3, 4, 6]


def test_of_two_waypoints_either_may_be_swapped_and_home_decides() -> None:
    """Without a home both are named; with it, the one that is far from it."""
    both = only(findings_of(flight_of(swap(near(number=2), 0))))
    assert "waypoint 1 (" in both.text
    assert "or those of waypoint 0" in both.text
    home = HomePosition(lat_deg=47.3977, lon_deg=8.5456)
    assert only(severe(flight_of(swap(near(number=2), 0), home=home))).waypoint == 0
    assert only(severe(flight_of(swap(near(number=2), 1), home=home))).waypoint == 1


def test_near_the_line_where_latitude_equals_longitude_it_is_a_warning() -> None:
    """In Jordan a swapped place lies 40 km away, and may be meant."""
    finding = only(findings_of(flight_of(swap(near((32.0, 32.3)), 2))))
    assert not finding.severe
    assert "look swapped" in finding.text


def test_on_that_line_nothing_can_be_told() -> None:
    """A place that is its own mirror image is never suspected."""
    assert findings_of(flight_of(swap(near((10.0, 10.0)), 2))) == ()


@given(st.lists(st.tuples(st.floats(-80.0, 80.0), st.floats(-180.0, 180.0)), min_size=1, max_size=3))
def test_short_routes_are_never_suspected(starts: list[tuple[float, float]]) -> None:
    """Wherever on the earth, whatever the way: legs of some metres make no finding, across 180° neither."""
    for lat, lon in starts:
        places = [(lat + n / 5000.0, (lon + n / 5000.0 + 180.0) % 360.0 - 180.0) for n in range(5)]
        if not all(abs(one[0]) < 0.01 and abs(one[1]) < 0.01 for one in places):
            assert findings_of(flight_of(places)) == ()


def test_a_point_at_zero_is_named() -> None:
    """While the others are elsewhere; the legs to it are not told besides."""
    places = [*near(number=3), (0.0, 0.0), *near(number=2)]
    finding = only(findings_of(flight_of(places)))
    assert finding.severe
    assert finding.text.startswith("waypoint 3 (latitude 0.0, longitude 0.0; items[4]) lies at 0, 0")
    assert finding.waypoint == 3


def test_a_whole_route_at_zero_is_hardly_meant() -> None:
    """There is only sea."""
    assert "in the sea" in only(severe(flight_of([(0.0, 0.0), (0.0, 0.0005)]))).text


def test_a_route_near_zero_is_let_be() -> None:
    """Somebody flies in the Gulf of Guinea: others are near."""
    assert findings_of(flight_of([(0.0, 0.0), (0.1, 0.1), (0.2, 0.1)])) == ()


def test_a_jump_of_half_the_planet_is_severe_and_a_long_leg_a_warning() -> None:
    """More than 5,000 km, and more than 500 km; both ends are named."""
    jump = only(severe(flight_of([*near(), (-33.9, 151.2)])))
    assert "waypoint 5" in jump.text
    assert "waypoint 6 (latitude -33.9, longitude 151.2; items[7])" in jump.text
    assert jump.waypoint == 6
    long_leg = only(findings_of(flight_of([ZURICH, (52.5, 13.4)])))
    assert not long_leg.severe
    assert findings_of(flight_of([ZURICH, (48.85, 2.35)])) == ()


def test_many_long_legs_are_two_findings() -> None:
    """The first of each kind is named, the others are counted."""
    findings = findings_of(flight_of([(0.5, 10.0), (0.5, 80.0), (0.5, 10.0), (0.5, 20.0), (0.5, 30.0)]))
    assert [(one.severe, one.waypoint) for one in findings] == [(True, 1), (False, 3)]
    assert "1 more leg is longer than 5,000 km" in findings[0].text


@pytest.mark.parametrize(
    "more",
    [
        {"home": HomePosition(lat_deg=8.5456, lon_deg=47.3977)},
        {"areas": (GroundPolygon(outer=square((8.5456, 47.3977)), source="Folder 2"),)},
        {"fences": (Fence(inclusion=False, polygon=square((8.5456, 47.3977))),)},
        {"fences": (Fence(inclusion=False, center=(8.5456, 47.3977), radius_m=100.0),)},
        {"rally_points": (RallyPoint(lat_deg=8.5456, lon_deg=47.3977),)},
    ],
    ids=["home", "area", "fence", "circle", "rally point"],
)
def test_a_route_that_is_swapped_against_the_rest_is_severe(more: dict[str, object]) -> None:
    """Which of the two is wrong can't be told, so both are named; it is told once."""
    finding = only(findings_of(flight_of(near(), **more)))
    assert finding.severe
    assert "latitude and longitude of one of the two look swapped" in finding.text
    assert "waypoint 0 (latitude 47.3977, longitude 8.5456; items[1])" in finding.text


def test_an_area_on_another_continent_is_severe() -> None:
    """That of the flight, one that was asked for, and a fence; home is a warning, as simulators leave it behind."""
    there = square((-33.9, 151.2))
    area = GroundPolygon(outer=there, source="Folder 2")
    assert "area 0 (Folder 2) lies 16," in only(severe(flight_of(near(), areas=(area,)))).text
    assert "asked area 0 (Folder 2)" in only(severe(flight_of(near()), (area,))).text
    assert "fence 0" in only(severe(flight_of(near(), fences=(Fence(inclusion=False, polygon=there),)))).text
    home = only(findings_of(flight_of(near(), home=HomePosition(lat_deg=-35.36, lon_deg=149.16))))
    assert not home.severe
    assert "the first one" in home.text


def test_a_large_area_around_the_route_is_not_elsewhere() -> None:
    """Its first corner is far away, and the route is inside of it."""
    assert severe(flight_of(near(), areas=(GroundPolygon(outer=square(ZURICH, 15.0)),))) == []


def test_altitudes_beyond_what_flies_are_a_warning() -> None:
    """Below -500 m and above 20 km; the first is named."""
    flight = flight_of(near())
    waypoints = [
        msgspec.structs.replace(one, alt_m=(30_000.0 if one.ordinal in (2, 4) else 100.0)) for one in flight.waypoints
    ]
    finding = only(findings_of(msgspec.structs.replace(flight, waypoints=tuple(waypoints))))
    assert (finding.severe, finding.waypoint) == (False, 2)
    assert "(and 1 more) has an altitude of 30,000 m" in finding.text


def test_altitudes_above_the_sea_that_lie_below_home_are_a_warning() -> None:
    """100 m above the sea over ground of 584 m was meant above the takeoff point; 700 m was not."""
    flight = flight_at((100.0, AltitudeFrame.AMSL), (120.0, AltitudeFrame.AMSL), amsl_m=584.0)
    finding = only(findings_of(flight))
    assert not finding.severe
    assert "up to 120 m, lie at or below the ground at home, 584 m" in finding.text
    assert findings_of(flight_at((100.0, AltitudeFrame.AMSL), (700.0, AltitudeFrame.AMSL), amsl_m=584.0)) == ()
    assert findings_of(flight_at((100.0, AltitudeFrame.AMSL), amsl_m=0.0)) == ()
    assert findings_of(flight_at((100.0, AltitudeFrame.TAKEOFF), amsl_m=584.0)) == ()


def test_what_the_fences_forbid_is_a_warning() -> None:
    """Waypoints and rally points outside of the inclusion fences, or inside of an exclusion fence."""
    flight = flight_of(
        [*near(), (47.60, 8.55)],
        fences=(
            Fence(inclusion=True, polygon=square(ZURICH, 0.1)),
            Fence(inclusion=True, center=(47.55, 8.5456), radius_m=1000.0),
            Fence(inclusion=False, polygon=square((47.3977, 8.5496), 0.0005)),
        ),
        rally_points=(RallyPoint(lat_deg=47.55, lon_deg=8.5456), RallyPoint(lat_deg=47.7, lon_deg=8.5)),
    )
    texts = [finding.text for finding in findings_of(flight) if not finding.severe]
    assert texts == [
        "waypoint 6 lies outside of the inclusion fences",
        "waypoint 4 lies inside of an exclusion fence",
        "rally point 1 lies outside of the inclusion fences",
    ]


def test_a_fence_across_180_degrees_holds_what_is_inside() -> None:
    """Its edges take the short way, whichever side the place is on."""
    fence = Fence(inclusion=True, polygon=((10.0, 179.0), (10.0, -179.0), (12.0, -179.0), (12.0, 179.0)))
    assert findings_of(flight_of([(11.0, 179.99), (11.0, -179.99)], fences=(fence,))) == ()
    assert len(findings_of(flight_of([(11.0, 178.9), (11.0, 179.5)], fences=(fence,)))) == 1


def test_a_fence_that_overlaps_itself_holds_what_it_goes_around() -> None:
    """The middle of a star drawn in one line, which goes around it twice; what lies beside a point is outside."""
    star = ((12.0, 11.0), (10.2, 11.6), (11.3, 10.0), (11.3, 12.0), (10.2, 10.4))
    for polygon in (star, star[::-1]):
        fence = Fence(inclusion=True, polygon=polygon)
        assert findings_of(flight_of([(11.0, 11.0), (11.01, 11.0)], fences=(fence,))) == ()
        assert len(findings_of(flight_of([(11.0, 11.0), (11.9, 11.3)], fences=(fence,)))) == 1


def _checked(
    flight: Flight, *bounds: tuple[float, float, float, float] | None, accept: bool = False
) -> tuple[Finding, ...]:
    providers = [(f"p{n}", ProviderInfo(dataset="d", bounds_deg=box)) for n, box in enumerate(bounds)]
    return check_plausible(flight, BuildCacheRequest(flight="f", accept_implausible=accept), providers)


def test_a_route_that_only_swapped_lies_where_the_providers_have_imagery() -> None:
    """The whole file is swapped, home too, and nothing in it tells; a provider's bounds do."""
    box = (5.9, 45.8, 10.5, 47.9)
    whole = flight_of(swap(near(), *range(6)))
    assert findings_of(whole) == ()
    with pytest.raises(ImplausibleFlightError, match="inside of it with latitude and longitude swapped"):
        _checked(whole, box)
    assert _checked(flight_of(near()), box) == ()
    assert _checked(flight_of(near((30.0, 31.0))), box) == ()
    assert _checked(whole, box, None) == ()
    assert _checked(whole, (170.0, 45.0, 60.0, 48.0), (45.0, 5.0, 50.0, 10.0)) == ()


def test_a_severe_finding_stops_the_plan_unless_it_is_accepted() -> None:
    """Code 93, with the flight's source, the waypoint and the way out; accepted, it is a warning of the plan."""
    flight = flight_of(swap(near(), 2))
    providers = [("x", ProviderInfo(dataset="d"))]
    with pytest.raises(ImplausibleFlightError, match=r"^file:f\.plan: waypoint 2 ") as caught:
        make_plan(flight, BuildCacheRequest(flight="f"), providers)
    assert caught.value.exit_code == 93
    assert "--accept-implausible" in caught.value.hint
    near_zero = flight_of([(0.0, 0.0), (0.0, 0.0005)])
    plan = make_plan(near_zero, BuildCacheRequest(flight="f", zooms=(15,), accept_implausible=True), providers)
    assert plan.warnings[0].startswith("Accepted although it can hardly be meant: waypoint 0")


def test_an_area_that_was_asked_for_is_looked_at_too() -> None:
    """--area with the wrong file is found before a continent is downloaded."""
    area = GroundPolygon(outer=square((-33.9, 151.2)))
    request = BuildCacheRequest(flight="f", area=AreaRequest(polygons=(area,)))
    with pytest.raises(ImplausibleFlightError, match="asked area 0"):
        make_plan(flight_of(near()), request, [("x", ProviderInfo(dataset="d"))])


def test_looks_swapped_is_the_same_from_both_ends() -> None:
    """It does not matter which of the two is the swapped one; a latitude of 151 is no place, over the pole neither."""
    assert looks_swapped(ZURICH, (8.54, 47.39))
    assert looks_swapped((8.54, 47.39), ZURICH)
    assert not looks_swapped((-33.9, 151.2), (47.0, 8.0))
    assert not looks_swapped((-33.9, 151.2), (28.8, 146.1))
    assert not looks_swapped((28.8, 146.1), (-33.9, 151.2))


def test_the_largest_mission_is_judged_soon() -> None:
    """65,535 waypoints with a fence of 12 corners take no more than a few seconds of processor."""
    places = [(47.0 + n / 100_000.0, 8.0 + (n % 100) / 1000.0) for n in range(65_535)]
    flight = flight_of(places, fences=(Fence(inclusion=True, polygon=square(ZURICH, 5.0) * 3),))
    begun_s = time.process_time()
    assert severe(flight) == []
    assert time.process_time() - begun_s < 5.0
