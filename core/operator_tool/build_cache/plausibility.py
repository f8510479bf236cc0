"""What makes a flight hard to believe: swapped coordinates, a point at 0, 0, a jump, a survey on another continent.

Nothing here knows a format: it looks at the flight as it was understood. What is only odd is a warning; what can hardly
be meant is severe, and stops a plan unless ``--accept-implausible`` is given.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.errors import ImplausibleFlightError
from operator_tool.api.flight import AltitudeFrame, Flight, GroundPolygon, Place, Waypoint
from operator_tool.api.tiles import ProviderInfo
from operator_tool.geo.route import place_name

from .fence_check import broken_fences
from .swapped import FAR_M, Swapped, distance_m, looks_swapped, place_of, swapped_waypoints

JUMP_M = 5_000_000.0
LONG_LEG_M = 500_000.0
ELSEWHERE_M = 1_000_000.0
FAR_HOME_M = 20_000.0
LOWEST_M, HIGHEST_M = -500.0, 20_000.0
_ZERO_DEG = 0.001


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a flight that is hard to believe."""

    text: str
    severe: bool = False
    """It can hardly be meant: no plan is made unless it is accepted."""
    waypoint: int | None = None
    """The ordinal of the waypoint that it is about, where it is about one."""


class _Anchor(msgspec.Struct, frozen=True):
    """Something besides the waypoints that has a place."""

    name: str
    places: tuple[Place, ...]
    is_home: bool = False


def findings_of(flight: Flight, polygons: Sequence[GroundPolygon] = ()) -> tuple[Finding, ...]:
    """Return what is hard to believe of a flight, and of the polygons that were asked for with it."""
    positioned = [waypoint for waypoint in flight.waypoints if _is_placed(waypoint) and not _is_zero(waypoint)]
    swapped = swapped_waypoints(positioned, flight.home)
    suspects = {one.waypoint.ordinal for one in swapped}
    sound = [waypoint for waypoint in positioned if waypoint.ordinal not in suspects]
    found = [*_at_zero(flight, positioned), *_swapped(swapped), *_long_legs(sound)]
    if sound:
        found += _elsewhere(flight, sound, polygons)
    found += [*_altitudes(flight), *_below_home(flight)]
    found += [Finding(text=text, waypoint=ordinal) for text, ordinal in broken_fences(flight)]
    return tuple(found)


def check_plausible(
    flight: Flight, request: BuildCacheRequest, providers: Sequence[tuple[str, ProviderInfo]]
) -> tuple[Finding, ...]:
    """Return the findings, those that were accepted among them. Raises ``ImplausibleFlightError`` for a severe one that
    was not: the message names its waypoint, and where that stands in the file."""
    found = (*findings_of(flight, request.area.polygons), *_outside_of_providers(flight, providers))
    severe = [finding for finding in found if finding.severe]
    if severe and not request.accept_implausible:
        more = f"; and {len(severe) - 1} more that can hardly be meant" if len(severe) > 1 else ""
        raise ImplausibleFlightError(f"{flight.source}: {severe[0].text}{more}")
    return found


def named(waypoint: Waypoint) -> str:
    """Return the words for a waypoint: its number, its place, and where it stands in the file."""
    name = place_name(waypoint)
    return f"{name[:-1]}; {waypoint.source})" if waypoint.source else name


def _at_zero(flight: Flight, positioned: Sequence[Waypoint]) -> Iterator[Finding]:
    at_zero = [waypoint for waypoint in flight.waypoints if _is_zero(waypoint)]
    if not at_zero:
        return
    nearest_m = min((distance_m((0.0, 0.0), place_of(one)) for one in positioned), default=None)
    if nearest_m is not None and nearest_m <= FAR_M:
        return
    where = "in the sea off Africa" if nearest_m is None else f"{_km(nearest_m)} from the nearest of the others"
    yield Finding(
        text=f"{named(at_zero[0])}{_and_more(len(at_zero))} lies at 0, 0, {where}",
        severe=True,
        waypoint=at_zero[0].ordinal,
    )


def _swapped(swapped: Sequence[Swapped]) -> Iterator[Finding]:
    for severe in (True, False):
        these = [one for one in swapped if (one.as_it_is_m >= FAR_M) is severe]
        if these:
            one = these[0]
            of_which = f", or those of waypoint {one.neighbour.ordinal}," if one.either else ""
            yield Finding(
                text=f"{named(one.waypoint)}{_and_more(len(these))}: latitude and longitude{of_which} look swapped: as "
                f"it stands it lies {_km(one.as_it_is_m)} from waypoint {one.neighbour.ordinal}, swapped "
                f"{_km(one.swapped_m)}",
                severe=severe,
                waypoint=one.waypoint.ordinal,
            )


def _long_legs(waypoints: Sequence[Waypoint]) -> Iterator[Finding]:
    legs = [
        (length_m, before, here)
        for before, here in itertools.pairwise(waypoints)
        if (length_m := _at_least_m(before, here)) > LONG_LEG_M
    ]
    for severe in (True, False):
        these = [leg for leg in legs if (leg[0] > JUMP_M) is severe]
        if these:
            length_m, before, here = these[0]
            others = "1 more leg is" if len(these) == 2 else f"{len(these) - 1:,} more legs are"
            many = "" if len(these) == 1 else f"; {others} longer than {_km(JUMP_M if severe else LONG_LEG_M)}"
            yield Finding(
                text=f"the leg from {named(before)} to {named(here)} is {_km(length_m)} long{many}",
                severe=severe,
                waypoint=here.ordinal,
            )


