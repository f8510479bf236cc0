"""Programs over the connection that ssh keeps, by its control socket: OpenSSH's PROTOCOL.mux, version 4.

The program's three streams are handed to ssh as descriptors, so that no byte of them passes through this process twice;
and the end of a program is told by a message that holds its exit status, or by the lack of one.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from select import POLLIN, poll

from operator_tool.api import LinkError, LinkStalledError, escape_bytes

from .._secure_shell.words import NO_SESSION_HINT

_VERSION = 4
_HELLO = 0x00000001
_NEW_SESSION, _ALIVE_CHECK = 0x10000002, 0x10000004
_PERMISSION_DENIED, _FAILURE, _EXIT_MESSAGE, _ALIVE = 0x80000002, 0x80000003, 0x80000004, 0x80000005
_SESSION_OPENED = 0x80000006
_NO_ESCAPE = 0xFFFFFFFF
_REQUEST = 1
_WORD = struct.Struct(">I")
_MAX_MESSAGE_BYTES = 256 * 1024


class MuxSession:
    """One program's control connection. Not for two threads at once."""

    def __init__(self, control_path: Path, timeout_s: float) -> None:
        """Connect and agree on the version. Raises ``LinkError``."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._received = b""
        self._ready = poll()
        try:
            self._socket.settimeout(timeout_s)
            self._greet(control_path)
        except BaseException:
            self._socket.close()
            raise
        self._ready.register(self._socket, POLLIN)

    def _greet(self, control_path: Path) -> None:
        try:
            self._socket.connect(str(control_path))
            self._send(_HELLO, _WORD.pack(_VERSION))
            kind, rest = self._message()
        except OSError as error:
            raise LinkError(f"ssh does not answer at its control socket: {error}") from error
        version = _WORD.unpack(rest[:4])[0] if len(rest) >= 4 else None
        if kind != _HELLO or version != _VERSION:
            raise LinkError(f"ssh speaks another multiplexing protocol ({kind:#x}, version {version})", retryable=False)

    def start(self, command: bytes, descriptors: Sequence[int]) -> None:
        """Have the program started on the companion with these three streams. Raises ``LinkError``."""
        flags = _WORD.pack(0) * 4  # no terminal, no X11, no agent, no subsystem
        request = _WORD.pack(_REQUEST) + _string(b"") + flags + _WORD.pack(_NO_ESCAPE) + _string(b"") + _string(command)
        try:
            self._send(_NEW_SESSION, request)
            for descriptor in descriptors:
                socket.send_fds(self._socket, [b"\0"], [descriptor])
            kind, rest = self._message()
        except TimeoutError as error:
            raise LinkStalledError("nothing answers to the start of a program") from error
        except OSError as error:
            raise LinkError(f"ssh did not start a program: {error}") from error
        if kind in (_PERMISSION_DENIED, _FAILURE):
            reason = escape_bytes(_read_string(rest[4:]))
            raise LinkError(f"the companion would not run a program: {reason}", hint=NO_SESSION_HINT, retryable=False)
        if kind != _SESSION_OPENED:
            raise LinkError(f"ssh answered a new session with {kind:#x}", retryable=False)

    def exit_status(self, timeout_s: float) -> int | None:
        """Return the exit status, None when nothing came in time. Raises ``EOFError`` at the end without one."""
        while True:
            message = self._taken()
            if message is not None:
                kind, rest = message
                if kind == _EXIT_MESSAGE and len(rest) >= 8:
                    return int(_WORD.unpack(rest[4:8])[0])
                continue
            if not self._ready.poll(timeout_s * 1000):
                return None
            timeout_s = 0.0
            self._receive()

    def close(self) -> None:
        """Close the connection: ssh closes the program's streams."""
        self._socket.close()

    def is_alive(self) -> bool:
        """Ask whether ssh still has its connection."""
        try:
            self._send(_ALIVE_CHECK, _WORD.pack(_REQUEST))
            return self._message()[0] == _ALIVE
        except (OSError, LinkError):
            return False

    def _send(self, kind: int, rest: bytes) -> None:
        self._socket.sendall(_WORD.pack(4 + len(rest)) + _WORD.pack(kind) + rest)

    def _message(self) -> tuple[int, bytes]:
        while (message := self._taken()) is None:
            try:
                self._receive()
            except EOFError:
                raise LinkError("ssh closed its control connection") from None
        return message

    def _taken(self) -> tuple[int, bytes] | None:
        """Take the next whole message of what was received."""
        if len(self._received) < 4:
            return None
        (size,) = _WORD.unpack(self._received[:4])
        if not 4 <= size <= _MAX_MESSAGE_BYTES:
            raise LinkError(f"ssh sent a message of {size:,} bytes over its control socket", retryable=False)
        if len(self._received) < 4 + size:
            return None
        message, self._received = self._received[4 : 4 + size], self._received[4 + size :]
        return int(_WORD.unpack(message[:4])[0]), message[4:]

    def _receive(self) -> None:
        try:
            data = self._socket.recv(4096)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        self._received += data


def _string(data: bytes) -> bytes:
    return _WORD.pack(len(data)) + data


def _read_string(data: bytes) -> bytes:
    size = int(_WORD.unpack(data[:4])[0]) if len(data) >= 4 else 0
    return data[4 : 4 + size]
