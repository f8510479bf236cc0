"""A mission's worth of tiles, of which the companion has all, or all but one of twenty."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .imagery import Imagery
from .ours import Workstation
from .peers import Sending
from .race import CHANGED, FIRST, RSYNC, UNCHANGED, Entrant, Measured, Track, empty, entrants_of_ours, table
from .scale import Scale


def many_part(track: Track, workstation: Workstation, editions: tuple[Imagery, Imagery], asked: Scale) -> list[str]:
    """Return the part's lines."""
    measured: Measured = {}
    bases: dict[str, Path] = {}
    entrants = (RSYNC, *entrants_of_ours(workstation))
    for entrant in entrants:  # first all of them: what was written long ago is on the disk
        bases[entrant.name] = track.fresh("out")
        sending = _sending(track, editions[0], bases[entrant.name])
        measured[entrant.name, FIRST] = [track.once(entrant, FIRST, sending)]
    for _ in range(asked.many_runs):
        for entrant in entrants:
            base = bases[entrant.name]
            unchanged = _sending(track, editions[0], base)
            _add(measured, track, entrant, UNCHANGED, unchanged)
            copy = _linked_copy(base, track.fresh("out"))
            _add(measured, track, entrant, CHANGED, _sending(track, editions[1], copy))
            empty(copy)
    gigabytes = editions[0].size_bytes / 1e9
    return [
        f"\n### {asked.many_tiles:,} tiles, {gigabytes:.1f} GB, straight over the loopback\n",
        f"Medians of {asked.many_runs} runs; the first time is one run.\n",
        *table(measured, (UNCHANGED, CHANGED, FIRST)),
    ]


def _add(measured: Measured, track: Track, entrant: Entrant, occasion: str, sending: Sending) -> None:
    measured.setdefault((entrant.name, occasion), []).append(track.once(entrant, occasion, sending))


def _sending(track: Track, imagery: Imagery, out: Path) -> Sending:
    return Sending(imagery, track.far.raw, out, track.fresh("work"))


def _linked_copy(base: Path, copy: Path) -> Path:
    """Copy a folder by links to the same files: rsync and ours replace files and never write into one.

    The few files that ours writes in place are small, and are copied.
    """
    shutil.copytree(base, copy, symlinks=True, dirs_exist_ok=True, copy_function=_link_large)
    os.sync()
    return copy


def _link_large(source: str, target: str) -> None:
    if source.endswith((".jpg", ".mbtiles")):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def emptied(editions: tuple[Imagery, Imagery]) -> None:
    """Give the disk back what both editions took."""
    for imagery in editions:
        for path in imagery.folder.rglob("*.jpg"):
            os.truncate(path, 0)
