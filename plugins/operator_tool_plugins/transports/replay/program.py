"""A recorded program as it runs again: what a transport has of one, see ``Program`` of the api."""

from __future__ import annotations

import math
import threading
import time

from operator_tool.api import LinkError

from .reading import PlayedRun
from .same_words import Translation
from .script import Ending, Saying, Script
from .settings import ReplaySettings

_BEAT_S = 5.0
_HEARTBEAT = b'{"event":"heartbeat"}\n'


class ReplayedProgram:
    """Says what its script says, at its pace."""

    def __init__(self, run: PlayedRun, script: Script, translation: Translation, settings: ReplaySettings) -> None:
        self._began_s = run.began_s
        self._script = script
        self._translation = translation
        self._keeps_time = settings.pace == "recorded"
        self._patience_s = settings.patience_s
        self._news = threading.Condition()
        self._next: Saying | Ending | LinkError | None = None
        self._ended: Ending | None = None
        self._is_over = False
        self._stderr_was_read = False
        self._started_s = self._moved_s = self._said_s = time.monotonic()

    @property
    def exit_status(self) -> int | None:
        """The recorded one, once the lines have ended as then."""
        return self._ended.exit_status if self._ended is not None else None

    def read_stdout(self, timeout_s: float) -> bytes | None:
        """Return the next line that is due."""
        until_s = time.monotonic() + timeout_s
        with self._news:
            while True:
                if self._is_over:
                    return b""
                now_s = time.monotonic()
                said = self._due(now_s)
                if said is not None or now_s >= until_s:
                    return said
                self._news.wait(min(until_s, self._wakes_s(now_s)) - now_s)

    def read_stderr(self, timeout_s: float) -> bytes | None:
        """Return what there is of standard error, at the program's end."""
        with self._news:
            if not self._news.wait_for(lambda: self._is_over, timeout_s):
                return None
            if self._stderr_was_read or self._ended is None:
                return b""
            self._stderr_was_read = True
            return self._translation.of(self._ended.stderr.encode())

    def write_stdin(self, data: memoryview, _timeout_s: float, /) -> int:
        """Hear all of it."""
        with self._news:
            if self._is_over:
                raise BrokenPipeError
            self._script.hear(bytes(data))
            self._move()
        return len(data)

    def close_stdin(self) -> None:
        """Hear that nothing follows."""
        with self._news:
            self._script.close()
            self._move()

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended: that is when its lines have."""
        with self._news:
            return self._news.wait_for(lambda: self._is_over, timeout_s)

    def end(self) -> None:
        """Say no more."""
        with self._news:
            self._is_over = True
            self._move()

    def _move(self) -> None:
        self._moved_s = time.monotonic()
        self._news.notify_all()

    def _due(self, now_s: float) -> bytes | None:
        """Return what may be read now; ``b""`` at the end."""
        if self._next is None:
            try:
                self._next = self._script.next(stalled=now_s >= self._patient_until_s)
            except LinkError as error:
                self._next = error
        upcoming = self._next
        if isinstance(upcoming, LinkError):
            self._over()
            raise upcoming
        if upcoming is None or now_s < self._time_of(upcoming):
            if self._script.beats and now_s - self._said_s >= _BEAT_S:
                self._said_s = now_s
                return _HEARTBEAT
            return None
        self._next = None
        self._moved_s = self._said_s = now_s
        if isinstance(upcoming, Ending):
            self._ended = upcoming
            self._over()
            return b""
        return self._translation.of(upcoming.data) + b"\n"

    def _over(self) -> None:
        self._is_over = True
        self._news.notify_all()

    def _time_of(self, upcoming: Saying | Ending) -> float:
        return self._started_s + upcoming.at_s - self._began_s if self._keeps_time else 0.0

    @property
    def _patient_until_s(self) -> float:
        return self._moved_s + self._patience_s

    def _wakes_s(self, now_s: float) -> float:
        """Return when there may be something to say though nothing is heard.

        A script that had nothing to say when patience was over has nothing until it hears more.
        """
        upcoming = self._next
        wakes_s = self._time_of(upcoming) if isinstance(upcoming, (Saying, Ending)) else self._patient_until_s
        if wakes_s <= now_s:
            wakes_s = math.inf
        if self._script.beats:
            wakes_s = min(wakes_s, self._said_s + _BEAT_S)
        return max(wakes_s, now_s + 0.001)
