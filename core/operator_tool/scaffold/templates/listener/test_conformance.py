"""operator-tool's conformance kit on {{name}}, with an address on this machine."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from operator_tool.testing import ListenerContract


class _Address(BaseHTTPRequestHandler):
    """Takes everything, and keeps it."""

    taken: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each."""


class TestListener(ListenerContract):
    """Every kind of event, an address that is not there, and a run that waits for nobody."""

    plugin = "{{name}}"

    @pytest.fixture
    def address(self) -> Iterator[str]:
        """The address that events are posted to."""
        _Address.taken.clear()
        with HTTPServer(("127.0.0.1", 0), _Address) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/events"
            server.shutdown()
            thread.join()

    @pytest.fixture
    def plugin_options(self, address: str) -> dict[str, Any]:
        """Settings as an operator gives them."""
        return {"url": address, "token": "a-token-of-this-test"}

    @pytest.fixture
    def unwritable_options(self) -> dict[str, Any]:
        """A port at which nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            return {"url": f"http://127.0.0.1:{free.getsockname()[1]}/"}

    @pytest.fixture
    def written(self) -> Callable[[], bytes]:
        """What has arrived."""
        return lambda: b"\n".join(_Address.taken)
