"""``operator-tool companion enrol``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .fingerprint import Fingerprint
from .options import CompanionOptions, tool_options, waiting_options, which_companion_options

if TYPE_CHECKING:
    from .companion_outcome import CompanionOutcome


@click.command("enrol")
@which_companion_options
@click.option("--fingerprint", type=Fingerprint(), help="Pin the key that has this fingerprint, and no other.")
@click.option("--replace", is_flag=True, help="With --fingerprint: also where another key is pinned.")
@waiting_options
@tool_options
def command(*, fingerprint: str | None, replace: bool, **given: Any) -> int:
    """Pin a companion's host key, so that it is known from then on, and nobody can stand in for it.

    Shows the key's fingerprint and asks. Compare it with what the companion itself says, at its own console:

        ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub

    Where nobody can be asked, give the fingerprint that you have from there with --fingerprint.
    """
    from operator_tool.api.errors import UsageError

    from .companion_run import CompanionRun, one_by_one, run_for_companions
    from .enrolment import Enrolment

    def enrol_each(run: CompanionRun) -> Sequence[CompanionOutcome]:
        if replace and fingerprint is None:
            raise UsageError(
                "--replace was given without --fingerprint", hint="At a terminal it is asked for, so leave it out."
            )
        companions = run.companions()
        if fingerprint is not None and len(companions) > 1:
            raise UsageError(
                f"--fingerprint was given for {len(companions)} companions, and no two have one key",
                hint="Enrol each by itself.",
            )
        enrolment = Enrolment(run.places, fingerprint=fingerprint, replace=replace)
        return one_by_one(companions, enrolment.enrol)

    return run_for_companions(CompanionOptions(**given), enrol_each)
