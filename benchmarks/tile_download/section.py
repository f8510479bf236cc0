"""The benchmark of downloads: ours beside its peers, all of them whole commands against the same nginx."""

from __future__ import annotations

import contextlib
import importlib.metadata
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from .ground import Ground
from .ours import operator_tool, right_tiles
from .peers import Job, Peer, aiohttp, aria2c, curl, httpx, mapproxy_seed, pycurl, right_files, wget
from .pictures import imagery_jpegs
from .server import BURST, DELAY_S, RATE_PER_S, running
from .timing import PATIENCE_S, Check, Outcome, Track

RUNS = 5
LATE_RUNS = 3
"""With a delay the runs hardly differ, and take a minute a round."""
CONNECTIONS = (16, 64)
GROUND = Ground((17, 18), columns=40, rows=25)
TILES = 5_000


def _unchecked(_job: Job, _root: Path) -> int:
    """Return all of them: this one keeps nothing that could be looked at."""
    return TILES


class Entrant(msgspec.Struct, frozen=True):
    """One that is measured."""

    name: str
    peer: Peer
    check: Check = right_files
    connections: tuple[int, ...] = CONNECTIONS

    def once(self, ready: Track, way: str, connections: int, *, patience_s: float | None = None) -> Outcome:
        """Time one download."""
        return ready.once(GROUND, self.peer, self.check, way=way, connections=connections, patience_s=patience_s)


OURS = Entrant("**`operator-tool download`**, into the verified store", operator_tool, right_tiles)
CURL = Entrant("`curl --parallel`", curl)
ARIA2 = Entrant("`aria2c -j`", aria2c)
MAPPROXY = Entrant("`mapproxy-seed` to files", mapproxy_seed, connections=(16,))
NAMED = (OURS, CURL, ARIA2, MAPPROXY)
ENTRANTS = (
    *NAMED,
    Entrant("a script with aiohttp", aiohttp),
    Entrant("a script with httpx in threads", httpx),
    Entrant("a script with pycurl, every body thrown away", pycurl, _unchecked),
)
Measured = dict[tuple[str, int], list[float]]
"""Seconds, run by run, of an entrant's name at a number of connections."""


def section() -> str:
    """Return the section of the benchmarks' page."""
    with track() as ready:
        return "\n".join([*_head(ready), *_fast(ready), *_late(ready), *_troubled(ready)]) + "\n"


@contextlib.contextmanager
def track() -> Iterator[Track]:
    """Give a track with a server that serves imagery for all tiles of the ground."""
    with tempfile.TemporaryDirectory(prefix="tile-download-") as name:
        folder = Path(name)
        pictures = imagery_jpegs(TILES)
        GROUND.write_pictures(folder / "tiles", lambda: next(pictures))
        with running(folder / "nginx", folder / "tiles") as server:
            yield Track(folder / "tiles", server, folder)


def _head(ready: Track) -> list[str]:
    megabytes = sum(path.stat().st_size for path in ready.root.rglob("*.jpg")) / 1e6
    programs = [f"nginx {ready.server.version}", *map(_version, ("curl", "aria2c", "wget"))]
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("MapProxy", "aiohttp", "httpx")]
    return [
        "\n## Downloading\n",
        f"{TILES:,} tiles, {megabytes:.0f} MB, real JPEGs of 8 to 25 kB, from an nginx with one worker on the",
        f"loopback. Whole commands, from the start of the process to its end; medians of {RUNS} runs, interleaved;",
        "ratios run by run. After each run every tile is compared with the server's, byte for byte.",
        "",
        "Ours looks at each picture, hashes it, and has it on the disk (fsync) before it counts; what the peers leave",
        "are files in the page cache.",
        "",
        f"{', '.join([*programs, *packages])}.",
    ]


def _fast(ready: Track) -> list[str]:
    measured = _measure(ready, "raw", ENTRANTS, RUNS, warm=True)
    alone = [Entrant("wget", wget).once(ready, "raw", 1).process.seconds for _ in range(RUNS)]
    base = {n: measured[CURL.name, n] for n in CONNECTIONS}
    return [
        "\n### As fast as the server answers\n",
        *_table(measured, base, "to curl"),
        f"\n`wget`, one tile after the other over one connection: {statistics.median(alone):.2f} s.",
    ]


