"""A real satellite service on the loopback: tiles, and an inventory that is strict about its form and its limit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from operator_tool.api import TileId
from tests.support.pictures import real_jpeg

INVENTORY_PATH = "/api/satellite/tiles/inventory"
FORMS = {"newer": ("z", "x", "y"), "older": ("tileZoom", "tileX", "tileY")}
ZOOMS = range(15, 20)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """The client's port: the same for requests over one connection."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class SatelliteService:
    """A service that is running; what it holds and how it behaves may be changed at any time."""

    port: int
    token: str = ""
    """What a request must bear; empty: nobody is turned away."""
    form: str = "newer"
    """``newer`` or ``older``, refusing all else; or ``lax``, the older one that passes over what it doesn't know."""
    limit: int = 1_000
    holds: Callable[[TileId], bool] = lambda _tile: True
    also_says: Callable[[TileId], dict[str, Any]] = lambda _tile: {}
    """What else the inventory says of a tile that is there."""
    instead: Callable[[Asked], Answer | None] = lambda _asked: None
    """Answers a request in the service's place; None lets the service answer."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def inventory_calls(self) -> list[Asked]:
        """The requests to the inventory so far."""
        return [asked for asked in self.asked if asked.path == INVENTORY_PATH]

    @property
    def tile_calls(self) -> list[Asked]:
        """The requests for tiles so far."""
        return [asked for asked in self.asked if asked.path.startswith("/tiles/")]

    def answer(self, asked: Asked) -> Answer:
        """Return what the service answers."""
        if self.token and asked.headers.get("authorization") != f"Bearer {self.token}":
            return problem(401, "Unauthorized", "The token is missing or unknown.")
        if asked.method == "POST" and asked.path == INVENTORY_PATH:
            return self._inventory(asked.body)
        if asked.method == "GET" and asked.path.startswith("/tiles/"):
            z, x, y = map(int, asked.path.split("/")[2:])
            return self._tile(TileId(z, x, y), asked.headers.get("if-none-match"))
        return problem(404, "Not Found", "There is nothing at this address.")

    def _inventory(self, body: bytes) -> Answer:
        document = json.loads(body)
        if not isinstance(document, dict) or set(document) != {"tiles"}:
            return problem(400, "Bad Request", "The body is an object with the member tiles.")
        rows = document["tiles"]
        if len(rows) > self.limit:
            return problem(422, "Too many tiles", f"At most {self.limit} tiles may be asked about in a call.")
        z, x, y = names = FORMS["newer" if self.form == "newer" else "older"]
        results = []
        for row in rows:
            if self.form == "lax":
                row = {name: row.get(name, 0) for name in names}
            elif set(row) != set(names):
                return problem(400, "Bad Request", f"A tile has the members {', '.join(names)} and no others.")
            elif row[z] not in ZOOMS or not all(0 <= row[name] < 1 << row[z] for name in (x, y)):
                return problem(400, "Bad Request", "There is no such tile.")
            tile = TileId(row[z], row[x], row[y])
            present = tile.z in ZOOMS and self.holds(tile)
            results.append({**row, "present": present, **(self.also_says(tile) if present else {})})
        return Answer(body=json.dumps({"results": results}).encode())

    def _tile(self, tile: TileId, known: str | None) -> Answer:
        if not self.holds(tile):
            return problem(404, "Not Found", "There is no such tile.")
        picture = picture_of(tile)
        headers = {"ETag": etag_of(tile)}
        if known == headers["ETag"]:
            return Answer(status=304, headers=headers)
        return Answer(body=picture, media_type="image/jpeg", headers=headers)


def picture_of(tile: TileId) -> bytes:
    """Return the picture of a tile."""
    return real_jpeg(f"tile {tile}")


def etag_of(tile: TileId) -> str:
    """Return the ETag of a tile's picture."""
    return f'"{hashlib.sha256(picture_of(tile)).hexdigest()}"'


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """Return a refusal as RFC 7807 has it."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Answer(status=status, body=json.dumps(document).encode(), media_type="application/problem+json")


@contextlib.contextmanager
def satellite_service(**settings: Any) -> Iterator[SatelliteService]:
    """Run a service of these settings."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body go out as two writes; waiting for an acknowledgement between them costs 40 ms.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._handle("GET")

        def do_POST(self) -> None:
            self._handle("POST")

        def _handle(self, method: str) -> None:
            asked = Asked(
                method=method,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", "0"))),
                connection=self.client_address[1],
            )
            running.asked.append(asked)
            answer = running.instead(asked) or running.answer(asked)
            with contextlib.suppress(ConnectionError):
                self.send_response(answer.status)
                fixed = {"Content-Type": answer.media_type, "Content-Length": str(len(answer.body))}
                for name, value in {**fixed, **answer.headers}.items():
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
    running = SatelliteService(port=server.server_address[1], **settings)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
