"""One call of the agent: the request in, its lines logged and shown, its report judged."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import msgspec

from operator_tool.api import (
    CompanionSession,
    LinkError,
    OperatorToolError,
    PhaseProgress,
    RemoteLine,
    RunContext,
    RunLimits,
)

from .escaping import printable_line
from .report import MAX_REPORT_BYTES, NOT_STARTED, Transcript

log = logging.getLogger("c10.remote.progress")
"""Every line that the agent writes, at DEBUG."""

T = TypeVar("T")
_LINES_A_SECOND = 200
_PROGRESS_EVERY_S = 0.1
_TICK_S = 0.2


class Feed(Protocol):
    """The standard input of one call."""

    def chunks(self) -> Iterator[bytes]:
        """Yield what follows the request, in the transport's thread; ends soon after ``end``."""
        ...

    def end(self) -> None:
        """Be told that nothing more will be heard."""
        ...


class HeldOpen:
    """Standard input that stays open until the report: the agent ends itself when it closes."""

    def __init__(self) -> None:
        self._words: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def say(self, word: bytes) -> None:
        """Send one line."""
        self._words.put(word)

    def chunks(self) -> Iterator[bytes]:
        """Yield each word as it is said."""
        while (word := self._words.get()) is not None:
            yield word

    def end(self) -> None:
        """Close the standard input."""
        self._words.put(None)


class Conversation:
    """Calls the agent's verbs over one session."""

    def __init__(
        self, session: CompanionSession, argv: tuple[str, ...], limits: RunLimits, context: RunContext
    ) -> None:
        self._session = session
        self._argv = argv
        self._limits = limits
        self._context = context

    def call(
        self,
        verb: str,
        request: dict[str, object],
        into: type[T],
        failure: type[OperatorToolError],
        *,
        feed: Feed | None = None,
        on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
    ) -> T:
        """Return the report of one verb. Raises as ``Transcript.judge``, or ``NoAgentError``; others pass through."""
        feed = feed or HeldOpen()
        transcript = Transcript(verb, str(request["run_id"]))
        first = msgspec.json.encode(request) + b"\n"
        shown = _Shown(self._context)
        link_error: LinkError | None = None
        run = self._session.run([*self._argv, verb], stdin=_whole(first, feed), limits=self._limits)
        with run:
            try:
                for line in run:
                    shown.line(line)
                    event = transcript.feed(line)
                    if transcript.reported:
                        feed.end()
                    if event is not None:
                        on_event(event)
            except LinkError as error:
                link_error = error
            finally:
                feed.end()
                shown.end()
        if link_error is None and not transcript.begun and run.exit_status not in (None, *NOT_STARTED):
            raise NoAgentError(run.stderr_tail)
        return transcript.judge(
            into, failure, exit_status=run.exit_status, stderr_tail=run.stderr_tail, link_error=link_error
        )


class NoAgentError(Exception):
    """Python ran, and no agent spoke: its file is not there, or is another's."""


class Progress:
    """Tells of a phase's progress, at most about ten times a second, and always of its end."""

    def __init__(self, context: RunContext, phase: str) -> None:
        self._context = context
        self._phase = phase
        self._next_s = 0.0

    def tell(self, done: int, total: int | None, size_bytes: int = 0) -> None:
        """Tell, unless it was told just now."""
        now_s = time.monotonic()
        if now_s >= self._next_s or done == total:
            self._next_s = now_s + _PROGRESS_EVERY_S
            self._context.emit(PhaseProgress(phase=self._phase, done=done, total=total, bytes=size_bytes))


class _Shown:
    """Logs and emits each line, so many a second: ten million short lines must not drown the log."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._window_s = 0.0
        self._in_window = self._left_out = 0

    def line(self, line: bytes) -> None:
        now_s = time.monotonic()
        if now_s - self._window_s >= 1.0:
            self.end()
            self._window_s, self._in_window = now_s, 0
        self._in_window += 1
        if self._in_window > _LINES_A_SECOND:
            self._left_out += 1
        else:
            self._show(printable_line(line))

    def end(self) -> None:
        if self._left_out:
            self._show(f"({self._left_out} lines in one second were left out)")
            self._left_out = 0

    def _show(self, text: str) -> None:
        log.debug("%s", text)
        self._context.emit(RemoteLine(text=text))


def _whole(first: bytes, feed: Feed) -> Iterator[bytes]:
    yield first
    yield from feed.chunks()


def limits_for(silence_s: float, run_s: float) -> RunLimits:
    """Return the caps of one call; a report may be longer than other lines."""
    return RunLimits(line_bytes=MAX_REPORT_BYTES, silence_s=silence_s, run_s=run_s)
