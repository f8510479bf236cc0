"""The main job as an operator runs it: real processes, real files, embedded parts."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from operator_tool.api import AreaRequest, BuildCacheRequest, ProviderInfo
from operator_tool.build_cache.plan import make_plan
from tests.support.command import Workstation
from tests.support.memory import flight_of

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
PLACES = ((47.0553187, 8.3104262), (47.0580214, 8.3187341), (47.0498876, 8.3223459), (47.0481122, 8.3161208))
SMALL = ("--zoom", "14-16", "--corridor", "200")


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


def planned(zooms: tuple[int, ...], metres: float) -> set[tuple[int, int, int]]:
    """Return the tiles that the flight needs, from the plan."""
    request = BuildCacheRequest(flight="x", zooms=zooms, area=AreaRequest(metres=metres))
    plan = make_plan(flight_of(*PLACES), request, [("x", ProviderInfo(dataset="x"))])
    return {(tile.z, tile.x, tile.y) for tile in plan.coverage.tiles()}


def tiles_of(mbtiles: Path) -> dict[tuple[int, int, int], bytes]:
    """Return the tiles of an MBTiles file, XYZ, read with plain SQLite."""
    connection = sqlite3.connect(f"file:{mbtiles}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    finally:
        connection.close()
    return {(z, x, 2**z - 1 - row): data for z, x, row, data in rows}


def everything(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return each file below a folder with its inode, size and time of change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def test_a_mission_file_becomes_a_verified_generation(workstation: Workstation) -> None:
    """The report says success; the generation opens with plain SQLite and holds exactly the planned tiles."""
    ended = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--json"))

    assert ended.code == 0, ended.all
    report = ended.report
    assert report["outcome"] == "success"
    assert report["provider"][0]["synthetic"] is True
    assert any("synthetic imagery" in note for note in report["notes"])
    assert report["flight"]["takeoff_origin"] == {"lat_deg": 47.0553187, "lon_deg": 8.3104262, "alt_m": 60.0}
    assert {plugin["name"] for plugin in report["plugins"]} == {"progress", "file", "synthetic", "local", "c10"}
    current = workstation.cache_root / "current"
    assert os.readlink(current) == f"generations/{report['companion']['generation_after']}"
    tiles = tiles_of(current / "tiles.mbtiles")
    assert set(tiles) == planned((14, 15, 16), 200.0)
    assert all(data.startswith(b"\xff\xd8\xff") for data in tiles.values())
    assert json.loads((current / "manifest.json").read_text())["content_key"] == report["content_key"]


def test_case_138_the_same_command_again_writes_nothing(workstation: Workstation) -> None:
    """No tile is asked for, none is sent, ``current`` is the same link, and no file anywhere has changed."""
    assert workstation.run(*workstation.build_arguments(FLIGHT, *SMALL)).code == 0
    before = everything(workstation.cache_root)
    stores = everything(workstation.data / "stores")

    ended = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--json"))

    assert (ended.code, ended.report["outcome"]) == (0, "idempotent_no_op")
    assert ended.report["bytes"] == {"downloaded": 0, "sent": 0, "saved": 0}
    assert everything(workstation.cache_root) == before
    assert everything(workstation.data / "stores") == stores


def test_a_no_op_is_earned_by_the_bytes(workstation: Workstation) -> None:
    """One changed byte under a matching key is found, and the cache is built anew from the store."""
    assert workstation.run(*workstation.build_arguments(FLIGHT, *SMALL)).code == 0
    mbtiles = workstation.cache_root / "current" / "tiles.mbtiles"
    data = bytearray(mbtiles.read_bytes())
    place = data.rindex(b"\xff\xd8\xff") + 400
    data[place] ^= 1
    mbtiles.chmod(0o644)
    mbtiles.write_bytes(data)

    ended = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--json"))

    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    assert ended.report["tiles"]["downloaded"] == 0
    assert set(tiles_of(mbtiles)) == planned((14, 15, 16), 200.0)
    again = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--json"))
    assert again.report["outcome"] == "idempotent_no_op"


def test_only_what_the_companion_lacks_is_sent(workstation: Workstation) -> None:
    """A wider corridor sends the new tiles and takes the others from the current generation."""
    first = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--json")).report

    second = workstation.run(
        *workstation.build_arguments(FLIGHT, "--zoom", "14-16", "--corridor", "900", "--json")
    ).report

    assert second["outcome"] == "success"
    assert second["bytes"]["saved"] == first["bytes"]["sent"]
    assert second["tiles"]["reused"] == first["tiles"]["wanted"]
    assert second["companion"]["generation_before"] == first["companion"]["generation_after"]
    assert set(tiles_of(workstation.cache_root / "current" / "tiles.mbtiles")) == planned((14, 15, 16), 900.0)


def test_download_first_then_build_sends_from_the_store(workstation: Workstation) -> None:
    """The workstation's half needs no companion; the other half needs no provider's tile."""
    arguments = ["--flight-file", str(FLIGHT), "--provider", "synthetic", *SMALL, "--json"]
    downloaded = workstation.run("download", *arguments).report
    assert downloaded["outcome"] == "success"
    assert downloaded["companion"] is None

    built = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--json")).report
    assert built["tiles"]["reused"] == built["tiles"]["wanted"] == downloaded["tiles"]["downloaded"]


def test_plan_shows_the_tiles_and_writes_nothing(workstation: Workstation) -> None:
    """The same inputs, the same count, and no file."""
    arguments = ["plan", "--flight-file", str(FLIGHT), "--provider", "synthetic", *SMALL]
    text = workstation.run(*arguments)
    document = workstation.run(*arguments, "--json").report

    count = len(planned((14, 15, 16), 200.0))
    assert document["tiles"]["count"] == count
    assert f"{count} tiles" in text.out
    assert "47.0553187, 8.3104262" in text.out
    assert "SYNTHETIC" in text.out
    assert not workstation.data.exists()


def test_case_137_a_dry_run_writes_nothing_on_either_side(workstation: Workstation) -> None:
    """The companion is asked as far as that needs no file, and that is all."""
    ended = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL, "--dry-run", "--json"))

    assert (ended.code, ended.report["outcome"]) == (0, "dry_run"), ended.all
    assert not workstation.cache_root.exists()
    assert not workstation.data.exists()


def test_case_20_a_second_build_is_told_who_holds_the_lock(workstation: Workstation) -> None:
    """Exit code 50, one clear line with the holder, and a build that can be run again."""
    first = workstation.start(*workstation.build_arguments(FLIGHT, "--zoom", "14-19"))
    try:
        wait_for(lambda: any((workstation.data / "locks").glob("*.holder.json")))
        second = workstation.run(*workstation.build_arguments(FLIGHT, *SMALL))
    finally:
        first.kill()
        first.communicate()

    assert second.code == 50
    assert f"process {first.pid}" in second.err
    assert "Traceback" not in second.all
    assert workstation.run(*workstation.build_arguments(FLIGHT, *SMALL)).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_case_27_and_134_an_interrupted_build_frees_everything_and_goes_on_later(
    workstation: Workstation, number: signal.Signals, code: int
) -> None:
    """The exit code is the signal's, nothing is left running, and the rerun keeps what had arrived."""
    arguments = workstation.build_arguments(FLIGHT, "--zoom", "14-19")
    build = workstation.start(*arguments)
    wait_for(lambda: any((workstation.data / "stores").rglob("*.pack")))
    build.send_signal(number)
    out, err = build.communicate(timeout=30)

    assert build.returncode == code, err
    assert b"Traceback" not in out + err
    assert b"interrupted" in err
    assert not any((workstation.data / "locks").glob("*.holder.json"))
    assert not (workstation.cache_root / "current").exists()
    assert workstation.run(*workstation.build_arguments(FLIGHT, *SMALL)).code == 0


def wait_for(condition: object, deadline_s: float = 30.0) -> None:
    """Wait until a condition holds; fail when it does not come to hold."""
    assert callable(condition)
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.02)
