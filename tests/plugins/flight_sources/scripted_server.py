"""An HTTP server that answers with bytes as they are scripted, right or wrong, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.plugins.flight_sources.samples import encoded

Script = Callable[[socket.socket, threading.Event], None]
"""Writes one answer to a connection; the event is set when the server closes."""


def answer(body: bytes = b"", *, status: int = 200, length: int | None = None, **headers: str) -> Script:
    """An answer with this body; ``length`` lies about it, and header names have _ for -."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body
    return lambda connection, _closing: connection.sendall(data)


def json_answer(document: object) -> Script:
    """A good answer."""
    return answer(encoded(document), content_type="application/json")


class ScriptedServer:
    """Listens on loopback and gives the scripted answers in turn, the last of them again and again."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="scripted-server")
        self.requests: list[str] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # What the client breaks off is the client's right; the test looks at the client.
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                if self._tls is None:
                    self._answer(connection)
                else:
                    with self._tls.wrap_socket(connection, server_side=True) as wrapped:
                        self._answer(wrapped)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        # A TLS client that came to a plain port gets its answer too.
        while b"\r\n\r\n" not in head and not head.startswith(b"\x16"):
            chunk = connection.recv(65536)
            if not chunk:
                return
            head += chunk
        self.requests.append(head.decode("latin-1"))
        self._scripts[min(len(self.requests), len(self._scripts)) - 1](connection, self._closing)
