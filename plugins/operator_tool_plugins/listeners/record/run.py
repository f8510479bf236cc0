"""One program's run with its lines written down, and its standard input counted."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Self

import msgspec

from operator_tool.api import RemoteRun
from operator_tool_plugins._recording import Ended, Line, Position

from .recording import Recording, shown_as


class CountedInput:
    """Counts what a transport takes of a program's standard input, in the transport's thread."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._hash = hashlib.sha256()
        self.position = Position()

    def pieces(self) -> Iterator[bytes]:
        """Yield the same pieces; closed early, as a transport closes it, it closes where they come from."""
        taken = size = 0
        try:
            for piece in self._pieces:
                taken, size = taken + 1, size + len(piece)
                self._hash.update(piece)
                self.position = Position(pieces=taken, size_bytes=size)
                yield piece
            self.position = Position(pieces=taken, size_bytes=size, closed=True)
        finally:
            if isinstance(self._pieces, Generator):
                self._pieces.close()

    @property
    def sha256(self) -> str:
        """The hash of what was sent."""
        return self._hash.copy().hexdigest()


class RunLog:
    """The records of one run; told of by its reader, and by whoever ends it."""

    def __init__(self, recording: Recording, number: int, stdin: CountedInput) -> None:
        self._recording = recording
        self._number = number
        self._stdin = stdin
        self._redacted = recording.lines()
        self._waiting: deque[Line] = deque()
        self._lock = threading.Lock()
        self._is_over = False

    def line(self, line: bytes) -> None:
        """Write a line; one at whose end a secret may begin waits for the next."""
        record = Line(run=self._number, at_s=self._recording.at_s, stdin=self._stdin.position)
        with self._lock:
            if self._is_over:
                return
            self._waiting.append(record)
            self._write(self._redacted(line.decode("utf-8", "surrogateescape")))

    def end(
        self,
        exit_status: int | None,
        stderr: str,
        *,
        fault: BaseException | None = None,
        left: bool = False,
        not_started: bool = False,
    ) -> None:
        """Write how it ended; only the first end counts."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._write(self._redacted(None))
            recording = self._recording
            recording.write(
                Ended(
                    run=self._number,
                    at_s=recording.at_s,
                    stdin=self._stdin.position,
                    stdin_sha256=self._stdin.sha256,
                    exit_status=exit_status,
                    stderr=recording.text(stderr),
                    left=left,
                    fault=None if fault is None else recording.fault(fault),
                    not_started=not_started,
                )
            )

    def _write(self, shown: Iterable[str]) -> None:
        for one in shown:
            text, data = shown_as(one)
            self._recording.write(msgspec.structs.replace(self._waiting.popleft(), text=text, data=data))


class RecordedRun:
    """The ``RemoteRun`` that a caller has in place of the transport's."""

    def __init__(self, run: RemoteRun, log: RunLog) -> None:
        self._run = run
        self._log = log

    def __enter__(self) -> Self:
        self._run.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._run.__exit__(kind, error, traceback)
        finally:
            self._log.end(self._run.exit_status, self._run.stderr_tail, left=True)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines as they come."""
        try:
            for line in self._run:
                self._log.line(line)
                yield line
        except GeneratorExit:
            raise
        except BaseException as error:
            self._log.end(self._run.exit_status, self._run.stderr_tail, fault=error)
            raise
        self._log.end(self._run.exit_status, self._run.stderr_tail)

    @property
    def exit_status(self) -> int | None:
        """The program's."""
        return self._run.exit_status

    @property
    def stderr_tail(self) -> str:
        """The program's."""
        return self._run.stderr_tail
