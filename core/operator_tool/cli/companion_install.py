"""``operator-tool companion install``."""

from __future__ import annotations

import getpass
import socket
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
    from .companion_outcome import show_outcomes
    from .companion_run import CompanionRun, for_each

    options = CompanionOptions(**given)
    run = CompanionRun(options)
    with run.running():
        companions = run.attended_companions()
        locks_dir = run.places.make(run.places.locks_dir)

        def install(one: AttendedCompanion) -> CompanionOutcome:
            from operator_tool.build_cache.lock import companion_lock

            from .companion_outcome import answered

            with (
                companion_lock(
                    locks_dir,
                    f"{one.transport.address} {one.provisioner.site}",
                    timeout_s=options.lock_timeout,
                    operator=_operator(),
                    run_id=one.context.run_id,
                ),
                one.transport.connect() as session,
            ):
                return answered(one.outcome, session.identity, one.provisioner.install(session))

        outcomes = for_each(companions, install)
    return show_outcomes(outcomes, as_json=options.as_json)


def _operator() -> str:
    """Return who installs, for whoever finds the lock held."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a process without an account, as in some containers
        return f"unknown@{socket.gethostname()}"
