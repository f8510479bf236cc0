"""A flights service on the loopback, with real sockets: scripted by a check, and it keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

THREAD_NAME = "operator-tool-flight-service"
"""What the service's own threads are called, which are no plugin's."""
ENDLESS_BYTES = 64 * 1024 * 1024
"""Where even an answer without an end stops, lest a check eat the memory of the machine."""

Position = tuple[float, float, float]
"""Latitude and longitude in degrees, WGS 84, and an altitude in metres."""
Document = Callable[[str, str, Sequence[Position]], Any]
"""What the service sends for an address, a flight's id and its waypoints: bytes, or what JSON can spell."""


@dataclass(frozen=True, kw_only=True)
class FlightRequest:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    at_s: float
    """When it came, of the monotonic clock."""

    def bears(self, secret: str) -> bool:
        """Tell whether the request has a text anywhere in it: address, headers or body."""
        places = (self.path, unquote(self.path), *self.headers.values(), self.body.decode("latin-1"))
        return any(secret in place for place in places)


@dataclass(frozen=True, kw_only=True)
class FlightAnswer:
    """What to send; a check makes anything of it."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Send half of the body, and break off."""
    dropped: bool = False
    """Break off before the first byte."""
    silent: bool = False
    """Send nothing at all, and keep the connection until the service lets go."""
    dripping: bool = False
    """Send one blank after the other, and never the body."""
    endless: bool = False
    """Send the body, and then blanks as fast as they are taken."""


Script = Callable[[FlightRequest], FlightAnswer | None]
"""Answers a request; None leaves it to the service."""


class FlightService:
    """A service that is running: it has the flights that were filed, and no others, unless a script says otherwise."""

    token = "kit-token-1f7a02c9be6d4835"  # noqa: S105 - of a service that lives as long as a test
    """A key to give to the plugin; the service takes any, unless a script refuses."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._flights: dict[str, tuple[Position, ...]] = {}
        self._script: Script = lambda _request: None
        self._let_go = threading.Event()
        self.requests: list[FlightRequest] = []
        """Every request since the last script."""
        self.sent_bytes = 0
        """How much of endless answers was taken."""
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name=THREAD_NAME
        )
        self._thread.start()
        self._closed = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def file(self, waypoints: Sequence[Position]) -> str:
        """Have a flight of these waypoints from now on, and return its id."""
        flight_id = f"kit-flight-{len(self._flights):04}"
        self._flights[flight_id] = tuple(waypoints)
        return flight_id

    def answer(self, script: Script | FlightAnswer) -> None:
        """Answer every request so from now on; what came before is forgotten."""
        self._script = (lambda _request: script) if isinstance(script, FlightAnswer) else script
        self._let_go = threading.Event()
        self.requests = []
        self.sent_bytes = 0

    def answer_once(self, answer: FlightAnswer) -> None:
        """Answer the next request so, and the others as ever; what came before is forgotten."""
        self.answer(lambda request: answer if request is self.requests[0] else None)

    def close(self) -> None:
        """End it, and every connection with it; again is harmless."""
        if self._closed:
            return
        self._closed = True
        self._let_go.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def ordinary(self, request: FlightRequest) -> FlightAnswer:
        """Return what the service answers where no script does."""
        path = unquote(request.path)
        flight_id = next((one for one in self._flights if one in path), None)
        if flight_id is None:
            return FlightAnswer(status=404, body=b'{"error": "no such flight"}')
        document = self._document(path, flight_id, self._flights[flight_id])
        return FlightAnswer(body=document if isinstance(document, bytes) else json.dumps(document).encode())

    def _take(self, handler: _Handler) -> None:
        request = FlightRequest(
            path=handler.path,
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=handler.rfile.read(int(handler.headers.get("Content-Length", "0"))),
            at_s=time.monotonic(),
        )
        let_go = self._let_go
        self.requests.append(request)
        answer = self._script(request) or self.ordinary(request)
        with contextlib.suppress(ConnectionError):
            if answer.silent:
                let_go.wait(600)
            elif not answer.dropped:
                handler.send(answer)
                self._send_more(handler, answer, let_go)
                return
        handler.close_connection = True

    def _send_more(self, handler: _Handler, answer: FlightAnswer, let_go: threading.Event) -> None:
        while answer.dripping and not let_go.wait(0.05):
            handler.wfile.write(b" ")
        blanks = b" " * 65_536
        while answer.endless and not let_go.is_set() and self.sent_bytes < ENDLESS_BYTES:
            handler.wfile.write(blanks)
            self.sent_bytes += len(blanks)


@contextlib.contextmanager
def running_service(document: Document) -> Iterator[FlightService]:
    """Run a service meanwhile."""
    running = FlightService(document)
    try:
        yield running
    finally:
        running.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go out as two writes; waiting for an acknowledgement between them costs 40 ms.
    disable_nagle_algorithm = True
    service: FlightService

    def do_GET(self) -> None:
        self.service._take(self)  # noqa: SLF001 - the other half of the service

    do_POST = do_GET  # noqa: N815 - the name that the base class looks for

    def send(self, answer: FlightAnswer) -> None:
        self.send_response(answer.status)
        length = ENDLESS_BYTES * 2 if answer.dripping or answer.endless else len(answer.body)
        headers = {"Content-Type": answer.media_type, "Content-Length": str(length), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.dripping:
            return
        self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
        self.close_connection = self.close_connection or answer.cut or answer.endless

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the test's output is its own."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that can be told from a plugin's."""
        serve = self.process_request_thread
        threading.Thread(target=serve, args=(request, client_address), name=THREAD_NAME, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that broke off, as some checks want it to."""
