"""``operator-tool cameras``: the cameras that zooms can be told from."""

from __future__ import annotations

import click

from .lazy_group import LazyGroup

COMMANDS = {
    "list": ("operator_tool.cli.cameras_list:command", "The cameras by name, your own ones first."),
}
"""Each command: where it is, and its line in the help."""


@click.group("cameras", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """The cameras that --camera takes: common ones, and your own of the configuration file."""
