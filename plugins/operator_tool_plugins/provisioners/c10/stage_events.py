"""What an operator is shown of the companion's own stages: when each begins and ends, and what it prints."""

from __future__ import annotations

from typing import Any

import msgspec

from operator_tool.api import Notice, RemoteLine, RunContext

from .escaping import printable
from .fields import Count, Seconds, Text, Word, as_fields
from .rates import Rate
from .report import AgentFailureError

STAGE_HINT = (
    "The drone still has its old cache, and what was sent is kept. Mend the stage, which the companion's own"
    " companion.json names, and run the same command again."
)
STAGES_CHANGED_HINT = "The companion's own companion.json was changed meanwhile. Run the same command again."
_SHOWN_LINES = 5


class StageEvent(msgspec.Struct, frozen=True):
    """One event of a stage: that it began or ended, or a line of it."""

    stage: Word
    state: Word = ""
    line: Text = ""
    left_out: Count = 0
    files: Count = 0
    bytes: Count = 0
    took_s: Seconds = 0.0

    @property
    def is_step(self) -> bool:
        """It began or ended."""
        return self.state in ("began", "ended")


class StageRates:
    """How much of a build's stages is shown: an agent passes on 50 lines a second."""

    def __init__(self) -> None:
        self._lines = Rate(per_s=50, at_once=200, in_all=100_000)
        self._steps = Rate(per_s=2, at_once=100, in_all=20_000)

    def allows(self, event: StageEvent) -> bool:
        """Tell whether this one may be shown, too."""
        return (self._steps if event.is_step else self._lines).allows()


def show_stage(context: RunContext, said: dict[str, Any], rates: StageRates | None = None) -> None:
    """Show an event; one that can't be read is nobody's promise, and is let be."""
    try:
        event = as_fields(said, StageEvent)
    except ValueError:
        return
    if rates is None or rates.allows(event):
        context.emit(_step(event) if event.is_step else _line(event))


def _step(event: StageEvent) -> Notice:
    name = printable(event.stage, at_most=64)
    if event.state == "began":
        return Notice(text=f"stage {name} began on the companion")
    made = f"{event.files} files, {event.bytes / 1e6:,.1f} MB" if event.files else "no file"
    return Notice(text=f"stage {name} ended after {event.took_s:,.1f} s: {made}")


def _line(event: StageEvent) -> RemoteLine:
    name = printable(event.stage, at_most=64)
    if event.left_out:
        return RemoteLine(text=f"{name}: ({event.left_out} lines were left out)")
    return RemoteLine(text=f"{name}: {printable(event.line)}")


def last_lines(error: AgentFailureError) -> str:
    """Return the last lines of a stage that failed, for the end of a message; empty for any other failure."""
    tail = error.details.get("tail")
    if error.code != "stage" or not isinstance(tail, list) or not tail:
        return ""
    return "; its last lines: " + " | ".join(printable(str(line), at_most=300) for line in tail[-_SHOWN_LINES:])
