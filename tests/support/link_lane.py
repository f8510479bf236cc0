"""What passes through one direction of a link: when each byte is due at the far end, and how many there were."""

from __future__ import annotations

import contextlib
import socket
from collections import deque

_READ_BYTES = 256 * 1024
_READ_S = 0.005
"""At a limited rate no more is read at once than passes in this time, so that connections take turns."""
_BACKLOG_S = 0.05
"""How much may wait for its turn on a link of limited rate: what a modem's buffer holds."""
_IN_FLIGHT_BYTES = 64 * 1024 * 1024


class Way:
    """One direction of the link, which all its connections share."""

    def __init__(self, delay_s: float, bytes_per_s: float | None) -> None:
        self.taken_bytes = 0
        """Read from the senders."""
        self.given_bytes = 0
        """Passed on to the receivers."""
        self.flip_at_bytes: list[int] = []
        """Bytes, counted as they are taken, that are to arrive with a bit changed; each once, in rising order."""
        self._delay_s = delay_s
        self._bytes_per_s = bytes_per_s
        self._free_s = 0.0

    @property
    def read_bytes(self) -> int:
        """How much to read at once."""
        if self._bytes_per_s is None:
            return _READ_BYTES
        return max(1, min(_READ_BYTES, int(self._bytes_per_s * _READ_S)))

    def flipped(self, data: bytes) -> bytes:
        """Take these bytes; return what is to arrive."""
        begin, self.taken_bytes = self.taken_bytes, self.taken_bytes + len(data)
        while self.flip_at_bytes and self.flip_at_bytes[0] < self.taken_bytes:
            place = max(0, self.flip_at_bytes.pop(0) - begin)
            data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        return data

    @property
    def reads_again_s(self) -> float:
        """When there is room for more on the link."""
        return self._free_s - _BACKLOG_S

    def due_s(self, size_bytes: int, now_s: float) -> float:
        """Send so many bytes after all that was sent before, and return when the last of them arrives."""
        self._free_s = max(self._free_s, now_s)
        if self._bytes_per_s is not None:
            self._free_s += size_bytes / self._bytes_per_s
        return self._free_s + self._delay_s


class Lane:
    """One direction of one connection: a delay line between two sockets."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.source: socket.socket | None = None
        self.sink: socket.socket | None = None
        self.ended = False
        """The end of what is sent has passed, too."""
        self.blocked = False
        """The receiver takes no more for now."""
        self._arriving: deque[tuple[float, memoryview]] = deque()
        self._in_flight_bytes = 0
        self._source_ended = False

    def reads_at_s(self) -> float | None:
        """When more may be read; None: not before something was passed on."""
        if self.source is None or self._source_ended or self._in_flight_bytes >= _IN_FLIGHT_BYTES:
            return None
        return self.way.reads_again_s

    def gives_at_s(self) -> float | None:
        """When the next bytes are due; None when none wait for their time alone."""
        return self._arriving[0][0] if self._arriving and self.sink is not None and not self.blocked else None

    def take(self, now_s: float, *, swallow: bool) -> None:
        """Read what was sent, to pass it on in time or, with ``swallow``, never. Raises ``OSError``."""
        assert self.source is not None
        try:
            data = self.source.recv(self.way.read_bytes)
        except BlockingIOError:
            return
        self._source_ended = not data
        data = self.way.flipped(data)
        if swallow:
            return
        self._arriving.append((self.way.due_s(len(data), now_s), memoryview(data)))
        self._in_flight_bytes += len(data)

    def give(self, now_s: float, at_most_bytes: int | None) -> None:
        """Pass on what is due, up to so many bytes. Raises ``OSError``."""
        assert self.sink is not None
        self.blocked = False
        while self._arriving and self._arriving[0][0] <= now_s and at_most_bytes != 0:
            due_s, data = self._arriving[0]
            if not data:
                self._arriving.popleft()
                self.ended = True
                with contextlib.suppress(OSError):  # the receiver may be gone by now
                    self.sink.shutdown(socket.SHUT_WR)
                return
            try:
                sent = self.sink.send(data[:at_most_bytes])
            except BlockingIOError:
                self.blocked = True
                return
            self.way.given_bytes += sent
            self._in_flight_bytes -= sent
            if at_most_bytes is not None:
                at_most_bytes -= sent
            if sent == len(data):
                self._arriving.popleft()
            else:
                self._arriving[0] = (due_s, data[sent:])

    def drop(self) -> None:
        """Lose what is under way."""
        self._arriving.clear()
        self._in_flight_bytes = 0
