"""``operator-tool companion gc``."""

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


@click.command("gc")
@which_companion_options
@provisioner_option
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@lock_timeout_option
@waiting_options
@tool_options
def command(*, dry_run: bool, **given: Any) -> int:
    """Have a companion remove the caches that nobody needs any more; a build does it, too.

    Kept are the current cache, the last good one, the three newest beside them, and what the navigation has pinned. Of
    what was begun or put aside the most recent is kept.
    """
    from .companion_run import CompanionRun, for_each, run_for_companions

    options = CompanionOptions(**given)

    def tidy_each(run: CompanionRun) -> tuple[CompanionOutcome, ...]:
        companions = run.kept_companions()
        if dry_run:
            return for_each(companions, _look)
        locks_dir = run.places.make(run.places.locks_dir)
        return for_each(companions, lambda one: _tidy(one, locks_dir, options.lock_timeout))

    return run_for_companions(options, tidy_each)


def _look(one: KeptCompanion) -> CompanionOutcome:
    from operator_tool.api.companion import GcReport

    from .caretaking import tidied

    with one.opened() as session:
        return tidied(
            one.outcome, session.identity, one.said("gc", one.provisioner.gc(session, dry_run=True), GcReport)
        )


def _tidy(one: KeptCompanion, locks_dir: Path, lock_timeout_s: float) -> CompanionOutcome:
    from operator_tool.api.companion import GcReport

    from .caretaking import tidied

    with one.held(locks_dir, lock_timeout_s) as session:
        return tidied(one.outcome, session.identity, one.said("gc", one.provisioner.gc(session), GcReport))
