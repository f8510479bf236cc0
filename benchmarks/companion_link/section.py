"""The section of the benchmarks' page."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .far_side import far_side, python
from .fleet import fleet_part
from .imagery import Imagery, editions_of
from .many import many_part
from .narrow import narrow_part
from .one_file import file_part
from .ours import Workstation, workstation
from .overlap import overlap_part
from .race import Track
from .scale import PARTS, Scale, scale
from .tiles import prepared, tiles_part

_OURS = {"PYTHONDONTWRITEBYTECODE", "SSH_AUTH_SOCK"}
"""An installed program has its bytecode; and no agent's keys are tried before the one that is let in."""


def section() -> str:
    """Return the section."""
    asked = scale()
    with _without(_OURS), tempfile.TemporaryDirectory(prefix="companion-link-") as name:
        folder = Path(name)
        with far_side(folder / "sshd") as far:
            track = Track(far, folder)
            desk = workstation(folder / "workstation")
            editions = prepared(folder / "imagery", track, desk, asked.tiles)
            lines = _head(editions[0], asked)
            for part in asked.parts:
                lines += _part(part, track, desk, editions, asked)
                print(f"companion_link: {part} is done", flush=True)
    return "\n".join(lines) + "\n"


def _part(part: str, track: Track, desk: Workstation, editions: tuple[Imagery, ...], asked: Scale) -> list[str]:
    match part:
        case "tiles":
            return tiles_part(track, desk, editions, asked)
        case "narrow":
            return narrow_part(track, desk, editions, asked)
        case "many":
            many = prepared(track.folder / "many", track, desk, asked.many_tiles, asked.many_runs + 1)
            return many_part(track, desk, many, asked)
        case "file":
            return file_part(track, asked)
        case "fleet":
            few = editions_of(track.folder / "fleet", asked.fleet_tiles)[0]
            desk.download(few)
            return fleet_part(track, desk, few, asked)
        case "overlap":
            return overlap_part(track, desk, editions[0], asked)
    raise AssertionError(part)


def _head(imagery: Imagery, asked: Scale) -> list[str]:
    lines = [
        "\n## To the companion\n",
        f"{imagery.tiles:,} tiles, {imagery.size_bytes / 1e6:.0f} MB, real JPEGs of 8 to 25 kB, to one real sshd on",
        "the loopback. Whole commands, from the start of the process to its end; medians of",
        f"{asked.runs} runs, interleaved; ratios to `rsync -a` run by run. After each run every tile at the far side",
        "is compared with the workstation's, byte for byte.",
        "",
        "Ours ends with an MBTiles of which the companion has hashed every tile, which is on its disk (fsync), which a",
        "manifest describes and which it has switched to; the store was filled before the clock. What the peers leave",
        "are bare files in the page cache, and what was replaced is replaced one by one.",
        "",
        "Where nothing changed, rsync looks at every file's size and time, and so does the companion of ours at those,",
        "the inode and the ctime of its one file: it has hashed it since it started, and would hash it again, were one",
        "of them another.",
        "",
        "The late and the narrow links are a proxy in userspace that delays and paces bytes; it takes its share of the",
        "processors, the same for all. CPU here is of the command and its children, CPU there of sshd's sessions and",
        "what they ran, both in the runs of a table's first column.",
        "",
        f"{', '.join(_versions())}.",
    ]
    if asked.parts != PARTS or asked != Scale():
        lines += ["", f"**Not the whole of it: {asked}**"]
    return lines


def _versions() -> Iterator[str]:
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    yield ssh.partition(",")[0].strip().replace("_", " ")
    rsync = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\S+)", rsync)
    yield f"rsync {found[1] if found else ''}"
    tar = subprocess.run(["tar", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    yield f"tar {tar.split()[-1]}"
    far = subprocess.run([python(), "--version"], capture_output=True, text=True, check=True).stdout
    yield f"the companion's {far.strip()}"


@contextlib.contextmanager
def _without(names: set[str]) -> Iterator[None]:
    """Take variables out of the environment meanwhile."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
