"""One run of one entrant, timed and checked, and tables of many."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from tile_download.timing import timed

from . import ours, peers
from .far_side import FarSide, Reach
from .imagery import Imagery
from .peers import Command, Sender, Sending

REFERENCE = "`rsync -a`"
FIRST, UNCHANGED, CHANGED = "first time", "nothing changed", "5 % changed"
_OUTCOMES = {FIRST: "success", UNCHANGED: "idempotent_no_op", CHANGED: "success"}
_SENT_SHARES = {FIRST: (0.99, 1.0), UNCHANGED: (0.0, 0.0), CHANGED: (0.03, 0.07)}


class Entrant(msgspec.Struct, frozen=True):
    """One that is measured."""

    name: str
    sender: Sender
    is_ours: bool = False


class Took(msgspec.Struct, frozen=True):
    """What one run took."""

    seconds: float
    near_cpu_s: float
    """Of the command and all that it started on the workstation."""
    far_cpu_s: float
    """Of sshd's processes for this login, and of what they ran."""
    phases_s: dict[str, float] = {}
    """By the report, where it is ours."""


RSYNC = Entrant(REFERENCE, peers.rsync)
RSYNC_GCM = Entrant("`rsync -a`, aes128-gcm", peers.rsync_gcm)
TAR = Entrant("`tar` through `ssh`", peers.tar)
SCP = Entrant("`scp -r`", peers.scp)
SFTP = Entrant("`sftp`, `put -r`", peers.sftp)
Measured = dict[tuple[str, str], list[Took]]
"""Run by run, by the entrant's name and the occasion."""


def entrants_of_ours(workstation: ours.Workstation) -> tuple[Entrant, ...]:
    """Return ours over each transport that is installed."""
    return tuple(
        Entrant(f"**`build-cache`** over `{name}`", workstation.sender(name), is_ours=True)
        for name in ours.transports()
    )


class Track(msgspec.Struct, frozen=True):
    """Where the runs of one benchmark take place, one after the other."""

    far: FarSide
    folder: Path

    def fresh(self, kind: str) -> Path:
        """Make a folder."""
        return Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{kind}-"))

    def once(self, entrant: Entrant, occasion: str, sending: Sending) -> Took:
        """Time one run; what lies on the companion after it is compared with the imagery, tile by tile."""
        took = self.command(entrant.sender(sending))
        tiles = sending.imagery.tiles
        right = (ours.right_tiles if entrant.is_ours else peers.right_files)(sending)
        if right != tiles:
            raise SystemExit(f"{entrant.name}, {occasion}: {right:,} of {tiles:,} tiles are right")
        if not entrant.is_ours:
            return took
        report = ours.report(sending)
        if report["outcome"] != _OUTCOMES[occasion]:
            raise SystemExit(f"{entrant.name}, {occasion}: {report['outcome']}")
        share = report["bytes"]["sent"] / sending.imagery.size_bytes
        low, high = _SENT_SHARES[occasion]
        if not low <= share <= high:  # such as an old cache taken again, with nothing sent at all
            raise SystemExit(f"{entrant.name}, {occasion}: {share:.1%} of the bytes were sent")
        return msgspec.structs.replace(took, phases_s=report["duration_s"])

    def command(self, command: Command) -> Took:
        """Time a command that must succeed."""
        os.sync()
        far_before_s = self.far.cpu_s()
        process = timed(command)
        if process.exit_code != 0:
            raise SystemExit(f"it ended with {process.exit_code}: {command}")
        return Took(process.seconds, process.cpu_s, self.far.cpu_s() - far_before_s)

    @contextlib.contextmanager
    def sending(self, imagery: Imagery, reach: Reach) -> Iterator[Sending]:
        """Give a fresh folder on the companion, and empty it after it: see ``empty``."""
        out = self.fresh("out")
        yield Sending(imagery, reach, out, self.fresh("work"))
        empty(out)


def empty(folder: Path) -> None:
    """Take the disk and the memory from what lies in a folder, and leave the names.

    Where many files were removed just now, ext4 takes several times as long for a new one.
    """
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.truncate(path, 0)


def rounds(
    track: Track,
    entrants: Sequence[Entrant],
    editions: tuple[Imagery, ...],
    reach: Reach,
    runs: int,
    *,
    first_only: Sequence[Entrant] = (),
) -> Measured:
    """Return what it took to send all, nothing, and one tile of twenty, each entrant in every round.

    Those of ``first_only`` know no other occasion.
    """
    measured: Measured = {}
    for _ in range(runs):
        for entrant in (*entrants, *first_only):
            with track.sending(editions[0], reach) as sending:
                occasions = ((FIRST, sending), (UNCHANGED, sending), (CHANGED, sending.of(editions[1])))
                for occasion, to_send in occasions[: 1 if entrant in first_only else None]:
                    took = track.once(entrant, occasion, to_send)
                    measured.setdefault((entrant.name, occasion), []).append(took)
    return measured


def median(runs: Sequence[Took], of: Callable[[Took], float] = lambda took: took.seconds) -> float:
    """Return the median of the runs' seconds, or of what else is asked for."""
    return statistics.median(map(of, runs))


def ratio(runs: Sequence[Took], base: Sequence[Took]) -> float:
    """Return the median of the ratios, run by run."""
    return statistics.median(one.seconds / other.seconds for one, other in zip(runs, base, strict=True))


def table(measured: Measured, occasions: Sequence[str], reference: str = REFERENCE) -> list[str]:
    """Return a table of seconds and of ratios to the reference, and of processor time on the first occasion."""
    heads = " | ".join(f"{occasion}, s | ratio" for occasion in occasions)
    lines = [
        f"| | {heads} | CPU here, s | CPU there, s |",
        "|---|" + "---|---|" * len(occasions) + "---|---|",
    ]
    for name in dict.fromkeys(name for name, _ in measured):
        cells = [name]
        for occasion in occasions:
            runs = measured.get((name, occasion))
            if runs is None:
                cells += ["", ""]
            else:
                base = measured[reference, occasion]
                cells += [f"{median(runs):.2f}", f"{ratio(runs, base):.2f}"]
        first = measured.get((name, occasions[0]))
        if first is not None:
            cells += [
                f"{median(first, lambda took: took.near_cpu_s):.2f}",
                f"{median(first, lambda t: t.far_cpu_s):.2f}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
