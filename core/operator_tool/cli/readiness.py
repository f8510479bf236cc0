"""Is a companion ready to fly a flight? What was looked at, what was found, and what it comes to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from operator_tool.api.companion import CompanionIdentity, CompanionState
from operator_tool.api.errors import CompanionError, NotReadyError, OperatorToolError, VerifyError
from operator_tool.api.order import CacheGaps
from operator_tool.audit import AuditLine
from operator_tool.build_cache.gap_verdict import UNKNOWN_GAPS, gaps_there, gaps_words, with_gaps
from operator_tool.build_cache.plan import CachePlan

from .assembly import Run, open_run, open_tool
from .audited import FAILURE, SUCCESS, audited
from .companion_choice import chosen_companions
from .companion_outcome import CompanionsDocument, harmless, say_verdicts
from .exits import say
from .options import RunOptions
from .reporting import as_document
from .run_companions import is_for_several
from .simulation import with_simulation
from .twins import Named, notes_on_twins

_REACHED, _AGENT, _BUILDABLE, _CURRENT, _VERIFIED = "reached", "agent", "can be built", "this cache", "verified"
_FILES, _GAPS = "files", "gaps"
_BUILD_IT = "Run build-cache with the same options."
_FILL_THEM = (
    "Run build-cache with a further --provider that has these tiles. To fly with the gaps, allow them by this very"
    " command: --allow-gaps"
)
_NOTHING_THERE = "The cache has no tile at all. Run build-cache with a --provider that has this ground."
Answer: TypeAlias = tuple[CompanionState, CompanionIdentity] | OperatorToolError
"""What one of several companions answered, or the failure of its part."""
_PUT_THEM_THERE = "Put each required file where it is named, and ask again."


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    ok: bool | None
    """None where it could not be looked at."""
    detail: str = ""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """One companion, and whether it is ready to fly the flight."""

    name: str = ""
    """Its name in the inventory; empty where it was named by its address."""
    ready: bool = False
    verdict: str = "not ready"
    """``ready``, ``ready WITH GAPS``, ``ready, gaps unknown`` or ``not ready``."""
    gaps: CacheGaps | None = None
    """What the cache lacks that was verified there; None where none was, or where that is not known."""
    exit_code: int = 0
    message: str = ""
    remediation: str = ""
    address: str = ""
    simulated: str = ""
    """What stood in for the companion, where there was none."""
    companion_id: str = ""
    fingerprint: str | None = None
    generation: str | None = None
    content_key: str = ""
    """Of this flight's cache; empty where it was not found out."""
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()


def ask_each(options: RunOptions) -> tuple[Readiness, ...]:
    """Ask every companion, all at once where there are several; nothing is written, here or there."""
    if not is_for_several(options):
        return (_ask(options),)
    names = tuple(one.name for one in chosen_companions(options, open_tool(options).sources))
    if len(names) > 1 and (together := _ask_together(options, names)) is not None:
        return _with_twins(together)
    return _with_twins([_ask(dataclasses.replace(options, companion=(name,), all_companions=False)) for name in names])


def _ask_together(options: RunOptions, names: Sequence[str]) -> list[Readiness] | None:
    """Ask all at the same time; None where what is set for one of them keeps the others from being asked with it."""
    begun = False
    try:
        with open_run(options, companion=True, writes=False) as run:
            begun = True
            plan, answers = audited(
                run.places,
                run.run_id,
                lambda: run.orchestrator.ask_each(run.request),
                lambda asked, line: _lines_of_each(run, *asked, line),
                make=False,
            )
            return [_judged_or_failed(run, plan, name, answer) for name, answer in answers.items()]
    except OperatorToolError as error:
        return [_failed(error, name=name) for name in names] if begun else None


def _judged_or_failed(run: Run, plan: CachePlan, name: str, answer: Answer) -> Readiness:
    simulated = run.simulations.get(name, "")
    if isinstance(answer, OperatorToolError):
        return _failed(answer, name=name, simulated=simulated)
    return judged(plan, *answer, name=name, simulated=simulated)


def _failed(error: OperatorToolError, *, name: str, simulated: str = "") -> Readiness:
    return Readiness(
        name=name,
        exit_code=error.exit_code,
        message=error.message,
        remediation=error.hint,
        simulated=simulated,
        checks=_checks_of(error),
    )


