"""``operator-tool build-cache``: the main job."""

from __future__ import annotations

from typing import Any

import click

from .options import RunOptions, companion_options, download_options, flight_options, tool_options


@click.command("build-cache")
@flight_options
@download_options
@companion_options
@tool_options
def command(**given: Any) -> int:
    """Build the map cache of a flight on the drone's companion computer.

    Resolves the flight, works out which tiles it needs, gets them from the provider, sends what the companion lacks,
    and has it build, verify and switch to the new cache. An interrupted run goes on where it was. Several companions
    of the configuration are built at once, each with a report of its own; what fails on one stops no other.
    """
    from .reporting import reported_fleet, reported_run
    from .run_companions import is_for_several

    options = RunOptions(**given)
    if is_for_several(options):
        from .twins import with_twins_told

        return reported_fleet(options, lambda run: with_twins_told(run.orchestrator.build_caches(run.request)))
    return reported_run(options, lambda run: run.orchestrator.build_cache(run.request), companion=True)
