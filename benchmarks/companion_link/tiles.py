"""Some thousand tiles, straight and over a late link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .far_side import ROUND_TRIP_S
from .imagery import Imagery, editions_of
from .ours import Workstation
from .race import (
    CHANGED,
    FIRST,
    RSYNC,
    RSYNC_GCM,
    SCP,
    SFTP,
    TAR,
    UNCHANGED,
    Entrant,
    Measured,
    Took,
    Track,
    entrants_of_ours,
    median,
    rounds,
    table,
)
from .scale import Scale

_OCCASIONS = (FIRST, UNCHANGED, CHANGED)


def tiles_part(track: Track, workstation: Workstation, editions: tuple[Imagery, ...], asked: Scale) -> list[str]:
    """Return the part's lines."""
    ours = entrants_of_ours(workstation)
    raw = track.far.raw
    straight = rounds(track, (RSYNC, *ours), editions, raw, asked.runs, first_only=(RSYNC_GCM, TAR, SFTP, SCP))
    with track.far.late() as reach:
        late = rounds(track, (RSYNC, *ours), editions, reach, asked.runs, first_only=(TAR,))
        few = editions_of(track.folder / "few", asked.each_tiles)
        each = rounds(track, (), few, reach, 1, first_only=(SCP, SFTP))
    milliseconds = f"{ROUND_TRIP_S * 1000:.0f} ms"
    return [
        f"\n### {asked.tiles:,} tiles, straight over the loopback\n",
        *table(straight, _OCCASIONS),
        "\nWhere the time of ours goes, by its own report: medians, in seconds.\n",
        *_where_it_goes(ours, straight),
        f"\n### {asked.tiles:,} tiles, a round trip of {milliseconds}\n",
        *table(late, _OCCASIONS),
        f"\nRound trips for each tile, once with {asked.each_tiles} tiles: {_each(each, asked.each_tiles)}.",
        f"\nWhere the time of ours goes at {milliseconds}:\n",
        *_where_it_goes(ours, late),
    ]


def _each(measured: Measured, tiles: int) -> str:
    return ", ".join(f"{name} {median(runs) / tiles * 1000:.0f} ms a tile" for (name, _), runs in measured.items())


def _where_it_goes(entrants: tuple[Entrant, ...], measured: Measured) -> Iterator[str]:
    """Yield a table of phases; sending and getting overlap, so that they are more than the whole."""
    runs = {
        (entrant.name, occasion): measured[entrant.name, occasion] for entrant in entrants for occasion in _OCCASIONS
    }
    phases = list(dict.fromkeys(phase for took in runs.values() for one in took for phase in one.phases_s))
    phases = [phase for phase in phases if phase != "total"]
    yield f"| | | whole command | Python's start and end | {' | '.join(phases)} |"
    yield "|---|---|---|---|" + "---|" * len(phases)
    for (name, occasion), took in runs.items():
        cells = [name, occasion, f"{median(took):.2f}", f"{median(took, _outside_s):.2f}"]
        cells += [_phase_cell(took, phase) for phase in phases]
        yield f"| {' | '.join(cells)} |"


def _outside_s(took: Took) -> float:
    return took.seconds - took.phases_s["total"]


def _phase_cell(runs: list[Took], phase: str) -> str:
    if not all(phase in one.phases_s for one in runs):
        return ""
    return f"{median(runs, lambda took: took.phases_s[phase]):.2f}"


def prepared(folder: Path, track: Track, workstation: Workstation, tiles: int, count: int = 2) -> tuple[Imagery, ...]:
    """Write the imagery, download all editions, and have the agent on the companion."""
    editions = editions_of(folder, tiles, count)
    for imagery in editions:
        workstation.download(imagery)
    few = editions_of(folder.with_name(f"{folder.name}-agent"), 200)[0]
    workstation.download(few)
    for entrant in entrants_of_ours(workstation):
        with track.sending(few, track.far.raw) as sending:
            track.once(entrant, FIRST, sending)
    return editions