def _at_least_m(before: Waypoint, here: Waypoint) -> float:
    """Return a leg's length, or 0 where it is short without a doubt."""
    if abs(before.lat_deg - here.lat_deg) + abs(before.lon_deg - here.lon_deg) < LONG_LEG_M / 120_000.0:
        return 0.0
    return distance_m(place_of(before), place_of(here))


def _elsewhere(flight: Flight, waypoints: Sequence[Waypoint], polygons: Sequence[GroundPolygon]) -> Iterator[Finding]:
    """Yield what of home, areas, fences and rally points lies far from the route, or swapped to it."""
    first = place_of(waypoints[0])
    route_reach_m = max(distance_m(first, place_of(one)) for one in waypoints)
    for anchor in _anchors(flight, polygons):
        here = anchor.places[0]
        apart_m = distance_m(first, here)
        if looks_swapped(first, here):
            yield Finding(
                text=f"{anchor.name} lies {_km(apart_m)} from {named(waypoints[0])}: latitude and longitude of one of "
                "the two look swapped",
                severe=True,
                waypoint=waypoints[0].ordinal,
            )
            continue
        # Circles about the first of each hold all of them: what is between these is between the two at least.
        between_m = apart_m - route_reach_m - max(distance_m(here, one) for one in anchor.places)
        if between_m > ELSEWHERE_M and not anchor.is_home:
            yield Finding(text=f"{anchor.name} lies {_km(between_m)} or more from the route", severe=True)
        elif anchor.is_home and apart_m > FAR_HOME_M:
            yield Finding(text=f"{anchor.name} lies {_km(apart_m)} from {named(waypoints[0])}, the first one")


def _anchors(flight: Flight, polygons: Sequence[GroundPolygon]) -> Iterator[_Anchor]:
    home = flight.home
    if home is not None:
        yield _Anchor(
            f"home (latitude {home.lat_deg}, longitude {home.lon_deg})", ((home.lat_deg, home.lon_deg),), True
        )
    for what, areas in (("area", flight.areas), ("asked area", polygons)):
        for number, area in enumerate(areas):
            yield _Anchor(f"{what} {number}{_in(area.source)}", area.outer)
    for number, fence in enumerate(flight.fences):
        places = fence.polygon if fence.center is None else (fence.center,)
        yield _Anchor(f"fence {number}{_in(fence.source)}", places)
    for number, rally in enumerate(flight.rally_points):
        yield _Anchor(f"rally point {number}", ((rally.lat_deg, rally.lon_deg),))


def _altitudes(flight: Flight) -> Iterator[Finding]:
    odd = [one for one in flight.waypoints if one.alt_m is not None and not LOWEST_M <= one.alt_m <= HIGHEST_M]
    if odd:
        yield Finding(
            text=f"{named(odd[0])}{_and_more(len(odd))} has an altitude of {odd[0].alt_m:,.0f} m",
            waypoint=odd[0].ordinal,
        )


def _below_home(flight: Flight) -> Iterator[Finding]:
    """Yield that altitudes above the sea are hardly meant so: all lie at or below the ground at home."""
    if flight.home is None or not flight.home.amsl_m:
        return
    heights_m = [one.alt_m for one in flight.waypoints if one.alt_m is not None and one.alt_frame is AltitudeFrame.AMSL]
    if heights_m and max(heights_m) <= flight.home.amsl_m:
        yield Finding(
            text=f"the altitudes above mean sea level, up to {max(heights_m):g} m, lie at or below the ground at home, "
            f"{flight.home.amsl_m:g} m: they may be meant above the takeoff point"
        )


def _outside_of_providers(flight: Flight, providers: Sequence[tuple[str, ProviderInfo]]) -> Iterator[Finding]:
    """Yield that the route is swapped, where that alone would bring it to the ground that the providers have."""
    bounds = [info.bounds_deg for _, info in providers if info.bounds_deg is not None]
    if not bounds or len(bounds) < len(providers):
        return
    if any(_within(place_of(one), box) for one in flight.waypoints for box in bounds):
        return
    if all(any(_within((one.lon_deg, one.lat_deg), box) for box in bounds) for one in flight.waypoints):
        names = " and ".join(name for name, _ in providers)
        yield Finding(
            text=f"the route lies outside of the ground of {names}, and inside of it with latitude and longitude "
            f"swapped: {named(flight.waypoints[0])}",
            severe=True,
            waypoint=0,
        )


def _within(place: Place, bounds_deg: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds_deg
    lat_deg, lon_deg = place
    across = west <= lon_deg <= east if west <= east else lon_deg >= west or lon_deg <= east
    return across and south <= lat_deg <= north


def _is_placed(waypoint: Waypoint) -> bool:
    return math.isfinite(waypoint.lat_deg) and math.isfinite(waypoint.lon_deg)


def _is_zero(waypoint: Waypoint) -> bool:
    return abs(waypoint.lat_deg) < _ZERO_DEG and abs(waypoint.lon_deg) < _ZERO_DEG


def _in(source: str | None) -> str:
    return f" ({source})" if source else ""


def _and_more(number: int) -> str:
    return "" if number == 1 else f" (and {number - 1:,} more)"


def _km(metres: float) -> str:
    return f"{metres / 1000:,.0f} km" if metres >= 10_000.0 else f"{metres / 1000:.1f} km"
