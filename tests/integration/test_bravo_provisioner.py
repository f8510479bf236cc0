"""Another company's provisioner, written from the page of the protocol, in the place of our own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support.bravo import PROJECT, installed_bravo
from tests.support.c10_rig import tiles_in
from tests.support.command import Ended, Workstation
from tests.support.real_parts import RealSshd

FLIGHT = Path(__file__).parents[2] / "docs" / "tutorial" / "first-flight.plan"
AREA = ("--provider", "synthetic", "--zoom", "14-15", "--corridor", "200", "--quiet", "--json")
BUILD = ("build-cache", "--flight-file", str(FLIGHT), *AREA)


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


def run(workstation: Workstation, transport: list[str], root: Path, *words: str) -> Ended:
    """Run a command on the companion's cache root, both provisioners installed; it ends with 0."""
    options = ["-o", f"c10.cache_root={root}", "-o", f"bravo.cache_root={root}", "-o", f"bravo.python={sys.executable}"]
    options = options if "bravo" in words else options[:2]
    ended = workstation.run(*words, *transport, *options, env={"PYTHONPATH": str(installed_bravo())})
    assert ended.code == 0, ended.all
    return ended


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What c10 makes of the same flight: its cache root."""
    folder = tmp_path_factory.mktemp("ours")
    run(Workstation(folder), ["--transport", "local"], folder / "cache", *BUILD)
    return folder / "cache"


@pytest.mark.parametrize("transport", ["local", pytest.param("openssh", marks=pytest.mark.real_parts)])
def test_what_it_builds_is_what_ours_builds(
    request: pytest.FixtureRequest, workstation: Workstation, ours: Path, tmp_path: Path, transport: str
) -> None:
    """Tile for tile; our own commands find it sound, and our own build finds nothing to do."""
    reach = ["--transport", transport]
    if transport == "openssh":
        sshd: RealSshd = request.getfixturevalue("sshd")
        reach += [part for key, value in sshd.options().items() for part in ("-o", f"openssh.{key}={value}")]
    theirs = tmp_path / "theirs"
    run(workstation, reach, theirs, "companion", "install")

    built = run(workstation, reach, theirs, *BUILD, "--provisioner", "bravo").report

    assert built["outcome"] == "success"
    whose = {"role": "provisioner", "name": "bravo", "distribution": "bravo-provisioner", "version": "0.4.1"}
    assert whose in built["plugins"]
    manifests = [json.loads((root / "current" / "manifest.json").read_text()) for root in (theirs, ours)]
    for name in ("tiles", "bytes", "tiles_digest", "content_key"):
        assert manifests[0][name] == manifests[1][name], name
    tiles = tiles_in(theirs / "current" / "tiles.mbtiles")
    assert tiles == tiles_in(ours / "current" / "tiles.mbtiles")
    assert len(tiles) == built["tiles"]["wanted"]
    run(workstation, reach, theirs, "companion", "verify", "--provisioner", "c10", "--json")
    assert run(workstation, reach, theirs, *BUILD).report["outcome"] == "idempotent_no_op"


def test_it_takes_no_more_than_200_lines() -> None:
    """Of code and all: the page says enough to write it from."""
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "src").rglob("*.py")]
    assert sum(1 for source in sources for line in source.splitlines() if line.strip()) <= 200
