"""Listener ``progress``: a bar per phase on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from operator_tool.api import (
    Event,
    Notice,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    PluginSettings,
    PromptAnswered,
    PromptShown,
    RunContext,
    escape_controls,
    hookimpl,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_EVERY_S = 5.0


class PlainLines:
    """A line as a phase begins and ends, and every few seconds in between: for logs, pipes and dumb terminals."""

    def __init__(self) -> None:
        self._told_s: dict[str, float] = {}

    def tell(self, event: Event) -> None:
        """Write what an operator needs of this event."""
        now_s = time.monotonic()
        if isinstance(event, PhaseStarted):
            self._told_s[_title(event)] = now_s
            self._line(f"{_title(event)}: {event.detail or 'started'}")
        elif isinstance(event, PhaseProgress) and now_s - self._told_s.get(_title(event), 0.0) >= PLAIN_EVERY_S:
            self._told_s[_title(event)] = now_s
            of_total = f" of {event.total:,}" if event.total is not None else ""
            self._line(f"{_title(event)}: {event.done:,}{of_total} tiles, {event.bytes / 1e6:,.1f} MB")
        elif isinstance(event, PhaseFinished):
            detail = f", {event.detail}" if event.detail else ""
            self._line(f"{_title(event)}: done in {event.duration_s:.1f} s{detail}")
        elif isinstance(event, Notice):
            self._line(_note(event))

    def close(self) -> None:
        """Nothing is left to tidy: each line was whole."""

    @staticmethod
    def _line(text: str) -> None:
        sys.stderr.write(escape_controls(text) + "\n")


class Bars:
    """A bar per phase, drawn by rich; they go away while the operator is asked for something, and come back."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress: Progress = Progress(
            TextColumn("{task.description:<10}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[megabytes]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True, markup=False),
        )
        self._tasks: dict[str, TaskID] = {}
        self._prompts = 0
        self._held: list[str] = []
        self._progress.start()

    def tell(self, event: Event) -> None:
        """Draw what an operator needs of this event."""
        if isinstance(event, PhaseStarted):
            self._tasks[_title(event)] = self._progress.add_task(_title(event), total=event.total, megabytes="")
        elif isinstance(event, PhaseProgress) and _title(event) in self._tasks:
            megabytes = f"{event.bytes / 1e6:,.1f} MB" if event.bytes else ""
            self._progress.update(
                self._tasks[_title(event)], completed=event.done, total=event.total, megabytes=megabytes
            )
        elif isinstance(event, PhaseFinished) and _title(event) in self._tasks:
            task = self._tasks[_title(event)]
            done = next(t for t in self._progress.tasks if t.id == task)
            total = done.total if done.total is not None else max(done.completed, 1)
            self._progress.update(task, total=total, completed=total)
            self._progress.stop_task(task)
        elif isinstance(event, Notice):
            self._print(_note(event))
        elif isinstance(event, PromptShown):
            self._pause()
        elif isinstance(event, PromptAnswered):
            self._go_on()

    def close(self) -> None:
        """Leave the bars as they are, and give the terminal back."""
        self._progress.stop()

    def _print(self, text: str) -> None:
        if self._prompts:
            self._held.append(text)
        else:
            self._progress.console.print(escape_controls(text), highlight=False)

    def _pause(self) -> None:
        self._prompts += 1
        # Transient for this one stop: the bars are wiped and drawn again below what was asked and answered.
        self._progress.live.transient = True
        self._progress.stop()
        self._progress.live.transient = False

    def _go_on(self) -> None:
        self._prompts -= 1
        if self._prompts:
            return
        self._progress.start()
        for text in self._held:
            self._print(text)
        self._held.clear()


def _title(event: PhaseStarted | PhaseProgress | PhaseFinished) -> str:
    """Return the phase, and whose it is in a run for several companions."""
    return f"{event.companion} {event.phase}" if event.companion else event.phase


def _note(event: Notice) -> str:
    return f"note: {event.companion}: {event.text}" if event.companion else f"note: {event.text}"


_display: PlainLines | Bars | None = None
_quiet = False


@hookimpl.start_listening
def start_listening(settings: PluginSettings, context: RunContext) -> None:  # noqa: ARG001 - the hook's signature
    """Note whether anything is wanted; the display is chosen at the first event."""
    global _quiet
    _quiet = context.quiet


@hookimpl.on_event
def on_event(event: Event) -> None:
    """Show the event: bars on a terminal, lines elsewhere."""
    global _display
    if _quiet:
        return
    if _display is None:
        _display = Bars() if sys.stderr.isatty() else PlainLines()
    _display.tell(event)


@hookimpl.stop_listening
def stop_listening() -> None:
    """Give the terminal back, however the run ended."""
    global _display
    if _display is not None:
        _display.close()
    _display = None
