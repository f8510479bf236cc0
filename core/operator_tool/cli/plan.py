"""``operator-tool plan``: what a flight needs, in text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import RunOptions, flight_options, tool_options
from .plan_drawing import Drawing, drawing_options

if TYPE_CHECKING:
    from operator_tool.build_cache.estimate import Estimate
    from operator_tool.build_cache.plan import CachePlan


@click.command("plan")
@flight_options
@click.option(
    "--samples", type=click.IntRange(0, 100), metavar="N", help="Fetch so many tiles a zoom to estimate from.  [3]"
)
@drawing_options[0]
@drawing_options[1]
@tool_options
def command(samples: int | None, **given: Any) -> int:
    """Show what a flight needs: route, area, zooms, tiles, and about how many bytes and seconds. Writes nothing but the
    drawings that are asked for.

    The estimate is told from a few real tiles; with --samples 0, or the setting plan_samples, none is asked for.
    """
    from .assembly import open_run
    from .exits import say
    from .reporting import as_document

    drawing = Drawing(given)
    options = RunOptions(**given)
    with open_run(options, companion=False, writes=False) as run:
        plan = run.orchestrator.plan(run.request)
        number = run.plan_samples if samples is None else samples
        estimate = run.orchestrator.estimate(plan, samples_per_zoom=number)
        drawing.draw(plan, estimate, run.places.stores_dir)
    say(as_document(_document(plan, estimate)) if options.as_json else _text(plan, estimate))
    return 0


def _document(plan: CachePlan, estimate: Estimate) -> dict[str, object]:
    import msgspec

    return {
        "flight": msgspec.to_builtins(plan.flight),
        "takeoff_origin": msgspec.to_builtins(plan.flight.takeoff_origin),
        "area": msgspec.to_builtins(plan.area),
        "bounds_deg": list(plan.coverage.bounds_deg),
        "tiles": {"count": plan.coverage.count, "by_zoom": {str(z): n for z, n in plan.coverage.count_by_zoom.items()}},
        "providers": [{"name": name, **msgspec.to_builtins(info)} for name, info in plan.providers],
        "estimate": msgspec.to_builtins(estimate),
        "content_key": plan.content_key,
    }


def _text(plan: CachePlan, estimate: Estimate) -> str:
    flight, origin = plan.flight, plan.flight.takeoff_origin
    west, south, east, north = plan.coverage.bounds_deg
    what = {"corridor": "m to either side of the route", "box": "m around the route's box"}[plan.area.kind]
    length = f"{plan.route.length_m / 1000:.2f} km"
    lines = [
        f"flight     {flight.name} ({flight.source}), {len(flight.waypoints)} waypoints, {length}",
        f"takeoff    {origin.lat_deg!r}, {origin.lon_deg!r}",
        f"area       {plan.area.kind}, {plan.area.metres:g} {what}",
        f"bounds     {west:.6f}, {south:.6f} to {east:.6f}, {north:.6f} (west, south to east, north)",
        *(f"zoom {one.zoom:2}    {_tiles(one.tiles, one.held)}" for one in estimate.by_zoom),
        f"all        {_tiles(estimate.tiles, estimate.held)}",
        *_estimate_lines(estimate),
    ]
    for name, info in plan.providers:
        synthetic = "  SYNTHETIC, not the real ground" if info.synthetic else ""
        lines.append(f"provider   {name}: {info.dataset}{synthetic}")
    lines.append(f"key        {plan.content_key}")
    return "\n".join(lines)


def _tiles(tiles: int, held: int) -> str:
    return f"{tiles:>12,} tiles" + (f", {held:,} of them held already" if held else "")


def _estimate_lines(estimate: Estimate) -> list[str]:
    from operator_tool.api.escaping import escape_controls

    told = f"told from {estimate.sampled} tiles"
    lines = []
    if estimate.bytes_to_fetch is not None:
        low, high = estimate.bytes_to_fetch
        lines.append(f"download   {low / 1e6:,.1f} to {high / 1e6:,.1f} MB, {told}")
    if estimate.seconds is not None:
        fast, slow = estimate.seconds
        lines.append(f"time       {_duration(fast)} to {_duration(slow)}, at the pace of these")
    if estimate.lacking:
        lines.append(f"lacking    {estimate.lacking} more tiles were asked for, and no provider gave them")
    if estimate.problem:
        lines.append(f"note       the estimate is poor: {escape_controls(estimate.problem)}")
    return lines


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
