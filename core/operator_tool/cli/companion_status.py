"""``operator-tool companion status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import CompanionOptions, provisioner_option, tool_options, waiting_options, which_companion_options

if TYPE_CHECKING:
    from .companion_outcome import CompanionOutcome
    from .companion_run import AttendedCompanion


@click.command("status")
@which_companion_options
@provisioner_option
@waiting_options
@tool_options
def command(**given: Any) -> int:
    """Show what a companion is and holds, a line for each fact. Writes nothing there.

    Exit code 31 when it has a problem that would keep it from being built.
    """
    from .companion_run import for_each, run_for_companions

    return run_for_companions(CompanionOptions(**given), lambda run: for_each(run.attended_companions(), _status))


def _status(one: AttendedCompanion) -> CompanionOutcome:
    from operator_tool.api.companion import CompanionState

    from .companion_outcome import answered

    with one.opened() as session:
        return answered(
            one.outcome, session.identity, one.said("status", one.provisioner.status(session), CompanionState)
        )
