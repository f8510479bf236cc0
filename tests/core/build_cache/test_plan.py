"""The plan: which tiles, from what inputs, and what is refused before anything is locked or fetched."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import (
    AltitudeFrame,
    AreaKind,
    AreaRequest,
    BuildCacheRequest,
    Flight,
    GroundPolygon,
    NoRouteError,
    PlanError,
    ProviderInfo,
    TakeoffOrigin,
    TileId,
    Waypoint,
)
from operator_tool.build_cache.plan import CachePlan, flight_sha256, make_plan
from tests.core.geo.flights import diagonal, flight_of

_FLIGHT = flight_of((48.0, 11.0), (48.01, 11.02), alt_m=120.0)
_REQUEST = BuildCacheRequest(flight="flight-1", area=AreaRequest(metres=500.0), zooms=(15, 16))
_ORTHOPHOTO = ("xyz", ProviderInfo(dataset="https://tiles.example/{z}/{x}/{y}", max_zoom=19))
_MM_DEG = 9.0e-9
_REPOSITORY = Path(__file__).parents[3]


def _plan(
    flight: Flight = _FLIGHT,
    request: BuildCacheRequest = _REQUEST,
    providers: tuple[tuple[str, ProviderInfo], ...] = (_ORTHOPHOTO,),
) -> CachePlan:
    return make_plan(flight, request, providers)


def _with(request: BuildCacheRequest = _REQUEST, **changes: object) -> BuildCacheRequest:
    changed: BuildCacheRequest = msgspec.structs.replace(request, **changes)
    return changed


def _moved(flight: Flight, number: int, **changes: object) -> Flight:
    waypoints = list(flight.waypoints)
    waypoints[number] = msgspec.structs.replace(waypoints[number], **changes)
    return msgspec.structs.replace(flight, waypoints=tuple(waypoints))


def _refusal(request: BuildCacheRequest = _REQUEST, *providers: tuple[str, ProviderInfo]) -> PlanError:
    with pytest.raises(PlanError) as caught:
        make_plan(_FLIGHT, request, providers or (_ORTHOPHOTO,))
    return caught.value


def test_a_plan_holds_the_tiles_and_all_that_decides_them() -> None:
    """The plan names flight, area, zooms, route, chain and inputs, and its coverage has the takeoff's tile."""
    plan = _plan(request=_with(zooms=(16, 15, 16), allow_gaps=3))
    assert plan.flight is _FLIGHT
    assert plan.zooms == plan.inputs.zooms == (15, 16)
    assert TileId(16, 34770, 22781) in plan.coverage
    assert plan.coverage.count == sum(1 for _ in plan.coverage.tiles())
    assert plan.route.length_m == pytest.approx(1860.0, abs=10.0)
    assert plan.providers == (_ORTHOPHOTO,)
    assert plan.inputs.route == ((48.0, 11.0, 120.0), (48.01, 11.02, 120.0))
    assert plan.inputs.takeoff_origin == TakeoffOrigin(lat_deg=48.0, lon_deg=11.0, alt_m=120.0)
    assert [(key.name, key.dataset) for key in plan.inputs.providers] == [("xyz", _ORTHOPHOTO[1].dataset)]
    assert plan.inputs.allow_gaps == 3
    assert plan.content_key == plan.inputs.content_key


def test_case_138_names_and_notes_do_not_change_the_content_key() -> None:
    """What the flight is called, where it was read and what is noted of it decide nothing of the cache."""
    renamed = msgspec.structs.replace(_FLIGHT, id="other", name="Other", source="file:b.plan", notes=("A note.",))
    commented = _moved(renamed, 1, objective="look", source="items[3]", alt_frame=AltitudeFrame.AMSL)
    other_request = _with(flight="other", max_tiles=77_777, dry_run=True, lock_timeout_s=9.0, zooms=(16, 15))
    attributed = (
        "xyz",
        msgspec.structs.replace(_ORTHOPHOTO[1], attribution="© Somebody", version="2", notes=("A note.",)),
    )
    assert _plan(commented, other_request, (attributed,)).content_key == _plan().content_key


def test_what_a_provider_notes_stands_in_the_plan_with_its_name() -> None:
    """Made harmless, and never more of it than can be read."""
    noted = msgspec.structs.replace(_ORTHOPHOTO[1], notes=("Its \x1b bounds are wrong.", *map(str, range(90_000))))
    first, *more = _plan(providers=(("xyz", noted),)).notes
    assert first == "xyz: Its \\x1b bounds are wrong."
    assert len(more) < 50


def test_case_138_the_order_of_keys_in_the_payload_does_not_change_the_content_key() -> None:
    """A flight decoded from JSON with its keys in another order, and whole numbers without a point, is the same."""
    payload = json.loads(msgspec.json.encode(_FLIGHT))
    turned = json.dumps({key: payload[key] for key in reversed(payload)}).replace("48.0,", "48,")
    assert '"lat_deg": 48,' in turned
    assert _plan(msgspec.json.decode(turned, type=Flight)).content_key == _plan().content_key
    whole = _moved(_FLIGHT, 0, lat_deg=48, lon_deg=11, alt_m=120)
    assert _plan(whole, _with(area=AreaRequest(metres=500))).content_key == _plan().content_key