def _with_twins(found: Sequence[Readiness]) -> tuple[Readiness, ...]:
    notes = notes_on_twins([Named(one.name, "" if one.simulated else one.companion_id) for one in found])
    return tuple(
        msgspec.structs.replace(one, notes=(*one.notes, note)) if note else one
        for one, note in zip(found, notes, strict=True)
    )


def judged(
    plan: CachePlan, state: CompanionState, identity: CompanionIdentity, *, name: str = "", simulated: str = ""
) -> Readiness:
    """Return what a companion's answer comes to for the cache of that plan.

    A cache that lacks more tiles than the plan allows is not ready: that its build allowed them is not this command's
    word.
    """
    gaps, notes = None, state.notes
    # A cache that was read and verified without it is flown without it, too.
    missing = None if state.up_to_date else False
    agent = Check(name=_AGENT, ok=bool(state.agent_version) or missing, detail=state.agent_version or "not installed")
    buildable = Check(name=_BUILDABLE, ok=_seen(state, not state.problems), detail="; ".join(state.problems))
    unknown = f"not known: {state.unknown}" if state.unknown else "none: there is no cache yet"
    generation = state.generation or unknown
    key = (state.current.content_key if state.current is not None else "") or plan.content_key
    if state.damage:
        code, hint = VerifyError.exit_code, VerifyError.default_hint
        current = Check(name=_CURRENT, ok=True, detail=f"{generation}, content key {key}")
        verified = Check(name=_VERIFIED, ok=False, detail=f"the cache is damaged: {state.damage}")
    elif state.up_to_date:
        code, hint = 0, ""
        current = Check(name=_CURRENT, ok=True, detail=f"{generation}, content key {key}")
        how = state.facts.get("verified", "")
        every = f"every byte of {state.verified_tiles:,} tiles" + (f" ({how})" if how else "")
        verified = Check(name=_VERIFIED, ok=True, detail=every)
        gaps = gaps_there(state, plan.coverage.count)
        notes = notes if gaps is not None else (*notes, UNKNOWN_GAPS)
    else:
        code, hint = NotReadyError.exit_code, _BUILD_IT
        found = f"the current generation is {generation}; this flight's cache has the content key {plan.content_key}"
        differs = state.facts.get("differs", "")
        found = f"{generation} has this flight's tiles, but {differs}" if differs else found
        current = Check(name=_CURRENT, ok=_seen(state, False), detail=found)
        seen = "it could not be looked at" if state.unknown else "another cache, or none, lies there"
        verified = Check(name=_VERIFIED, ok=None, detail=seen)
    holes = _gaps_check(plan, gaps)
    if gaps is not None and not holes.ok:
        nothing = gaps.missing >= plan.coverage.count
        code, hint = NotReadyError.exit_code, _NOTHING_THERE if nothing else f"{_FILL_THEM} {gaps.missing}."
    files = Check(name=_FILES, ok=_seen(state, not state.missing_files), detail="; ".join(state.missing_files))
    if state.missing_files and code == 0:
        code, hint = NotReadyError.exit_code, _PUT_THEM_THERE
    checks = (_reached(state, identity, simulated), agent, buildable, current, verified, holes, files)
    return Readiness(
        name=name,
        ready=code == 0,
        verdict=with_gaps("ready", gaps) if code == 0 else "not ready",
        gaps=gaps,
        exit_code=code,
        message="; ".join(f"{check.name}: {check.detail}" for check in checks if check.ok is False),
        remediation=hint,
        address=identity.address,
        simulated=simulated,
        companion_id=state.companion_id,
        fingerprint=identity.fingerprint,
        generation=state.generation,
        content_key=plan.content_key,
        checks=checks,
        notes=notes,
    )


def _seen(state: CompanionState, ok: bool) -> bool | None:
    return None if state.unknown else ok


def show_readiness(found: Sequence[Readiness], *, as_json: bool) -> int:
    """Print each companion's checks, as one document or as lines, and return the exit code of the first not ready."""
    code = next((one.exit_code for one in found if one.exit_code), 0)
    if as_json:
        say(as_document(msgspec.to_builtins(CompanionsDocument(exit_code=code, companions=tuple(found)))))
        return code
    for one in found:
        indent = "  " if len(found) > 1 else ""
        if indent:
            say(f"companion {harmless(one.name)}")
        for check in one.checks:
            say(f"{indent}{_word(check):<4} {check.name:<13} {harmless(check.detail)}".rstrip())
        for note in one.notes:
            say(f"{indent}note {harmless(note)}")
        if one.ready:
            who = "the SIMULATED companion is " if one.simulated else ""
            say(f"{indent}{who}{ready_words(one)}")
            continue
        verdict = "not ready to fly this flight" if one.checks else f"error: {one.message}"
        say(f"{indent}{harmless(verdict)}", err=not indent)
        say(f"{indent}next: {harmless(one.remediation)}", err=not indent)
    if len(found) > 1:
        ready = sum(one.ready for one in found)
        say_verdicts([(one.name, one.verdict, one.message) for one in found], f"{ready} of {len(found)} ready")
    return code


