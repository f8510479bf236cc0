"""A session that keeps what is sent over it, and breaks where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from operator_tool.api import CompanionIdentity, CompanionSession, LinkError, RemoteRun, RunLimits

_BROKE = "the link broke, as the test told it to"


class WatchedSession:
    """Any session, with its steps counted: each program begun, each line that came, each file put or got.

    A break loses the line that it falls on and all that would follow; programs see the end of their input.
    """

    def __init__(self, inner: CompanionSession) -> None:
        self.steps = 0
        self.sent_bytes = 0
        self.broken = threading.Event()
        self._inner = inner
        self._sent: list[bytes] = []
        self._break_at_step: int | None = None
        self._break_at_bytes: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def identity(self) -> CompanionIdentity:
        """Whom it is with."""
        return self._inner.identity

    @property
    def sent(self) -> bytes:
        """All arguments, input and files that went over it, one after the other."""
        return b"\n".join(self._sent)

    def break_at_step(self, steps: int) -> None:
        """Break at that step from now on; 0 is the next one."""
        self._break_at_step = self.steps + steps

    def break_at_bytes(self, size: int) -> None:
        """Break once so many bytes of input and files have been sent."""
        self._break_at_bytes = size

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program."""
        self.step()
        self._sent.append("\n".join(argv).encode())
        return _WatchedRun(self, self._inner.run(argv, stdin=self.watched(stdin), limits=limits))

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file."""
        self.step()
        if self._passes(data):
            self._inner.put(data, path, mode=mode)
        else:
            raise LinkError(_BROKE)

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a file."""
        self.step()
        return self._inner.get(path, max_bytes=max_bytes)

    def close(self) -> None:
        """Close it."""
        self._inner.close()

    def step(self) -> None:
        """Count a step. Raises ``LinkError`` where the link breaks at it, or has broken."""
        if self.steps == self._break_at_step:
            self.broken.set()
        self.steps += 1
        if self.broken.is_set():
            raise LinkError(_BROKE)

    def watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass standard input on, and end it where the link breaks."""
        try:
            for piece in pieces:
                if not self._passes(piece):
                    return
                yield piece
        finally:
            if isinstance(pieces, Iterator) and (close := getattr(pieces, "close", None)) is not None:
                close()

    def _passes(self, piece: bytes) -> bool:
        self.sent_bytes += len(piece)
        if self._break_at_bytes is not None and self.sent_bytes >= self._break_at_bytes:
            self.broken.set()
        if not self.broken.is_set():
            self._sent.append(bytes(piece))
        return not self.broken.is_set()


class _WatchedRun:
    """A run whose lines are steps."""

    def __init__(self, session: WatchedSession, inner: RemoteRun) -> None:
        self._session = session
        self._inner = inner

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, traceback)

    def __iter__(self) -> Iterator[bytes]:
        for line in self._inner:
            try:
                self._session.step()
            except LinkError:
                self._inner.__exit__(None, None, None)
                raise
            yield line
        if self._session.broken.is_set():
            raise LinkError(_BROKE)

    @property
    def exit_status(self) -> int | None:
        """Nobody knows it once the link is broken."""
        return None if self._session.broken.is_set() else self._inner.exit_status

    @property
    def stderr_tail(self) -> str:
        """As the run's own."""
        return self._inner.stderr_tail