@pytest.mark.parametrize(
    "flight",
    [
        _moved(_FLIGHT, 0, lat_deg=48.0 + _MM_DEG),
        _moved(_FLIGHT, 0, lon_deg=11.0 + _MM_DEG),
        _moved(_FLIGHT, 0, alt_m=120.001),
        _moved(_FLIGHT, 1, alt_m=120.001),
        _moved(_FLIGHT, 1, alt_m=None),
        _moved(_FLIGHT, 1, lat_deg=math.nextafter(48.01, 49.0)),
        flight_of((48.01, 11.02), (48.0, 11.0), alt_m=120.0),
    ],
    ids=["north", "east", "origin's altitude", "altitude", "no altitude", "last bit", "backwards"],
)
def test_a_millimetre_is_another_cache(flight: Flight) -> None:
    """A takeoff origin, waypoint or altitude that moved by 1 mm changes the content key and the flight's hash."""
    assert _plan(flight).content_key != _plan().content_key
    assert flight_sha256(flight) != flight_sha256(_FLIGHT)


@pytest.mark.parametrize(
    "request_", [_with(zooms=(15, 17)), _with(area=AreaRequest(metres=501.0)), _with(allow_gaps=1)]
)
def test_what_is_asked_for_is_part_of_the_content_key(request_: BuildCacheRequest) -> None:
    """Other zooms, another width and other gaps are another cache."""
    assert _plan(request=request_).content_key != _plan().content_key


def test_the_chain_is_part_of_the_content_key() -> None:
    """Another data set, and another order of the chain, are another cache."""
    second = ("mbtiles", ProviderInfo(dataset="sha256:1"))
    keys = {_plan(providers=chain).content_key for chain in [(_ORTHOPHOTO, second), (second, _ORTHOPHOTO), (second,)]}
    assert len(keys) == 3


def test_the_flights_hash_is_over_its_geometry() -> None:
    """Equal places give the equal hash, 64 hex digits, whatever the flight is called."""
    assert flight_sha256(msgspec.structs.replace(_FLIGHT, name="Other")) == flight_sha256(_FLIGHT)
    assert len(bytes.fromhex(flight_sha256(_FLIGHT))) == 32


def test_more_tiles_than_the_limit_are_refused() -> None:
    """The message gives the exact count and the limit, the hint the options; the limit itself is allowed."""
    count = _plan().coverage.count
    assert _plan(request=_with(max_tiles=count)).coverage.count == count
    refusal = _refusal(_with(max_tiles=count - 1))
    assert f"are {count} tiles; the limit is {count - 1}" in refusal.message
    assert all(option in refusal.hint for option in ("--zoom", "--corridor", f"--max-tiles {count}"))
    assert refusal.exit_code == 2


def test_a_zoom_that_no_provider_has_is_refused() -> None:
    """Each provider's zooms are named, and which of the asked ones are to be had."""
    coarse = ("mbtiles", ProviderInfo(dataset="d", min_zoom=5, max_zoom=16))
    refusal = _refusal(_with(zooms=(15, 16, 17, 18)), coarse)
    assert refusal.message == "no selected provider has zoom 17, 18: mbtiles has zooms 5 to 16"
    assert "--zoom 15,16" in refusal.hint
    assert "--zoom 14-16" in _refusal(_with(zooms=(14, 15, 16, 17)), coarse).hint
    nothing_of_it = _refusal(_with(zooms=(18, 19)), coarse)
    assert "--zoom 16," in nothing_of_it.hint
    assert _plan(request=_with(zooms=(15, 16, 17, 18)), providers=(coarse, _ORTHOPHOTO)).zooms == (15, 16, 17, 18)


@pytest.mark.parametrize(
    ("zooms", "message"),
    [((23,), "there is no zoom 23"), ((-1, 15, 25), "there is no zoom -1, 25")],
)
def test_zooms_that_do_not_exist_are_refused(zooms: tuple[int, ...], message: str) -> None:
    """Zooms that the scheme does not have are refused by name."""
    refusal = _refusal(_with(zooms=zooms), ("synthetic", ProviderInfo(dataset="d", min_zoom=-5, max_zoom=30)))
    assert refusal.message == message
    assert "--zoom" in refusal.hint


def test_no_provider_is_refused() -> None:
    """Without a provider there is nothing to plan for."""
    with pytest.raises(PlanError, match="no tile provider was selected"):
        make_plan(_FLIGHT, _REQUEST, ())


