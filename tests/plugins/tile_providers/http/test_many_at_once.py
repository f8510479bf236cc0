"""Many requests at once: over few connections, lazily, each with one result."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import Tile, TileId, WantedTile
from tests.plugins.tile_providers.http.asking import fetch, provider, wanted
from tests.plugins.tile_providers.http.test_trust import make_certificate
from tests.support.pictures import real_jpeg
from tests.support.real_parts import real_nginx
from tests.support.tile_server import JPEG, Answer, Asked, TileServer


def test_every_wanted_tile_has_one_result_over_few_connections(server: TileServer) -> None:
    """Connections are kept alive: no more of them than are allowed."""
    server.script = lambda asked: Answer(body=JPEG + asked.path.encode())
    results = fetch(server.template, wanted(*range(200)), max_connections=4)
    assert sorted(result.id.x for result in results) == list(range(200))
    assert all(isinstance(r, Tile) and r.data == JPEG + f"/10/{r.id.x}/7.jpg".encode() for r in results)
    assert len({asked.connection for asked in server.asked}) <= 4


def test_the_allowed_number_of_requests_runs_at_once_and_no_more(server: TileServer) -> None:
    """Six unless the settings say otherwise, as a browser does it."""
    together = threading.Barrier(6)
    now, most, lock = 0, 0, threading.Lock()

    def count() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(20)
        with lock:
            now -= 1

    server.script = lambda _asked: Answer(before=count)
    assert len(fetch(server.template, wanted(*range(30)))) == 30
    assert most == 6


def test_the_stream_is_lazy_both_ways(server: TileServer) -> None:
    """It pulls no further ahead than it works, and stops asking when it is closed."""
    pulled = 0

    def endless() -> Iterator[WantedTile]:
        nonlocal pulled
        while True:
            pulled += 1
            yield WantedTile(TileId(20, pulled, 1))

    stream = provider(server.template, max_connections=2).fetch(endless())
    for _ in range(3):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert pulled <= 3 + 2 * 2
    asked = len(server.asked)
    assert asked <= pulled


def test_a_rate_is_kept(server: TileServer) -> None:
    """Requests are spread over the second, however many may run at once."""
    began_s = time.monotonic()
    assert len(fetch(server.template, wanted(*range(11)), max_rate=20.0)) == 11
    assert time.monotonic() - began_s >= 10 / 20


def test_one_percent_errors_and_two_percent_resets_lose_nothing(server: TileServer) -> None:
    """All tiles come, each once and its own."""
    seeded = random.Random(7)

    def flaky(asked: Asked) -> Answer:
        dice = seeded.random()
        if dice < 0.01:
            return Answer(status=500, body=b"")
        return Answer(raw=b"") if dice < 0.03 else Answer(body=JPEG + asked.path.encode())

    server.script = flaky
    results = fetch(server.template, wanted(*range(1000)), max_connections=16)
    assert Counter(result.id.x for result in results) == Counter(range(1000))
    assert all(isinstance(r, Tile) and r.data == JPEG + f"/10/{r.id.x}/7.jpg".encode() for r in results)
    assert len(server.asked) < 1100


@pytest.mark.real_parts
def test_requests_share_a_connection_over_http_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real nginx that offers it gets many requests at once over fewer connections than requests run."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    root = tmp_path / "root"
    pictures = {x: real_jpeg(x) for x in range(300)}
    for x, data in pictures.items():
        (root / f"10/{x}").mkdir(parents=True)
        (root / f"10/{x}/7.jpg").write_bytes(data)
    with real_nginx(
        tmp_path / "nginx", root, extra=tls, listen="ssl http2", log="$connection $server_protocol"
    ) as nginx:
        template = nginx.url.replace("http:", "https:") + "/{z}/{x}/{y}.jpg"
        results = fetch(template, wanted(*pictures), max_connections=16)
        assert {result.id.x: result.data for result in results if isinstance(result, Tile)} == pictures
        lines = nginx.access_log.read_text().split("\n")[:-1]
    assert {line.split()[1] for line in lines} == {"HTTP/2.0"}
    assert len(lines) == 300
    assert len({line.split()[0] for line in lines}) < 16
