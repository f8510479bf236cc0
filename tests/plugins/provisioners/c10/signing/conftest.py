"""What the tests of signing share: keys that ssh-keygen made, its signatures, and a companion that knows some."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.signing import signers
from operator_tool_plugins.provisioners.c10.agent.signing.signature import SIGN_NAMESPACE
from tests.support.real_parts import fingerprint, make_key, require


class KeyFile:
    """A key pair of ssh-keygen's own making, which signs with ssh-keygen."""

    def __init__(self, path: Path, kind: str = "ed25519", *, passphrase: str = "") -> None:
        self.path = path
        make_key(path, kind, passphrase=passphrase)

    @property
    def public(self) -> Path:
        """The public key's file."""
        return self.path.with_name(self.path.name + ".pub")

    @property
    def words(self) -> str:
        """The public key without its comment."""
        return " ".join(self.public.read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen prints it."""
        return fingerprint(self.public)

    def sign(self, data: bytes, namespace: str = SIGN_NAMESPACE) -> str:
        """Return ssh-keygen's own signature."""
        return subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.path), "-n", namespace],
            input=data,
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout.decode()


@pytest.fixture(autouse=True)
def away_from_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /etc/c10 in this process, and does not exist yet."""
    require("ssh-keygen")
    folder = tmp_path / "etc" / "c10"
    monkeypatch.setattr(signers, "SYSTEM_FOLDER", str(folder))
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Callable[..., KeyFile]:
    """Make a key by its name."""

    def make(name: str, kind: str = "ed25519", *, passphrase: str = "") -> KeyFile:
        return KeyFile(tmp_path / name, kind, passphrase=passphrase)

    return make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A cache root."""
    path = tmp_path / "cache"
    path.mkdir()
    path.chmod(0o755)
    return path


@pytest.fixture
def layout(root: Path) -> Layout:
    """Its paths."""
    return Layout(str(root))


def kept(path: Path, *lines: str) -> Path:
    """Write a file of the companion's keeper."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o644)
    return path


def enrol(root: Path, *keys: KeyFile, revoked: tuple[KeyFile, ...] = ()) -> Path:
    """Have a cache root know these keys as ``op0``, ``op1`` and so on."""
    if revoked:
        kept(root / "revoked_signers", *(one.words for one in revoked))
    return kept(root / "allowed_signers", *(f"op{number} {one.words}" for number, one in enumerate(keys)))


def as_root() -> bool:
    """Tell whether these tests may give files away."""
    return os.geteuid() == 0
