"""``operator-tool plugins``: what is installed, from whom, in which state."""

from __future__ import annotations

import click

from .lazy_group import LazyGroup

COMMANDS = {
    "list": ("operator_tool.cli.plugins_list:command", "Every installed plugin; imports none of them."),
    "info": ("operator_tool.cli.plugins_info:command", "One plugin: whose it is, and its settings."),
    "check": ("operator_tool.cli.plugins_check:command", "Import and register each plugin, and say how it went."),
    "new": ("operator_tool.cli.plugins_new:command", "The project of a plugin of your own, with its tests."),
}
"""Each subcommand: where it is, and its line in the help."""


@click.group("plugins", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look at the installed plugins, or begin one of your own."""
