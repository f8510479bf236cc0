"""A service of tiles on the loopback, with real sockets: scripted by a check, and it counts what it is asked."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from operator_tool.api import TileId

THREAD_NAME = "operator-tool-tile-service"
"""What the service's own threads are called, which are no plugin's."""


@dataclass(frozen=True, kw_only=True)
class TileRequest:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    tile: TileId | None
    """The tile that it asks for; None where it is for something else."""
    at_s: float
    """When it came, of the monotonic clock."""

    def bears(self, secret: str) -> bool:
        """Tell whether the request has a text anywhere in it: address, headers or body."""
        places = (self.path, unquote(self.path), *self.headers.values(), self.body.decode("latin-1"))
        return any(secret in place for place in places)


@dataclass(frozen=True, kw_only=True)
class TileAnswer:
    """What to send."""

    status: int = 200
    body: bytes = b""
    media_type: str = "image/jpeg"
    headers: dict[str, str] = field(default_factory=dict)
    truncated: bool = False
    """Send half of the body, and break off."""
    silent: bool = False
    """Send nothing at all, and keep the connection until the service lets go."""


Script = Callable[[TileRequest], TileAnswer | None]
"""Answers a request; None leaves it to the service."""


class TileService:
    """A service that is running: a picture for every tile but those that are absent, unless a script says otherwise."""

    token = "kit-token-5c1e9a77d2b84f06"  # noqa: S105 - of a service that lives as long as a test
    """A key to give to the plugin; the service takes any, unless a script refuses."""

    def __init__(
        self,
        picture_of: Callable[[TileId], bytes],
        tile_of_path: Callable[[str], TileId | None],
        *,
        absent: frozenset[TileId] = frozenset(),
        other_paths: Script = lambda _request: None,
    ) -> None:
        self._picture_of = picture_of
        self._tile_of_path = tile_of_path
        self._absent = absent
        self._other_paths = other_paths
        self._tiles: Script = lambda _request: None
        self._everything: Script = lambda _request: None
        self._lock = threading.Lock()
        self._let_go = threading.Event()
        self._in_flight = 0
        self.most_in_flight = 0
        """How many requests for tiles were under way at once, at most."""
        self.requests: list[TileRequest] = []
        """Every request since the last script."""
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name=THREAD_NAME
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tile_requests(self) -> list[TileRequest]:
        """Those of the requests that were for tiles."""
        return [request for request in list(self.requests) if request.tile is not None]

    def answer_tiles(self, script: Script | TileAnswer) -> None:
        """Answer requests for tiles so from now on; what came before is forgotten."""
        self._begin(tiles=script)

    def answer_everything(self, script: Script | TileAnswer) -> None:
        """Answer every request so from now on, also those for documents; what came before is forgotten."""
        self._begin(everything=script)

    def answer_normally(self) -> None:
        """Answer with pictures again; what came before is forgotten."""
        self._begin()

    def let_go(self) -> None:
        """Break off the connections on which the service is silent."""
        self._let_go.set()

    def close(self) -> None:
        """End it, and every connection with it."""
        self.let_go()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def answer(self, request: TileRequest) -> TileAnswer:
        """Return what the service answers to a request."""
        answer = self._everything(request)
        if answer is None and request.tile is not None:
            answer = self._tiles(request)
        if answer is None and request.tile is None:
            answer = self._other_paths(request) or TileAnswer(status=404, media_type="text/plain")
        return answer or self._ordinary(request)

    def _ordinary(self, request: TileRequest) -> TileAnswer:
        assert request.tile is not None
        if request.tile in self._absent:
            return TileAnswer(status=404, media_type="text/plain")
        etag = f'"kit-{request.tile.z}-{request.tile.x}-{request.tile.y}"'
        if request.headers.get("if-none-match") == etag:
            return TileAnswer(status=304, headers={"ETag": etag})
        return TileAnswer(body=self._picture_of(request.tile), headers={"ETag": etag})

    def _begin(self, tiles: Script | TileAnswer | None = None, everything: Script | TileAnswer | None = None) -> None:
        self._tiles, self._everything = _script_of(tiles), _script_of(everything)
        self._let_go = threading.Event()
        with self._lock:
            self.requests = []
            self.most_in_flight = 0

    def _take(self, handler: _Handler) -> None:
        request = TileRequest(
            method=handler.command,
            path=handler.path,
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=handler.rfile.read(int(handler.headers.get("Content-Length", "0"))),
            tile=self._tile_of_path(handler.path),
            at_s=time.monotonic(),
        )
        let_go = self._let_go
        with self._lock:
            self.requests.append(request)
            self._in_flight += request.tile is not None
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            answer = self.answer(request)
            if answer.silent:
                let_go.wait(600)
                handler.close_connection = True
                return
        finally:
            with self._lock:
                self._in_flight -= request.tile is not None
        with contextlib.suppress(ConnectionError):
            handler.send(answer)


def tile_of_path(path: str) -> TileId | None:
    """Return the tile that an address names by its last three numbers, z/x/y; None where it names none."""
    numbers = re.findall(r"\d+", path)[-3:]
    if len(numbers) < 3:
        return None
    z, x, y = map(int, numbers)
    return TileId(z, x, y) if z <= 30 and x < 1 << z and y < 1 << z else None


@contextlib.contextmanager
def tile_service(
    picture_of: Callable[[TileId], bytes],
    tile_of_path: Callable[[str], TileId | None] = tile_of_path,
    *,
    absent: frozenset[TileId] = frozenset(),
    other_paths: Script = lambda _request: None,
) -> Iterator[TileService]:
    """Run a service meanwhile."""
    running = TileService(picture_of, tile_of_path, absent=absent, other_paths=other_paths)
    try:
        yield running
    finally:
        running.close()


def _script_of(script: Script | TileAnswer | None) -> Script:
    return (lambda _request: script) if script is None or isinstance(script, TileAnswer) else script


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go out as two writes; waiting for an acknowledgement between them costs 40 ms.
    disable_nagle_algorithm = True
    service: TileService

    def do_GET(self) -> None:
        self.service._take(self)  # noqa: SLF001 - the other half of the service

    do_POST = do_GET  # noqa: N815 - the name that the base class looks for

    def send(self, answer: TileAnswer) -> None:
        self.send_response(answer.status)
        for name, value in {
            "Content-Type": answer.media_type,
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.status in (204, 304):
            return
        self.wfile.write(answer.body[: len(answer.body) // 2] if answer.truncated else answer.body)
        self.close_connection = self.close_connection or answer.truncated

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the test's output is its own."""


def _handler_of(running: TileService) -> type[_Handler]:
    return type("Handler", (_Handler,), {"service": running})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that can be told from a plugin's."""
        serve = self.process_request_thread
        threading.Thread(target=serve, args=(request, client_address), name=THREAD_NAME, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that broke off, as some checks want it to."""
