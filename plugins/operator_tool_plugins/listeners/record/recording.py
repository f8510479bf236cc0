"""The file of a recording: made for one run, written as things happen, from any thread."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from operator_tool.api import ConfigError, Notice, OperatorToolError, RunContext
from operator_tool_plugins._recording import VERSION, Companion, Complete, Fault, Header, Record, encoded

_log = logging.getLogger(__name__)


class RecordedCompanion:
    """One companion of the recording; its own record is written before its first session."""

    def __init__(self, number: int, context: RunContext, address: str) -> None:
        self.number = number
        self.name = context.companion
        self.address = address
        self.transport = context.state_dir.name
        self.provisioner = ""
        self.is_written = False


class Recording:
    """Every text that goes into it is redacted here. Once a write failed nothing more is written, and the run goes on.

    A record is on its way to the disk when its write returns: a run that is killed leaves whole lines.
    """

    def __init__(self, descriptor: int, path: Path, context: RunContext) -> None:
        self._descriptor = descriptor
        self._path = path
        self._context = context
        self._writing = threading.Lock()
        self._ended = False
        self._companions: list[RecordedCompanion] = []
        self._numbers = itertools.count(1)
        self._has_sessions = False
        self._whole_bytes = 0
        """The length of all lines that are there as a whole."""
        self._began_s = time.monotonic()

    @classmethod
    def begun(cls, path: Path, context: RunContext) -> Recording:
        """Make the file, which only its owner can read, and write its head. Raises ``ConfigError``."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise ConfigError(
                f"the recording {path} is there already; one never goes over another",
                hint="Give --record another name, or move the file away.",
            ) from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"the recording {path} can't be made: {why}",
                hint="Give --record a file in a folder that you can write to.",
            ) from error
        recording = cls(descriptor, path, context)
        began = datetime.now(UTC)
        recording.write(Header(version=VERSION, tool=context.user_agent, run_id=context.run_id, began=began))
        return recording

    @property
    def at_s(self) -> float:
        """Seconds since it began."""
        return round(time.monotonic() - self._began_s, 6)

    def number(self) -> int:
        """Return the number of the next session or run."""
        return next(self._numbers)

    def companion(self, context: RunContext, address: str) -> RecordedCompanion:
        """Take in a companion of the run."""
        made = RecordedCompanion(len(self._companions), context, address)
        self._companions.append(made)
        return made

    def note_provisioner(self, context: RunContext) -> None:
        """Note who builds the companion of this context."""
        for companion in self._companions:
            if companion.name == context.companion:
                companion.provisioner = context.state_dir.name

    def begin_session(self, companion: RecordedCompanion) -> int:
        """Return the next session's number, once the companion's record is there."""
        self._has_sessions = True
        if not companion.is_written:
            companion.is_written = True
            self.write(
                Companion(
                    number=companion.number,
                    name=self.text(companion.name),
                    address=self.text(companion.address),
                    transport=companion.transport,
                    provisioner=companion.provisioner,
                )
            )
        return self.number()

    def text(self, text: str) -> str:
        """Return a text as it may stand in the file."""
        return self._context.redact(text).encode("utf-8", "backslashreplace").decode()

    def content(self, data: bytes) -> tuple[str | None, bytes | None]:
        """Return bytes as they may stand in the file: as text where they are one."""
        # What is no text may still hold one.
        return shown_as(self._context.redact(data.decode("utf-8", "surrogateescape")))

    def lines(self) -> Callable[[str | None], Sequence[str]]:
        """Begin a stream of lines, see ``RunContext.redacted_lines``."""
        return self._context.redacted_lines()

    def fault(self, error: BaseException) -> Fault:
        """Return an error as it may stand in the file."""
        known = error if isinstance(error, OperatorToolError) else None
        return Fault(
            type=type(error).__name__,
            message=self.text(str(error)),
            hint=self.text(known.hint) if known is not None else "",
            retryable=known is not None and known.retryable,
        )

    def write(self, record: Record) -> None:
        """Append a record. Never raises: a full disk ends the recording, not the run."""
        if why := self._written(record):
            self._context.emit(Notice(text=self._ends_here(why)))

    def _ends_here(self, why: str) -> str:
        return f"the recording {self._path} ends here: {why}"

    def _written(self, record: Record) -> str:
        """Append a record, and return why that failed, the first time that it does; otherwise nothing."""
        line = encoded(record)
        data = memoryview(line)
        with self._writing:
            if self._ended:
                return ""
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError as error:
                self._ended = True
                with contextlib.suppress(OSError):  # /dev/full and its like have no length
                    os.ftruncate(self._descriptor, self._whole_bytes)
                os.close(self._descriptor)
                return error.strerror or str(error)
            self._whole_bytes += len(line)
        return ""

    def end(self) -> None:
        """Write the last record; a recording of nothing is taken away again, so that the command can be run again."""
        if self._has_sessions and (why := self._written(Complete(at_s=self.at_s))):
            # No event follows the end of listening, which this is part of: an emitted one would be told to nobody.
            _log.warning("%s", self._ends_here(why))
        with self._writing:
            if self._ended:
                return
            self._ended = True
            with contextlib.suppress(OSError):  # a pipe or a disk that is full: what could be written was
                os.fsync(self._descriptor)
            if not self._has_sessions:
                self._remove()
            os.close(self._descriptor)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            there, ours = os.lstat(self._path), os.fstat(self._descriptor)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                self._path.unlink()


def shown_as(text: str) -> tuple[str | None, bytes | None]:
    """Return a decoded text, or its bytes where it was not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return None, text.encode("utf-8", "surrogateescape")
    return text, None


def sha256(data: bytes) -> str:
    """Return the hash of some bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
