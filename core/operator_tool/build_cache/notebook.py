"""The notebook of one run: what each phase found and took, kept until the report is written from it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from operator_tool.api.build import (
    BuildCacheOutcome,
    ByteCounts,
    CacheBuildReport,
    CompanionSummary,
    FailurePhase,
    FlightSummary,
    PluginRecord,
    ProviderShare,
    TileCounts,
)
from operator_tool.api.context import RunContext
from operator_tool.api.errors import (
    BuildError,
    CompanionError,
    DownloadError,
    FlightError,
    OperatorToolError,
    TransferError,
)
from operator_tool.api.events import Notice, PhaseFinished, PhaseStarted
from operator_tool.api.order import CacheGaps
from operator_tool.overdue import HINT, OverdueRun
from operator_tool.unexpected import as_failure

from .download import Download
from .gap_verdict import verdict_of
from .plan import CachePlan, flight_sha256

_PHASE_OF = {
    "resolve": FailurePhase.FLIGHT_RESOLVE,
    "plan": FailurePhase.PLAN,
    "companion": FailurePhase.COMPANION,
    "download": FailurePhase.DOWNLOAD,
    "transfer": FailurePhase.TRANSFER,
    "build": FailurePhase.BUILD,
}
_ERROR_OF: dict[str, type[OperatorToolError]] = {
    "resolve": FlightError,
    "companion": CompanionError,
    "download": DownloadError,
    "transfer": TransferError,
    "build": BuildError,
}


class Notebook:
    """Written to by the orchestrator, read once by :meth:`report`."""

    def __init__(self, context: RunContext, plugins: tuple[PluginRecord, ...]) -> None:
        self.durations_s: dict[str, float] = {}
        self.plan: CachePlan | None = None
        self.tiles = TileCounts()
        self.bytes = ByteCounts()
        self.shares: tuple[ProviderShare, ...] = ()
        self.companion: CompanionSummary | None = None
        self.notes: list[str] = []
        self.gaps: CacheGaps | None = None
        """Of the companion's cache that was found there; of what is built the download tells."""
        self.command = "build-cache"
        self._flight: FlightSummary | None = None
        self._context = context
        self._plugins = plugins
        self._phase = ""
        self._begun_s = time.monotonic()
        self._begun_at = datetime.now(UTC).isoformat(timespec="seconds")

    @contextmanager
    def phase(self, name: str, detail: str = "") -> Iterator[None]:
        """Run one phase: tell of its begin and end, and note how long it took."""
        self._phase = name
        begun_s = time.monotonic()
        self._context.emit(PhaseStarted(phase=name, detail=detail))
        try:
            yield
        finally:
            self.durations_s[name] = time.monotonic() - begun_s
        self._context.emit(PhaseFinished(phase=name, duration_s=self.durations_s[name]))

    def blame(self, name: str) -> None:
        """Say which phase an error is of, where two of them overlap."""
        self._phase = name

    def overdue(self, overdue: OverdueRun) -> OperatorToolError:
        """Return what a run that hung fails with: the error of the phase that it hung in."""
        kind = _ERROR_OF.get(self._phase, OperatorToolError)
        return kind(f"{overdue}: it hung in the phase {self._phase}", hint=HINT, retryable=True)

    def unexpected(self, error: BaseException) -> OperatorToolError:
        """Return what nobody recognises as a failure of the phase that it came up in."""
        return as_failure(error, _ERROR_OF.get(self._phase, OperatorToolError))

    def note_plan(self, plan: CachePlan) -> None:
        """Keep the plan; the report is written from it."""
        self.plan = plan
        self.tiles = TileCounts(wanted=plan.coverage.count)
        self._flight = FlightSummary(
            id=plan.flight.id,
            name=plan.flight.name,
            source=plan.flight.source,
            sha256=flight_sha256(plan.flight),
            waypoints=len(plan.flight.waypoints),
            takeoff_origin=plan.flight.takeoff_origin,
            notes=plan.flight.notes,
        )
        self.notes += [*plan.warnings, *plan.notes]
        self.notes += [
            f"{name} gives synthetic imagery, not the real ground" for name, info in plan.providers if info.synthetic
        ]

    def note_download(self, download: Download) -> None:
        """Keep what one download gave; what an earlier one of this run had downloaded was not held before the run."""
        counts, before = download.counts(), self.tiles
        self.tiles = msgspec.structs.replace(
            counts,
            downloaded=counts.downloaded + before.downloaded,
            reused=counts.reused - before.downloaded if before.downloaded else counts.reused,
            unchanged=counts.unchanged + before.unchanged,
        )
        self.shares = download.shares()
        self.durations_s["download"] = self.durations_s.get("download", 0.0) + download.duration_s
        # A second look at the same tiles finds in the store what the first one downloaded.
        self.bytes = ByteCounts(downloaded=self.bytes.downloaded + download.downloaded_bytes)

    def tell_of_second_look(self, error: OperatorToolError) -> None:
        """Say why the tiles are looked at a second time."""
        note = f"{error.message}; what is missing was fetched anew"
        self.notes.append(note)
        self._context.emit(Notice(text=note))

    def _gaps(self, outcome: BuildCacheOutcome) -> CacheGaps | None:
        if outcome is BuildCacheOutcome.NO_OP:
            return self.gaps
        if outcome is not BuildCacheOutcome.SUCCESS:
            return None
        return CacheGaps(missing=self.tiles.missing, by_zoom=self.tiles.by_zoom, nearest=self.tiles.nearest_gap)

    def _format_notes(self) -> list[str]:
        formats: Counter[str] = Counter()
        for share in self.shares:
            formats.update(share.formats)
        if len(formats) < 2:
            return []
        told = ", ".join(f"{number:,} {kind}" for kind, number in formats.most_common())
        return [f"the cache has pictures of several formats: {told}; each is stored as it came"]

    def branch(self, context: RunContext) -> Notebook:
        """Return a notebook that goes on from what stands here, for one companion's part of the run."""
        other = Notebook(context, self._plugins)
        other.durations_s = dict(self.durations_s)
        other.plan, other.tiles, other.notes = self.plan, self.tiles, list(self.notes)
        other._flight = self._flight
        other._phase = self._phase
        other._begun_s, other._begun_at = self._begun_s, self._begun_at
        return other

    def interrupted(self, exit_code: int) -> CacheBuildReport:
        """Return the report of a run that the operator or the system ended with this exit code, as far as it came."""
        return msgspec.structs.replace(
            self.report(BuildCacheOutcome.INTERRUPTED),
            exit_code=exit_code,
            failure_phase=_PHASE_OF.get(self._phase),
            message="interrupted: what had arrived is kept",
            remediation="Run the same command again: it goes on where it was.",
            retryable=True,
        )

    def report(self, outcome: BuildCacheOutcome, error: OperatorToolError | None = None) -> CacheBuildReport:
        """Return the report of this run, as far as it came."""
        plan = self.plan
        gaps = self._gaps(outcome)
        return CacheBuildReport(
            run_id=self._context.run_id,
            outcome=outcome,
            exit_code=error.exit_code if error else 0,
            failure_phase=(error.failure_phase or _PHASE_OF.get(self._phase)) if error else None,
            failure_exception_type=type(error).__name__ if error else None,
            message=error.message if error else "",
            remediation=error.hint if error else "",
            retryable=error.retryable if error else False,
            started_at=self._begun_at,
            duration_s={
                name: round(seconds, 3)
                for name, seconds in (self.durations_s | {"total": time.monotonic() - self._begun_s}).items()
            },
            flight=self._flight,
            area=plan.area if plan else None,
            zooms=plan.zooms if plan else (),
            content_key=plan.content_key if plan else "",
            verdict=verdict_of(outcome, gaps, command=self.command),
            gaps=gaps,
            tiles=self.tiles,
            bytes=self.bytes,
            provider=self.shares,
            companion=self.companion,
            plugins=self._plugins,
            notes=(*self.notes, *self._format_notes()),
        )
