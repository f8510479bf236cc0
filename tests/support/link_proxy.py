"""A link on the loopback that is late, narrow, cut or dead when told to be: a TCP proxy in front of a real server.

It runs in a thread. All its connections share the one link. Its rate counts the bytes that the programs send, without
the headers that TCP and IP would add; opening a connection takes as long as TCP's handshake would over such a link.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import queue
import select
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from .link_lane import Lane, Way

_LOOPBACK = "127.0.0.1"
_HANDSHAKE_ROUND_TRIPS = 1.5
_RECEIVE_BYTES = 128 * 1024
_RESET = struct.pack("ii", 1, 0)
_PATIENCE_S = 10.0
_SETTLE_S = 1.0
"""How long a server that reads nothing keeps a cut waiting."""


class State(enum.Enum):
    """What the link does with what comes to it."""

    OPEN = "passes it on"
    HELD = "takes nothing and passes nothing on"
    DEAF = "takes everything and passes nothing on"
    REFUSING = "resets new connections"


class LinkProxy:
    """A context manager: within it, the server behind it is reached at ``host`` and ``port``.

    The methods may be called from any thread, and what they do is done when they return.
    """

    def __init__(
        self,
        server: tuple[str, int],
        *,
        round_trip_s: float = 0.0,
        up_mbit_per_s: float | None = None,
        down_mbit_per_s: float | None = None,
        cut_at_bytes: Sequence[int] = (),
        deaf_at_bytes: int | None = None,
    ) -> None:
        """``cut_at_bytes`` and ``deaf_at_bytes`` count what was passed on to the server over all connections."""
        self.host = _LOOPBACK
        self.port = 0
        self.up = Way(round_trip_s / 2, _bytes_per_s(up_mbit_per_s))
        """Towards the server."""
        self.down = Way(round_trip_s / 2, _bytes_per_s(down_mbit_per_s))
        self.cuts = 0
        """How often the link was cut."""
        self.opened = 0
        """How many connections reached the server."""
        self._server = server
        self._handshake_s = _HANDSHAKE_ROUND_TRIPS * round_trip_s
        self._cut_at_bytes = sorted(cut_at_bytes)
        self._deaf_at_bytes = deaf_at_bytes
        self._state = State.OPEN
        self._connections: list[_Connection] = []
        self._orders: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
        self._ending = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="link-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        # What waits in here was sent, but has not begun its way: let it be little. Accepted sockets inherit it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._listener.bind((_LOOPBACK, 0))
        self._listener.listen(64)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._order(self._end)
        self._thread.join(_PATIENCE_S)
        self._waker.close()
        if self._failure is not None:
            raise RuntimeError("the link proxy broke") from self._failure

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return sum(not connection.closed for connection in tuple(self._connections))

    def cut(self) -> None:
        """Reset every connection at both ends; new ones are let through."""
        self._order(self._cut)

    def hold(self) -> None:
        """Let nothing pass until ``restore``, and lose nothing, as a radio in a gap does."""
        self._order(lambda: self._become(State.HELD))

    def swallow(self) -> None:
        """Take whatever is sent, pass nothing on and close nothing: neither end can tell that the other is gone."""
        self._order(lambda: self._become(State.DEAF))

    def refuse(self) -> None:
        """Reset every connection, and each new one."""
        self._order(self._refuse)

    def restore(self) -> None:
        """Let everything pass again; connections of which something was swallowed are reset."""
        self._order(lambda: self._become(State.OPEN))

    def _order(self, action: Callable[[], None]) -> None:
        done = threading.Event()
        self._orders.put((action, done))
        self._waker.send(b"!")
        if not done.wait(_PATIENCE_S):
            raise RuntimeError("the link proxy does not answer") from self._failure

    def _run(self) -> None:
        try:
            while not self._ending:
                self._turn()
        except BaseException as failure:  # noqa: BLE001  __exit__ raises it where the test sees it
            self._failure = failure
        finally:
            for connection in self._connections:
                connection.reset()
            self._listener.close()
            self._woken.close()

    def _turn(self) -> None:
        """Do all that is due, then sleep until something comes or becomes due."""
        readers: dict[socket.socket, Callable[[], None]] = {self._woken: self._obey}
        writers: list[socket.socket] = []
        now_s = time.monotonic()
        waits_s: list[float] = []
        self._connections = [connection for connection in self._connections if not connection.closed]
        if self._state is not State.HELD:
            readers[self._listener] = self._accept
            for connection in self._connections:
                self._advance(connection, now_s, readers, writers, waits_s)
                if self._meet_faults():
                    return
        wait_s = max(0.0, min(waits_s) - now_s) if waits_s else None
        # Unlike epoll's, its wait is not rounded to a millisecond.
        ready, _, _ = select.select(list(readers), writers, [], wait_s)
        for reader in ready:
            if reader.fileno() >= 0:  # an earlier one of them may have had it closed
                readers[reader]()

    def _advance(
        self,
        connection: _Connection,
        now_s: float,
        readers: dict[socket.socket, Callable[[], None]],
        writers: list[socket.socket],
        waits_s: list[float],
    ) -> None:
        """Pass on what is due, and say what is waited for."""
        try:
            if self._state is State.OPEN:
                if connection.server is None and now_s >= connection.opens_s:
                    connection.open(self._server)
                    self.opened += 1
                if connection.server is None:
                    waits_s.append(connection.opens_s)
                for lane in connection.lanes:
                    if lane.sink is not None and not lane.ended:
                        lane.give(now_s, self._until_fault(lane))
        except OSError:
            connection.reset()
        if connection.over:
            connection.close()
        if connection.closed:
            return
        for lane in connection.lanes:
            reads_at_s, gives_at_s = lane.reads_at_s(), lane.gives_at_s()
            if reads_at_s is not None and reads_at_s <= now_s:
                assert lane.source is not None
                readers[lane.source] = lambda lane=lane: self._take(connection, lane)  # type: ignore[misc]
            elif reads_at_s is not None:
                waits_s.append(reads_at_s)
            if self._state is State.OPEN and gives_at_s is not None:
                waits_s.append(gives_at_s)
            if self._state is State.OPEN and lane.blocked:
                assert lane.sink is not None
                writers.append(lane.sink)

    def _take(self, connection: _Connection, lane: Lane) -> None:
        try:
            lane.take(time.monotonic(), swallow=self._state is State.DEAF)
        except OSError:
            connection.reset()

    def _until_fault(self, lane: Lane) -> int | None:
        """Return how much this lane may pass on before the next fault is to happen."""
        if lane.way is not self.up:
            return None
        at = [*self._cut_at_bytes[:1], *([] if self._deaf_at_bytes is None else [self._deaf_at_bytes])]
        return min(at) - self.up.given_bytes if at else None

    def _meet_faults(self) -> bool:
        """Let the faults happen whose byte has passed; return whether one did."""
        if self._cut_at_bytes and self.up.given_bytes >= self._cut_at_bytes[0]:
            del self._cut_at_bytes[0]
            for connection in self._connections:
                connection.settle()
            self._cut()
            return True
        if self._deaf_at_bytes is not None and self.up.given_bytes >= self._deaf_at_bytes:
            self._deaf_at_bytes = None
            self._become(State.DEAF)
            return True
        return False

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            client, _ = self._listener.accept()
            connection = _Connection(client, self.up, self.down, time.monotonic() + self._handshake_s)
            if self._state is State.REFUSING:
                connection.reset()
            else:
                connection.deaf = self._state is State.DEAF
                self._connections.append(connection)

    def _obey(self) -> None:
        self._woken.recv(1)
        action, done = self._orders.get()
        action()
        done.set()

    def _become(self, state: State) -> None:
        self._state = state
        for connection in self._connections:
            if state is State.DEAF:
                connection.fall_silent()
            elif state is State.OPEN and connection.deaf:
                connection.reset()

    def _cut(self) -> None:
        self.cuts += 1
        for connection in self._connections:
            connection.reset()

    def _refuse(self) -> None:
        self._cut()
        self._become(State.REFUSING)

    def _end(self) -> None:
        self._ending = True


class _Connection:
    """A client, and the server's end once the handshake would be over."""

    def __init__(self, client: socket.socket, up: Way, down: Way, opens_s: float) -> None:
        self.client = client
        self.server: socket.socket | None = None
        self.opens_s = opens_s
        self.lanes = (Lane(up), Lane(down))
        self.deaf = False
        self.closed = False
        _prepare(client)
        self.lanes[0].source = self.lanes[1].sink = client

    @property
    def over(self) -> bool:
        """Both ends have said all that they had to say, and the other has got it."""
        return all(lane.ended for lane in self.lanes)

    def open(self, server: tuple[str, int]) -> None:
        """Connect to the server. Raises ``OSError``."""
        self.server = socket.create_connection(server, timeout=_PATIENCE_S)
        _prepare(self.server)
        self.lanes[1].source = self.lanes[0].sink = self.server

    def fall_silent(self) -> None:
        """Lose what is under way."""
        self.deaf = True
        for lane in self.lanes:
            lane.drop()

    def settle(self) -> None:
        """Wait until the server's kernel has all that was passed on: a reset would overtake it."""
        deadline_s = time.monotonic() + _SETTLE_S
        while self.server is not None and not self.closed and time.monotonic() < deadline_s:
            unacknowledged = struct.unpack("i", fcntl.ioctl(self.server, termios.TIOCOUTQ, bytes(4)))[0]
            if unacknowledged == 0:
                return
            time.sleep(0.0005)

    def reset(self) -> None:
        """Close both ends with a reset."""
        for end in self._ends():
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """Close both ends."""
        self.closed = True
        for end in self._ends():
            end.close()

    def _ends(self) -> tuple[socket.socket, ...]:
        return (self.client,) if self.server is None else (self.client, self.server)


def _prepare(end: socket.socket) -> None:
    end.setblocking(False)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _bytes_per_s(mbit_per_s: float | None) -> float | None:
    return None if mbit_per_s is None else mbit_per_s * 1e6 / 8
