"""A link that is narrower than everybody: what is left over the bytes' own time."""

from __future__ import annotations

from .far_side import NARROW_MBIT_PER_S
from .imagery import Imagery
from .ours import Workstation
from .race import CHANGED, FIRST, RSYNC, TAR, UNCHANGED, Track, entrants_of_ours, median, rounds
from .scale import Scale


def narrow_part(track: Track, workstation: Workstation, editions: tuple[Imagery, ...], asked: Scale) -> list[str]:
    """Return the part's lines."""
    with track.far.narrow() as reach:
        entrants = (RSYNC, *entrants_of_ours(workstation))
        measured = rounds(track, entrants, editions, reach, asked.narrow_runs, first_only=(TAR,))
    bound_s = editions[0].size_bytes * 8 / (NARROW_MBIT_PER_S * 1e6)
    lines = [
        f"\n### {NARROW_MBIT_PER_S:.0f} Mbit/s, and a round trip of 20 ms\n",
        f"{asked.tiles:,} tiles; their bytes alone take {bound_s:.2f} s. Runs: {asked.narrow_runs}; where the link",
        "is the limit, two hardly differ.\n",
        "| | first time, s | to the bytes' own time | nothing changed, s | 5 % changed, s |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for name, _ in measured):
        first_s = median(measured[name, FIRST])
        later = [f"{median(measured[name, o]):.2f}" if (name, o) in measured else "" for o in (UNCHANGED, CHANGED)]
        lines.append(f"| {name} | {first_s:.2f} | {first_s / bound_s:.3f} | {' | '.join(later)} |")
    return lines
