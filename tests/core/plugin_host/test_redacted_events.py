"""Listeners are told nothing that holds a secret."""

from __future__ import annotations

from operator_tool.api import (
    BuildCacheOutcome,
    CacheBuildReport,
    Event,
    Notice,
    PhaseProgress,
    RemoteLine,
    RunFinished,
    Secret,
)
from operator_tool.plugin_host.redacted_events import RedactedEvents
from operator_tool.redaction import Redactor

KEY = "canary-key-4711"


def redacted(*events: Event, secret: str = KEY) -> list[Event]:
    """Return what a listener is told of these events."""
    redactor = Redactor()
    redactor.add(Secret(secret))
    exit_of_events = RedactedEvents(redactor)
    return [told for event in events for told in exit_of_events.of(event)]


def test_case_117_an_event_is_redacted_down_to_the_reports_fields() -> None:
    """Whatever a message quotes, the key is not in it; the rest is untouched."""
    report = CacheBuildReport(run_id="r", outcome=BuildCacheOutcome.FAILURE, message=f"refused {KEY}!", exit_code=20)

    told = redacted(Notice(text=f"see {KEY}"), RunFinished(report=report))

    assert KEY not in repr(told)
    assert isinstance(told[1], RunFinished)
    assert (told[1].report.exit_code, told[1].report.outcome) == (20, BuildCacheOutcome.FAILURE)


def test_case_113_a_key_split_over_two_remote_lines_is_withheld() -> None:
    """A line that a secret may begin in waits for the next one."""
    told = redacted(RemoteLine(text="token canary-k"), RemoteLine(text="ey-4711 end"), RemoteLine(text="plain"))
    shown = "".join(event.text for event in told if isinstance(event, RemoteLine))
    assert "canary-k" not in shown
    assert "ey-4711" not in shown
    assert shown.endswith("plain")


def test_without_secrets_events_pass_as_they_are() -> None:
    """Nothing is copied when there is nothing to look for."""
    event = Notice(text="x")
    progress = PhaseProgress(phase="download", done=1, total=2)
    told = list(RedactedEvents(Redactor()).of(event)) + list(RedactedEvents(Redactor()).of(progress))
    assert told[0] is event
    assert told[1] is progress
