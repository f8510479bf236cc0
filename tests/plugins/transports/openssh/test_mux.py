"""OpenSSH's multiplexing protocol against a master that answers what the real one never would."""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import LinkError, LinkStalledError
from operator_tool_plugins.transports.openssh.mux import MuxSession

HELLO = struct.pack(">III", 8, 1, 4)
OPENED = struct.pack(">IIII", 12, 0x80000006, 1, 7)


def exit_message(status: int) -> bytes:
    """Return the message that a program has exited."""
    return struct.pack(">IIII", 12, 0x80000004, 7, status)


@contextlib.contextmanager
def master(*answers: bytes, hang_up: bool = False) -> Iterator[Path]:
    """Listen at a socket, and answer whatever is sent with one answer after the other."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "control"
        listener.bind(str(path))
        listener.listen()
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for answer in answers:
                    connection.recv(4096)
                    connection.sendall(answer)
                if hang_up:
                    connection.shutdown(socket.SHUT_WR)
                done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            done.set()
            thread.join()


@contextlib.contextmanager
def started(path: Path) -> Iterator[MuxSession]:
    """A program that was started."""
    with contextlib.closing(MuxSession(path, 2.0)) as session:
        session.start(b"true", descriptors())
        yield session


def descriptors() -> list[int]:
    """Return three that can be handed over."""
    return [0, 1, 2]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (struct.pack(">III", 8, 1, 5), "version 5"),
        (struct.pack(">II", 4, 1), "version None"),
        (struct.pack(">III", 8, 99, 4), "another multiplexing protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "message of"),
        (struct.pack(">I", 0), "message of 0 bytes"),
    ],
)
def test_another_protocol(answer: bytes, says: str) -> None:
    """It is told, and of no use to try again."""
    with master(answer) as path, pytest.raises(LinkError, match=says) as caught:
        MuxSession(path, 2.0)
    assert not caught.value.retryable


def test_no_master(tmp_path: Path) -> None:
    """A socket that is not there, as after the end of ssh."""
    with pytest.raises(LinkError, match="control socket"):
        MuxSession(tmp_path / "absent", 1.0)


def test_a_master_that_says_nothing() -> None:
    """Every wait ends."""
    with master() as path, pytest.raises(LinkError, match="does not answer"):
        MuxSession(path, 0.2)
    with master(HELLO) as path:
        session = MuxSession(path, 0.3)
        with pytest.raises(LinkStalledError):
            session.start(b"true", descriptors())
        session.close()


def test_an_exit_status_in_pieces() -> None:
    """It is none until it is whole, and never one that the end has cut."""
    message = exit_message(255)
    with master(HELLO, OPENED + message[:5], hang_up=True) as path, started(path) as session, pytest.raises(EOFError):
        session.exit_status(2.0)
    with master(HELLO, OPENED + message[:5]) as path, started(path) as session:
        assert session.exit_status(0.05) is None
    with master(HELLO, OPENED + message) as path, started(path) as session:
        assert session.exit_status(2.0) == 255


def test_a_refusal_names_its_reason() -> None:
    """As ssh words it, without control characters."""
    reason = b"Session open refused \x1bby peer"
    body = struct.pack(">III", 0x80000003, 1, len(reason)) + reason
    with master(HELLO, struct.pack(">I", len(body)) + body) as path:
        session = MuxSession(path, 2.0)
        with pytest.raises(LinkError, match=r"refused \\x1bby peer"):
            session.start(b"true", descriptors())
        session.close()
