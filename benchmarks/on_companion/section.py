"""The section of the page."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.support.c10_rig import order_of

from .agent import Agent, Provisioned
from .pictures import PICTURE_BYTES, Stream, picture

FEW, MANY = 5_000, int(os.environ.get("ON_COMPANION_MANY", "150000"))
RUNS = int(os.environ.get("ON_COMPANION_RUNS", "5"))
_CHANGED_EVERY = 20
_FIRST_LAT, _SECOND_LAT = 49.0, 50.0
_HEAD = """\
## On the companion

The agent alone, at the end of a pipe: from the first frame of the stream to its report, which follows the last sync.
Pictures of {bytes:,} bytes; medians of {runs} interleaved runs for {few:,} tiles, single runs for {many:,}. The peers
write the same bytes into one file with one fsync, or read them.

| | s | peer | s | ratio |
|---|---|---|---|---|"""
_FOOT = """
Verification reads {verify_mb_s:,.0f} MB/s, Python's start included; a quick one takes {quick_s:.2f} s. A greeting that
finds {many:,} tiles verified since boot takes {hello_s:.2f} s, all included.

Peak memory of the agent: {small_mib:.0f} MiB for {few:,} tiles, {first_mib:.0f} MiB for {many:,}, {rebuilt_mib:.0f} MiB
when 5 % of them changed. That rebuild took {sent:,} tiles over the pipe.
"""
_MIB = 2**20


def section() -> str:
    """Measure and return the section."""
    with tempfile.TemporaryDirectory(prefix="on-companion-") as name:
        folder = Path(name)
        lines = [_HEAD.format(bytes=PICTURE_BYTES, runs=RUNS, few=FEW, many=MANY)]
        lines += _few(folder)
        lines += _many(folder)
        return "\n".join(lines)


def _few(folder: Path) -> list[str]:
    raw_s, ours_s = [], []
    pictures = [picture(number) for number in range(FEW)]
    stream = Stream(FEW, held=True)
    for run in range(RUNS):
        raw_s.append(_timed(lambda: _write(folder / "raw", pictures)))
        ours_s.append(_provision(folder, folder / f"few-{run}", stream).seconds)
        shutil.rmtree(folder / f"few-{run}")
    return [_row(f"{FEW:,} tiles, stream to switched generation", ours_s, "write + one fsync", raw_s)]


def _many(folder: Path) -> list[str]:
    root = folder / "many"
    first = _provision(folder, root, Stream(MANY))
    raw_s = _timed(lambda: _write(folder / "raw", (picture(number) for number in range(MANY))))
    rows = [_row(f"{MANY:,} tiles, stream to switched generation", [first.seconds], "write + one fsync", [raw_s])]
    database = root / "current" / "tiles.mbtiles"
    size = database.stat().st_size
    copy_s = _timed(lambda: _copy(database, folder / "copy"))
    changed = Stream(MANY, changed_every=_CHANGED_EVERY)
    with Agent(folder, root) as agent:
        rebuilt = agent.provision(order_of(1, lat_deg=_SECOND_LAT), changed)
    rows.append(_row(f"5 % of {MANY:,} tiles changed", [rebuilt.seconds], "copy in the kernel + fsync", [copy_s]))
    verify_s = _timed(lambda: _ask(folder, root, "verify"))
    sum_s = _timed(lambda: subprocess.run(["sha256sum", database], check=True, stdout=subprocess.DEVNULL))
    rows.append(_row(f"verify, every byte of {size / 1e9:.2f} GB", [verify_s], "sha256sum", [sum_s]))
    quick_s = _timed(lambda: _ask(folder, root, "verify", how="quick"))
    hello_s = _timed(lambda: _ask(folder, root, "hello"))
    small = _provision(folder, folder / "small", Stream(FEW))
    foot = _FOOT.format(
        verify_mb_s=size / verify_s / 1e6,
        quick_s=quick_s,
        hello_s=hello_s,
        few=FEW,
        many=MANY,
        small_mib=small.peak_bytes / _MIB,
        first_mib=first.peak_bytes / _MIB,
        rebuilt_mib=rebuilt.peak_bytes / _MIB,
        sent=rebuilt.sent_tiles,
    )
    return [*rows, foot]


def _provision(folder: Path, root: Path, stream: Stream) -> Provisioned:
    with Agent(folder, root) as agent:
        return agent.provision(order_of(1, lat_deg=_FIRST_LAT), stream)


def _ask(folder: Path, root: Path, verb: str, **fields: object) -> None:
    with Agent(folder, root) as agent:
        agent.ask(verb, order_of(1, lat_deg=_SECOND_LAT), **fields)
        agent.report()


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        size = os.fstat(old.fileno()).st_size
        done = 0
        while done < size:
            done += os.copy_file_range(old.fileno(), new.fileno(), size - done, done, done)
        os.fsync(new.fileno())
    target.unlink()


def _timed(work: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s


def _row(what: str, ours_s: list[float], peer: str, peer_s: list[float]) -> str:
    ours, theirs = statistics.median(ours_s), statistics.median(peer_s)
    return f"| {what} | {ours:.2f} | {peer} | {theirs:.2f} | {ours / theirs:.2f} |"
