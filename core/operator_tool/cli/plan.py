"""``operator-tool plan``: what a flight needs, in text."""

from __future__ import annotations

from typing import Any

import click

from .options import RunOptions, flight_options, gaps_option, max_age_option, tool_options
from .plan_drawing import Drawing, drawing_options


@click.command("plan")
@flight_options
@click.option(
    "--samples", type=click.IntRange(0, 100), metavar="N", help="Fetch so many tiles a zoom to estimate from.  [3]"
)
@gaps_option
@max_age_option
@drawing_options[0]
@drawing_options[1]
@tool_options
def command(samples: int | None, **given: Any) -> int:
    """Show what a flight needs: route, area, zooms, tiles, and about how many bytes and seconds. Writes nothing but the
    drawings that are asked for.

    The estimate is told from a few real tiles; with --samples 0, or the setting plan_samples, none is asked for. Exit
    code 20 when more tiles are known to be missing than --allow-gaps permits: what the providers are known to lack, and
    samples that the download would refuse.
    """
    from operator_tool.build_cache.estimate import check_foreseen

    from .assembly import open_run
    from .plan_lines import document_of, lines_of
    from .store_options import show

    drawing = Drawing(given)
    options = RunOptions(**given)
    with open_run(options, companion=False, writes=False) as run:
        plan = run.orchestrator.plan(run.request)
        number = run.plan_samples if samples is None else samples
        estimate = run.orchestrator.estimate(plan, samples_per_zoom=number, max_age_s=options.max_age)
        drawing.draw(plan, estimate, run.places.stores_dir, options.max_age)
    show(document_of(plan, estimate), lines_of(plan, estimate), as_json=options.as_json)
    check_foreseen(plan, estimate)
    return 0
