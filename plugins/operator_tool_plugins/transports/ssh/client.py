"""The library's connection as this transport uses it: strong algorithms only, no delays, closed at once."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar, TypeAlias

from paramiko import Channel, Message, SSHException, Transport  # type: ignore[import-untyped]
from paramiko.packet import Packetizer  # type: ignore[import-untyped]

from operator_tool.api import escape_bytes

from .._secure_shell.algorithms import CIPHERS, KEY_EXCHANGES, MACS

log = logging.getLogger(__name__)

Connection: TypeAlias = socket.socket | Channel
"""What a handshake is made over: TCP, or a channel through a jump host."""

_CURVE25519 = "curve25519-sha256"
"""The name of RFC 8731 for what the library knows by its older name alone."""
_GREETING_BYTES = 4096
_LINES = 4


class ClientTransport(Transport):  # type: ignore[misc]
    """An SSH connection that remembers what the other side offered and said, and acknowledges at once."""

    _kex_info: ClassVar[dict[str, Any]] = {
        name: method
        for known, method in Transport._kex_info.items()  # noqa: SLF001 - the library's own table
        for name in ((known, _CURVE25519) if known == f"{_CURVE25519}@libssh.org" else (known,))
    }

    def __init__(self, connection: Connection) -> None:
        _quieten_library()
        super().__init__(connection, packetizer_class=_PromptPacketizer)
        self.offered: dict[str, list[str]] = {}
        self.last_words = ""
        """Why it ended the connection, where it said so."""
        options = self.get_security_options()
        # What the library was built without is left out.
        options.ciphers = tuple(name for name in CIPHERS if name in self._cipher_info)
        options.digests = tuple(name for name in MACS if name in self._mac_info)
        options.kex = tuple(name for name in KEY_EXCHANGES if name in self._kex_info)

    @property
    def said_first(self) -> str:
        """What came before its greeting, or in place of it, escaped and in one line."""
        lines = [line.strip() for line in self.packetizer.greeting.splitlines() if not line.startswith(b"SSH-")]
        return " | ".join(escape_bytes(line, limit=200) for line in [line for line in lines if line][-_LINES:])

    @property
    def hung_up_first(self) -> bool:
        """Whether it ended the connection before it greeted."""
        return bool(self.packetizer.ended_first)

    def _parse_disconnect(self, m: Message) -> None:
        m.get_int()
        self.last_words = escape_bytes(m.get_string(), limit=200)

    def _really_parse_kex_init(self, m: Message, ignore_first_byte: bool = False) -> dict[str, Any]:
        parsed: dict[str, Any] = super()._really_parse_kex_init(m, ignore_first_byte)
        self.offered = {key: list(names) for key, names in parsed.items() if isinstance(names, list)}
        return parsed


class _PromptPacketizer(Packetizer):  # type: ignore[misc]
    """Has the kernel acknowledge without delay: OpenSSH's server holds the answer to the first channel back for it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._tcp = connection if isinstance(connection, socket.socket) else None
        self._option: int | None = getattr(socket, "TCP_QUICKACK", None)
        self.greeting = b""
        self.ended_first = False

    def _read_timeout(self, timeout: float) -> bytes:
        """Read a piece of what comes before keys are exchanged, and keep it."""
        try:
            data = bytes(super()._read_timeout(timeout))
        except (EOFError, ConnectionError):
            self.ended_first = not self.greeting.rpartition(b"\n")[0].rpartition(b"\n")[2].startswith(b"SSH-")
            raise
        self.greeting = (self.greeting + data)[-_GREETING_BYTES:]
        return data

    def write_all(self, out: bytes) -> None:
        super().write_all(out)
        if self._tcp is not None and self._option is not None:
            with contextlib.suppress(OSError):  # it is an offer to the kernel; a broken link shows elsewhere
                self._tcp.setsockopt(socket.IPPROTO_TCP, self._option, 1)


@contextlib.contextmanager
def closed_on_error(transport: ClientTransport) -> Iterator[ClientTransport]:
    """Close the connection when the block raises."""
    try:
        yield transport
    except BaseException:
        hang_up(transport)
        raise


def hang_up(*transports: ClientTransport) -> None:
    """Close connections at once, each carried by the one before: once that one is closed, nothing is written to it."""
    first = transports[0].sock
    if isinstance(first, socket.socket):
        # Wakes what waits for it to be readable or writable; to be closed does not.
        with contextlib.suppress(OSError):
            first.shutdown(socket.SHUT_RDWR)
    for transport in transports:
        with contextlib.suppress(SSHException, EOFError, OSError):
            transport.close()
            transport.sock.close()  # closing the transport does not close it before its thread was started
    for transport in transports:
        if transport.is_alive() and transport is not threading.current_thread():
            transport.join(1.0)


class _ToOurLog(logging.Handler):
    """Passes paramiko's log on at DEBUG: what matters of it is raised, and its tracebacks are not for an operator."""

    def emit(self, record: logging.LogRecord) -> None:
        log.debug("paramiko: %s", record.getMessage())


def _quieten_library() -> None:
    theirs = logging.getLogger("paramiko")
    if not any(isinstance(handler, _ToOurLog) for handler in theirs.handlers):
        theirs.addHandler(_ToOurLog())
        theirs.propagate = False
