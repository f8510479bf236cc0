"""What the picture says in words: the flight, its ground, its tiles and what they will take, and who gives them.

Text that comes from outside is made harmless to read here, once: controls are escaped, secrets covered. It is not yet
markup.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api.escaping import escape_controls
from operator_tool.build_cache.estimate import Estimate
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
    warnings: tuple[str, ...]
    """What is hard to believe of the flight, and what will be missing in the end."""
    notes: tuple[str, ...]


def facts_of(plan: CachePlan, estimate: Estimate, scene: Scene) -> Facts:
    """Return the facts of a plan whose scene was drawn."""
    flight, origin = plan.flight, plan.flight.takeoff_origin
    west, south, east, north = plan.coverage.bounds_deg
    rows = [
        ("flight", f"{flight.name} ({flight.id})" if flight.id != flight.name else flight.name),
        ("source", f"{flight.source}{f', {flight.format}' if flight.format else ''}"),
        ("route", f"{counted(len(flight.waypoints), 'waypoint')}, {length_text(plan.route.length_m)}"),
        ("takeoff", f"{origin.lat_deg!r}, {origin.lon_deg!r}"),
    ]
    if flight.home is not None:
        returns = "; the flight returns there" if flight.returns_home else ""
        rows.append(("home", f"{flight.home.lat_deg!r}, {flight.home.lon_deg!r}{returns}"))
    rows += [
        ("ground", "; ".join(ground_words(plan))),
        ("bounds", f"{west:.5f}, {south:.5f} to {east:.5f}, {north:.5f} (west, south to east, north)"),
        ("zooms", f"{zooms_words(plan.zooms)}: {plan.zooms_reason}"),
        *([("camera", camera_words(plan))] if plan.camera is not None else []),
        *([("sectors", ", ".join(f"{one.name} ({one.kind})" for one in plan.sectors))] if plan.sectors else []),
        ("to fetch", _to_fetch(estimate)),
        ("key", plan.content_key),
    ]
    synthetic = any(info.synthetic for _, info in plan.providers)
    return Facts(
        title=shown(flight.name or flight.id, 120),
        loud=_LOUD if synthetic else "",
        rows=tuple((name, shown(text)) for name, text in rows),
        zooms=_zoom_rows(estimate, scene),
        providers=tuple(_provider(number, plan) for number in range(len(plan.providers))),
        warnings=tuple(map(shown, _warnings(plan, estimate, scene))),
        notes=tuple(map(shown, _notes(plan, estimate, scene))),
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


def _to_fetch(estimate: Estimate) -> str:
    missing = estimate.to_fetch
    parts = [f"{missing:,} of {estimate.tiles:,} tiles"]
    if estimate.bytes_to_fetch is not None:
        parts.append(size_text(*estimate.bytes_to_fetch))
    if estimate.seconds is not None and missing:
        fast, slow = estimate.seconds
        parts.append(f"{duration_words(fast)} to {duration_words(slow)}")
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


def _warnings(plan: CachePlan, estimate: Estimate, scene: Scene) -> Iterator[str]:
    yield from plan.warnings
    yield from (refused_words(one) for one in estimate.refused)
    nowhere = sum(layers.count.nowhere for layers in scene.layers)
    if nowhere:
        yield f"{nowhere:,} tiles are known to be missing from every provider of the chain: they will be gaps"


def _notes(plan: CachePlan, estimate: Estimate, scene: Scene) -> Iterator[str]:
    if estimate.lacking:
        yield f"{estimate.lacking:,} sample tiles were asked for, and no provider gave them"
    yield from sector_words(plan)
    yield from unjudged_words(estimate.unjudged)
    if estimate.problem:
        yield f"the estimate is poor: {estimate.problem}"
    if scene.outside:
        yield f"too far off to be in the picture: {', '.join(scene.outside)}"
    yield from plan.flight.notes
    yield from plan.notes
