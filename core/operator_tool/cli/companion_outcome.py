"""What became of one companion in a command, as JSON and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api.companion import (
    CompanionIdentity,
    CompanionState,
    CurrentCache,
    GcReport,
    RollbackReport,
    SignerEnrolment,
    Soundness,
)
from operator_tool.api.errors import NotReadyError, OperatorToolError
from operator_tool.api.escaping import escape_controls
from operator_tool.build_cache.gap_verdict import gaps_words
from operator_tool.build_cache.replacing import whose_words
from operator_tool.redaction import REDACTOR

from .exits import say
from .kept_rows import gc_rows, holdings_rows, rollback_rows, soundness_rows
from .reporting import as_document
from .simulation import with_simulation


class PinnedKey(msgspec.Struct, frozen=True, kw_only=True):
    """The host key that a companion showed, and what became of it."""

    label: str
    type: str
    fingerprint: str
    pinned_before: tuple[str, ...] = ()
    """The fingerprints that were pinned for the companion until now."""
    written_to: str = ""
    """Where it was pinned just now; empty where nothing was written."""


class CompanionOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One companion's part of a command."""

    name: str
    """Its name in the inventory; empty where it was named by its address."""
    transport: str
    address: str
    simulated: str = ""
    """What stood in for the companion, where there was none."""
    exit_code: int = 0
    failure_exception_type: str | None = None
    message: str = ""
    remediation: str = ""
    retryable: bool = False
    fingerprint: str | None = None
    host_key: PinnedKey | None = None
    signer: SignerEnrolment | None = None
    state: CompanionState | None = None
    soundness: Soundness | None = None
    rollback: RollbackReport | None = None
    gc: GcReport | None = None


def failed(outcome: CompanionOutcome, error: OperatorToolError) -> CompanionOutcome:
    """Return the outcome with what went wrong."""
    return msgspec.structs.replace(
        outcome,
        exit_code=error.exit_code,
        failure_exception_type=type(error).__name__,
        message=error.message,
        remediation=error.hint,
        retryable=error.retryable,
    )


def answered(outcome: CompanionOutcome, identity: CompanionIdentity, state: CompanionState) -> CompanionOutcome:
    """Return the outcome with what the companion said; one that can't be built is not ready, whatever was asked."""
    return msgspec.structs.replace(
        outcome,
        address=identity.address,
        fingerprint=identity.fingerprint,
        state=state,
        exit_code=NotReadyError.exit_code if state.problems else 0,
    )


def exit_code_of(outcomes: Sequence[CompanionOutcome]) -> int:
    """Return the exit code of the first that failed, 0 where none did."""
    return next((outcome.exit_code for outcome in outcomes if outcome.exit_code), 0)


class CompanionsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a command for companions prints with ``--json``."""

    exit_code: int
    """0, or that of the first companion that failed, in the order in which they were named."""
    failure_exception_type: str | None = None
    """What kept the command from asking any companion at all, with ``message`` and ``remediation``."""
    message: str = ""
    remediation: str = ""
    companions: tuple[msgspec.Struct, ...] = ()
    schema: int = 1


def show_failure(error: OperatorToolError) -> int:
    """Print, as JSON, what kept a command from asking any companion at all; return its exit code."""
    document = CompanionsDocument(
        exit_code=error.exit_code,
        failure_exception_type=type(error).__name__,
        message=error.message,
        remediation=error.hint,
    )
    say(as_document(msgspec.to_builtins(document)))
    return error.exit_code


def show_outcomes(outcomes: Sequence[CompanionOutcome], *, as_json: bool) -> int:
    """Print every companion's outcome, as one document or as lines, and return the exit code of the command."""
    if as_json:
        document = CompanionsDocument(exit_code=exit_code_of(outcomes), companions=tuple(outcomes))
        say(as_document(msgspec.to_builtins(document)))
        return document.exit_code
    for outcome in outcomes:
        indent = "  " if len(outcomes) > 1 else ""
        if indent:
            say(f"companion {harmless(outcome.name)}")
        for name, value in _rows(outcome):
            say(f"{indent}{harmless(name):<11} {harmless(value)}")
        for name, value in (("error", outcome.message), ("next", outcome.remediation)):
            if value:
                # Of several, each line stands with its companion's: what is on another stream comes in another order.
                say(f"{indent}{name}: {harmless(value)}", err=not indent)
    if len(outcomes) > 1:
        say_verdicts(
            [(one.name, "ok" if one.exit_code == 0 else f"exit code {one.exit_code}", one.message) for one in outcomes],
            f"{sum(one.exit_code == 0 for one in outcomes)} of {len(outcomes)} ok",
        )
    return exit_code_of(outcomes)


def say_verdicts(rows: Sequence[tuple[str, str, str]], last: str) -> None:
    """Print what came of several companions: a line each with name, verdict and why, and what all come to, last."""
    shown = [tuple(harmless(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for name, verdict, why in shown:
        say(f"{name:<{widths[0]}}  {verdict:<{widths[1]}}  {why}".rstrip())
    say(last)


def _rows(outcome: CompanionOutcome) -> Iterator[tuple[str, str]]:
    yield "address", with_simulation(outcome.address, outcome.simulated)
    if (key := outcome.host_key) is not None:
        yield "host key", f"{key.label} {key.type} {key.fingerprint}"
        yield from (("pinned was", fingerprint) for fingerprint in key.pinned_before if fingerprint != key.fingerprint)
        if key.written_to:
            yield "pinned in", key.written_to
        elif key.fingerprint in key.pinned_before:
            yield "pinned", "already, nothing was changed"
    if outcome.fingerprint is not None:
        yield "host key", outcome.fingerprint
    if (signer := outcome.signer) is not None:
        yield "signer", f"{signer.principal} {signer.fingerprint}"
        yield from (("enrolled", f"{one.principal} {one.fingerprint}") for one in signer.enrolled)
        yield from (("revoked", fingerprint) for fingerprint in signer.revoked)
        yield "written to", signer.written_to or "nothing: it was enrolled already"
    if (state := outcome.state) is not None:
        yield "id", state.companion_id or "not known"
        yield "agent", state.agent_version or "not installed"
        unknown = f"not known: {state.unknown}" if state.unknown else "none: no cache yet"
        yield "generation", state.generation or unknown
        if state.current is not None:
            yield "built", whose_words(state)
            yield "gaps", _gaps(state.current)
        if state.free_bytes is not None:
            yield "free space", f"{state.free_bytes / 1e6:,.1f} MB"
        yield from state.facts.items()
        yield from (("note", note) for note in state.notes)
        yield from (("problem", problem) for problem in state.problems)
        if state.holdings is not None:
            yield from holdings_rows(state.holdings)
    if outcome.soundness is not None:
        yield from soundness_rows(outcome.soundness)
    if outcome.rollback is not None:
        yield from rollback_rows(outcome.rollback)
    if outcome.gc is not None:
        yield from gc_rows(outcome.gc)


def _gaps(current: CurrentCache) -> str:
    if current.gaps is None or current.tiles is None:
        return "not known: its manifest does not say"
    return gaps_words(current.gaps, current.tiles + current.gaps.missing)


def harmless(text: str) -> str:
    """Return a text as it may be shown: no secret in it, and nothing that moves a cursor."""
    return REDACTOR.text(escape_controls(text))
