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
}
"""Each subcommand: where it is, and its line in the help."""


@click.group("companion", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look after the drone's companion computer: who it is, what runs there, what it holds."""