@pytest.mark.parametrize("metres", [math.nan, math.inf, -5.0, 1e9])
def test_a_width_that_makes_no_sense_is_refused(metres: float) -> None:
    """NaN, infinity, less than nothing and more than a continent are refused with the option to change."""
    assert "--corridor" in _refusal(_with(area=AreaRequest(metres=metres))).hint
    assert "--box" in _refusal(_with(area=AreaRequest(kind=AreaKind.BOX, metres=metres))).hint


@pytest.mark.parametrize("alt_m", [math.nan, math.inf, -math.inf])
def test_an_altitude_that_is_not_a_number_is_refused(alt_m: float) -> None:
    """JSON would write it as null, and the content key would take it for an altitude that was not given."""
    with pytest.raises(PlanError, match=r"waypoint 1 \(latitude 48.01, longitude 11.02\) has no finite altitude"):
        _plan(_moved(_FLIGHT, 1, alt_m=alt_m))


@pytest.mark.parametrize("changes", [{"lat_deg": math.nan}, {"lon_deg": math.nan}, {"lat_deg": 91.0}])
def test_a_place_that_is_none_is_refused(changes: dict[str, float]) -> None:
    """Should a flight source let it through, the plan names the waypoint."""
    with pytest.raises(PlanError, match=r"waypoint 1 .* is not a place on the earth"):
        _plan(_moved(_FLIGHT, 1, **changes))


def test_a_flight_without_waypoints_is_refused() -> None:
    """A flight source promises at least one waypoint; without, there is no route."""
    with pytest.raises(NoRouteError):
        _plan(msgspec.structs.replace(_FLIGHT, waypoints=()))


def test_a_flight_along_the_antimeridian_is_planned() -> None:
    """A leg across 180° needs about the tiles that the same leg elsewhere needs, and bounds that cross it."""
    across = _plan(flight_of((48.0, 179.99), (48.01, -179.99)))
    elsewhere = _plan(flight_of((48.0, 9.99), (48.01, 10.01)))
    assert abs(across.coverage.count - elsewhere.coverage.count) <= 4
    west, _, east, _ = across.coverage.bounds_deg
    assert west > 179.0 > -179.0 > east


_TEN_MILLION = """
import time
from operator_tool.api import AreaKind, AreaRequest, BuildCacheRequest, ProviderInfo
from operator_tool.build_cache.plan import make_plan
from tests.core.geo.flights import diagonal, flight_of, zigzag

flights = {"corridor": lambda: zigzag(11_500, 2_000.0), "box": lambda: flight_of((48.0, 11.0), (49.3, 12.8))}
request = BuildCacheRequest(flight="f", area=AreaRequest(kind=AreaKind("KIND")), zooms=(15, 16, 17, 18, 19),
                            max_tiles=20_000_000)
plan = make_plan(flights["KIND"](), request, [("xyz", ProviderInfo(dataset="d"))])
seen = sum(one.count for one in plan.coverage.ranges())
assert seen == plan.coverage.count, (seen, plan.coverage.count)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(plan.coverage.count, int(peak.split()[1]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read from /proc")
@pytest.mark.parametrize("kind", [kind.value for kind in AreaKind])
def test_ten_million_tiles_take_far_less_than_100_mb(kind: str) -> None:
    """A process that plans ten million tiles, and walks through all ranges, holds at most 60 MB, Python included."""
    ended = subprocess.run(
        [sys.executable, "-c", _TEN_MILLION.replace("KIND", kind)],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    tiles, peak_bytes = map(int, ended.stdout.split())
    assert tiles > 10_000_000
    assert peak_bytes < 60_000_000


def test_a_flight_of_fifty_kilometres_is_a_small_plan() -> None:
    """A 1 km wide corridor of 50 km at zooms 15 to 19 is under 30,000 tiles, each zoom about four times the last."""
    by_zoom = _plan(diagonal(50_000.0), _with(zooms=(15, 16, 17, 18, 19))).coverage.count_by_zoom
    assert sum(by_zoom.values()) < 30_000
    assert all(2.5 < by_zoom[z + 1] / by_zoom[z] < 4.0 for z in (15, 16, 17, 18))


def test_waypoints_keep_their_order_in_the_inputs() -> None:
    """The inputs' route is the waypoints' in order, altitudes that are not given as none."""
    waypoints = tuple(Waypoint(ordinal=n, lat_deg=48.0 + n / 1000.0, lon_deg=11.0) for n in range(3))
    flight = msgspec.structs.replace(_FLIGHT, waypoints=waypoints)
    assert _plan(flight).inputs.route == tuple((48.0 + n / 1000.0, 11.0, None) for n in range(3))


def test_what_no_manifest_has_room_for_is_refused_at_once() -> None:
    """Before the tiles of it are counted: with how many waypoints and corners it has, and what to do."""
    ring = tuple((49.0 + number / 1e7, 11.123456789) for number in range(500_000))
    area = AreaRequest(polygons=(GroundPolygon(outer=ring),))
    refusal = _refusal(_with(area=area))
    assert "500,000 corners" in refusal.message
    assert "--area" in refusal.hint
