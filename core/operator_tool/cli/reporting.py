"""From a run to its report: one JSON document, or a short table, and the exit code."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from operator_tool.api.build import BuildCacheOutcome, CacheBuildReport, FleetReport, ProviderShare
from operator_tool.api.errors import ConfigError, NotReadyError, OperatorToolError
from operator_tool.api.escaping import escape_controls
from operator_tool.api.files import replaced_file
from operator_tool.audit import line_of_build
from operator_tool.build_cache.gap_verdict import gaps_words, unjudged_words
from operator_tool.failpoints import failpoint
from operator_tool.overdue import ended_after
from operator_tool.redaction import REDACTOR

from .assembly import Run, open_run
from .audited import audited
from .exits import InterruptedRun, say
from .options import RunOptions
from .simulation import with_simulation


def reported_run(options: RunOptions, work: Callable[[Run], CacheBuildReport], *, companion: bool) -> int:
    """Run, report and return the exit code; what fails before there is a run is reported in the same form."""
    with ended_after(options.deadline):
        try:
            _check_report(options.report)
            with (
                open_run(options, companion=companion, writes=not options.dry_run) as run,
                _told_if_interrupted(options, run.orchestrator.interrupted),
            ):
                report = _audited(run, work, options) if companion else work(run)
        except OperatorToolError as error:
            report = _failure(error)
        return _told(report, as_text(report), options)


def reported_fleet(options: RunOptions, work: Callable[[Run], FleetReport]) -> int:
    """As :func:`reported_run`, for several companions: what fails before there is a run is one report for all."""
    with ended_after(options.deadline):
        try:
            _check_report(options.report)
            with (
                open_run(options, companion=True, writes=not options.dry_run) as run,
                _told_if_interrupted(options, run.orchestrator.interrupted_fleet),
            ):
                fleet = audited(
                    run.places,
                    run.run_id,
                    lambda: work(run),
                    lambda done, begun: [
                        line_of_build(one, begun, companion=name) for name, one in done.builds.items()
                    ],
                    make=not options.dry_run,
                    interrupted=run.orchestrator.interrupted_fleet,
                )
        except OperatorToolError as error:
            report = _failure(error)
            return _told(report, as_text(report), options)
        blocks = [
            f"companion {name}\n{textwrap.indent(as_text(report), '  ')}" for name, report in fleet.builds.items()
        ]
        return _told(fleet, "\n".join(blocks), options)


def _audited(run: Run, work: Callable[[Run], CacheBuildReport], options: RunOptions) -> CacheBuildReport:
    name = options.companion[0] if options.companion else ""
    return audited(
        run.places,
        run.run_id,
        lambda: work(run),
        lambda done, begun: [line_of_build(done, begun, companion=name)],
        make=not options.dry_run,
        interrupted=run.orchestrator.interrupted,
    )


@contextmanager
def _told_if_interrupted(
    options: RunOptions, report_of: Callable[[int], CacheBuildReport | FleetReport]
) -> Iterator[None]:
    """Give the report that was asked for of a run that a signal ends, too; who ends the process says it in words."""
    try:
        yield
    except InterruptedRun as interrupted:
        report = report_of(interrupted.code)
        problem = _write_report(report, options.report) if options.report else None
        if options.as_json:
            say(as_document(msgspec.to_builtins(report)))
        if problem is not None:
            say(f"error: {problem.message}", err=True)
        raise


def _told(report: CacheBuildReport | FleetReport, text: str, options: RunOptions) -> int:
    problem = _write_report(report, options.report) if options.report else None
    failpoint("report.after_write")
    if options.as_json:
        say(as_document(msgspec.to_builtins(report)))
    else:
        say(text, err=report.outcome == BuildCacheOutcome.FAILURE)
    if problem is not None:
        if not (isinstance(report, CacheBuildReport) and report.message == problem.message):
            say(f"error: {problem.message}", err=True)
        return report.exit_code or problem.exit_code
    return report.exit_code


def as_document(builtins: object) -> str:
    """Return one JSON document, redacted and in ASCII, so that no terminal or pipe can garble it."""
    import json

    return json.dumps(REDACTOR.value(builtins), indent=2)


def as_text(report: CacheBuildReport) -> str:
    """Return the report as a person reads it."""
    rows = list(_rows(report))
    return "\n".join(f"{name:<10} {REDACTOR.text(escape_controls(value))}" for name, value in rows)


def _rows(report: CacheBuildReport) -> list[tuple[str, str]]:
    rows = [("outcome", _outcome(report))]
    if report.verdict:
        rows.append(("verdict", report.verdict))
    if report.gaps is not None and report.gaps.missing:
        rows.append(("gaps", gaps_words(report.gaps, report.tiles.wanted)))
    if report.message:
        rows.append(("failed", report.message))
    if report.remediation:
        rows.append(("next", report.remediation))
    if report.flight is not None:
        origin = report.flight.takeoff_origin
        rows.append(("flight", f"{report.flight.name} ({report.flight.source}), {report.flight.waypoints} waypoints"))
        rows.append(("takeoff", f"{origin.lat_deg!r}, {origin.lon_deg!r}"))
    tiles, sizes = report.tiles, report.bytes
    if report.provider:
        rows.append(("tiles", _tiles(report)))
        rows += [("imagery", text) for text in _imagery(report)]
    elif tiles.wanted:
        rows.append(("tiles", f"{tiles.wanted:,} wanted"))
    rows += [("provider", _share(share)) for share in report.provider]
    rows += [
        ("gap", f"{gap.z}/{gap.x}/{gap.y} at {gap.route_m:.0f} m of the route: {gap.cause}, {gap.reason}")
        for gap in tiles.gaps[:10]
    ]
    if tiles.missing > 10:
        rows.append(("gap", f"and {tiles.missing - 10:,} more; --json lists up to 1,000"))
    if report.companion is not None:
        rows.append(("companion", _companion(report)))
    if sizes.sent or sizes.saved:
        rows.append(("sent", f"{_size(sizes.sent)}; {_size(sizes.saved)} lay there already"))
    rows += [("link", text) for text in _link(report)]
    rows += [("note", note) for note in report.notes]
    if report.duration_s:
        phases = ", ".join(f"{name} {took:.1f}" for name, took in report.duration_s.items() if name != "total")
        rows.append(("took", f"{report.duration_s['total']:.1f} s ({phases})"))
    return rows


def _outcome(report: CacheBuildReport) -> str:
    if report.outcome != BuildCacheOutcome.FAILURE:
        return str(report.outcome)
    phase = f" in {report.failure_phase}" if report.failure_phase else ""
    return f"failure{phase} ({report.failure_exception_type}, exit code {report.exit_code})"


def _tiles(report: CacheBuildReport) -> str:
    tiles = report.tiles
    confirmed = f" ({tiles.unchanged:,} of them confirmed)" if tiles.unchanged else ""
    size = _size(report.bytes.downloaded)
    got = f"{tiles.downloaded:,} downloaded ({size}), {tiles.reused:,} held already{confirmed}"
    causes = f" ({_causes(tiles.by_cause)})" if tiles.by_cause else ""
    left = tiles.wanted - tiles.downloaded - tiles.reused - tiles.missing
    not_come_to = f", {left:,} not come to" if left > 0 else ""
    return f"{tiles.wanted:,} wanted: {got}, {tiles.missing:,} missing{causes}{not_come_to}"


def _imagery(report: CacheBuildReport) -> list[str]:
    """Return what is to be known of the imagery's age, where any of it is dated or judged."""
    tiles = report.tiles
    lines = []
    if tiles.downgraded:
        lines.append(f"{tiles.downgraded:,} tiles are old for their sector, and were kept")
    lines += unjudged_words(tiles.unjudged)
    if tiles.undated and any(share.imagery_dates for share in report.provider):
        lines.append(f"of {tiles.undated:,} tiles nobody says when they were taken")
    return lines


