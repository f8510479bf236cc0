"""Fuzz the readers of mission files, and both ends of the agent's protocol, one after the other.

``python -m tests.fuzz.run [NAME ...] [SECONDS]``: a format of missions, or one of ``agent-requests``, ``agent-frames``,
``companion-reports`` and ``companion-events``.

Each has 10 minutes unless said otherwise. Exits with 1 when a promise was broken; the input that shows it lies in
``FUZZ_DIR``, by default the folder ``fuzz``, and ``python -m tests.fuzz.show NAME FILE`` reads it again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .subjects import NAMES

DEFAULT_SECONDS = 600


def main(arguments: list[str]) -> int:
    """Run them, and return the exit code."""
    seconds = [int(argument) for argument in arguments if argument.isdecimal()]
    names = [argument for argument in arguments if not argument.isdecimal()] or list(NAMES)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown names {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    folder = Path(os.environ.get("FUZZ_DIR", "fuzz")).absolute()
    failed = [name for name in names if not _fuzzed(name, seconds[0] if seconds else DEFAULT_SECONDS, folder)]
    return 1 if failed else 0


def _fuzzed(name: str, seconds: int, folder: Path) -> bool:
    corpus = folder / "corpus" / name
    found = folder / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={found}/"]
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.target", name, str(corpus), *options], stdout=output, stderr=output
        )
    text = log.read_text(errors="replace")
    inputs, slowest_s, peak_mb = (
        found_number[1] if (found_number := re.search(rf"{name_of_it}: +([0-9]+)", text)) else "?"
        for name_of_it in ("number_of_executed_units", "slowest_unit_time_sec", "peak_rss_mb")
    )
    said = f"{inputs} inputs, slowest {slowest_s} s, peak {peak_mb} MB"
    new = sorted(set(found.iterdir()) - before)
    print(
        f"{name:17} {said}: {'all well' if not done.returncode else f'exit {done.returncode}, see {log}'}", flush=True
    )
    for path in new:
        print(f"{'':17} python -m tests.fuzz.show {name} {path}", flush=True)
    return not done.returncode and not new


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
