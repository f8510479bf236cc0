"""Calls of the agent: the request in, its lines logged and shown, its report judged."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from operator_tool.api import (
    CompanionSession,
    Deadline,
    LinkError,
    LinkStalledError,
    Notice,
    OperatorToolError,
    PhaseProgress,
    PlanError,
    RemoteLine,
    RunContext,
    RunLimits,
)

from .escaping import printable, printable_line
from .gated import is_refusal
from .login import check_runs_commands, login_error
from .process import AgentProcess, Feed
from .rates import Rate
from .report import MAX_REPORT_BYTES, NOT_FOUND, NOT_STARTED, AgentFailureError, Transcript, holder_text
from .settings import C10Settings
from .wire import MAX_LINE_BYTES

log = logging.getLogger("c10.remote.progress")
"""Every line that the agent writes, at DEBUG."""

T = TypeVar("T")
_LINES_A_SECOND = 200
_PROGRESS_EVERY_S = 0.1
_PYTHON_FOUND_NO_AGENT = "can't open file"
"""What every Python says of a program that is not there: the login has run it."""
_CSH_NOT_FOUND = ": Command not found."
"""What csh and tcsh say of a program that is not there, with an exit status of 1."""
_LIMITS = RunLimits(line_bytes=MAX_REPORT_BYTES, silence_s=120.0, run_s=math.inf)
"""A report may be longer than other lines. Each call has limits of its own; the agent also beats between them."""


class Conversation:
    """Calls the agent's verbs over one session: one process, begun with the first call, ended with the last."""

    def __init__(
        self,
        session: CompanionSession,
        argv: tuple[str, ...],
        settings: C10Settings,
        context: RunContext,
        first: bytes = b"",
    ) -> None:
        """``first`` is what each process hears before its first request."""
        self.session = session
        self._argv = argv
        self._first = first
        self._run_s = settings.run_s
        self._stuck_s = settings.stuck_s
        longest_s = max(_LIMITS.silence_s, settings.silence_s, settings.no_progress_s)
        self._limits = msgspec.structs.replace(_LIMITS, silence_s=longest_s)
        self._context = context
        self._process: AgentProcess | None = None
        self._waits = Rate(per_s=1 / 30, at_once=3, in_all=100)
        self.processes = 0
        """How many were begun so far: what the last one said of itself is not another one's."""

    @property
    def is_open(self) -> bool:
        """Whether a process is there: what was said to it before will be answered."""
        return self._process is not None

    def say(self, data: bytes) -> None:
        """Have the process hear this in the midst of a call."""
        if self._process is not None:
            self._process.say(data)

    def close(self) -> None:
        """End the process; the next call begins another."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def call(
        self,
        verb: str,
        request: dict[str, object],
        into: type[T],
        failure: type[OperatorToolError],
        *,
        silence_s: float,
        last: Callable[[dict[str, Any]], bool] = lambda _report: False,
        goes_on_after: str = "",
        feed: Feed | None = None,
        on_event: Callable[[dict[str, Any]], None] = lambda _event: None,
        said: bool = False,
    ) -> T:
        """Return the report of one verb. Raises as ``Transcript.judge``, or ``NoAgentError``; others pass through.

        ``said``: the request went out already, behind the call before. ``on_event`` may ``say`` what answers it.

        The process ends, and its exit status is judged, after a report that is ``last`` and after each failure but
        that with the code ``goes_on_after``.
        """
        transcript = Transcript(verb, str(request["run_id"]))
        try:
            process = self._opened()
            if not said:
                process.say(request_line(verb, request))
            if feed is not None:
                process.say(feed)
            try:
                self._listen(process, transcript, silence_s, feed, on_event, last, goes_on_after)
            except LinkError as error:
                self._check_heard(error, process, transcript)
                if error.retryable and not transcript.failed:
                    raise
                transcript.link_error = error
            self._check_spoke(process, transcript)
            report = _judged(process, transcript, into, failure)
        except BaseException as error:
            if not (isinstance(error, AgentFailureError) and error.code == goes_on_after and not transcript.ended):
                self.close()
            raise
        if transcript.ended:
            self.close()
        return report

    def _check_heard(self, error: LinkError, process: AgentProcess, transcript: Transcript) -> None:
        """Raise ``CompanionError`` for a login that said something else than the agent, and then waits."""
        seen = transcript.last_words(process.stderr_tail)
        if isinstance(error, LinkStalledError) and not process.has_spoken and seen:
            raise login_error(self.session, f" ({error.message})", seen, retryable=True) from error

    def _check_spoke(self, process: AgentProcess, transcript: Transcript) -> None:
        """Raise ``CompanionError`` where not the agent is lacking, and the login runs no program at all."""
        status, stderr = process.exit_status, process.stderr_tail
        if not transcript.ended or process.has_spoken or status is None or is_refusal(stderr):
            return
        if _PYTHON_FOUND_NO_AGENT not in stderr:
            check_runs_commands(self.session, status, transcript.last_words(stderr))

    def _opened(self) -> AgentProcess:
        if self._process is None:
            self._process = AgentProcess(self.session, self._argv, self._limits, self._first)
            self.processes += 1
        return self._process

    def _listen(
        self,
        process: AgentProcess,
        transcript: Transcript,
        silence_s: float,
        feed: Feed | None,
        on_event: Callable[[dict[str, Any]], None],
        last: Callable[[dict[str, Any]], bool],
        goes_on_after: str,
    ) -> None:
        """Read to the report, or to the end where nothing may follow it."""
        shown = Shown(self._context)
        until, first_word = Deadline.after(self._run_s), Deadline.after(silence_s)
        try:
            while (line := process.line(silence_s)) is not None:
                shown.line(line)
                event = transcript.feed(line)
                process.has_spoken = process.has_spoken or transcript.begun
                if first_word.passed and not process.has_spoken:
                    raise LinkStalledError(f"the agent said nothing for {silence_s:g} s")
                if transcript.reported and feed is not None:
                    feed.end()
                if transcript.reported and not transcript.is_ending:
                    if not transcript.ends_with(last, goes_on_after):
                        return
                    process.end_input()
                if event is not None:
                    self._note(event, on_event)
                if until.passed:
                    raise LinkError(f"{transcript.verb} on the companion did not end within {self._run_s:g} s")
            transcript.ended = True
        finally:
            if feed is not None:
                feed.end()
            shown.end()

    def _note(self, event: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> None:
        if event["event"] == "waiting":
            # The agent says it once. Each wait ends within minutes, whatever is said meanwhile.
            if not self._waits.allows():
                return
            holder = holder_text(event.get("holder")) or "it does not say whose"
            self._context.emit(Notice(text=f"waiting for another build on the companion to end ({holder})"))
        elif event["event"] == "heartbeat":
            self._check_moves(event)
        else:
            on_event(event)

    def _check_moves(self, heartbeat: dict[str, Any]) -> None:
        """Raise where the agent beats, and its work has stood still for too long: it would beat for ever."""
        still_s = heartbeat.get("for_s")
        if type(still_s) is int and still_s >= self._stuck_s:
            doing = printable(str(heartbeat.get("doing")), at_most=100)
            raise LinkStalledError(
                f"the companion's agent hangs: {doing}, without progress for {still_s} s",
                hint="Run the same command again; what had arrived is kept. If it hangs there again, check the"
                " companion's disk, or give a slow one more time with c10.stuck_s.",
            )


def request_line(verb: str, request: dict[str, object]) -> bytes:
    """Return a call's request as the agent reads it. Raises ``PlanError`` for one beyond what an agent takes."""
    line = msgspec.json.encode({"verb": verb, **request})
    if len(line) > MAX_LINE_BYTES:
        raise PlanError(
            f"{verb}: the request comes to {len(line) / 1e6:,.1f} MB, and the companion takes"
            f" {MAX_LINE_BYTES / 1e6:,.1f} MB",
            hint="Simplify the areas to fewer corners, give fewer --area, or divide the flight.",
        )
    return line + b"\n"


