"""One large file: the links alone, ours beside OpenSSH's own programs."""

from __future__ import annotations

import filecmp
import json
import os
import shlex
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from .far_side import GCM, Reach
from .ours import transports
from .peers import Command
from .race import Took, Track
from .scale import Scale

_CLIENT = Path(__file__).with_name("clients") / "send_file.py"
_REFERENCE = "`ssh` into `cat`, aes128-gcm"


class FileSending(msgspec.Struct, frozen=True):
    """A file on its way."""

    source: Path
    reach: Reach
    out: Path
    work: Path


def file_part(track: Track, asked: Scale) -> list[str]:
    """Return the part's lines."""
    source = track.folder / "one-file"
    with source.open("wb") as file:
        for _ in range(asked.file_mb):
            file.write(os.urandom(1_000_000))
    ways: dict[str, Callable[[FileSending], Command]] = {
        _REFERENCE: lambda job: _cat(job, *GCM),
        "`ssh` into `cat`, OpenSSH's own choice of cipher": _cat,
        "`scp`": _scp,
        "`rsync -W`": _rsync,
        "`sftp`, `put`": _sftp,
    }
    for name in transports():
        ways[f"**transport `{name}`** into `cat`, from connecting to closing"] = _through(name)
    took: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in range(asked.runs):
        for name, way in ways.items():
            took[name].append(_once(track, name, way, source))
    lines = [
        f"\n### One file of {asked.file_mb} MB, straight over the loopback\n",
        "| | s | ratio | CPU here, s | CPU there, s |",
        "|---|---|---|---|---|",
    ]
    for name, runs in took.items():
        ratio = statistics.median(
            one.seconds / other.seconds for one, other in zip(runs, took[_REFERENCE], strict=True)
        )
        columns = [[one.seconds for one in runs], [one.near_cpu_s for one in runs], [one.far_cpu_s for one in runs]]
        seconds, near, far = (f"{statistics.median(column):.2f}" for column in columns)
        lines.append(f"| {name} | {seconds} | {ratio:.2f} | {near} | {far} |")
    os.truncate(source, 0)
    return lines


def _once(track: Track, name: str, way: Callable[[FileSending], Command], source: Path) -> Took:
    job = FileSending(source, track.far.raw, track.fresh("out") / "file", track.fresh("work"))
    took = track.command(way(job))
    if not filecmp.cmp(source, job.out, shallow=False):
        raise SystemExit(f"{name}: the file on the companion is another one")
    os.truncate(job.out, 0)
    own = _seconds(job)
    return msgspec.structs.replace(took, seconds=float(own.read_text())) if own.exists() else took


def _cat(job: FileSending, *options: str) -> Command:
    far = shlex.quote(shlex.join(["sh", "-c", f"cat > {job.out}"]))
    return ["sh", "-c", f"{job.reach.ssh(*options)} {job.reach.login} {far} < {shlex.quote(str(job.source))}"]


def _scp(job: FileSending) -> Command:
    return ["scp", "-q", *job.reach.options, str(job.source), f"{job.reach.login}:{job.out}"]


def _rsync(job: FileSending) -> Command:
    return ["rsync", "-W", "-e", job.reach.ssh(), str(job.source), f"{job.reach.login}:{job.out}"]


def _sftp(job: FileSending) -> Command:
    batch = job.work / "batch"
    batch.write_text(f"put {job.source} {job.out}\n")
    return ["sftp", "-q", "-b", str(batch), *job.reach.options, job.reach.login]


def _through(transport: str) -> Callable[[FileSending], Command]:
    def command(job: FileSending) -> Command:
        told = json.dumps(job.reach.settings())
        return [sys.executable, str(_CLIENT), transport, told, str(job.source), str(job.out), str(_seconds(job))]

    return command


def _seconds(job: FileSending) -> Path:
    return job.work / "seconds"
