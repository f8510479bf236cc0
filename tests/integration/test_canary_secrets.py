"""Canary keys through whole runs: in no output, no file, no command line."""

from __future__ import annotations

import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Ended, Workstation

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
KEY = "canary/4711+Käse&key=%7E"


class Echoing(http.server.BaseHTTPRequestHandler):
    """A provider that refuses, and echoes the key wherever it can."""

    refuses = True
    delay = threading.Event()

    def do_GET(self) -> None:
        type(self).seen.append(self.headers["X-Key"] or "")
        self.delay.wait(0.0 if self.refuses else 20.0)
        body = f"key {KEY} in {self.path}".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Echo", "refused")
        self.end_headers()
        self.wfile.write(body)

    seen: list[str] = []  # noqa: RUF012 - the handler is made anew for each request

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep standard error for the test."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The template of a provider that echoes the key."""
    monkeypatch.setattr(Echoing, "seen", [])
    monkeypatch.setattr(Echoing, "delay", threading.Event())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echoing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/{{z}}/{{x}}/{{y}}?key={{api_key}}"
    finally:
        Echoing.delay.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


def forms(key: str) -> list[bytes]:
    """Return the forms in which the key must be nowhere."""
    import base64
    import json
    import urllib.parse

    plain = key.encode()
    return [
        plain,
        urllib.parse.quote(key, safe="").encode(),
        urllib.parse.quote_plus(key).encode(),
        json.dumps(key).strip('"').encode(),
        plain.hex().encode(),
        base64.b64encode(plain),
    ]


def assert_nowhere(ended: Ended, folder: Path, *, but: Path | None = None) -> None:
    """Assert that no output and no file holds the key in any form."""
    printed = ended.all.encode("utf-8", "surrogateescape")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path != but]
    for form in forms(KEY):
        assert form not in printed
        assert [path for path in files if form in path.read_bytes()] == []


@pytest.mark.parametrize("more", [[], ["-v"], ["--json", "-v"]])
def test_case_117_a_refused_key_is_in_no_sink(workstation: Workstation, provider: str, more: list[str]) -> None:
    """The key travelled, and is in no line, report, store, log or cache."""
    log = workstation.folder / "events.jsonl"
    workstation.config.write_text('[operator-tool]\nlisteners = ["progress", "jsonlog"]\n')
    workstation.config.chmod(0o600)
    arguments = workstation.build_arguments(FLIGHT, "--zoom", "14", "--config", str(workstation.config), provider="xyz")
    report = workstation.folder / "report.json"
    ended = workstation.run(
        *arguments,
        *("-o", f"xyz.url={provider}", "-o", f"jsonlog.path={log}", "--report", str(report), *more),
        env={"OPERATOR_TOOL_XYZ_API_KEY": KEY},
    )

    assert ended.code == 20, ended.all
    assert Echoing.seen, "the provider was never asked"
    assert report.stat().st_size > 0
    assert log.stat().st_size > 0
    assert_nowhere(ended, workstation.folder)


def test_case_118_a_key_is_on_no_command_line_and_not_handed_to_the_companion(
    workstation: Workstation, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the run waits for the provider, the process list and the agent's environment don't know it."""
    monkeypatch.setattr(Echoing, "refuses", False)
    secret = workstation.folder / "key"
    secret.touch(mode=0o600)
    secret.write_text(KEY, encoding="utf-8")
    arguments = workstation.build_arguments(FLIGHT, "--zoom", "14", provider="xyz")
    build = workstation.start(*arguments, "-o", f"xyz.url={provider}", "-o", f"xyz.api_key_file={secret}")
    try:
        until = time.monotonic() + 30
        while not (Echoing.seen and any(b"c10-agent" in line for line in command_lines())):
            assert time.monotonic() < until, "the agent never ran"
            assert build.poll() is None
            time.sleep(0.02)
        lines = command_lines()
        environments = [read(path) for path in Path("/proc").glob("[0-9]*/environ")]
    finally:
        Echoing.delay.set()
        out, err = build.communicate(timeout=60)

    for form in forms(KEY):
        assert not [line for line in (*lines, *environments) if form in line]
    assert build.returncode == 20
    assert_nowhere(Ended(build.returncode, out.decode(), err.decode()), workstation.folder, but=secret)


def test_case_119_a_secret_file_that_others_can_read_is_11_with_the_chmod(
    workstation: Workstation, provider: str
) -> None:
    """The key is not used."""
    secret = workstation.folder / "key"
    secret.write_text(KEY, encoding="utf-8")
    secret.chmod(0o644)
    arguments = workstation.build_arguments(FLIGHT, "--zoom", "14", provider="xyz")
    ended = workstation.run(*arguments, "-o", f"xyz.url={provider}", "-o", f"xyz.api_key_file={secret}")
    assert ended.code == 11
    assert f"chmod 600 {secret}" in ended.err
    assert Echoing.seen == []


def command_lines() -> list[bytes]:
    """Return the command line of every process."""
    return [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]


def read(path: Path) -> bytes:
    """Return a file of a process that may be gone or another's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_canary_would_be_found(tmp_path: Path) -> None:
    """The check itself can fail."""
    (tmp_path / "leak").write_text(f"x {KEY} y", encoding="utf-8")
    with pytest.raises(AssertionError):
        assert_nowhere(Ended(0, "", ""), tmp_path)
    with pytest.raises(AssertionError):
        assert_nowhere(Ended(0, "", forms(KEY)[1].decode()), Path(os.devnull))
