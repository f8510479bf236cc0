"""What came of looking at a companion's caches, of going back and of tidying, as its outcome."""

from __future__ import annotations

import msgspec

from operator_tool.api.companion import CompanionIdentity, GcReport, RollbackReport, Soundness
from operator_tool.api.errors import VerifyError

from .companion_outcome import CompanionOutcome

_REBUILD = (
    "Don't fly with this cache. Run build-cache again, or go back: operator-tool companion rollback verifies what it"
    " goes to."
)
_OTHERS = "The current cache is sound. Don't go back to those that are not; they go when they are no longer kept."
_RECORDS = (
    "The caches that were looked at are sound. Find out who, or what, changed the companion's own records; the next"
    " build or rollback writes them anew."
)


def verified(outcome: CompanionOutcome, identity: CompanionIdentity, found: Soundness) -> CompanionOutcome:
    """Return the outcome with what was found; what is not sound fails, whatever it is."""
    bad = [one for one in found.generations if one.problems]
    texts = [f"{one.name}: {'; '.join(one.problems)}" for one in bad] + list(found.problems)
    failed = not found.is_sound
    hint = _REBUILD if any(one.current for one in bad) or not found.generations else _OTHERS if bad else _RECORDS
    return msgspec.structs.replace(
        outcome,
        address=identity.address,
        fingerprint=identity.fingerprint,
        soundness=found,
        exit_code=VerifyError.exit_code if failed else 0,
        failure_exception_type=VerifyError.__name__ if failed else None,
        message=f"not as it was left: {' | '.join(texts)}" if failed else "",
        remediation=hint if failed else "",
    )


def gone_back(outcome: CompanionOutcome, identity: CompanionIdentity, report: RollbackReport) -> CompanionOutcome:
    """Return the outcome of a rollback that was made."""
    return msgspec.structs.replace(outcome, address=identity.address, fingerprint=identity.fingerprint, rollback=report)


def tidied(outcome: CompanionOutcome, identity: CompanionIdentity, report: GcReport) -> CompanionOutcome:
    """Return the outcome of a tidying."""
    return msgspec.structs.replace(outcome, address=identity.address, fingerprint=identity.fingerprint, gc=report)
