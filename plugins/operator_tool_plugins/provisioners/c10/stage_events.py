"""What an operator is shown of the companion's own stages: when each begins and ends, and what it prints."""

from __future__ import annotations

from typing import Any

import msgspec

from operator_tool.api import Notice, RemoteLine, RunContext

from .escaping import printable
from .fields import Count, Seconds, Text, Word, as_fields
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


def show_stage(context: RunContext, said: dict[str, Any]) -> None:
    """Show an event; one that can't be read is nobody's promise, and is let be."""
    try:
        event = as_fields(said, StageEvent)
    except ValueError:
        return
    name = printable(event.stage, at_most=64)
    if event.state == "began":
        context.emit(Notice(text=f"stage {name} began on the companion"))
    elif event.state == "ended":
        made = f"{event.files} files, {event.bytes / 1e6:,.1f} MB" if event.files else "no file"
        context.emit(Notice(text=f"stage {name} ended after {event.took_s:,.1f} s: {made}"))
    elif event.left_out:
        context.emit(RemoteLine(text=f"{name}: ({event.left_out} lines were left out)"))
    else:
        context.emit(RemoteLine(text=f"{name}: {printable(event.line)}"))


def last_lines(error: AgentFailureError) -> str:
    """Return the last lines of a stage that failed, for the end of a message; empty for any other failure."""
    tail = error.details.get("tail")
    if error.code != "stage" or not isinstance(tail, list) or not tail:
        return ""
    return "; its last lines: " + " | ".join(printable(str(line), at_most=300) for line in tail[-_SHOWN_LINES:])