def _share(share: ProviderShare) -> str:
    parts = [f"{share.name}: {share.tiles:,} tiles"]
    if share.imagery_dates:
        oldest, newest = share.imagery_dates
        parts.append(f"taken {oldest}" if oldest == newest else f"taken {oldest} to {newest}")
    if share.lacked:
        parts.append(f"lacked {_causes(share.lacked)}")
    label = "SYNTHETIC imagery, not the real ground" if share.synthetic else share.attribution
    return "; ".join([*parts, label] if label else parts)


def _causes(by_cause: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {cause.replace('_', ' ')}" for cause, number in by_cause.items())


def _companion(report: CacheBuildReport) -> str:
    companion = report.companion
    assert companion is not None
    where = f"{with_simulation(companion.address, companion.simulated)} {companion.id}".rstrip()
    if report.outcome == BuildCacheOutcome.SUCCESS and companion.generation_after:
        return f"{where}: now {companion.generation_after}, before {companion.generation_before or 'none'}"
    if not companion.id:
        return f"{where}: {'not ready' if report.exit_code == NotReadyError.exit_code else 'not reached'}"
    return f"{where}: {companion.generation_after or 'no cache yet'}"


def _link(report: CacheBuildReport) -> list[str]:
    companion = report.companion
    if companion is None:
        return []
    lines = []
    if companion.reconnects:
        lines.append(f"broke, and was taken up again, {companion.reconnects} times")
    if companion.recovered:
        lines.append("broke after the switch was ordered; asked again, the companion says that it was made")
    return lines


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 1e6:,.1f} MB"


def _failure(error: OperatorToolError) -> CacheBuildReport:
    return CacheBuildReport(
        run_id="",
        outcome=BuildCacheOutcome.FAILURE,
        exit_code=error.exit_code,
        failure_phase=error.failure_phase,
        failure_exception_type=type(error).__name__,
        message=error.message,
        remediation=error.hint,
        retryable=error.retryable,
    )


def _check_report(path: Path | None) -> None:
    """Raise ``ConfigError`` where a report can't be written there, before the work that it is to tell of is begun."""
    if path is None:
        return
    if path.exists() and not path.is_file():
        raise ConfigError(f"the report can't be written to {path}, which is no file", hint="Name a file.")
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise ConfigError(
            f"the report can't be written to {path}: {error.strerror}",
            hint="Name a file in a folder that is there and that you can write to. Nothing was begun.",
        ) from None


def _write_report(report: CacheBuildReport | FleetReport, path: Path) -> ConfigError | None:
    """Write the report whole or not at all; a path that can't be written is told, and never hides the outcome."""
    if path.exists() and not path.is_file():
        return ConfigError(f"the report can't be written to {path}, which is no file", hint="Name a file.")
    try:
        failpoint("report.before_write")
        with replaced_file(path) as file:
            file.write((as_document(msgspec.to_builtins(report)) + "\n").encode("ascii"))
            failpoint("report.before_rename")
    except OSError as error:
        return ConfigError(f"the report can't be written to {path}: {error.strerror}")
    return None
