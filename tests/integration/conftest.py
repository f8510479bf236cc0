"""The real parts as fixtures, a fresh one for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import command, wheels
from tests.support.plugin_rig import IMPATIENT, Rig
from tests.support.real_parts import RealNginx, RealSshd, real_nginx, real_sshd
from tests.support.ssh_peers import note_threads


@pytest.fixture(autouse=True)
def own_threads() -> None:
    """Let a test that waits for its threads' end wait for its own alone."""
    note_threads()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[RealSshd]:
    """A real OpenSSH server that lets the current user in."""
    with real_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[RealNginx]:
    """A real nginx that serves the folder ``root`` of it."""
    with real_nginx(tmp_path / "nginx", tmp_path / "nginx_root") as server:
        yield server


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all the broken distributions."""
    return wheels.installed(tmp_path_factory, "acme-broken", "acme-shadow", "acme-next", "acme-old")


@pytest.fixture
def rig(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A workstation with them."""
    monkeypatch.setattr(command, "COMMAND", [sys.executable, "-c", IMPATIENT])
    return Rig(tmp_path, site)
