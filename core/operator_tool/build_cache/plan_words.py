"""A plan's ground, zooms and times in words, the same ones wherever a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from operator_tool.api.order import AreaKind
from operator_tool.sectors import SectorKind

from .lacked import Lacked
from .plan import CachePlan


def ground_words(plan: CachePlan) -> Iterator[str]:
    """Yield what the ground is made of, part by part."""
    asked, flight = plan.area, plan.flight
    of_what = {
        AreaKind.CORRIDOR: "to either side of the route",
        AreaKind.BOX: "around the box of all that is flown",
    }[asked.kind]
    sees = f" and {asked.footprint_m:g} m that the camera sees beyond it" if asked.footprint_m else ""
    yield f"{asked.kind}, {asked.metres:g} m {of_what}{sees}"
    radii_m = [one.loiter_radius_m for one in flight.waypoints if one.loiter_radius_m]
    if radii_m:
        yield f"around {counted(len(radii_m), 'circle')} of up to {max(radii_m):g} m"
    if flight.areas:
        widest_m = max(area.margin_m for area in flight.areas)
        margin = f", with up to {widest_m:g} m around" if widest_m else ""
        yield f"{counted(len(flight.areas), 'area')} that the flight covers{margin}"
    if asked.polygons:
        yield f"{counted(len(asked.polygons), 'area')} besides, as drawn"
    inclusion = sum(fence.inclusion for fence in flight.fences)
    if plan.ground.fence is not None:
        yield f"within {counted(inclusion, 'inclusion fence')}"
    elif inclusion:
        asked_for = "" if asked.within_fence else ", as asked for"
        yield f"not within the {counted(inclusion, 'inclusion fence')}{asked_for}"


def camera_words(plan: CachePlan) -> str:
    """Return the camera and its heights; empty where none is known."""
    if plan.camera is None:
        return ""
    if plan.heights_m is None:
        return f"{plan.camera.name}, at a height above the ground that is not known: what it sees is not counted with"
    low, high = (f"{height_m:.3g}" for height_m in plan.heights_m)
    return f"{plan.camera.name}, {low if low == high else f'{low} to {high}'} m above the ground"


def zooms_words(zooms: Sequence[int]) -> str:
    """Return ascending zooms, as a range where none is left out."""
    if len(zooms) > 1 and zooms[-1] - zooms[0] == len(zooms) - 1:
        return f"{zooms[0]} to {zooms[-1]}"
    return ", ".join(map(str, zooms))


def duration_words(seconds: float) -> str:
    """Return a time as one reads it."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def sector_words(plan: CachePlan) -> Iterator[str]:
    """Yield what the rule of each sector that the ground touches does."""
    rules = {
        SectorKind.ACTIVE_CONFLICT: "imagery older than 6 months is refused",
        SectorKind.STABLE_REAR: "imagery older than 12 months is kept, and counted as old",
    }
    for sector in plan.sectors:
        yield f"the sector {sector.name} is {sector.kind}: {rules[sector.kind]}"


def refused_words(one: Lacked) -> str:
    """Return why the download would not have a sample."""
    return f"the download would lack {one.z}/{one.x}/{one.y}: {str(one.cause).replace('_', ' ')}, {one.reason}"


def counted(number: int, noun: str) -> str:
    """Return a number of things as one reads it."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
