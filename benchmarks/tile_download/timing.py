"""One download of one program, timed from its start to its end, and what the server and the folder say of it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from .ground import Ground
from .peers import Job, Peer
from .server import Answers, Server

PATIENCE_S = 40.0
"""How long a peer may take in the face of trouble."""
_TICK_S = 0.05

Check = Callable[[Job, Path], int]
"""Returns how many tiles are there with the very bytes of the server's."""


class Process(msgspec.Struct, frozen=True):
    """What a process took."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    """Of memory, where it was watched."""
    exit_code: int
    ended: bool
    """False when it was given up."""


class Outcome(msgspec.Struct, frozen=True):
    """What one download took and gave."""

    process: Process
    right: int
    """Tiles that are there, and are the server's byte for byte."""
    answers: Answers


class Track(msgspec.Struct, frozen=True):
    """Where the downloads of one benchmark run, one after the other."""

    root: Path
    """The tiles that the server serves."""
    server: Server
    folder: Path
    """On the disk that is written to."""

    def once(
        self,
        ground: Ground,
        peer: Peer,
        check: Check,
        *,
        way: str,
        connections: int,
        patience_s: float | None = None,
        watch: bool = False,
    ) -> Outcome:
        """Time one download into a fresh folder; ``watch`` looks at its memory meanwhile.

        What it wrote is emptied after it and not removed: where many files were removed just now, ext4 takes several
        times as long for a new one. Emptied they take neither the disk nor the memory from the next download.
        """
        work, out = (Path(tempfile.mkdtemp(dir=self.folder, prefix=kind)) for kind in ("work-", "out-"))
        job = Job(ground, self.server.base(way), connections, out, work)
        command = peer(job)
        os.sync()
        with self.server.counting() as answers:
            process = timed(command, patience_s=patience_s, watch=watch)
        right = check(job, self.root)
        for path in out.rglob("*"):
            if path.is_file():
                os.truncate(path, 0)
        os.sync()
        return Outcome(process, right, answers[0])


def timed(command: list[str], *, patience_s: float | None = None, watch: bool = False) -> Process:
    """Run a command to its end; what it says is of no interest here."""
    cpu_before_s = _children_cpu_s()
    begun_s = time.perf_counter()
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
    peak_bytes = 0
    ended = True
    try:
        if watch:
            while process.poll() is None:
                peak_bytes = max(peak_bytes, _peak_bytes(process.pid))
                time.sleep(_TICK_S)
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        ended = False
    finally:
        seconds = time.perf_counter() - begun_s
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # mapproxy-seed has children
        process.wait()
    return Process(seconds, _children_cpu_s() - cpu_before_s, peak_bytes, process.returncode, ended)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_bytes(pid: int) -> int:
    """Return the most memory that a running process has had; getrusage would count that of its parent too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
