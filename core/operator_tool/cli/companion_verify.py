"""``operator-tool companion verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import CompanionOptions, provisioner_option, tool_options, waiting_options, which_companion_options

if TYPE_CHECKING:
    from operator_tool.api.companion import SoundnessAsked

    from .companion_outcome import CompanionOutcome
    from .companion_run import KeptCompanion


@click.command("verify")
@which_companion_options
@provisioner_option
@click.option("--quick", is_flag=True, help="Signature, names and sizes alone; no tile is read.")
@click.option("--sample", type=click.IntRange(1, 1_000_000), metavar="N", help="With --quick: also hash N tiles.")
@click.option("--all", "all_generations", is_flag=True, help="All caches that are kept there.")
@waiting_options
@tool_options
def command(*, quick: bool, sample: int | None, all_generations: bool, **given: Any) -> int:
    """Have a companion read its cache, every byte, and compare it with what was built. Changes nothing.

    Looked at are the signature, where one is demanded, every file, what lies there besides, the link to the current
    cache, and the companion's own records. Exit code 23 when anything is not as it was left.
    """
    from operator_tool.api.companion import SoundnessAsked
    from operator_tool.api.errors import UsageError

    from .companion_run import CompanionRun, for_each, run_for_companions

    asked = SoundnessAsked(quick=quick, sample=sample or 0, all_generations=all_generations)

    def verify_each(run: CompanionRun) -> tuple[CompanionOutcome, ...]:
        if sample is not None and not quick:
            raise UsageError(
                "--sample was given without --quick, and without that every tile is hashed", hint="Give --quick, too."
            )
        return for_each(run.kept_companions(), lambda one: _verify(one, asked))

    return run_for_companions(CompanionOptions(**given), verify_each)


def _verify(one: KeptCompanion, asked: SoundnessAsked) -> CompanionOutcome:
    from operator_tool.api.companion import Soundness

    from .caretaking import verified

    with one.opened() as session:
        return verified(
            one.outcome, session.identity, one.said("verify", one.provisioner.verify(session, asked), Soundness)
        )
