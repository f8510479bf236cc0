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

    return run_for_companions(
        CompanionOptions(**given), lambda run: _with_twins(for_each(run.attended_companions(), _status))
    )


def _with_twins(outcomes: tuple[CompanionOutcome, ...]) -> tuple[CompanionOutcome, ...]:
    import msgspec

    from .twins import Named, notes_on_twins

    ids = ["" if one.simulated or one.state is None else one.state.companion_id for one in outcomes]
    notes = notes_on_twins([Named(one.name, id_there) for one, id_there in zip(outcomes, ids, strict=True)])
    told = []
    for one, note in zip(outcomes, notes, strict=True):
        if note and one.state is not None:
            state = msgspec.structs.replace(one.state, notes=(*one.state.notes, note))
            told.append(msgspec.structs.replace(one, state=state))
        else:
            told.append(one)
    return tuple(told)


def _status(one: AttendedCompanion) -> CompanionOutcome:
    from operator_tool.api.companion import CompanionState

    from .companion_outcome import answered

    with one.opened() as session:
        return answered(
            one.outcome, session.identity, one.said("status", one.provisioner.status(session), CompanionState)
        )
