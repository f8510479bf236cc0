"""``operator-tool companion install``."""

from __future__ import annotations

from collections.abc import Sequence
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
    from .companion_run import AttendedCompanion


@click.command("install")
@which_companion_options
@provisioner_option
@lock_timeout_option
@waiting_options
@tool_options
def command(**given: Any) -> int:
    """Put the provisioner's program on the companion, whole and checked, where it is not there already.

    A build does it too; do it beforehand where the companion is to have it and nothing else yet.
    """
    from .companion_run import CompanionRun, for_each, run_for_companions

    options = CompanionOptions(**given)

    def install_on_each(run: CompanionRun) -> Sequence[CompanionOutcome]:
        companions = run.attended_companions()
        locks_dir = run.places.make(run.places.locks_dir)
        return for_each(companions, lambda one: _install(one, locks_dir, options.lock_timeout))

    return run_for_companions(options, install_on_each)


def _install(one: AttendedCompanion, locks_dir: Path, lock_timeout_s: float) -> CompanionOutcome:
    from operator_tool.api.companion import CompanionState
    from operator_tool.build_cache.lock import companion_lock, operator_name

    from .companion_outcome import answered

    name = f"{one.transport.address} {one.provisioner.site}"
    run_id = one.context.run_id
    with (
        companion_lock(locks_dir, name, timeout_s=lock_timeout_s, operator=operator_name(), run_id=run_id),
        one.opened() as session,
    ):
        return answered(
            one.outcome, session.identity, one.said("install", one.provisioner.install(session), CompanionState)
        )
