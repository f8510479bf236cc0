"""``operator-tool flights show``: what was understood of a flight, and what was left out and why."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import click

from . import completing
from .options import FLIGHT_FORMATS, ToolOptions, tool_options

if TYPE_CHECKING:
    from operator_tool.api.flight import Flight


@click.command("show")
@click.argument("file", required=False, shell_complete=completing.files)
@click.option("--flight-id", metavar="ID", help="A flight of the flights service, in place of a file.")
@click.option(
    "--flight-source",
    metavar="NAME",
    shell_complete=completing.plugins("flight_source"),
    help="The plugin that resolves the flight.",
)
@click.option(
    "--flight-format",
    type=click.Choice(FLIGHT_FORMATS),
    metavar="NAME",
    help="What the file is read as.  [default: by its content]",
)
@click.option("--all", "whole", is_flag=True, help="Every waypoint, and not the first and the last few.")
@tool_options
def command(
    *,
    file: str | None,
    flight_id: str | None,
    flight_source: str | None,
    flight_format: str | None,
    whole: bool,
    **given: Any,
) -> int:
    """Show what is understood of a mission FILE: route, altitudes, areas, home, fences, and what was left out and why.

    Plans nothing and writes nothing. Exit codes: 90 to 95 when there is no flight in it, as for the other commands.
    """
    from operator_tool.api.errors import UsageError
    from operator_tool.build_cache.plausibility import findings_of

    from .flight_lines import document_of, lines_of
    from .store_options import show

    if (file is None) == (flight_id is None):
        seen = "both were given" if file is not None else "none was given"
        raise UsageError(f"a flight is a FILE, or that of --flight-id: {seen}", hint="Give exactly one.")
    if flight_format is not None and (file is None or flight_source not in (None, "file")):
        raise UsageError("--flight-format says how a file is read, and the flight source file alone reads files")
    options = ToolOptions(**given)
    more = [] if flight_format is None else [f"file.format={flight_format}"]
    flight = _resolve(options, flight_source or ("file" if flight_id is None else "api"), file or flight_id or "", more)
    findings = findings_of(flight)
    show(document_of(flight, findings), lines_of(flight, findings, whole=whole), as_json=options.as_json)
    return 0


def _resolve(options: ToolOptions, source: str, reference: str, more_settings: list[str]) -> Flight:
    """Return the flight from the plugin of that name, checked as for any run."""
    from operator_tool import __version__
    from operator_tool.api.context import RunContext
    from operator_tool.api.events import Notice
    from operator_tool.build_cache.resolve import resolve_flight
    from operator_tool.plugin_host.host import PluginHost

    from .assembly import open_tool

    tool = open_tool(options, more_settings)
    run_id = uuid.uuid4().hex[:16]

    def context_for(plugin: str) -> RunContext:
        return RunContext(
            run_id=run_id,
            state_dir=tool.places.plugin_state_dir(plugin),
            user_agent=f"operator-tool/{__version__}",
            emit=host.emit,
            trust_dir=tool.places.trust_dir,
        )

    host = PluginHost(tool.discovery, tool.sources, context_for)
    try:
        host.start_listeners(tool.sources.core().listeners)
        made = host.flight_source(source)
        for notice in tool.sources.notices:
            host.emit(Notice(text=notice))
        return resolve_flight(made, reference, limit_s=tool.sources.core().plugin_answer_s)
    finally:
        host.stop_listeners()
