"""``operator-tool plan``: what a flight needs, in text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import RunOptions, flight_options, tool_options

if TYPE_CHECKING:
    from operator_tool.build_cache.plan import CachePlan


@click.command("plan")
@flight_options
@tool_options
def command(**given: Any) -> int:
    """Show what a flight needs: route, area, zooms and tiles. Writes nothing."""
    from .assembly import open_run
    from .exits import say
    from .reporting import as_document

    options = RunOptions(**given)
    with open_run(options, companion=False, writes=False) as run:
        plan = run.orchestrator.plan(run.request)
    say(as_document(_document(plan)) if options.as_json else _text(plan))
    return 0


def _document(plan: CachePlan) -> dict[str, object]:
    import msgspec

    return {
        "flight": msgspec.to_builtins(plan.flight),
        "takeoff_origin": msgspec.to_builtins(plan.flight.takeoff_origin),
        "area": msgspec.to_builtins(plan.area),
        "bounds_deg": list(plan.coverage.bounds_deg),
        "tiles": {"count": plan.coverage.count, "by_zoom": {str(z): n for z, n in plan.coverage.count_by_zoom.items()}},
        "providers": [{"name": name, **msgspec.to_builtins(info)} for name, info in plan.providers],
        "content_key": plan.content_key,
    }


def _text(plan: CachePlan) -> str:
    flight, origin = plan.flight, plan.flight.takeoff_origin
    west, south, east, north = plan.coverage.bounds_deg
    what = {"corridor": "m to either side of the route", "box": "m around the route's box"}[plan.area.kind]
    length = f"{plan.route.length_m / 1000:.2f} km"
    lines = [
        f"flight     {flight.name} ({flight.source}), {len(flight.waypoints)} waypoints, {length}",
        f"takeoff    {origin.lat_deg!r}, {origin.lon_deg!r}",
        f"area       {plan.area.kind}, {plan.area.metres:g} {what}",
        f"bounds     {west:.6f}, {south:.6f} to {east:.6f}, {north:.6f} (west, south to east, north)",
        *(f"zoom {zoom:2}    {count:>12,} tiles" for zoom, count in plan.coverage.count_by_zoom.items()),
        f"all        {plan.coverage.count:>12,} tiles",
    ]
    for name, info in plan.providers:
        synthetic = "  SYNTHETIC, not the real ground" if info.synthetic else ""
        lines.append(f"provider   {name}: {info.dataset}{synthetic}")
    lines.append(f"key        {plan.content_key}")
    return "\n".join(lines)
