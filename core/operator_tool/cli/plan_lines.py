"""A plan as a person reads it before take-off, and as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api.flight import Flight
from operator_tool.build_cache.estimate import Estimate, ZoomEstimate
from operator_tool.build_cache.gap_verdict import unjudged_words
from operator_tool.build_cache.plan import CachePlan
from operator_tool.build_cache.plan_words import (
    camera_words,
    counted,
    duration_words,
    ground_words,
    refused_words,
    sector_words,
    zooms_words,
)
from operator_tool.build_cache.zooms import ZoomsFrom

_SHOWN = 5
"""Of the samples that the download would lack, so many have a line."""


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
        "sectors": [{"name": one.name, "kind": str(one.kind)} for one in plan.sectors],
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
    yield "flight", f"{flight.name} ({flight.source}{how}), {counted(len(flight.waypoints), 'waypoint')}, {length}"
    yield "takeoff", f"{origin.lat_deg!r}, {origin.lon_deg!r}"
    if flight.home is not None or flight.returns_home:
        yield "home", _home(flight, legs=plan.area.home_legs)
    for number, text in enumerate(ground_words(plan)):
        yield "" if number else "area", text
    yield "bounds", f"{west:.6f}, {south:.6f} to {east:.6f}, {north:.6f} (west, south to east, north)"
    if plan.camera is not None and plan.zooms_from is not ZoomsFrom.CAMERA:
        yield "camera", camera_words(plan)
    yield "zooms", f"{zooms_words(plan.zooms)}: {plan.zooms_reason}"
    for one in estimate.by_zoom:
        yield f"zoom {one.zoom:2}", _tiles(one)
    yield "all", _tiles(estimate)
    yield from _estimate_rows(estimate)
    for name, info in plan.providers:
        synthetic = "  SYNTHETIC, not the real ground" if info.synthetic else ""
        yield "provider", f"{name}: {info.dataset}{synthetic}"
    for words in (*sector_words(plan), *unjudged_words(estimate.unjudged)):
        yield "sector", words
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


def _tiles(one: Estimate | ZoomEstimate) -> str:
    parts = [f"{one.tiles:>11,} tiles"]
    if one.held:
        parts.append(f"{one.held:,} of them held already")
    if one.nowhere:
        parts.append(f"{one.nowhere:,} that no provider has: they will be gaps")
    if one.held or one.nowhere:
        parts.append(f"{one.to_fetch:,} missing")
    return ", ".join(parts)


def _estimate_rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    if estimate.bytes_to_fetch is not None:
        low, high = estimate.bytes_to_fetch
        yield "download", f"{low / 1e6:,.1f} to {high / 1e6:,.1f} MB, told from {estimate.sampled} tiles"
    if estimate.seconds is not None:
        fast, slow = estimate.seconds
        yield "time", f"{duration_words(fast)} to {duration_words(slow)}, at the pace of these"
    if estimate.lacking:
        yield "lacking", f"{estimate.lacking} more tiles were asked for, and no provider gave them"
    for one in estimate.refused[:_SHOWN]:
        yield "problem", refused_words(one)
    if len(estimate.refused) > _SHOWN:
        yield "problem", f"and {len(estimate.refused) - _SHOWN} more; --json lists all"
    if estimate.problem:
        yield "note", f"the estimate is poor: {estimate.problem}"
