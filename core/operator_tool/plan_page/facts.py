"""What the picture says in words: the flight, its ground, its tiles and what they will take, and who gives them.

Text that comes from outside is made harmless to read here, once: controls are escaped, secrets covered. It is not yet
markup.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from operator_tool.api.escaping import escape_controls
from operator_tool.build_cache.estimate import Estimate
from operator_tool.build_cache.plan import CachePlan
from operator_tool.redaction import REDACTOR

from .scene import Scene

_LONGEST = 400
_LOUD = "SYNTHETIC imagery: made up, not the real ground. Don't navigate by it."


class ZoomRow(msgspec.Struct, frozen=True, kw_only=True):
    """One zoom's line of the table; the last one, of all zooms, has no zoom."""

    zoom: int | None
    wanted: int
    held: int
    nowhere: int
    size: str
    """The bytes to fetch, as a range; empty where nothing is known."""

    @property
    def missing(self) -> int:
        """How many tiles are to be fetched."""
        return self.wanted - self.held


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is said beside the picture."""

    title: str
    loud: str
    """What must not be overlooked; empty where there is nothing."""
    rows: tuple[tuple[str, str], ...]
    zooms: tuple[ZoomRow, ...]
    providers: tuple[tuple[str, ...], ...]
    """Of each provider of the chain, in the order in which they are asked: what it is, piece by piece."""
    notes: tuple[str, ...]


def facts_of(plan: CachePlan, estimate: Estimate, scene: Scene) -> Facts:
    """Return the facts of a plan whose scene was drawn."""
    flight, origin = plan.flight, plan.flight.takeoff_origin
    west, south, east, north = plan.coverage.bounds_deg
    rows = [
        ("flight", f"{flight.name} ({flight.id})" if flight.id != flight.name else flight.name),
        ("source", f"{flight.source}{f', {flight.format}' if flight.format else ''}"),
        ("route", f"{len(flight.waypoints):,} waypoints, {length_text(plan.route.length_m)}"),
        ("takeoff", f"{origin.lat_deg!r}, {origin.lon_deg!r}"),
    ]
    if flight.home is not None:
        returns = "; the flight returns there" if flight.returns_home else ""
        rows.append(("home", f"{flight.home.lat_deg!r}, {flight.home.lon_deg!r}{returns}"))
    rows += [
        ("ground", _ground(plan)),
        ("bounds", f"{west:.5f}, {south:.5f} to {east:.5f}, {north:.5f} (west, south to east, north)"),
        ("zooms", _zooms(plan.zooms)),
        ("to fetch", _to_fetch(estimate)),
        ("key", plan.content_key),
    ]
    synthetic = any(info.synthetic for _, info in plan.providers)
    return Facts(
        title=shown(flight.name or flight.id, 120),
        loud=_LOUD if synthetic else "",
        rows=tuple((name, shown(text)) for name, text in rows),
        zooms=_zoom_rows(estimate, scene),
        providers=tuple(_provider(name, plan) for name in range(len(plan.providers))),
        notes=tuple(shown(note) for note in _notes(plan, estimate, scene)),
    )


def shown(text: str, limit: int = _LONGEST) -> str:
    """Return a text from outside as it may be shown: no secret, no control, not endless."""
    return escape_controls(REDACTOR.text(text), limit=limit)


def length_text(metres: float) -> str:
    """Return a length as one reads it."""
    return f"{metres / 1000:,.2f} km" if metres >= 1000 else f"{metres:,.0f} m"


def size_text(low: int, high: int) -> str:
    """Return a range of bytes as one reads it."""
    if high == 0:
        return "nothing"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if high >= size:
            return f"{low / size:,.1f} to {high / size:,.1f} {unit}"
    return f"{low} to {high} bytes"


def duration_text(seconds: float) -> str:
    """Return a time as one reads it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _ground(plan: CachePlan) -> str:
    metres = f"{plan.area.metres:g} m"
    parts = [
        f"corridor, {metres} to either side of the route"
        if plan.area.kind == "corridor"
        else f"box around the route and {metres} more on each side"
    ]
    if plan.area.footprint_m:
        parts.append(f"{plan.area.footprint_m:g} m more for what the camera sees")
    areas = len(plan.flight.areas)
    if areas:
        parts.append(f"{areas} {'area' if areas == 1 else 'areas'} of the flight")
    if plan.area.polygons:
        parts.append(f"{len(plan.area.polygons)} more that were asked for")
    return "; ".join(parts)


def _zooms(zooms: Sequence[int]) -> str:
    if len(zooms) > 2 and zooms[-1] - zooms[0] == len(zooms) - 1:
        return f"{zooms[0]} to {zooms[-1]}"
    return ", ".join(map(str, zooms))


def _to_fetch(estimate: Estimate) -> str:
    missing = estimate.tiles - estimate.held
    parts = [f"{missing:,} of {estimate.tiles:,} tiles"]
    if estimate.bytes_to_fetch is not None:
        parts.append(size_text(*estimate.bytes_to_fetch))
    if estimate.seconds is not None and missing:
        fast, slow = estimate.seconds
        parts.append(f"{duration_text(fast)} to {duration_text(slow)}")
    if estimate.sampled and missing:
        parts.append(f"told from {estimate.sampled} tiles")
    elif missing:
        parts.append("bytes and time are not known: no tile was asked for")
    return ", ".join(parts)


def _zoom_rows(estimate: Estimate, scene: Scene) -> tuple[ZoomRow, ...]:
    sizes = {one.zoom: one.bytes_to_fetch for one in estimate.by_zoom}
    rows = [
        ZoomRow(
            zoom=layers.count.zoom,
            wanted=layers.count.wanted,
            held=layers.count.held,
            nowhere=layers.count.nowhere,
            size=_size(sizes.get(layers.count.zoom)),
        )
        for layers in scene.layers
    ]
    return (
        *rows,
        ZoomRow(
            zoom=None,
            wanted=sum(row.wanted for row in rows),
            held=sum(row.held for row in rows),
            nowhere=sum(row.nowhere for row in rows),
            size=_size(estimate.bytes_to_fetch),
        ),
    )


def _size(known: tuple[int, int] | None) -> str:
    return "" if known is None else size_text(*known)


def _provider(number: int, plan: CachePlan) -> tuple[str, ...]:
    name, info = plan.providers[number]
    pieces = [
        f"{name}: {info.dataset}",
        "SYNTHETIC" if info.synthetic else "",
        info.attribution,
        f"version {info.version}" if info.version else "",
        f"zooms {info.min_zoom} to {info.max_zoom}",
    ]
    return tuple(shown(piece) for piece in pieces if piece)


def _notes(plan: CachePlan, estimate: Estimate, scene: Scene) -> list[str]:
    notes = []
    nowhere = sum(layers.count.nowhere for layers in scene.layers)
    if nowhere:
        notes.append(f"{nowhere:,} tiles lie where no provider of the chain has imagery: they will be gaps")
    if estimate.lacking:
        notes.append(f"{estimate.lacking:,} sample tiles were asked for, and no provider gave them")
    if estimate.problem:
        notes.append(f"the estimate is poor: {estimate.problem}")
    if scene.outside:
        notes.append(f"too far off to be in the picture: {', '.join(scene.outside)}")
    notes += plan.flight.notes
    return notes
