"""What became of companions in a command without a flight, as the lines of the workstation's log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from operator_tool.audit import AuditLine

from .audited import FAILURE, SUCCESS
from .companion_outcome import CompanionOutcome


def lines_of_outcomes(outcomes: Sequence[CompanionOutcome], begun: AuditLine) -> list[AuditLine]:
    """Return a line for each companion of a command that has no flight."""
    return [_line_of_outcome(outcome, begun) for outcome in outcomes]


def _line_of_outcome(outcome: CompanionOutcome, begun: AuditLine) -> AuditLine:
    state, back, found, signer = outcome.state, outcome.rollback, outcome.soundness, outcome.signer
    current = next((one.name for one in found.generations if one.current), None) if found else None
    current = state.generation if state else current
    return msgspec.structs.replace(
        begun,
        outcome=FAILURE if outcome.exit_code else SUCCESS,
        exit_code=outcome.exit_code,
        companion=outcome.name,
        address=outcome.address,
        simulated=outcome.simulated,
        companion_id=state.companion_id if state else "",
        failure_exception_type=outcome.failure_exception_type,
        message=outcome.message,
        generation_before=back.from_generation if back else current,
        generation_after=back.to_generation if back else current,
        signer=signer.fingerprint if signer else back.signer or None if back else None,
    )
