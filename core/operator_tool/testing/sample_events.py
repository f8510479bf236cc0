"""Events as runs emit them: of every kind, for one companion and for several, and with texts that nobody chose."""

from __future__ import annotations

from collections.abc import Iterator

from operator_tool.api import (
    AreaRequest,
    BuildCacheOutcome,
    ByteCounts,
    CacheBuildReport,
    CompanionSummary,
    Event,
    FailurePhase,
    FlightSummary,
    Gap,
    GapCause,
    Notice,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    PluginRecord,
    PromptAnswered,
    PromptShown,
    ProviderShare,
    RemoteLine,
    RunFinished,
    RunStarted,
    TakeoffOrigin,
    TileCounts,
)

PHASES = ("resolve", "plan", "lock", "companion", "download", "transfer", "build")
ODD_TEXTS = (
    "",
    "\x1b[2J\x1b]0;title\x07bell",
    "nul\x00, backspace\b, return\rover it",
    "two\nlines\u2028and a third\x85",
    "half a pair \ud83d",
    "right to left \u202eltr\u202c, zero width\u200b, a flag \U0001f1e8\U0001f1ed",
    "[bold]markup[/bold] %s {braces} $(shell) <b>&amp;</b>",
    "long " + "x" * 1_000_000,
)
"""What a companion's program, a provider's error page or somebody else's plugin may say."""


def a_run(companion: str = "", *, run_id: str = "conformance") -> Iterator[Event]:
    """Yield the events of a run that ends well, each kind of event among them."""
    yield RunStarted(run_id=run_id, command="build-cache", companion=companion)
    yield PromptShown(companion=companion)
    yield PromptAnswered(companion=companion)
    for phase in PHASES:
        total = 400 if phase in ("download", "transfer") else None
        yield PhaseStarted(phase=phase, detail=f"{phase} begins", total=total, companion=companion)
        yield PhaseProgress(phase=phase, done=100, total=total, bytes=1_500_000, companion=companion)
        if phase == "build":
            yield RemoteLine(text="verifying 400 tiles", companion=companion)
        yield PhaseFinished(phase=phase, duration_s=1.25, detail="400 tiles", companion=companion)
    yield Notice(text="the camera's altitude is taken from the flight", companion=companion)
    yield RunFinished(report=a_report(run_id=run_id), companion=companion)


def a_report(*, run_id: str = "conformance", message: str = "") -> CacheBuildReport:
    """Return a report with something in each of its parts; of a failure where there is a message."""
    return CacheBuildReport(
        run_id=run_id,
        outcome=BuildCacheOutcome.FAILURE if message else BuildCacheOutcome.SUCCESS,
        exit_code=22 if message else 0,
        failure_phase=FailurePhase.TRANSFER if message else None,
        failure_exception_type="TransferError" if message else None,
        message=message,
        retryable=bool(message),
        started_at="2026-11-22T08:00:00Z",
        duration_s={"resolve": 0.1, "download": 12.0, "total": 20.0},
        flight=FlightSummary(
            id="F-1042",
            name="Ridge",
            source="api:https://flights.example",
            sha256="0" * 64,
            waypoints=4,
            takeoff_origin=TakeoffOrigin(lat_deg=47.05, lon_deg=8.31, alt_m=None),
        ),
        area=AreaRequest(),
        zooms=(15, 16),
        content_key="1" * 64,
        tiles=TileCounts(
            wanted=400,
            downloaded=399,
            missing=1,
            by_cause={"absent": 1},
            gaps=(Gap(z=16, x=1, y=2, cause=GapCause.ABSENT, reason="404", route_m=12.5, waypoint=0),),
        ),
        bytes=ByteCounts(downloaded=6_000_000, sent=6_000_000),
        provider=(ProviderShare(name="xyz", dataset="https://tiles.example", tiles=399, downloaded=399),),
        companion=CompanionSummary(address="ssh://pilot@192.0.2.7:22", transport="ssh", id="alpha"),
        plugins=(PluginRecord(role="tile_provider", name="xyz", distribution="operator-tool", version="1.0"),),
        notes=("nothing of it is real",),
    )


def odd_events() -> Iterator[Event]:
    """Yield events that hold each of the odd texts, wherever an event holds a text."""
    for text in ODD_TEXTS:
        yield RunStarted(run_id=text, command=text, companion=text)
        yield PhaseStarted(phase=text, detail=text, total=0, companion=text)
        yield PhaseProgress(phase=text, done=3, total=2, bytes=2**62, companion=text)
        yield PhaseProgress(phase="never started", done=-1, total=None)
        yield Notice(text=text, companion=text)
        yield RemoteLine(text=text, companion=text)
        yield PhaseFinished(phase=text, duration_s=0.0, detail=text, companion=text)
        yield PromptShown(companion=text)
        yield PromptAnswered(companion=text)
        yield RunFinished(report=a_report(run_id=text, message=text or "failed"), companion=text)
