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
    and has it build, verify and switch to the new cache. An interrupted run goes on where it was.
    """
    from .reporting import reported_run

    options = RunOptions(**given)
    return reported_run(options, lambda run: run.orchestrator.build_cache(run.request), companion=True)
