"""The command line: a lazy table of commands.

Nothing but click is imported until a command runs, so that ``--help`` answers at once however many plugins are
installed.
"""

from __future__ import annotations

from typing import NoReturn

import click

from operator_tool import __version__

from .lazy_group import LazyGroup

COMMANDS = {
    "build-cache": ("operator_tool.cli.build_cache:command", "From a flight to a verified cache on the companion."),
    "flights": ("operator_tool.cli.flights:command", "What is understood of a mission file or a flight."),
    "plan": ("operator_tool.cli.plan:command", "What a flight needs: area, zooms, tiles, and a drawing of it."),
    "download": ("operator_tool.cli.download:command", "Fill the workstation's tile store for a flight."),
    "verify-ready": ("operator_tool.cli.verify_ready:command", "Is this companion ready to fly this flight?"),
    "companion": ("operator_tool.cli.companion:command", "The companions: enrol, install, status."),
    "store": ("operator_tool.cli.store:command", "The workstation's tile stores: look, verify, prune, export."),
    "set-sector": ("operator_tool.cli.set_sector:command", "Say of an area how fresh its imagery must be."),
    "cameras": ("operator_tool.cli.cameras:command", "The cameras that zooms can be told from."),
    "plugins": ("operator_tool.cli.plugins:command", "Which plugins are installed, from whom, in which state."),
}
"""Each command: where it is, and its line in the help."""


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="operator-tool")
def operator_tool() -> None:
    """Build, before take-off, the map cache that a drone navigates by when it has no GPS.

    Exit codes: 0 built or already there, 2 command line, 11 configuration, 12 plugin, 20 download, 21 build,
    22 transfer, 23 verify, 30 companion, 31 not ready, 50 locked, 90-95 flight, 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command line of this process, and exit with its code."""
    import gc
    import warnings

    from .exits import run

    # What a plugin uses that is deprecated is its author's business, and told by ``plugins check``: no setting of
    # Python's warnings makes a run of it that shows it or fails for it.
    warnings.simplefilter("ignore", DeprecationWarning)

    # Importing makes many objects and hardly any garbage: at the usual threshold, looking for it takes a tenth of a
    # command that has little to do.
    gc.set_threshold(50_000, 20, 50)
    raise SystemExit(run(operator_tool))
