"""A second distribution, as another company ships it: built, installed into a fresh environment, and selected."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import venv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from operator_tool.api import TileId
from tests.support.memory import picture_of

ROOT = Path(__file__).parents[2]
KEY = "acme-canary-key-20261122"


class Satellite(http.server.BaseHTTPRequestHandler):
    """The company's service: tiles for whoever has the key, each seventh only when it is asked for again."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        Satellite.asked[self.path] += 1
        match = re.fullmatch(r"/tiles/(\d+)/(\d+)/(\d+)", self.path)
        authorized = self.headers["Authorization"] == f"Bearer {KEY}"
        body = b""
        if match and authorized:
            z, x, y = map(int, match.groups())
            body = picture_of(TileId(z, x, y))
        status = 200 if body else 401 if not authorized else 404
        if status == 200 and (z + x + y) % 7 == 0 and Satellite.asked[self.path] == 1:
            status, body = 503, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep standard error for the test."""


@pytest.fixture
def satellite() -> Iterator[str]:
    """The address of the company's service."""
    Satellite.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Satellite)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A fresh environment with both wheels in it; its folder of programs."""
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    for project in (ROOT, ROOT / "tests" / "distributions" / "acme-satellite"):
        subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(wheels), str(project)], check=True, timeout=300)
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    found = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    install = [str(programs / "pip"), "--disable-pip-version-check", "install", "-q", *found]
    subprocess.run(install, check=True, timeout=300)
    return programs


@pytest.mark.timeout(600)
def test_a_third_partys_provider_is_selected_with_no_change_to_the_core(
    installed: Path, satellite: str, tmp_path: Path
) -> None:
    """The wheel's provider fills a cache, with retries and resuming for nothing; the report names its distribution and
    version; its key is nowhere."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPERATOR_TOOL_", "COVERAGE"))} | {
        "HOME": str(tmp_path),
        "OPERATOR_TOOL_ACME_SATELLITE_URL": satellite,
        "OPERATOR_TOOL_ACME_SATELLITE_API_KEY": KEY,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [installed / "operator-tool", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    listed = run("plugins", "list", "--json")
    build = [
        *("build-cache", "--flight-file", str(ROOT / "docs" / "tutorial" / "first-flight.plan")),
        *("--provider", "acme-satellite", "--transport", "local", "-o", "c10.cache_root=cache", "--json", "-v"),
    ]
    built = run(*build)
    asked = Satellite.asked.total()
    again = run("download", *build[1:5], "--json")
    checked = run("plugins", "check")

    assert {"acme-satellite", "synthetic"} <= {row["name"] for row in json.loads(listed.stdout)}
    assert built.returncode == 0, built.stderr
    report = json.loads(built.stdout)
    assert report["outcome"] == "success"
    assert report["tiles"]["downloaded"] == report["tiles"]["wanted"] > 100
    assert {
        "role": "tile_provider",
        "name": "acme-satellite",
        "distribution": "acme-satellite",
        "version": "2.3.0",
    } in report["plugins"]
    failed_once = sum(1 for times in Satellite.asked.values() if times == 2)
    assert failed_once > 10
    assert asked == report["tiles"]["wanted"] + failed_once
    assert json.loads(again.stdout)["tiles"]["reused"] == report["tiles"]["wanted"]
    assert Satellite.asked.total() == asked
    assert checked.returncode == 0, checked.stdout
    assert list((tmp_path / "venv").glob("lib/*/site-packages/operator_tool/py.typed"))  # type checkers look for it
    assert KEY not in built.stdout + built.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_third_partys_provider_takes_no_more_than_40_lines() -> None:
    """Of code: what is hard about it is the api's."""
    source = ROOT / "tests" / "distributions" / "acme-satellite" / "src" / "acme_satellite" / "__init__.py"
    assert sum(1 for line in source.read_text(encoding="utf-8").splitlines() if line.strip()) <= 40