def _judged(process: AgentProcess, transcript: Transcript, into: type[T], failure: type[OperatorToolError]) -> T:
    status, stderr = process.exit_status, process.stderr_tail
    if transcript.ended and not transcript.begun and not transcript.failed:
        if _CSH_NOT_FOUND in stderr and status is not None:
            status = NOT_FOUND
        if status not in (None, *NOT_STARTED):
            raise NoAgentError(stderr.strip())
    return transcript.judge(into, failure, exit_status=status, stderr_tail=stderr)


class NoAgentError(Exception):
    """Python ran, and no agent spoke: its file is not there, or is another's."""


class Progress:
    """Tells of a phase's progress, at most about ten times a second, and of its end the first time that it comes."""

    def __init__(self, context: RunContext, phase: str) -> None:
        self._context = context
        self._phase = phase
        self._next_s = 0.0
        self._ended = False

    def tell(self, done: int, total: int | None, size_bytes: int = 0) -> None:
        """Tell, unless it was told just now."""
        now_s = time.monotonic()
        ends = done == total and not self._ended
        if now_s >= self._next_s or ends:
            self._ended = self._ended or ends
            self._next_s = now_s + _PROGRESS_EVERY_S
            self._context.emit(PhaseProgress(phase=self._phase, done=done, total=total, bytes=size_bytes))


class Shown:
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
