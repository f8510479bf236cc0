"""A recorded session, asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from operator_tool.api import (
    CompanionIdentity,
    LinkError,
    Program,
    ProgramSession,
    RunContext,
    escape_controls,
)
from operator_tool_plugins._recording import Connected, Got, Put

from .agent_script import AgentScript, is_agent
from .faults import raised_again
from .program import ReplayedProgram
from .reading import PlayedRun, PlayedSession
from .same_words import Translation, is_same_program, other_versions
from .script import OTHERWISE_HINT, Script
from .settings import ReplaySettings

_File = TypeVar("_File", Put, Got)


class ReplayedSession(ProgramSession):
    """Gives each program and file of the recorded session once, the first that is asked for in so many words."""

    def __init__(
        self,
        played: PlayedSession,
        began: Connected,
        translation: Translation,
        settings: ReplaySettings,
        context: RunContext,
        later_s: float,
        note: Callable[[str], None],
    ) -> None:
        super().__init__(
            CompanionIdentity(
                address=escape_controls(began.address),
                fingerprint=None if began.fingerprint is None else escape_controls(began.fingerprint),
            ),
            context,
            start=lambda argv, _stall_s: self._played(argv),
            close_link=lambda: None,
        )
        self._translation = translation
        self._settings = settings
        self._later_s = later_s
        self._note = note
        self._cut_short = played.cut_short
        self._left = list(played.runs)
        self._files = list(played.files)

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Let a file that was written in the recording be written again, to nowhere."""
        put = self._file(Put, path, "written")
        if put.fault is not None:
            raise raised_again(put.fault)
        if (put.size_bytes, put.mode) != (len(data), mode):
            raise LinkError(
                f"the recording has {escape_controls(path)} written with {put.size_bytes:,} bytes and mode "
                f"{put.mode:04o}, and not with {len(data):,} and {mode:04o}",
                hint=OTHERWISE_HINT,
                retryable=False,
            )

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Return a file that was read in the recording."""
        got = self._file(Got, path, "read")
        if got.fault is not None:
            raise raised_again(got.fault)
        data = self._translation.of(got.raw)
        if len(data) > max_bytes:
            raise LinkError(f"{escape_controls(path)} is larger than {max_bytes:,} bytes", retryable=False)
        return data

    def _played(self, argv: Sequence[str]) -> Program:
        """Return a program of the recording. Raises ``LinkError`` for one that it hasn't."""
        with self._lock:
            played = self._taken(argv)
        for was, now in other_versions(played.argv, argv).items():
            self._note(
                f"the recorded program is {escape_controls(was, limit=100)}, and this run's is "
                f"{escape_controls(now, limit=100)}: what that one said is played"
            )
        if played.ended is not None and played.ended.not_started and played.ended.fault is not None:
            raise raised_again(played.ended.fault)
        script = AgentScript(played, self._later_s) if is_agent(played) else Script(played)
        translation = self._translation.and_of(played.argv, argv)
        return ReplayedProgram(played, script, translation, self._settings)

    def _taken(self, argv: Sequence[str]) -> PlayedRun:
        for place, played in enumerate(self._left):
            if is_same_program(played.argv, argv, self._translation):
                return self._left.pop(place)
        asked = escape_controls(" ".join(argv), limit=200)
        raise LinkError(
            f"the recording has no such program (any more) in this session{self._why_not}: {asked}",
            hint=OTHERWISE_HINT,
            retryable=False,
        )

    def _file(self, kind: type[_File], path: str, done: str) -> _File:
        self._check_open()
        with self._lock:
            for place, played in enumerate(self._files):
                if isinstance(played, kind) and is_same_program((played.path,), (path,), self._translation):
                    del self._files[place]
                    return played
        raise LinkError(
            f"the recording has no file {escape_controls(path)} {done} (any more) in this session{self._why_not}",
            hint=OTHERWISE_HINT,
            retryable=False,
        )

    @property
    def _why_not(self) -> str:
        return ", in which it was cut short" if self._cut_short else ""
