"""A mission's worth of tiles, of which the companion has all, or all but one of twenty."""

from __future__ import annotations

import itertools

from .imagery import Imagery
from .ours import Workstation
from .peers import Sending
from .race import CHANGED, FIRST, RSYNC, UNCHANGED, Measured, Track, entrants_of_ours, table
from .scale import Scale


def many_part(track: Track, workstation: Workstation, editions: tuple[Imagery, ...], asked: Scale) -> list[str]:
    """Return the part's lines.

    Each round brings an edition of its own into the one folder of an entrant. An earlier edition would not do: the
    companion holds it still, and nothing would be sent. Nor would a copy of the folder: to the companion's agent, files
    with another inode or another ctime are files that somebody touched, and it would read all of them again.
    """
    measured: Measured = {}
    sendings: dict[str, Sending] = {}
    entrants = (RSYNC, *entrants_of_ours(workstation))
    for entrant in entrants:
        sending = Sending(editions[0], track.far.raw, track.fresh("out"), track.fresh("work"))
        sendings[entrant.name] = sending
        measured[entrant.name, FIRST] = [track.once(entrant, FIRST, sending)]
    for there, next_one in itertools.pairwise(editions):
        for entrant in entrants:
            for occasion, imagery in ((UNCHANGED, there), (CHANGED, next_one)):
                took = track.once(entrant, occasion, sendings[entrant.name].of(imagery))
                measured.setdefault((entrant.name, occasion), []).append(took)
    gigabytes = editions[0].size_bytes / 1e9
    return [
        f"\n### {asked.many_tiles:,} tiles, {gigabytes:.1f} GB, straight over the loopback\n",
        f"Runs: {asked.many_runs}; of the first time, one.\n",
        *table(measured, (UNCHANGED, CHANGED, FIRST)),
    ]
