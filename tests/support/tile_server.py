"""A real http server on the loopback that answers as a test scripts it, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.pictures import real_jpeg

JPEG = real_jpeg("a tile")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    connection: int
    """The client's port: the same for requests over one connection."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send: a proper answer, or with ``raw`` these bytes alone and the end of the connection."""

    status: int = 200
    body: bytes = JPEG
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    before: Callable[[], object] | None = None
    """Called before anything is sent: may block."""
    hold: threading.Event | None = None
    """With ``raw``: the connection stays open until this is set."""


@dataclass(kw_only=True)
class TileServer:
    """A server that is running."""

    port: int
    script: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def template(self) -> str:
        """A template that its paths follow from."""
        return self.url + "/{z}/{x}/{y}.jpg"


@contextlib.contextmanager
def tile_server(
    script: Callable[[Asked], Answer] = lambda _asked: Answer(), *, certificate: Path | None = None
) -> Iterator[TileServer]:
    """Run a server; ``certificate`` (with its key in the same file) makes it speak TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body go out as two writes; waiting for an acknowledgement between them costs 40 ms.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            asked = Asked(
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                connection=self.client_address[1],
            )
            running.asked.append(asked)
            answer = running.script(asked)
            if answer.before is not None:
                answer.before()
            with contextlib.suppress(ConnectionError):
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                if answer.hold is not None:
                    answer.hold.wait(60)
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if answer.status not in (204, 304):
                self.wfile.write(answer.body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing: the test's output is its own."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that broke off, as some tests want it to."""

    server = Server(("127.0.0.1", 0), Handler)
    running = TileServer(port=server.server_address[1], script=script)
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        running.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