def ready_words(one: Readiness) -> str:
    """Return the verdict on a companion that is ready, its gaps with it."""
    if one.gaps is None:
        return "ready to fly this flight, gaps unknown"
    return f"{one.verdict} to fly this flight"


def _ask(options: RunOptions) -> Readiness:
    name = options.companion[0] if options.companion else ""
    simulated = ""
    try:
        with open_run(options, companion=True, writes=False) as run:
            simulated = run.simulated
            # Nothing is left on a workstation that has no data folder yet: the command promises to write nothing.
            plan, state, identity = audited(
                run.places,
                run.run_id,
                lambda: run.orchestrator.ask(run.request),
                lambda asked, begun: _lines(asked, begun, run.simulated),
                make=False,
            )
    except OperatorToolError as error:
        return _failed(error, name=name, simulated=simulated)
    return judged(plan, state, identity, name=name, simulated=simulated)


def _lines(
    asked: tuple[CachePlan, CompanionState, CompanionIdentity], begun: AuditLine, simulated: str
) -> list[AuditLine]:
    plan, state, identity = asked
    return [_line(begun, judged(plan, state, identity, simulated=simulated), plan)]


def _lines_of_each(run: Run, plan: CachePlan, answers: Mapping[str, Answer], begun: AuditLine) -> list[AuditLine]:
    lines = []
    for name, answer in answers.items():
        line = _line(begun, _judged_or_failed(run, plan, name, answer), plan)
        kind = type(answer).__name__ if isinstance(answer, OperatorToolError) else None
        lines.append(msgspec.structs.replace(line, companion=name, failure_exception_type=kind))
    return lines


def _line(begun: AuditLine, found: Readiness, plan: CachePlan) -> AuditLine:
    return msgspec.structs.replace(
        begun,
        outcome=SUCCESS if found.ready else FAILURE,
        exit_code=found.exit_code,
        address=found.address,
        simulated=found.simulated,
        companion_id=found.companion_id,
        message=found.message,
        generation_before=found.generation,
        generation_after=found.generation,
        flight_id=plan.flight.id,
    )


def _gaps_check(plan: CachePlan, gaps: CacheGaps | None) -> Check:
    if gaps is None:
        return Check(name=_GAPS, ok=None, detail="not known")
    allowed = plan.inputs.allow_gaps
    words = gaps_words(gaps, plan.coverage.count)
    return Check(
        name=_GAPS,
        ok=gaps.missing <= allowed and gaps.missing < plan.coverage.count,
        detail=f"{words}; this command allows {allowed:,}" if gaps.missing else words,
    )


def _reached(state: CompanionState, identity: CompanionIdentity, simulated: str) -> Check:
    address = with_simulation(identity.address, simulated)
    parts = [address, f"host key {identity.fingerprint}" if identity.fingerprint else "", state.companion_id]
    return Check(name=_REACHED, ok=True, detail=", ".join(part for part in parts if part))


def _checks_of(error: OperatorToolError) -> tuple[Check, ...]:
    """Return what an error says of the companion; nothing where it is not about the companion."""
    unseen = tuple(Check(name=name, ok=None) for name in (_CURRENT, _VERIFIED, _GAPS, _FILES))
    match error:
        case NotReadyError():
            reasons = Check(name=_BUILDABLE, ok=False, detail="; ".join(error.reasons))
            return (Check(name=_REACHED, ok=True), Check(name=_AGENT, ok=None), reasons, *unseen)
        case CompanionError():
            reached = Check(name=_REACHED, ok=False, detail=error.message)
            return (reached, *(Check(name=name, ok=None) for name in (_AGENT, _BUILDABLE)), *unseen)
    return ()


def _word(check: Check) -> str:
    return "-" if check.ok is None else "ok" if check.ok else "FAIL"
