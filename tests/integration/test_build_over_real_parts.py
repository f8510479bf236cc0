"""The main job over real parts: tiles from a real nginx, to a companion behind a real OpenSSH server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from operator_tool.api import AreaRequest, BuildCacheRequest, ProviderInfo, TileId
from operator_tool.build_cache.plan import make_plan
from tests.support.command import Workstation
from tests.support.memory import flight_of, picture_of
from tests.support.real_parts import RealNginx, RealSshd

FLIGHT = Path(__file__).parents[2] / "docs" / "tutorial" / "first-flight.plan"
PLACES = ((47.0553187, 8.3104262), (47.0580214, 8.3187341), (47.0498876, 8.3223459), (47.0481122, 8.3161208))
AREA = ("--zoom", "14-17", "--corridor", "300")
pytestmark = pytest.mark.real_parts


def needed() -> list[TileId]:
    """Return the tiles that the flight needs."""
    request = BuildCacheRequest(flight="x", zooms=(14, 15, 16, 17), area=AreaRequest(metres=300))
    return list(make_plan(flight_of(*PLACES), request, [("x", ProviderInfo(dataset="x"))]).coverage.tiles())


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


@pytest.fixture
def served(nginx: RealNginx) -> list[TileId]:
    """Every tile that the flight needs, in nginx's folder."""
    tiles = needed()
    for tile in tiles:
        path = nginx.root / str(tile.z) / str(tile.x) / f"{tile.y}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture_of(tile))
    return tiles


def arguments(workstation: Workstation, nginx: RealNginx, sshd: RealSshd, *more: str) -> list[str]:
    """Return the command of one build."""
    ssh = [part for key, value in sshd.options().items() for part in ("-o", f"ssh.{key}={value}")]
    return [
        *("build-cache", "--flight-file", str(FLIGHT), "--provider", "xyz", *AREA, "--transport", "ssh"),
        *("-o", f"xyz.url={nginx.url}/{{z}}/{{x}}/{{y}}.jpg", "-o", f"c10.cache_root={workstation.cache_root}"),
        *(*ssh, "--json", *more),
    ]


def test_tiles_from_nginx_reach_a_companion_behind_openssh(
    workstation: Workstation, nginx: RealNginx, sshd: RealSshd, served: list[TileId]
) -> None:
    """Every tile arrives; the report names the host key; the same command again is a no-op."""
    built = workstation.run(*arguments(workstation, nginx, sshd))
    assert built.code == 0, built.all
    report = built.report
    assert report["tiles"]["downloaded"] == len(served)
    assert report["companion"]["fingerprint"] == sshd.fingerprint
    assert report["companion"]["address"].startswith("ssh://")

    again = workstation.run(*arguments(workstation, nginx, sshd))
    assert (again.code, again.report["outcome"]) == (0, "idempotent_no_op"), again.all


def test_a_tile_that_nginx_has_not_fails_the_build_and_the_next_run_asks_for_it_alone(
    workstation: Workstation, nginx: RealNginx, sshd: RealSshd, served: list[TileId]
) -> None:
    """A 404 is the provider's own word: absent, named, and the old state of the companion untouched."""
    hole = served[-1]
    path = nginx.root / str(hole.z) / str(hole.x) / f"{hole.y}.jpg"
    path.rename(path.with_suffix(".away"))

    failed = workstation.run(*arguments(workstation, nginx, sshd))

    assert (failed.code, failed.report["failure_phase"]) == (20, "download")
    assert failed.report["tiles"]["absent"] == 1
    assert str(hole) in failed.report["message"]
    assert not (workstation.cache_root / "current").exists()
    allowed = workstation.run(*arguments(workstation, nginx, sshd, "--allow-gaps", "1"))
    assert (allowed.code, allowed.report["tiles"]["downloaded"]) == (0, 0), allowed.all


def test_an_unknown_host_key_is_30_and_nothing_is_downloaded(
    workstation: Workstation, nginx: RealNginx, sshd: RealSshd, served: list[TileId], tmp_path: Path
) -> None:
    """The fingerprint is shown; the key is not added."""
    empty = tmp_path / "nobody"
    empty.write_text("")
    refused = workstation.run(*arguments(workstation, nginx, sshd, "-o", f"ssh.known_hosts={empty}"))
    assert refused.code == 30, refused.all
    assert sshd.fingerprint in refused.report["message"] + refused.report["remediation"]
    assert empty.read_text() == ""
    assert not list((workstation.data / "stores").rglob("*.pack"))


def test_a_companion_that_lost_its_cache_is_built_again_from_the_store(
    workstation: Workstation, nginx: RealNginx, sshd: RealSshd, served: list[TileId]
) -> None:
    """Everything is sent again, and nothing downloaded."""
    assert workstation.run(*arguments(workstation, nginx, sshd)).code == 0
    shutil.rmtree(workstation.cache_root)
    again = workstation.run(*arguments(workstation, nginx, sshd))
    assert (again.code, again.report["tiles"]["downloaded"]) == (0, 0), again.all
    assert again.report["bytes"]["sent"] == sum(len(picture_of(tile)) for tile in served)
