"""A plan as a person reads it before take-off, and as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api.flight import Camera, Flight
from operator_tool.api.order import AreaKind
from operator_tool.build_cache.estimate import Estimate
from operator_tool.build_cache.plan import CachePlan
from operator_tool.build_cache.zooms import ZoomsFrom


def document_of(plan: CachePlan, estimate: Estimate) -> dict[str, object]:
    """Return the plan, and what it is told from, as JSON has it."""
    heights_m = plan.heights_m
    return {
        "flight": msgspec.to_builtins(plan.flight),
        "takeoff_origin": msgspec.to_builtins(plan.flight.takeoff_origin),
        "route_m": plan.route.length_m,
        "area": msgspec.to_builtins(plan.area),
        "bounds_deg": list(plan.coverage.bounds_deg),
        "zooms": list(plan.zooms),
        "zooms_from": plan.zooms_from.value,
        "zooms_reason": plan.zooms_reason,
        "camera": msgspec.to_builtins(plan.camera),
        "heights_m": None if heights_m is None else list(heights_m),
        "tiles": {"count": plan.coverage.count, "by_zoom": {str(z): n for z, n in plan.coverage.count_by_zoom.items()}},
        "providers": [{"name": name, **msgspec.to_builtins(info)} for name, info in plan.providers],
        "estimate": msgspec.to_builtins(estimate),
        "findings": msgspec.to_builtins(plan.findings),
        "notes": list(plan.notes),
        "content_key": plan.content_key,
    }


def lines_of(plan: CachePlan, estimate: Estimate) -> Iterator[str]:
    """Yield the lines, not yet made harmless to show."""
    for name, text in _rows(plan, estimate):
        yield f"{name:<10} {text}"


def _rows(plan: CachePlan, estimate: Estimate) -> Iterator[tuple[str, str]]:
    flight, origin = plan.flight, plan.flight.takeoff_origin
    west, south, east, north = plan.coverage.bounds_deg
    how = f", {flight.format}" if flight.format else ""
    length = f"{plan.route.length_m / 1000:,.2f} km"
    yield "flight", f"{flight.name} ({flight.source}{how}), {_counted(len(flight.waypoints), 'waypoint')}, {length}"
    yield "takeoff", f"{origin.lat_deg!r}, {origin.lon_deg!r}"
    if flight.home is not None or flight.returns_home:
        yield "home", _home(flight, legs=plan.area.home_legs)
    for number, text in enumerate(_area(plan)):
        yield "" if number else "area", text
    yield "bounds", f"{west:.6f}, {south:.6f} to {east:.6f}, {north:.6f} (west, south to east, north)"
    if plan.camera is not None and plan.zooms_from is not ZoomsFrom.CAMERA:
        yield "camera", _camera(plan.camera, plan.heights_m)
    yield "zooms", f"{_zooms(plan.zooms)}: {plan.zooms_reason}"
    for one in estimate.by_zoom:
        yield f"zoom {one.zoom:2}", _tiles(one.tiles, one.held)
    yield "all", _tiles(estimate.tiles, estimate.held)
    yield from _estimate_rows(estimate)
    for name, info in plan.providers:
        synthetic = "  SYNTHETIC, not the real ground" if info.synthetic else ""
        yield "provider", f"{name}: {info.dataset}{synthetic}"
    for warning in plan.warnings:
        yield "warning", warning
    for note in (*flight.notes, *plan.notes):
        yield "note", note
    yield "key", plan.content_key


def _home(flight: Flight, *, legs: bool) -> str:
    home = flight.home
    where = "not given" if home is None else f"{home.lat_deg!r}, {home.lon_deg!r}"
    if not legs:
        return f"{where}; the ways from and to it are left out, as asked for"
    back = " and back" if flight.returns_home else ""
    return (
        f"{where}; the way to the first waypoint{back} belongs to the area"
        if home is not None
        else (f"{where}; the drone flies back to the first waypoint, and that way belongs to the area")
    )


def _area(plan: CachePlan) -> Iterator[str]:
    """Yield what the ground is made of, a line each."""
    asked, flight = plan.area, plan.flight
    sees = f" and {asked.footprint_m:g} m that the camera sees beyond it" if asked.footprint_m else ""
    of_what = {
        AreaKind.CORRIDOR: "to either side of the route",
        AreaKind.BOX: "around the box of all that is flown",
    }[asked.kind]
    yield f"{asked.kind}, {asked.metres:g} m {of_what}{sees}"
    radii_m = [one.loiter_radius_m for one in flight.waypoints if one.loiter_radius_m]
    if radii_m:
        yield f"around {_counted(len(radii_m), 'circle')} of up to {max(radii_m):g} m"
    if flight.areas:
        widest_m = max(area.margin_m for area in flight.areas)
        margin = f", with up to {widest_m:g} m around" if widest_m else ""
        yield f"{_counted(len(flight.areas), 'area')} that the flight covers{margin}"
    if asked.polygons:
        yield f"{_counted(len(asked.polygons), 'area')} besides, as drawn"
    inclusion = sum(fence.inclusion for fence in flight.fences)
    if plan.ground.fence is not None:
        yield f"within {_counted(inclusion, 'inclusion fence')}"
    elif inclusion:
        yield f"not within the {_counted(inclusion, 'inclusion fence')}" + (
            "" if asked.within_fence else ", as asked for"
        )


def _camera(camera: Camera, heights_m: tuple[float, float] | None) -> str:
    if heights_m is None:
        return f"{camera.name}, at a height above the ground that is not known: what it sees is not counted with"
    low, high = (f"{height_m:.3g}" for height_m in heights_m)
    return f"{camera.name}, {low if low == high else f'{low} to {high}'} m above the ground"


def _zooms(zooms: tuple[int, ...]) -> str:
    if len(zooms) > 1 and zooms[-1] - zooms[0] == len(zooms) - 1:
        return f"{zooms[0]} to {zooms[-1]}"
    return ", ".join(map(str, zooms))


def _tiles(tiles: int, held: int) -> str:
    if not held:
        return f"{tiles:>11,} tiles"
    return f"{tiles:>11,} tiles, {held:,} of them held already, {max(tiles - held, 0):,} missing"


def _estimate_rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    if estimate.bytes_to_fetch is not None:
        low, high = estimate.bytes_to_fetch
        yield "download", f"{low / 1e6:,.1f} to {high / 1e6:,.1f} MB, told from {estimate.sampled} tiles"
    if estimate.seconds is not None:
        fast, slow = estimate.seconds
        yield "time", f"{_duration(fast)} to {_duration(slow)}, at the pace of these"
    if estimate.lacking:
        yield "lacking", f"{estimate.lacking} more tiles were asked for, and no provider gave them"
    if estimate.problem:
        yield "note", f"the estimate is poor: {estimate.problem}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
