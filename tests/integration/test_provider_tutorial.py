"""The tutorial of the provider, followed from its first line to its last: its files saved, its commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.plugin_venv import PluginVenv

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "a-provider-in-30-lines.md"
PORT = "8765"
FILES = ("service.py", "acme/acme_tiles.py", "acme/pyproject.toml", "acme/test_acme_tiles.py")
"""What the page has saved, in its order."""


class Reader:
    """Somebody who follows the page in a folder."""

    def __init__(self, folder: Path, port: int) -> None:
        text = PAGE.read_text(encoding="utf-8").replace(PORT, str(port))
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.files = dict(zip(FILES, [code for kind, code in blocks if kind != "sh"], strict=True))
        self.installs, self.builds, self.tests = [code for kind, code in blocks if kind == "sh"]
        self.folder = folder
        self._venv = PluginVenv(folder / "tools")
        for name, code in self.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(code, encoding="utf-8")
        shutil.copy(PAGE.with_name("first-flight.plan"), folder)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Type what a block says; what it installs is built with what is there, and nothing is downloaded."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OPERATOR_TOOL_", "PYTEST", "XDG_"))}
        own = {
            "PATH": f"{self._venv.programs}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
        }
        return subprocess.run(
            ["sh", "-ec", script], cwd=self.folder, env=inherited | own, capture_output=True, text=True, timeout=300
        )

    @contextmanager
    def service(self, port: int) -> Iterator[None]:
        """Have the page's service running."""
        process = subprocess.Popen([sys.executable, "service.py"], cwd=self.folder, stderr=subprocess.DEVNULL)
        try:
            until_s = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert time.monotonic() < until_s, "the page's service does not answer"
                    time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()


@pytest.mark.timeout(600)
def test_whoever_follows_the_page_has_the_tiles_in_a_cache(tmp_path: Path) -> None:
    """Also what the page says of a rerun, of a wrong key, and of the conformance kit."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    reader = Reader(tmp_path, port)

    installed = reader.run(reader.installs)
    assert installed.returncode == 0, installed.stderr

    build = reader.builds.rstrip()
    with reader.service(port):
        built = reader.run(f"{build} --json")
        assert built.returncode == 0, built.stderr
        report = json.loads(built.stdout)
        assert report["outcome"] == "success"
        assert report["tiles"]["downloaded"] == report["tiles"]["wanted"] > 100
        assert {
            "role": "tile_provider",
            "name": "acme-tiles",
            "distribution": "acme-tiles",
            "version": "1.0",
        } in report["plugins"]
        current = (tmp_path / "companion" / "current").resolve()
        wrong = reader.run(f"{build.replace('open-sesame', 'open-barley')} --corridor 900")
        assert wrong.returncode == 20
        assert "refused the key" in wrong.stderr + wrong.stdout
    # Nobody is asked any more.
    again = reader.run(f"{build} --json")
    assert (again.returncode, json.loads(again.stdout)["outcome"]) == (0, "idempotent_no_op")
    assert (tmp_path / "companion" / "current").resolve() == current

    tested = reader.run(reader.tests)
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"^=* ?\d+ passed", tested.stdout.splitlines()[-1]), tested.stdout


def test_the_provider_has_as_many_lines_as_the_page_says() -> None:
    """Blank ones aside."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (provider,) = [code for code in blocks if "make_tile_provider" in code]
    assert sum(1 for line in provider.splitlines() if line.strip()) == 30
    assert max(map(len, provider.splitlines())) <= 120
