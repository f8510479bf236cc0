"""The enrolment of a signing key on one companion: shown, confirmed where it is the first, and only then added."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from operator_tool.api.companion import SignerEnrolment, SignerOffer
from operator_tool.api.errors import CompanionError, ConfigError, UsageError
from operator_tool.api.roles import EnrollingProvisioner
from operator_tool.build_cache.lock import companion_lock, operator_name

from .asking import ask_line, at_a_terminal
from .companion_outcome import CompanionOutcome, harmless
from .companion_run import AttendedCompanion
from .exits import say


class SignerEnroller:
    """Enrols the operator's key on companions, one after the other.

    ``fingerprint`` is that of the key that is meant, where nobody is to be asked.
    """

    def __init__(
        self,
        locks_dir: Path,
        *,
        name: str,
        fingerprint: str | None,
        signed_by: str,
        replace: bool,
        lock_timeout_s: float,
    ) -> None:
        self._locks_dir = locks_dir
        self._name = name
        self._fingerprint = fingerprint
        self._signed_by = signed_by
        self._replace = replace
        self._lock_timeout_s = lock_timeout_s

    def enrol(self, companion: AttendedCompanion) -> CompanionOutcome:
        """Have the companion take the key. Raises ``CompanionError`` where it isn't confirmed, and ``UsageError`` for
        a provisioner whose companions know no signers."""
        provisioner = companion.provisioner
        if not isinstance(provisioner, EnrollingProvisioner):
            raise UsageError(
                f"the provisioner {companion.chosen.provisioner} knows no signers: there is nobody to enrol",
                hint="Give --provisioner the name of one that does, such as c10.",
            )
        with companion.opened() as session:
            outcome = msgspec.structs.replace(
                companion.outcome, address=session.identity.address, fingerprint=session.identity.fingerprint
            )
            offer = companion.said("offered_signer", provisioner.offered_signer(session, self._name), SignerOffer)
        self._check(offer)
        if not offer.enrolled and self._fingerprint is None:
            _confirm(companion, offer)
        if offer.fingerprint in {one.fingerprint for one in offer.enrolled} and not self._replace:
            done = SignerEnrolment(principal=offer.principal, fingerprint=offer.fingerprint, enrolled=offer.enrolled)
            return msgspec.structs.replace(outcome, signer=done)
        name = f"{companion.transport.address} {provisioner.site}"
        run_id = companion.context.run_id
        # Nobody was kept waiting while it was asked for.
        with (
            companion_lock(
                self._locks_dir, name, timeout_s=self._lock_timeout_s, operator=operator_name(), run_id=run_id
            ),
            companion.opened() as session,
        ):
            done = provisioner.enrol_signer(session, offer, replace=self._replace, signed_by=self._signed_by)
            done = companion.said("enrol_signer", done, SignerEnrolment)
        return msgspec.structs.replace(outcome, signer=done)

    def _check(self, offer: SignerOffer) -> None:
        if self._fingerprint not in (None, offer.fingerprint):
            raise ConfigError(
                f"the signing key is {offer.fingerprint}, and --fingerprint says {self._fingerprint}; nothing was "
                "written",
                hint="Set the key that is meant, or give its own fingerprint (ssh-keygen -lf FILE).",
            )
        if self._replace and not offer.enrolled:
            raise UsageError("--replace was given, and the companion knows no signer that could be replaced")


def _confirm(companion: AttendedCompanion, offer: SignerOffer) -> None:
    """Have the operator confirm the first signer: all caches that are not signed count no more then."""
    where = companion.chosen.name or companion.transport.address
    key = f"{offer.principal} {offer.fingerprint}"
    if not at_a_terminal():
        raise CompanionError(
            f"{where} takes caches that nobody signed, and nobody can be asked whether it is to take only those of "
            f"{key}; nothing was written",
            hint=f"If it is, give --fingerprint {offer.fingerprint}.",
        )
    for line in (
        f"{where} takes caches that nobody signed. From now on it would take only those that are signed by",
        f"  {key}",
        "Without that key nobody can build it any more, until its administrator takes the key out there.",
    ):
        say(harmless(line), err=True)
    sys.stderr.flush()
    if ask_line(companion.context, "Enrol this key? [y/N] ").lower() not in ("y", "yes"):
        raise CompanionError(
            f"the signing key was not confirmed for {where}; nothing was written",
            hint="Enrol it again once it is sure which key signs.",
        )
