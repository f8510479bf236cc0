"""The peers: a function each, which writes what its program reads and returns the command that is timed.

All of them write a bare file a tile, ``Z/X/Y``; none of them brings it to the disk, checks it, or knows what it is.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from .ground import Ground, tile_path

_CLIENTS = Path(__file__).with_name("clients")


class Job(msgspec.Struct, frozen=True):
    """One download that is to be timed."""

    ground: Ground
    base: str
    """The URL below which the tiles lie."""
    connections: int
    out: Path
    """A fresh folder for what is downloaded."""
    work: Path
    """A folder for what the program is told."""

    @property
    def pairs(self) -> list[tuple[str, Path]]:
        """The URL of each tile, and where its file is to be."""
        paths = [tile_path(tile) for tile in self.ground.tiles()]
        return [(f"{self.base}/{path}", self.out / path) for path in paths]


Command = list[str]
Peer = Callable[[Job], Command]


def curl(job: Job) -> Command:
    """``curl --parallel``; what fails for now is asked for again."""
    config = job.work / "curl.conf"
    config.write_text("".join(f'url = "{url}"\noutput = "{path}"\n' for url, path in job.pairs))
    told = ["--silent", "--fail", "--retry", "20", "--create-dirs", "--parallel", "--parallel-max"]
    return [_found("curl"), *told, str(job.connections), "--config", str(config)]


def aria2c(job: Job) -> Command:
    """``aria2c``, so many files at once; what fails for now is asked for again after a second, its least wait."""
    listed = job.work / "aria2.list"
    listed.write_text("".join(f"{url}\n  out={path.relative_to(job.out)}\n" for url, path in job.pairs))
    told = ["--quiet", "--file-allocation=none", "--max-tries=20", "--retry-wait=1", f"--dir={job.out}"]
    return [_found("aria2c"), *told, f"-j{job.connections}", f"--input-file={listed}"]


def wget(job: Job) -> Command:
    """``wget``, one tile after the other over one connection."""
    listed = job.work / "wget.list"
    listed.write_text("".join(f"{url}\n" for url, _ in job.pairs))
    told = ["--quiet", "--force-directories", "--no-host-directories", f"--directory-prefix={job.out}"]
    return [_found("wget"), *told, f"--input-file={listed}"]


def mapproxy_seed(job: Job) -> Command:
    """``mapproxy-seed`` into its cache of files; a process a connection. The pictures are kept as they come."""
    mapproxy = {
        "services": {},
        "sources": {"tiles": {"type": "tile", "grid": "web", "url": f"{job.base}/%(z)s/%(x)s/%(y)s.jpg"}},
        "caches": {
            "tiles": {
                "grids": ["web"],
                "sources": ["tiles"],
                "format": "image/jpeg",
                "meta_size": [1, 1],
                "meta_buffer": 0,
                "cache": {"type": "file", "directory": str(job.out), "directory_layout": "tms"},
            }
        },
        "grids": {"web": {"base": "GLOBAL_WEBMERCATOR", "num_levels": 20}},
    }
    seed = {
        "seeds": {
            "tiles": {"caches": ["tiles"], "grids": ["web"], "coverages": ["box"], "levels": list(job.ground.zooms)}
        },
        "coverages": {"box": {"bbox": list(job.ground.bounds_deg), "srs": "EPSG:4326"}},
    }
    # JSON is YAML.
    (job.work / "mapproxy.yaml").write_text(json.dumps(mapproxy))
    (job.work / "seed.yaml").write_text(json.dumps(seed))
    program = str(Path(sys.executable).with_name("mapproxy-seed"))
    told = ["--quiet", "-f", str(job.work / "mapproxy.yaml"), "-s", str(job.work / "seed.yaml")]
    return [program, *told, "-c", str(job.connections)]


def aiohttp(job: Job) -> Command:
    """A script with aiohttp."""
    return _script("aiohttp_files.py", job)


def httpx(job: Job) -> Command:
    """A script with httpx and threads."""
    return _script("httpx_files.py", job)


def pycurl(job: Job) -> Command:
    """A script with pycurl that keeps nothing."""
    return _script("pycurl_nothing.py", job)


def _script(name: str, job: Job) -> Command:
    listed = job.work / "tiles.list"
    listed.write_text("".join(f"{url}\t{path}\n" for url, path in job.pairs))
    return [sys.executable, str(_CLIENTS / name), str(listed), str(job.connections)]


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise SystemExit(f"{program} is not installed: run benchmarks/install-peers")
    return found


def right_files(job: Job, root: Path) -> int:
    """Return how many tiles lie in the folder with the very bytes of the server's."""
    right = 0
    for tile in job.ground.tiles():
        path = job.out / tile_path(tile)
        # MapProxy names them so.
        there = path if path.exists() else path.with_suffix(".jpeg")
        right += there.exists() and there.read_bytes() == (root / tile_path(tile)).read_bytes()
    return right
