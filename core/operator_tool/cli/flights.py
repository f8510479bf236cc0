"""``operator-tool flights``: what is understood of a flight before anything is planned."""

from __future__ import annotations

import click

from .lazy_group import LazyGroup

COMMANDS = {
    "show": ("operator_tool.cli.flights_show:command", "What a file or the service says, and what was left out."),
}
"""Each subcommand: where it is, and its line in the help."""


@click.group("flights", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look at a flight before anything is planned for it."""
