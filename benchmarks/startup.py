"""How long ``--help`` and ``plugins list`` take, against ``python -c "import click"``: whole processes, interleaved."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 20
TOOL = str(Path(sys.executable).with_name("operator-tool"))
COMMANDS = {
    'python -c "import click"': [sys.executable, "-c", "import click"],
    "operator-tool --help": [TOOL, "--help"],
    "operator-tool plugins list": [TOOL, "plugins", "list"],
}


def measure() -> dict[str, float]:
    """Return the median wall time of each command in seconds, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            if run:  # the first round warms the caches
                times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(taken) for name, taken in times.items()}


def section() -> str:
    """Return the section of the benchmarks' page."""
    medians = measure()
    base = next(iter(medians.values()))
    rows = [f"| `{name}` | {taken * 1000:.0f} | {taken / base:.2f} |" for name, taken in medians.items()]
    head = f"## Starting\n\nWall time of the whole process, median of {RUNS}, interleaved.\n\n"
    return head + "| command | ms | ratio |\n|---|---|---|\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(section())
