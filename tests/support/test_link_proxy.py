"""The link that the tests and the benchmarks break and slow down: it must do just what it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from .link_proxy import LinkProxy

_PATIENCE_S = 20.0


class Echo:
    """A server that says back what it hears, and counts it; it must be fast enough to hold nobody up."""

    def __init__(self, *, echoes: bool = True) -> None:
        self.heard_bytes = 0
        self.resets = 0
        self.ends = threading.Semaphore(0)
        self._echoes = echoes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(end,), daemon=True).start()

    def _answer(self, end: socket.socket) -> None:
        with end:
            try:
                while data := end.recv(1 << 20):
                    self.heard_bytes += len(data)
                    if self._echoes:
                        end.sendall(data)
            except ConnectionError:
                self.resets += 1
        self.ends.release()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """Give a server that says back what it hears."""
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def sink() -> Iterator[Echo]:
    """Give a server that only hears."""
    server = Echo(echoes=False)
    yield server
    server.close()


def test_bytes_pass_unchanged_both_ways_and_the_end_of_a_stream_too(echo: Echo) -> None:
    """A megabyte comes back as it was sent, then the end, and both ways counted it."""
    data = bytes(range(256)) * 4096
    with LinkProxy(echo.address) as link, _reach(link) as end:
        threading.Thread(target=_say_all, args=(end, data), daemon=True).start()
        assert _all_of(end) == data
        assert (link.up.taken_bytes, link.up.given_bytes) == (len(data), len(data))
        assert (link.down.taken_bytes, link.down.given_bytes) == (len(data), len(data))


def test_a_bit_arrives_changed_where_it_is_to(echo: Echo) -> None:
    """Two bytes of a megabyte come back with a bit changed, the rest as it was sent."""
    data = bytes(range(256)) * 4096
    with LinkProxy(echo.address) as link, _reach(link) as end:
        link.up.flip_at_bytes = [0, 700_000]
        threading.Thread(target=_say_all, args=(end, data), daemon=True).start()
        came = _all_of(end)
    assert [place for place, (a, b) in enumerate(zip(data, came, strict=True)) if a != b] == [0, 700_000]
    assert {data[place] ^ came[place] for place in (0, 700_000)} == {1}


def test_an_answer_takes_a_round_trip_and_so_does_opening(echo: Echo) -> None:
    """The first answer comes after two round trips, as over TCP, each later one after one."""
    with LinkProxy(echo.address, round_trip_s=0.1) as link:
        begun_s = time.monotonic()
        with _reach(link) as end:
            first_s = _ask(end) - begun_s
            later_s = []
            for _ in range(5):
                begun_s = time.monotonic()
                later_s.append(_ask(end) - begun_s)
    assert first_s >= 0.199
    assert min(later_s) >= 0.099
    assert min(later_s) < 0.15


def test_a_late_link_is_not_a_narrow_one(sink: Echo) -> None:
    """Far more than a window passes in little more than half a round trip: the delay line holds it."""
    size = 80 << 20
    with LinkProxy(sink.address, round_trip_s=0.4) as link, _reach(link) as end:
        begun_s = time.monotonic()
        _say_all(end, bytes(size))
        _wait_for(sink)
        taken_s = time.monotonic() - begun_s
    assert sink.heard_bytes == size
    assert 0.6 <= taken_s < 3, "one and a half round trips to open, half of one to arrive"


def test_all_connections_share_the_rate(sink: Echo) -> None:
    """Four connections together take what the bytes take at the link's rate, and about the same each."""
    each, rate = 500_000, 40.0
    with LinkProxy(sink.address, up_mbit_per_s=rate) as link, contextlib.ExitStack() as stack:
        ends = [stack.enter_context(_reach(link)) for _ in range(4)]
        begun_s = time.monotonic()
        ended_s: list[float] = []

        def send(end: socket.socket) -> None:
            _say_all(end, bytes(each))
            assert end.recv(1) == b""
            ended_s.append(time.monotonic() - begun_s)

        senders = [threading.Thread(target=send, args=(end,)) for end in ends]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(_PATIENCE_S)
    bound_s = 4 * each * 8 / (rate * 1e6)
    assert sink.heard_bytes == 4 * each
    assert bound_s <= max(ended_s) + 0.001
    assert max(ended_s) < bound_s * 2
    assert min(ended_s) > bound_s * 0.4, "none of them was served before the others"


def test_a_narrow_link_holds_its_sender_up(sink: Echo) -> None:
    """What has not passed waits at the sender and not in the link, but for what a modem would hold."""
    with LinkProxy(sink.address, up_mbit_per_s=8) as link, _reach(link) as end:
        end.settimeout(0.5)
        with pytest.raises(TimeoutError):
            end.sendall(bytes(64 << 20))
        link.hold()
        assert 0 < link.up.taken_bytes - link.up.given_bytes < 100_000


