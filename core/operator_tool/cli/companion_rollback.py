"""``operator-tool companion rollback``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    CompanionOptions,
    lock_timeout_option,
    provisioner_option,
    tool_options,
    waiting_options,
    which_companion_options,
)

if TYPE_CHECKING:
    from .companion_outcome import CompanionOutcome
    from .companion_run import KeptCompanion


@click.command("rollback")
@which_companion_options
@provisioner_option
@click.option("--to", type=click.IntRange(1), metavar="SEQ", help="The cache of this number, as status shows it.")
@lock_timeout_option
@waiting_options
@tool_options
def command(*, to: int | None, **given: Any) -> int:
    """Have a companion go back to an earlier cache, once every byte of that one was verified.

    Without --to it is the last one that the navigation reported as loaded; where it never reported, the one that was
    current before. Exit code 23 when that one is not sound: the current cache is then what it was.
    """
    from .companion_run import CompanionRun, for_each, run_for_companions

    options = CompanionOptions(**given)

    def roll_back_each(run: CompanionRun) -> tuple[CompanionOutcome, ...]:
        companions = run.kept_companions()
        locks_dir = run.places.make(run.places.locks_dir)
        return for_each(companions, lambda one: _roll_back(one, locks_dir, options.lock_timeout, to))

    return run_for_companions(options, roll_back_each)


def _roll_back(one: KeptCompanion, locks_dir: Path, lock_timeout_s: float, seq: int | None) -> CompanionOutcome:
    from operator_tool.api.companion import RollbackReport

    from .caretaking import gone_back

    with one.held(locks_dir, lock_timeout_s) as session:
        return gone_back(
            one.outcome, session.identity, one.said("rollback", one.provisioner.rollback(session, seq), RollbackReport)
        )
