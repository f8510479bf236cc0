"""A companion with another company's stages: an overview mosaic and a table of footprints, of the real tiles."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.support.c10_rig import tiles_in
from tests.support.command import COMMAND

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company's distribution in a fresh environment; its folder of programs."""
    folder = tmp_path_factory.mktemp("acme")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    project = ROOT / "tests" / "distributions" / "acme-stages"
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(folder), str(project)], check=True, timeout=300)
    venv.create(folder / "venv", with_pip=True)
    (wheel,) = folder.glob("acme_stages-*.whl")
    install = [str(folder / "venv" / "bin" / "pip"), "--disable-pip-version-check", "install", "-q", str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    return folder / "venv" / "bin"


def _own_file(programs: Path, root: Path, *, version: str) -> None:
    stages = {
        "overview": {"command": [str(programs / "acme-overview")], "deadline_s": 120, "version": version},
        "footprints": {"command": [str(programs / "acme-footprints")], "deadline_s": 120},
    }
    root.mkdir(exist_ok=True)
    (root / "companion.json").write_text(
        json.dumps({"stages": stages, "required_files": ["stages/overview/overview.jpg"]})
    )


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPERATOR_TOOL_")}
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**environment, "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _build(folder: Path, command: str = "build-cache") -> subprocess.CompletedProcess[str]:
    flight = ("--flight-file", str(FLIGHT), "--provider", "synthetic")
    return _run(folder, command, *flight, "--transport", "local", "-o", "c10.cache_root=cache", "--json")


def _report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of the colours, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def _corner(z: int, x: int, y: int) -> tuple[float, float]:
    """Return longitude and latitude of a tile's north-west corner, by the logarithm's way round."""
    north = math.pi - 2 * math.pi * y / 2**z
    return 360 * x / 2**z - 180, 360 / math.pi * math.atan(math.exp(north)) - 90


@pytest.mark.timeout(600)
def test_two_stages_do_real_work_on_the_real_tiles(programs: Path, tmp_path: Path) -> None:
    """Mosaic and table show every tile in its place; both are verified, and made anew for a new version."""
    root = tmp_path / "cache"
    _own_file(programs, root, version="1")
    done = _build(tmp_path)
    report = _report(done)
    assert report["outcome"] == "success"

    tiles = tiles_in(root / "current" / "tiles.mbtiles")
    assert len(tiles) == report["tiles"]["wanted"] > 100
    _check_mosaic(root / "current" / "stages" / "overview" / "overview.jpg", tiles)
    _check_table(root / "current" / "stages" / "footprints", tiles)

    assert _report(_build(tmp_path))["outcome"] == "idempotent_no_op"
    assert _build(tmp_path, "verify-ready").returncode == 0
    _own_file(programs, root, version="2")
    before = os.readlink(root / "current")
    again = _report(_build(tmp_path))
    assert again["outcome"] == "success"
    assert again["bytes"]["sent"] == 0, "the tiles were there"
    assert os.readlink(root / "current") != before

    mosaic = root / "current" / "stages" / "overview" / "overview.jpg"
    mosaic.chmod(0o644)
    with mosaic.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    damaged = _build(tmp_path, "verify-ready")
    assert damaged.returncode == 23, damaged.stdout
    assert "stages/overview/overview.jpg" in damaged.stdout
    assert _report(_build(tmp_path))["outcome"] == "success"
    assert _build(tmp_path, "verify-ready").returncode == 0


def _check_mosaic(path: Path, tiles: dict[tuple[int, int, int], bytes]) -> None:
    zoom = min(z for z, _x, _y in tiles)
    shown = {(x, y): data for (z, x, y), data in tiles.items() if z == zoom}
    west, north = min(x for x, _y in shown), min(y for _x, y in shown)
    with Image.open(path) as mosaic:
        assert mosaic.size == (
            256 * (max(x for x, _y in shown) - west + 1),
            256 * (max(y for _x, y in shown) - north + 1),
        )
        for (x, y), data in shown.items():
            place = (256 * (x - west), 256 * (y - north))
            there = mosaic.crop((*place, place[0] + 256, place[1] + 256))
            with Image.open(io.BytesIO(data)) as tile:
                own = _difference(there, tile.convert("RGB"))
                assert own < 4
                mirrored = tile.convert("RGB").transpose(Image.Transpose.ROTATE_180)
                assert _difference(there, mirrored) > own


def _check_table(folder: Path, tiles: dict[tuple[int, int, int], bytes]) -> None:
    with (folder / "footprints.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    listed = {(int(row["z"]), int(row["x"]), int(row["y"])): row for row in rows}
    assert len(rows) == len(listed)
    assert listed.keys() == tiles.keys()
    for (z, x, y), row in listed.items():
        corners: Sequence[float] = (*_corner(z, x, y + 1), *_corner(z, x + 1, y))
        seen = [float(row[name]) for name in ("west", "south", "east", "north")]
        assert seen == pytest.approx(corners, abs=1e-8)
        assert row["sha256"] == hashlib.sha256(tiles[z, x, y]).hexdigest()
    features = json.loads((folder / "footprints.geojson").read_text())["features"]
    assert [feature["properties"]["sha256"] for feature in features] == [row["sha256"] for row in rows]


@pytest.mark.timeout(600)
def test_the_whole_command_tells_of_a_stage_that_fails(programs: Path, tmp_path: Path) -> None:
    """21, with the stage's name, its last lines, and what to do; a next run with a sound stage sends nothing again."""
    root = tmp_path / "cache"
    root.mkdir()
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho reading tiles\necho no engine for this board >&2\nexit 4\n")
    broken.chmod(0o755)
    (root / "companion.json").write_text(json.dumps({"stages": {"engine": {"command": [str(broken)]}}}))
    done = _build(tmp_path)
    assert done.returncode == 21, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["failure_phase"] == "build"
    assert "stage engine: it ended with exit status 4" in report["message"]
    assert "no engine for this board" in report["message"]
    assert "companion.json" in report["remediation"]
    assert not (root / "current").exists()
    _own_file(programs, root, version="1")
    again = _report(_build(tmp_path))
    assert (again["outcome"], again["bytes"]["sent"]) == ("success", 0)