def test_the_ways_have_rates_of_their_own(echo: Echo) -> None:
    """What comes back through an open way takes the time of the narrow one once, not twice."""
    with LinkProxy(echo.address, up_mbit_per_s=8) as link, _reach(link) as end:
        begun_s = time.monotonic()
        threading.Thread(target=_say_all, args=(end, bytes(500_000)), daemon=True).start()
        assert len(_all_of(end)) == 500_000
        assert 0.5 <= time.monotonic() - begun_s + 0.001 < 0.95


def test_it_cuts_at_the_very_bytes(sink: Echo) -> None:
    """The server has got no byte more than was said, over all connections; both ends see a reset, and new ones work."""
    with LinkProxy(sink.address, cut_at_bytes=(100_001, 250_000)) as link:
        for cuts, so_far in ((1, 100_001), (2, 250_000)):
            with _reach(link) as end, pytest.raises(ConnectionError):
                end.sendall(bytes(64 << 20))
            _wait_for(sink)
            assert (link.cuts, link.up.given_bytes) == (cuts, so_far)
            assert sink.heard_bytes == so_far
        assert sink.resets == 2
        with _reach(link) as end:
            _say_all(end, b"on")
            assert end.recv(1) == b""
        assert (link.cuts, link.opened, sink.heard_bytes) == (2, 3, 250_002)


def test_a_cut_resets_every_connection_at_both_ends(echo: Echo) -> None:
    """A link has no connection that outlives it."""
    with LinkProxy(echo.address) as link, _reach(link) as one, _reach(link) as other:
        _ask(one), _ask(other)
        link.cut()
        for end in (one, other):
            with pytest.raises(ConnectionError):
                end.recv(1)
            _wait_for(echo)
        assert (echo.resets, link.connections) == (2, 0)


def test_a_dead_link_takes_everything_and_closes_nothing(echo: Echo) -> None:
    """Neither what is under way nor anything later arrives, the sender is not held up, and no end is told."""
    with LinkProxy(echo.address, round_trip_s=0.2) as link, _reach(link) as end:
        _ask(end)
        end.sendall(b"under way")
        link.swallow()
        heard = echo.heard_bytes
        end.settimeout(_PATIENCE_S)
        end.sendall(bytes(80 << 20))
        with _reach(link) as later:
            later.sendall(b"anybody there?")
            later.settimeout(0.5)
            with pytest.raises(TimeoutError):
                later.recv(1)
        assert (echo.heard_bytes, echo.resets, link.connections) == (heard, 0, 2)
        link.restore()
        with pytest.raises(ConnectionError):
            end.recv(1)
        with _reach(link) as anew:
            _ask(anew)


def test_it_falls_silent_at_the_very_byte(sink: Echo) -> None:
    """The server has got so many bytes and no more, and nobody was told."""
    with LinkProxy(sink.address, deaf_at_bytes=123_456) as link, _reach(link) as end:
        end.settimeout(_PATIENCE_S)
        _say_all(end, bytes(8 << 20))
        deadline_s = time.monotonic() + _PATIENCE_S
        while sink.heard_bytes < 123_456:
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
        link.hold()
        assert (link.up.given_bytes, sink.heard_bytes, sink.resets) == (123_456, 123_456, 0)


def test_what_a_held_link_holds_arrives_later(echo: Echo) -> None:
    """A gap in the radio loses nothing."""
    with LinkProxy(echo.address) as link, _reach(link) as end:
        _ask(end)
        link.hold()
        taken = link.up.taken_bytes
        end.sendall(b"later")
        end.settimeout(0.3)
        with pytest.raises(TimeoutError):
            end.recv(5)
        assert link.up.taken_bytes == taken
        link.restore()
        end.settimeout(_PATIENCE_S)
        assert end.recv(5) == b"later"


def test_a_refusing_link_resets_what_there_is_and_what_comes(echo: Echo) -> None:
    """A companion that is switched off answers nobody until it is back."""
    with LinkProxy(echo.address) as link, _reach(link) as end:
        _ask(end)
        link.refuse()
        with pytest.raises(ConnectionError):
            end.recv(1)
        with pytest.raises(ConnectionError), _reach(link) as other:  # the reset may come while it still connects
            other.recv(1)
        link.restore()
        with _reach(link) as anew:
            _ask(anew)


def test_a_server_that_is_not_there_resets_the_client(echo: Echo) -> None:
    """What stands behind the link may be down."""
    echo.close()
    with LinkProxy(echo.address) as link, pytest.raises(ConnectionError), _reach(link) as end:
        end.recv(1)


def _reach(link: LinkProxy) -> socket.socket:
    return socket.create_connection((link.host, link.port), timeout=_PATIENCE_S)


def _ask(end: socket.socket) -> float:
    """Say something, wait for its echo, and return when it was there."""
    end.sendall(b"?")
    assert end.recv(1) == b"?"
    return time.monotonic()


def _say_all(end: socket.socket, data: bytes) -> None:
    end.sendall(data)
    end.shutdown(socket.SHUT_WR)


def _all_of(end: socket.socket) -> bytes:
    parts = []
    while part := end.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def _wait_for(server: Echo) -> None:
    """Wait until the server has seen the end of one connection."""
    assert server.ends.acquire(timeout=_PATIENCE_S)
