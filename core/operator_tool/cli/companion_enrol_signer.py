"""``operator-tool companion enrol-signer``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .fingerprint import Fingerprint
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


@click.command("enrol-signer")
@which_companion_options
@provisioner_option
@click.option(
    "--name", default="", metavar="PRINCIPAL", help="How the companion is to call the key.  [default: you@workstation]"
)
@click.option("--fingerprint", type=Fingerprint(), help="The key that is meant: nobody is asked then.")
@click.option(
    "--signed-by", default="", metavar="KEY", help="A key that is enrolled there already, which says that it may be."
)
@click.option("--replace", is_flag=True, help="Take the key of --signed-by out, and revoke it.")
@lock_timeout_option
@waiting_options
@tool_options
def command(*, name: str, fingerprint: str | None, signed_by: str, replace: bool, **given: Any) -> int:
    """Have a companion take caches that your signing key signed, and from then on no others.

    The key is the one that signs your caches (c10.signing_key). The first is shown with its fingerprint, and asked for.
    Where somebody is enrolled already, one of those keys must sign for the new one: --signed-by, in the same form as
    the setting. To rotate your own, set the new one and give the old one with --signed-by and --replace.
    """
    from operator_tool.api.errors import UsageError

    from .companion_run import CompanionRun, one_by_one, run_for_companions
    from .signer_enrolment import SignerEnroller

    options = CompanionOptions(**given)

    def enrol_each(run: CompanionRun) -> Sequence[CompanionOutcome]:
        if replace and not signed_by:
            raise UsageError(
                "--replace was given without --signed-by, and a key can't replace itself",
                hint="Give the key that is to be taken out with --signed-by; the new one is the setting's.",
            )
        companions = run.attended_companions()
        enroller = SignerEnroller(
            run.places.make(run.places.locks_dir),
            name=name,
            fingerprint=fingerprint,
            signed_by=signed_by,
            replace=replace,
            lock_timeout_s=options.lock_timeout,
        )
        return one_by_one(companions, enroller.enrol)

    return run_for_companions(options, enrol_each)
