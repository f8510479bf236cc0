"""The judging of what the agent said: exit status, report, run id and verb must all agree; the worse wins."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from operator_tool.api import LinkError, OperatorToolError

from .escaping import printable
from .fields import as_fields, parse_strictly
from .login import LAST_LINES, MAX_NOISE_LINES, last_words
from .wire import PROTOCOL

MAX_REPORT_BYTES = 1024 * 1024
MAX_IDLE_BEATS = 6
"""Within a call a heartbeat, one every 5 s, says what is done; so many in a row that don't: its report was lost."""
_BEGIN = b'{"event":"begin"'
_REPORT = b'{"report":'
_OTHER_PROTOCOL = (
    "Use the same version of operator-tool on both: operator-tool companion install, or, where the login is locked to"
    " the agent's gate, have the companion's administrator do it."
)
_UNREAD = ("unknown", "")
"""The verb and the run of a report on a request that the agent could not read."""
NOT_FOUND = 127
NOT_STARTED = (126, NOT_FOUND)
"""What a shell exits with when it can't start a program."""

T = TypeVar("T")


class AgentFailureError(Exception):
    """The agent itself reported that it failed: its code, its words, and what it added."""

    def __init__(self, code: str, message: str, details: dict[str, object]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details


class Transcript:
    """All that a call's standard output said, as far as it matters: feed it each line, then ask for the judgement."""

    def __init__(self, verb: str, run_id: str) -> None:
        self.verb = verb
        self._run_id = run_id
        self._tail: deque[bytes] = deque(maxlen=LAST_LINES)
        self._last = b""
        self._report_at: list[int] = []
        self._lines = 0
        self._idle_beats = 0
        self._protocol: object = PROTOCOL
        self.begun = False
        """The agent spoke: a line carried our run id."""
        self.is_ending = False
        """Nothing may follow the report: the agent is to end."""
        self.ended = False
        """The agent ended: its exit status is to be judged."""
        self.link_error: LinkError | None = None

    def feed(self, line: bytes) -> dict[str, Any] | None:
        """Take in one line; return it when it is one of the agent's events.

        Raises ``LinkError`` on endless noise, and when the agent waits for the next call: its report was lost then.
        """
        if not self.begun:
            # A login's prompt or banner may have no line end of its own.
            line = line[max(0, line.find(_BEGIN)) :]
        try:
            said = parse_strictly(line)
        except ValueError:
            # One that can't be meant is the report all the same: no other will come.
            said = {"report": None} if self.begun and line.startswith(_REPORT) and line.endswith(b"}") else None
        if self._report_at and said == {"event": "heartbeat"}:
            # It may have come before the agent heard that nothing follows.
            return None
        self._note_idle(said == {"event": "heartbeat"})
        self._tail.append(line)
        self._last = line
        self._lines += 1
        if isinstance(said, dict):
            if "report" in said:
                self._report_at.append(self._lines)
            elif said.get("event") == "begin":
                if said.get("run_id") == self._run_id:
                    self.begun = True
                    self._protocol = said.get("protocol")
            elif self.begun and isinstance(said.get("event"), str):
                return said
        if not self.begun and self._lines > MAX_NOISE_LINES:
            raise LinkError(f"the first {MAX_NOISE_LINES} lines were not the agent's{self._seen('')}", retryable=False)
        return None

    def _note_idle(self, idle: bool) -> None:
        self._idle_beats = self._idle_beats + 1 if idle else 0
        if self._idle_beats >= MAX_IDLE_BEATS:
            raise LinkError(
                f"the companion's agent is done with {self.verb}, and what it answered was garbled on its way",
                hint="Look at what the link does to bytes, and run the same command again; what had arrived is kept.",
            )

    @property
    def reported(self) -> bool:
        """The report has come: nothing of this call follows it."""
        return bool(self._report_at)

    @property
    def failed(self) -> bool:
        """The report has come, is sound, and says that the agent failed: its words explain more than the link."""
        try:
            return self._report()["ok"] is not True
        except ValueError:
            return False

    def ends_with(self, last: Callable[[dict[str, Any]], bool], goes_on_after: str) -> bool:
        """Tell, and note, whether the agent is to end after this report."""
        try:
            report = self._report()
        except ValueError:
            self.is_ending = True
        else:
            error = report.get("error")
            code = error.get("code") if isinstance(error, dict) else None
            self.is_ending = last(report) if report["ok"] else not goes_on_after or code != goes_on_after
        return self.is_ending

    def judge(
        self,
        into: type[T],
        failure: type[OperatorToolError],
        *,
        exit_status: int | None,
        stderr_tail: str,
    ) -> T:
        """Return the report's fields as ``into``, or raise ``failure`` saying what doesn't agree.

        The exit status counts where the agent ended, and then the worse wins; more calls may follow one that didn't.

        Raises ``AgentFailureError`` when the agent properly reported a failure of its own.
        """
        if self._protocol != PROTOCOL:
            words = (
                f"the companion's agent speaks protocol {printable(repr(self._protocol), at_most=20)}, "
                f"this program speaks {PROTOCOL}"
            )
            raise failure(words, hint=_OTHER_PROTOCOL)
        problem: str | None = None
        report: dict[str, Any] = {}
        try:
            report = self._report()
        except ValueError as error:
            problem = str(error)
        if problem is None and report["ok"] is not True:
            # Its own words explain more than the link or the status that came of it.
            raise _own_failure(report, exit_status if self.ended else None)
        if self.link_error is not None:
            broken = self.link_error
            hint = broken.hint if broken.hint != LinkError.default_hint else None
            raise failure(f"{self.verb}: {broken.message}", hint=hint, retryable=broken.retryable)
        seen = self._seen(stderr_tail)
        if self.ended and exit_status is None:
            raise failure(f"{self.verb} on the companion ended without exit status (killed?){seen}", retryable=True)
        if exit_status in NOT_STARTED and not self.begun:
            raise failure(
                f"{self.verb}: the companion's Python is not installed or not executable (exit {exit_status}){seen}",
                hint="Install python3 on the companion, or name it with -o c10.python=PATH.",
            )
        if problem is not None:
            raise failure(f"{self.verb}, exit {exit_status}: {problem}{seen}")
        if self.ended and exit_status != 0:
            raise failure(f"{self.verb} reported success and yet ended with exit {exit_status}{seen}")
        try:
            return as_fields(report, into)
        except ValueError as error:
            seen = printable(str(error), at_most=500)
            raise failure(f"{self.verb}: the companion's report can't be relied on: {seen}") from None

    def last_words(self, stderr_tail: str) -> str:
        """Return the last lines of both streams, escaped and bounded; empty where nothing was said."""
        return last_words(self._tail, stderr_tail)

    def _report(self) -> dict[str, Any]:
        """Return the last line as a report of this very call; raises ``ValueError`` with the reason why it isn't."""
        if not self._lines:
            raise ValueError("the companion said nothing, so there is no report")
        if len(self._report_at) > 1:
            raise ValueError("there are two reports")
        if self._report_at and self._report_at[0] != self._lines:
            raise ValueError("the report is not the last line")
        if len(self._last) > MAX_REPORT_BYTES:
            raise ValueError(f"the last line is longer than {MAX_REPORT_BYTES:,} bytes")
        try:
            report = parse_strictly(self._last)
        except ValueError as error:
            raise ValueError(f"the last line is not a report: {printable(str(error), at_most=200)}") from None
        if not isinstance(report, dict) or "report" not in report:
            raise ValueError("the last line is not a report")
        unread = report.get("ok") is False and (report["report"], report.get("run_id")) == _UNREAD
        for name, wanted in () if unread else (("report", self.verb), ("run_id", self._run_id)):
            if report.get(name) != wanted:
                raise ValueError(
                    f"the report's {name} is {printable(repr(report.get(name)), at_most=100)}, not {wanted!r}"
                )
        if not isinstance(report.get("ok"), bool):
            raise ValueError("the report's ok is neither true nor false")  # noqa: TRY004 - all flaws are one kind
        return report

    def _seen(self, stderr_tail: str) -> str:
        """Return the end of what was said, for the end of a message."""
        words = self.last_words(stderr_tail)
        return f"; the last lines: {words}" if words else ""


def _own_failure(report: dict[str, Any], exit_status: int | None) -> AgentFailureError:
    error = report.get("error")
    details = error if isinstance(error, dict) else {}
    code = printable(str(details.get("code", "unknown")), at_most=50)
    message = printable(str(details.get("message", "no reason was given")))
    if exit_status == 0:
        message += " (and yet it ended with exit 0)"
    return AgentFailureError(code, message, details)


def holder_text(details: object) -> str | None:
    """Return who holds the companion's lock, as far as the agent could say."""
    if not isinstance(details, dict) or not details:
        return None
    return printable(", ".join(f"{name} {details[name]}" for name in sorted(details)), at_most=300)
