"""The lines in which a person reads what lies on a companion, and what was done there."""

from __future__ import annotations

from collections.abc import Iterator

from operator_tool.api.companion import CompanionHoldings, GcReport, KeptGeneration, RollbackReport, Soundness

Rows = Iterator[tuple[str, str]]


def holdings_rows(held: CompanionHoldings) -> Rows:
    """Yield the lines of what lies on a companion, for ``status``."""
    yield from (("cache", _generation(one)) for one in held.generations)
    yield from (("begun", f"{key[:12]}..., {megabytes(size)}") for key, size in held.stagings.items())
    yield from (
        ("put aside", f"{name}, {megabytes(size)}: not what was built") for name, size in held.quarantine.items()
    )
    yield from (("signer", f"{one.principal} {one.fingerprint}") for one in held.signers)
    yield from (("log", _event(event)) for event in held.audit)


def megabytes(count_bytes: int) -> str:
    """Return a size for people."""
    return f"{count_bytes / 1e6:,.1f} MB"


def soundness_rows(found: Soundness) -> Rows:
    """Yield the lines of ``verify``."""
    for one in found.generations:
        role = "current, " if one.current else ""
        yield "cache", f"{one.name}  {role}{one.how}: {'NOT SOUND' if one.problems else 'sound'}"
        yield from (("problem", problem) for problem in one.problems)
    if found.problems:
        yield from (("problem", problem) for problem in found.problems)
    else:
        yield "records", "as the companion left them"


def rollback_rows(report: RollbackReport) -> Rows:
    """Yield the lines of ``rollback``."""
    yield "was", report.from_generation or "no current cache"
    yield "is now", f"{report.to_generation}, {report.tiles:,} tiles, every byte verified"
    if report.signer:
        yield "ordered by", report.signer


def gc_rows(report: GcReport) -> Rows:
    """Yield the lines of ``gc``."""
    would = "would go" if report.dry_run else "removed"
    yield from ((would, f"{one.kind} {one.name}, {megabytes(one.bytes)}") for one in report.removed)
    yield "freed" if not report.dry_run else "would free", megabytes(report.freed_bytes)
    yield from (("kept", _generation(one)) for one in report.kept)
    yield from (("note", note) for note in report.notes)


def _generation(one: KeptGeneration) -> str:
    parts = [f"{one.seq:>4}  {one.name}  {megabytes(one.bytes):>11}  {', '.join(one.kept_for) or 'no longer needed'}"]
    parts += [f"{label} {value}" for label, value in (("flight", one.flight_id), ("run", one.run_id)) if value]
    parts += [f"PROBLEM: {one.problem}"] if one.problem else []
    return "; ".join(parts)


def _event(event: dict[str, str]) -> str:
    shown = ("generation", "previous_generation", "outcome", "operator", "signer", "reason", "problem")
    rest = ", ".join(f"{name} {event[name]}" for name in shown if event.get(name))
    return f"{event.get('time', '?')} {event.get('event', '?')}{': ' if rest else ''}{rest}"
