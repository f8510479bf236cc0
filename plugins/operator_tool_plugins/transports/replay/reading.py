"""A recording as it is played: its sessions by companion, each with its programs and files, out of the file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from operator_tool.api import ConfigError, escape_controls
from operator_tool_plugins._recording import (
    VERSION,
    Closed,
    Companion,
    Complete,
    Connected,
    Ended,
    Got,
    Header,
    Line,
    NotConnected,
    Put,
    Record,
    Started,
    decoded,
)

_MAX_BYTES = 1024 * 1024 * 1024
_ANEW = "Make another recording with --record."


@dataclass
class PlayedRun:
    """One program of a session."""

    argv: tuple[str, ...]
    began_s: float
    lines: list[Line] = field(default_factory=list)
    ended: Ended | None = None
    """None where the recording broke off before."""


@dataclass
class PlayedSession:
    """One session, or why it could not be had."""

    began: Connected | NotConnected
    runs: list[PlayedRun] = field(default_factory=list)
    files: list[Put | Got] = field(default_factory=list)
    cut_short: bool = False
    """The recording broke off before it ended."""


@dataclass
class PlayedCompanion:
    """One companion of the recording, and its sessions in their order."""

    record: Companion
    sessions: list[PlayedSession] = field(default_factory=list)


@dataclass
class PlayedRecording:
    """A whole file."""

    name: str
    """Its path, as it can be shown."""
    header: Header
    companions: dict[int, PlayedCompanion] = field(default_factory=dict)
    complete: bool = False
    """It has its end: the recorded run was not killed."""


def read_recording(path: Path) -> PlayedRecording:
    """Return what the file holds. Raises ``ConfigError`` naming the line that is no recording's."""
    shown = escape_controls(str(path))
    lines = _read(path, shown).split(b"\n")
    torn = lines.pop()
    try:
        header = msgspec.json.decode(lines[0] if lines else torn, type=Header)
    except msgspec.MsgspecError:
        raise ConfigError(f"{shown} is not a recording of operator-tool", hint=_ANEW) from None
    header = msgspec.structs.replace(header, tool=escape_controls(header.tool, limit=100))
    if header.version != VERSION:
        raise ConfigError(
            f"{shown} is a recording of version {header.version}, made by {header.tool}; this program plays version "
            f"{VERSION}",
            hint="Play it with the version of operator-tool that made it, or record anew with --record.",
        )
    if torn:
        raise ConfigError(
            f"{shown} is cut off in line {len(lines) + 1}",
            hint="Take the rest of that line out to play what comes before it, or record anew with --record.",
        )
    reader = _Reader(PlayedRecording(shown, header))
    for number, line in enumerate(lines[1:], 2):
        try:
            reader.take(decoded(line))
        except (msgspec.MsgspecError, LookupError, ValueError) as error:
            why = f"it names {error}, which did not begin" if isinstance(error, LookupError) else str(error)
            why = escape_controls(why, limit=300)
            raise ConfigError(f"{shown}, line {number} is not a recording's: {why}", hint=_ANEW) from None
    reader.end()
    if not reader.recording.companions:
        raise ConfigError(f"{shown} holds nothing: no companion had been reached when it ended", hint=_ANEW)
    return reader.recording


class _Reader:
    """Puts each record to its session."""

    def __init__(self, recording: PlayedRecording) -> None:
        self.recording = recording
        self._sessions: dict[int, PlayedSession] = {}
        self._closed: set[int] = set()
        self._runs: dict[int, PlayedRun] = {}

    def take(self, record: Record) -> None:
        """Take in the next record. Raises ``KeyError`` for one of what did not begin, ``ValueError`` out of turn."""
        if self.recording.complete:
            raise ValueError("it stands behind the recording's end")
        match record:
            case Companion():
                self.recording.companions[record.number] = PlayedCompanion(_shown(record))
            case Connected() | NotConnected():
                session = self._sessions[record.session] = PlayedSession(record)
                self.recording.companions[record.companion].sessions.append(session)
            case Started():
                run = self._runs[record.run] = PlayedRun(record.argv, record.at_s)
                self._sessions[record.session].runs.append(run)
            case Line():
                self._open(record.run).lines.append(record)
            case Ended():
                self._open(record.run).ended = record
            case Put() | Got():
                self._sessions[record.session].files.append(record)
            case Closed():
                self._sessions[record.session]
                self._closed.add(record.session)
            case Complete():
                self.recording.complete = True
            case Header():
                raise ValueError("a second head")

    def end(self) -> None:
        """Take in that no record follows."""
        if not self.recording.complete:
            for number, session in self._sessions.items():
                session.cut_short = number not in self._closed

    def _open(self, number: int) -> PlayedRun:
        run = self._runs[number]
        if run.ended is not None:
            raise ValueError("its program had ended")
        return run


def _shown(companion: Companion) -> Companion:
    return msgspec.structs.replace(
        companion, name=escape_controls(companion.name), address=escape_controls(companion.address)
    )


def _read(path: Path, shown: str) -> bytes:
    """Return the bytes of a regular file. Raises ``ConfigError``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would be waited for
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise ConfigError(f"the recording {shown} can't be read: it is not a file")
            if seen.st_size > _MAX_BYTES:
                raise ConfigError(f"the recording {shown} is larger than {_MAX_BYTES:,} bytes")
            return file.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"the recording {shown} can't be read: {why}", hint="Check replay.file.") from None
