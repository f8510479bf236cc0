"""What the matrices of faults counted, handed to the page ``docs/reliability.md``.

The nox session ``reliability`` names a folder; in any other run nothing is noted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

FOLDER_VARIABLE = "RELIABILITY_COUNTS_DIR"


def note_counts(section: str, counts: Mapping[str, object]) -> None:
    """Note what a whole matrix came to; what was noted of the same section before counts no more."""
    if (folder := _folder()) is not None:
        (folder / f"{section}.json").write_text(json.dumps(counts, indent=1))


def note_run(section: str, run: Mapping[str, object]) -> None:
    """Note one run of a matrix whose runs are tests of their own."""
    if (folder := _folder()) is not None:
        with (folder / f"{section}.jsonl").open("a") as file:
            file.write(json.dumps(run) + "\n")


def noted(folder: Path) -> dict[str, object]:
    """Return all that was noted, by its section."""
    counts: dict[str, object] = {}
    for path in sorted(folder.glob("*.json")):
        counts[path.stem] = json.loads(path.read_text())
    for path in sorted(folder.glob("*.jsonl")):
        counts[path.stem] = [json.loads(line) for line in path.read_text().splitlines()]
    return counts


def _folder() -> Path | None:
    name = os.environ.get(FOLDER_VARIABLE)
    if not name:
        return None
    Path(name).mkdir(parents=True, exist_ok=True)
    return Path(name)
