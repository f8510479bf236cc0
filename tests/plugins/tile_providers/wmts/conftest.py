"""A scripted server that answers with a capabilities document and with tiles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.tile_server import TileServer, tile_server


@pytest.fixture
def server() -> Iterator[TileServer]:
    """A server on the loopback; each test scripts its own answers."""
    with tile_server() as running:
        yield running
