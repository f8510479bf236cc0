"""``operator-tool companion``: the drone's companion computers."""

from __future__ import annotations

import click

from .lazy_group import LazyGroup

COMMANDS = {
    "enrol": ("operator_tool.cli.companion_enrol:command", "Pin a companion's host key, once it was compared."),
    "enrol-signer": (
        "operator_tool.cli.companion_enrol_signer:command",
        "Have a companion take only what your key signed.",
    ),
    "install": ("operator_tool.cli.companion_install:command", "Put the provisioner's program on the companion."),
    "status": ("operator_tool.cli.companion_status:command", "What a companion is and holds. Writes nothing."),
    "verify": ("operator_tool.cli.companion_verify:command", "Have it read its cache, and compare every byte."),
    "rollback": ("operator_tool.cli.companion_rollback:command", "Have it go back to an earlier cache."),
    "gc": ("operator_tool.cli.companion_gc:command", "Have it remove what nobody needs any more."),
}
"""Each subcommand: where it is, and its line in the help."""


@click.group("companion", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look after the drone's companion computer: who it is, what runs there, what it holds."""