def _late(ready: Track) -> list[str]:
    bounds = {n: [TILES / n * DELAY_S] * LATE_RUNS for n in CONNECTIONS}
    told = " and ".join(f"{bound[0]:.2f} s with {n} connections" for n, bound in bounds.items())
    return [
        f"\n### {DELAY_S * 1000:.0f} ms an answer\n",
        f"The bound, were nothing but these {DELAY_S * 1000:.0f} ms to take time: {told}.",
        f"Medians of {LATE_RUNS} runs.\n",
        *_table(_measure(ready, "late", NAMED, LATE_RUNS, warm=False), bounds, "to the bound"),
    ]


def _measure(ready: Track, way: str, entrants: Sequence[Entrant], runs: int, *, warm: bool) -> Measured:
    """Return the seconds of all of them, each in every round; with ``warm`` a first round is not counted."""
    measured: Measured = {}
    for run in range(runs + warm):
        for connections in CONNECTIONS:
            for entrant in entrants:
                if connections not in entrant.connections:
                    continue
                outcome = entrant.once(ready, way, connections)
                if outcome.right != TILES or outcome.process.exit_code != 0:
                    raise SystemExit(f"{entrant.name} got {outcome.right} tiles ({way}, {connections} connections)")
                if run >= warm:
                    measured.setdefault((entrant.name, connections), []).append(outcome.process.seconds)
    return measured


def _table(measured: Measured, base: dict[int, list[float]], ratio: str) -> list[str]:
    heads = " | ".join(f"{n} connections, s | {ratio}" for n in CONNECTIONS)
    lines = [f"| | {heads} |", "|---|" + "---|---|" * len(CONNECTIONS)]
    for entrant in ENTRANTS:
        if not any((entrant.name, n) in measured for n in CONNECTIONS):
            continue
        cells = [entrant.name]
        for n in CONNECTIONS:
            taken = measured.get((entrant.name, n))
            if taken is None:
                cells += ["", ""]
                continue
            ratios = [one / other for one, other in zip(taken, base[n], strict=True)]
            cells += [f"{statistics.median(taken):.2f}", f"{statistics.median(ratios):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _troubled(ready: Track) -> list[str]:
    return [
        "\n### A server in trouble\n",
        f"Ours: the median time of {RUNS} runs, the rest from the worst of them. The peers once each, told to try",
        f"again up to 20 times where they can be told, and given up after {PATIENCE_S:.0f} s.\n",
        "| | connections | s | right tiles | requests a tile | tiles sent twice |",
        "|---|---|---|---|---|---|",
        *_rows(ready, "failing", "1 % of the answers a 503"),
        *_rows(ready, "limited", f"429 beyond {RATE_PER_S} a second and bursts of {BURST}"),
    ]


def _rows(ready: Track, way: str, title: str) -> Iterator[str]:
    for connections in CONNECTIONS:
        ours = [OURS.once(ready, way, connections) for _ in range(RUNS)]
        yield _row(f"{title}: {OURS.name}", connections, ours)
    for entrant in (CURL, ARIA2, MAPPROXY):
        outcome = entrant.once(ready, way, CONNECTIONS[0], patience_s=PATIENCE_S)
        yield _row(f"{title}: {entrant.name}", CONNECTIONS[0], [outcome])


def _row(title: str, connections: int, outcomes: list[Outcome]) -> str:
    seconds = statistics.median(one.process.seconds for one in outcomes)
    taken = f"{seconds:.1f}" if all(one.process.ended for one in outcomes) else "given up"
    requests = max(one.answers.requests for one in outcomes) / TILES
    right, twice = min(one.right for one in outcomes), max(one.answers.twice for one in outcomes)
    return f"| {title} | {connections} | {taken} | {right:,} | {requests:.3f} | {twice} |"


def _version(program: str) -> str:
    first = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return " ".join(first.removeprefix("GNU ").replace("version ", "").split()[:2])
