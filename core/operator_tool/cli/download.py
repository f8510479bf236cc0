"""``operator-tool download``: the workstation's half of the job."""

from __future__ import annotations

from typing import Any

import click

from .options import RunOptions, download_options, flight_options, tool_options


@click.command("download")
@flight_options
@download_options
@tool_options
def command(**given: Any) -> int:
    """Fill the workstation's tile store for a flight; no companion is needed.

    A later build-cache with the same provider sends from the store and downloads nothing that it holds.
    """
    from .reporting import reported_run

    options = RunOptions(**given)
    return reported_run(options, lambda run: run.orchestrator.download(run.request), companion=False)
