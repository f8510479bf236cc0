"""The library's connection as this transport uses it: strong algorithms only, no delays, closed at once."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any, TypeAlias

from paramiko import Channel, Message, SSHException, Transport  # type: ignore[import-untyped]
from paramiko.packet import Packetizer  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

Connection: TypeAlias = socket.socket | Channel
"""What a handshake is made over: TCP, or a channel through a jump host."""

_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
_KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
"""No SHA-1 in any of them; those that the library was built without are left out."""


class ClientTransport(Transport):  # type: ignore[misc]
    """An SSH connection that remembers what the other side offered, and acknowledges at once."""

    def __init__(self, connection: Connection) -> None:
        _quieten_library()
        super().__init__(connection, packetizer_class=_PromptPacketizer)
        self.offered: dict[str, list[str]] = {}
        options = self.get_security_options()
        options.ciphers, options.digests = _CIPHERS, _MACS
        options.kex = tuple(name for name in _KEX if name in options.kex)

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
