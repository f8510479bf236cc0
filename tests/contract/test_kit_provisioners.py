"""The kit's contract of provisioners, on our own and on another company's that speaks to the same agent."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from operator_tool.testing import ProvisionerContract
from operator_tool.testing.making import Options
from operator_tool.testing.provisioner_contract.companion import Connect, WithCompanion
from operator_tool.testing.provisioner_contract.whole_way import WholeWayChecks
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.bravo import installed_bravo

JPEG_S_END = b"\xff\xd9"


class OfC10(WithCompanion):
    """A provisioner whose caches the c10 agent keeps."""

    @pytest.fixture
    def cache_root(self, companion_folder: Path) -> Path:
        """The cache root."""
        return companion_folder / "cache"

    @pytest.fixture
    def current_files(self, cache_root: Path) -> Callable[[], Mapping[str, bytes]]:
        """All that lies behind ``current``."""
        folder = cache_root / "current"
        return lambda: {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    @pytest.fixture
    def damage(self, cache_root: Path) -> Callable[[], None]:
        """Change the last byte of a picture in the database."""

        def spoil() -> None:
            database = cache_root / "current" / "tiles.mbtiles"
            data = database.read_bytes()
            at = data.index(JPEG_S_END)
            database.chmod(0o644)
            with database.open("r+b") as file:
                file.seek(at)
                file.write(bytes([data[at] ^ 1]))

        return spoil


class TestC10(OfC10, ProvisionerContract):
    """Our own."""

    plugin = "c10"

    @pytest.fixture
    def plugin_options(self, cache_root: Path) -> Options:
        """Where the cache lies."""
        return {"cache_root": str(cache_root)}


class OfBravo(OfC10):
    """Another company's: it asks the agent that ``companion install`` put there."""

    plugin = "bravo"

    @pytest.fixture(autouse=True)
    def on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have it installed."""
        monkeypatch.syspath_prepend(installed_bravo())

    @pytest.fixture
    def plugin_options(self, cache_root: Path) -> Options:
        """Where the cache lies, and a Python for its agent."""
        return {"cache_root": str(cache_root), "python": sys.executable}

    @pytest.fixture
    def installed(self, cache_root: Path, connect: Connect) -> None:
        """What ``companion install`` leaves: the agent's file, and the link to it."""
        bundle = agent_bundle()
        with connect() as session:
            session.put(bundle.data, str(cache_root / "agent" / bundle.name))
        (cache_root / "agent" / "c10-agent.pyz").symlink_to(bundle.name)


class TestBravo(OfBravo, WholeWayChecks):
    """The half of the contract in which no link breaks; the other half takes as long again."""


@pytest.mark.nightly
class TestBravoOverLinksThatBreak(OfBravo, ProvisionerContract):
    """The whole contract."""


def test_the_agent_s_file_is_named_by_its_hash() -> None:
    """The page of the protocol says so."""
    bundle = agent_bundle()
    assert bundle.name == f"c10-agent-{hashlib.sha256(bundle.data).hexdigest()[:12]}.pyz"
