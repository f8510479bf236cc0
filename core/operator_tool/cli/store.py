"""``operator-tool store``: the workstation's tile stores."""

from __future__ import annotations

import click

from .lazy_group import LazyGroup

COMMANDS = {
    "info": ("operator_tool.cli.store_info:command", "What each store holds, and how much room it takes."),
    "verify": ("operator_tool.cli.store_verify:command", "Read every byte; forget what is damaged."),
    "prune": ("operator_tool.cli.store_prune:command", "Drop old tiles, and give the disk its room back."),
    "export": ("operator_tool.cli.store_export:command", "Write a store's tiles as an MBTiles file."),
}
"""Each subcommand: where it is, and its line in the help."""


@click.group("store", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look after the tiles that were downloaded to this workstation."""
