"""When each line of a recorded program is due, by how far standard input has gone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from operator_tool.api import LinkError
from operator_tool_plugins._recording import Ended, Position

from .faults import raised_again
from .reading import PlayedRun


@dataclass(frozen=True)
class Saying:
    """One line, and when it came in the recording."""

    at_s: float
    data: bytes


@dataclass(frozen=True)
class Ending:
    """The end of the lines."""

    at_s: float
    exit_status: int | None
    stderr: str


class Script:
    """A program of which nothing is known but the recording: a line is due when as much was heard as then.

    The recorded position is what the transport had taken by then, perhaps a piece more than what the line answers. So a
    line also comes when nothing further is heard for a while (``stalled``): a caller that waits for it never waits in
    vain.
    """

    beats = False
    """Whether it says of itself that it lives while it has nothing to say."""

    def __init__(self, run: PlayedRun) -> None:
        self._run = run
        self._lines = deque(run.lines)
        self._heard_bytes = 0
        self.is_closed = False

    def hear(self, data: bytes) -> None:
        """Take in what the caller says."""
        self._heard_bytes += len(data)

    def close(self) -> None:
        """Take in that the caller says no more."""
        self.is_closed = True

    def next(self, *, stalled: bool) -> Saying | Ending | None:
        """Return what is due, None where nothing is. Raises ``LinkError`` where the recorded link broke."""
        if self._lines:
            if self.is_due(self._lines[0].stdin, stalled=stalled):
                line = self._lines.popleft()
                return Saying(line.at_s, line.raw)
            return None
        return self.end(stalled=stalled)

    def is_due(self, position: Position, *, stalled: bool) -> bool:
        """Tell whether what came at this position may come."""
        if self.is_closed or stalled:
            return True
        return self._heard_bytes >= position.size_bytes and not position.closed

    def end(self, *, stalled: bool) -> Ending | None:
        """Return the end when it is due, once all lines were said. Raises as ``next``."""
        ended = self._run.ended
        if ended is None or _is_the_callers_own(ended):
            return self._broken_off(ended, stalled=stalled)
        if not self.is_due(ended.stdin, stalled=stalled):
            return None
        if ended.fault is not None:
            raise raised_again(ended.fault)
        return Ending(ended.at_s, ended.exit_status, ended.stderr)

    def _broken_off(self, ended: Ended | None, *, stalled: bool) -> Ending | None:
        """The recorded caller went, or the recording did: this caller may go too, and more there is not.

        Nobody knows how a program ended whose end was not recorded: that is no failure of the companion's.
        """
        if ended is not None and self.is_closed:
            return Ending(ended.at_s, ended.exit_status, "")
        if stalled or self.is_closed:
            raise LinkError(
                "the recording goes no further: "
                + ("it was cut short here" if ended is None else "whoever was recorded had left the program by then"),
                hint=OTHERWISE_HINT,
                retryable=False,
            )
        return None


OTHERWISE_HINT = (
    "A recording has what was asked then, and nothing else. Replay it with the command, the flight, the providers and"
    " the settings that it was made with, or make another with --record."
)


def _is_the_callers_own(ended: Ended) -> bool:
    """Whether the recorded caller left, or its own input failed: nothing that the companion said ended it."""
    return ended.left or (ended.fault is not None and not ended.fault.type.startswith("Link"))
