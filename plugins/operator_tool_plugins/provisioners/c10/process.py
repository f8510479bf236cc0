"""The agent as it runs on the companion, one process for a session: what it hears, and the lines that it says."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Protocol

from operator_tool.api import CompanionSession, LinkError, LinkStalledError, RunLimits

PING_S = 5.0
"""The agent ends itself when it hears nothing for 20 s: its link is then gone, whatever its sshd believes."""
_HEARTBEAT = b'{"event":"heartbeat"'
_LINES_AHEAD = 1000
_TICK_S = 0.1
_JOIN_S = 1.0


class Feed(Protocol):
    """What one call's standard input is, beyond its request."""

    def chunks(self) -> Iterator[bytes]:
        """Yield it, in the transport's thread, something every few seconds; ends soon after ``end``."""
        ...

    def end(self) -> None:
        """Be told that nothing more will be heard."""
        ...


class AgentProcess:
    """Starts ``serve``. A thread reads its lines, so that each wait for one has a limit of its own."""

    def __init__(self, session: CompanionSession, argv: tuple[str, ...], limits: RunLimits, first: bytes = b"") -> None:
        self._outgoing: queue.SimpleQueue[bytes | Feed | None] = queue.SimpleQueue()
        self._incoming: queue.Queue[bytes | BaseException | None] = queue.Queue(_LINES_AHEAD)
        self._closed = False
        self.has_spoken = False
        """The agent is there: it has begun with a call."""
        if first:
            self.say(first)
        self._run = session.run([*argv, "serve"], stdin=self._pieces(), limits=limits)
        self._reader = threading.Thread(target=self._read, name="companion-lines", daemon=True)
        self._reader.start()

    def say(self, piece: bytes | Feed) -> None:
        """Have it hear this, after all that was said before."""
        self._outgoing.put(piece)

    def end_input(self) -> None:
        """Let it hear that nothing more follows."""
        self._outgoing.put(None)

    def line(self, silence_s: float) -> bytes | None:
        """Return its next line, None when it has ended.

        Raises ``LinkError``, ``LinkStalledError`` after ``silence_s``, and whatever a feed raised.
        """
        try:
            said = self._incoming.get(timeout=silence_s)
        except queue.Empty:
            raise LinkStalledError(f"the companion's program said nothing for {silence_s:g} s") from None
        if isinstance(said, BaseException):
            raise said
        return said

    @property
    def exit_status(self) -> int | None:
        """Its exit status once it has ended, None when it ended without one."""
        return self._run.exit_status

    @property
    def stderr_tail(self) -> str:
        """The last of its standard error, made safe to print."""
        return self._run.stderr_tail

    def close(self) -> None:
        """End it; again is harmless."""
        if not self._closed:
            self._closed = True
            self._outgoing.put(None)
            with contextlib.suppress(LinkError):
                self._run.__exit__(None, None, None)
            self._reader.join(_JOIN_S)

    def _pieces(self) -> Iterator[bytes]:
        while True:
            try:
                piece = self._outgoing.get(timeout=PING_S)
            except queue.Empty:
                yield b"\n"
                continue
            if piece is None:
                return
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece.chunks()

    def _read(self) -> None:
        try:
            for line in self._run:
                # Between calls it goes on beating, and nobody listens.
                if not line.startswith(_HEARTBEAT) or self._incoming.empty():
                    self._hand_over(line)
            self._hand_over(None)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller is to have it
            self._hand_over(error)

    def _hand_over(self, said: bytes | BaseException | None) -> None:
        while not self._closed:
            with contextlib.suppress(queue.Full):
                self._incoming.put(said, timeout=_TICK_S)
                return
