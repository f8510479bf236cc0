"""A companion whose clock is decades off: it is noted, and nothing is decided on it (case 63)."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.onboard_trial import OnboardTrial
from tests.support.real_parts import make_key, require

Change = Callable[[str], Path]

CLOCK = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += OFF_S;
    return failed;
}

time_t time(time_t *into)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into)
        *into = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict into, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    into->tv_sec = now.tv_sec;
    into->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""
CHILDREN_TOO = """
import subprocess
real_init = subprocess.Popen.__init__
def init(self, *words, env=None, **more):
    own = None if env is None else {**env, "LD_PRELOAD": os.environ["LD_PRELOAD"]}
    real_init(self, *words, env=own, **more)
subprocess.Popen.__init__ = init
"""


def companion_in(year: int, folder: Path, changed: Change) -> Path:
    """Return a Python whose clock, and that of whatever it starts, is in another year."""
    off_s = int(dt.datetime(year, 1, 2, tzinfo=dt.UTC).timestamp() - time.time())
    source, library = folder / "clock.c", folder / f"clock-{year}.so"
    source.write_text(CLOCK)
    subprocess.run(
        [require("cc"), "-shared", "-fPIC", f"-DOFF_S=({off_s}L)", "-o", library, source], check=True, timeout=60
    )
    python = folder / f"python-{year}"
    python.write_text(f'#!/bin/sh\nLD_PRELOAD={library} exec {changed(CHILDREN_TOO)} "$@"\n')
    python.chmod(0o755)
    return python


def test_case_063_a_companion_whose_clock_is_decades_off(trial: OnboardTrial, changed: Change, tmp_path: Path) -> None:
    """In 1970 it builds what was signed today, and it goes on in 2099 and back: what it is off by is said each time."""
    early, late = (companion_in(year, tmp_path, changed) for year in (1970, 2099))
    key = tmp_path / "key"
    make_key(key)
    signers = trial.root / "allowed_signers"
    signers.write_text(f"op {' '.join(key.with_suffix('.pub').read_text().split()[:2])}\n")
    signers.chmod(0o644)
    signed = ("-o", f"c10.signing_key={key}")
    there = ("--transport", "local", "-o", f"c10.cache_root={trial.root}", *signed, "-o")

    ended = trial.run(*signed, python=early)
    assert ended.code == 0, ended.all
    assert "behind this one" in " ".join(ended.report["notes"])
    assert (trial.root / "current" / "manifest.json.sig").exists()
    trial.assert_built()
    built = os.readlink(trial.root / "current")
    again = trial.run(*signed, python=late)
    assert (again.code, again.report["outcome"]) == (0, "idempotent_no_op"), again.all
    assert "ahead of this one" in " ".join(again.report["notes"])
    narrower = trial.run("--corridor", "150", *signed, python=late)
    assert (narrower.code, narrower.report["outcome"]) == (0, "success"), narrower.all
    for word in ("verify", "rollback"):
        ended = trial.workstation.run("companion", word, *there, f"c10.python={early}")
        assert ended.code == 0, ended.all
    assert os.readlink(trial.root / "current") == built
    trial.assert_built()
    years = [line[: line.index("-")][-4:] for line in (trial.root / "audit.jsonl").read_text().splitlines()]
    assert years[-3:] == ["1970", "2099", "1970"], years


def test_the_other_clock_is_real(changed: Change, tmp_path: Path) -> None:
    """Python and what it starts see that year: what these tests show, they show of another clock."""
    python = companion_in(1970, tmp_path, changed)
    library = python.read_text().partition("LD_PRELOAD=")[2].split()[0]
    program = "import subprocess, time; print(time.gmtime().tm_year, flush=True); subprocess.run(['date', '-u', '+%Y'])"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LD_PRELOAD": library},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.split() == [b"1970", b"1970"]
