"""kill -9 at random moments of a build: the rerun succeeds, and nothing that was committed is fetched again."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from operator_tool.api import AreaRequest, BuildCacheRequest, ProviderInfo, TileId
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.tile_store import TileStore
from tests.support.command import Workstation
from tests.support.memory import flight_of
from tests.support.pictures import real_jpeg
from tests.support.real_parts import RealNginx

pytestmark = pytest.mark.real_parts
PLACES = ((47.05, 8.30), (47.08, 8.36))
FLIGHT = (
    '{"id": "F-7", "name": "kill", "waypoints": ['
    + ", ".join(f'{{"ordinal": {i}, "lat": {lat}, "lon": {lon}, "alt_m": 100}}' for i, (lat, lon) in enumerate(PLACES))
    + "]}"
)


@dataclass(frozen=True)
class Size:
    """How large one matrix is."""

    zooms: tuple[int, ...]
    metres: float
    trials: int


SMALL = Size((15, 16, 17), 400, 3)
FULL = Size((15, 16, 17, 18, 19), 720, 20)


def picture(tile: TileId) -> bytes:
    """Return 8 to 25 kB that are this tile's own."""
    seed = hashlib.sha256(str(tile).encode()).digest()
    return real_jpeg(hashlib.shake_128(seed).hexdigest(3500 + int.from_bytes(seed[:2], "big") % 8500))


class Rig:
    """One served area, and one command that builds it."""

    def __init__(self, nginx: RealNginx, size: Size) -> None:
        self.nginx = nginx
        self.size = size
        request = BuildCacheRequest(flight="x", zooms=size.zooms, area=AreaRequest(metres=size.metres))
        self.plan: CachePlan = make_plan(flight_of(*PLACES), request, [("x", ProviderInfo(dataset="x"))])
        for tile in self.plan.coverage.tiles():
            path = nginx.root / str(tile.z) / str(tile.x) / f"{tile.y}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(tile))

    @property
    def template(self) -> str:
        return f"{self.nginx.url}/{{z}}/{{x}}/{{y}}.jpg"

    def command(self, workstation: Workstation, *, old: bool = False) -> list[str]:
        """Return the build's arguments; ``old`` is the small build that lies there before."""
        flight = workstation.folder / "flight.json"
        flight.write_text(FLIGHT)
        zooms = "15" if old else ",".join(map(str, self.size.zooms))
        more = ("--zoom", zooms, "--corridor", str(self.size.metres), "-o", f"xyz.url={self.template}", "--json")
        return workstation.build_arguments(flight, *more, provider="xyz")

    def requested(self, since: int) -> list[TileId]:
        """Return the tiles that nginx was asked for since that place of its log."""
        with self.nginx.access_log.open("rb") as log:
            log.seek(since)
            found = re.findall(rb'"GET /(\d+)/(\d+)/(\d+)\.jpg', log.read())
        return [TileId(int(z), int(x), int(y)) for z, x, y in found]

    def committed(self, workstation: Workstation) -> set[TileId]:
        """Return the tiles that the workstation's store holds, as its index says."""
        with TileStore.open(workstation.data / "stores", provider="xyz", dataset=self.template) as store:
            return {
                tile.record.id
                for tiles in self.plan.coverage.ranges()
                for tile in store.held(tiles.z, tiles.y, tiles.x0, tiles.x1)
            }


@pytest.fixture(scope="module")
def small(nginx: RealNginx) -> Rig:
    """A few hundred tiles."""
    return Rig(nginx, SMALL)


@pytest.fixture(scope="module")
def full(nginx: RealNginx) -> Rig:
    """Five thousand tiles."""
    rig = Rig(nginx, FULL)
    assert 4500 < rig.plan.coverage.count < 5500
    return rig


def test_case_47_a_build_killed_at_any_moment_is_completed_by_the_next(small: Rig, tmp_path: Path) -> None:
    """The short form of the matrix below."""
    kill_and_rerun(small, tmp_path)


@pytest.mark.nightly
def test_case_47_a_build_of_5000_tiles_killed_at_twenty_moments(full: Rig, tmp_path: Path) -> None:
    """The full matrix."""
    kill_and_rerun(full, tmp_path)


def kill_and_rerun(rig: Rig, folder: Path) -> None:
    """For each trial: an old cache, a build that is killed, and the rerun."""
    chance = random.Random(20261122)
    whole_s = timed(rig, workstation_with_old_cache(rig, folder / "timing"))
    cut_short = 0
    for trial in range(rig.size.trials):
        workstation = workstation_with_old_cache(rig, folder / f"trial-{trial}")
        old = os.readlink(workstation.cache_root / "current")
        moment_s = chance.uniform(0.05, whole_s)
        killed = kill_after(workstation.start(*rig.command(workstation)), moment_s, everything=bool(trial % 2))
        cut_short += killed
        current = os.readlink(workstation.cache_root / "current")
        assert killed or current != old, "it ended by itself, and switched nothing"
        committed = rig.committed(workstation)
        place = rig.nginx.access_log.stat().st_size

        ended = workstation.run(*rig.command(workstation))

        assert ended.code == 0, f"trial {trial}, killed after {moment_s:.2f} s: {ended.all}"
        assert ended.report["outcome"] in ("success", "idempotent_no_op")
        assert committed.isdisjoint(rig.requested(place)), "a committed tile was fetched again"
        assert ended.report["tiles"]["wanted"] == rig.plan.coverage.count
        assert current in (old, os.readlink(workstation.cache_root / "current")), "neither the old nor the new one"
        verify = workstation.run(*rig.command(workstation))
        assert verify.report["outcome"] == "idempotent_no_op", "the new cache does not verify"
    assert cut_short >= rig.size.trials // 2, "most builds had ended before they were killed: nothing was tried"


def workstation_with_old_cache(rig: Rig, folder: Path) -> Workstation:
    """Return a workstation whose companion has a small cache already."""
    folder.mkdir()
    workstation = Workstation(folder)
    ended = workstation.run(*rig.command(workstation, old=True))
    assert ended.code == 0, ended.all
    return workstation


def timed(rig: Rig, workstation: Workstation) -> float:
    """Return how long the whole build takes when nobody kills it."""
    begun = time.monotonic()
    assert workstation.run(*rig.command(workstation)).code == 0
    return time.monotonic() - begun


def kill_after(build: subprocess.Popen[bytes], moment_s: float, *, everything: bool) -> bool:
    """Kill the tool after so long, or the companion's agent with it; return whether it was still running."""
    try:
        build.communicate(timeout=moment_s)
    except subprocess.TimeoutExpired:
        victims = [build.pid, *(descendants(build.pid) if everything else ())]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        build.communicate()
        return True
    return False


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process started, and theirs; threads and processes may end meanwhile."""
    for thread in _listed(Path(f"/proc/{pid}/task")):
        for child in _words(thread / "children"):
            yield from descendants(int(child))
            yield int(child)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
