"""Writes ``docs/reliability.json`` and the page ``docs/reliability.md`` from what the matrices counted.

``python -m tests.support.reliability_page FOLDER SECONDS`` takes new counts in; without a folder the page is written
again from the old ones, for what it says of the code alone: the failpoints' places and the cases' tests.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operator_tool import failpoints
from operator_tool_plugins.provisioners.c10.agent import failpoints as agent_failpoints
from tests.support.catalogue import PARTS, tests_by_case
from tests.support.reliability_counts import noted

DOCS = Path(__file__).parents[2] / "docs"
COUNTS, PAGE = DOCS / "reliability.json", DOCS / "reliability.md"
_NOT_RUN = "not run"
_SIDES: dict[str, list[tuple[str, str, str]]] = {
    "workstation": [(one.name, one.before, one.after) for one in failpoints.FAILPOINTS],
    "companion": [(one.name, one.before, one.after) for one in agent_failpoints.FAILPOINTS],
}
"""Each side's failpoints: the name, what was done before, and what comes after."""
_INTRO = """\
# What it survives

Written by `nox -s reliability` from its own counts; don't edit it. A violation is a run after which one of these does
not hold: `current` leads to the old or the new cache, and every byte of that verifies; exit code 0 only where the new
one is current; no lock is held; the one message says what to do next; the same command, as it is shipped, then ends
well and leaves exactly the planned tiles.
"""
_CRASH_STATES = """\
## Crash states

The agent's own system calls are recorded while it publishes, SQLite's among them. At each moment every state that a
power cut may leave on the disk is made, and judged by the agent's own code.
"""
_TWINS = "A protocol that is weakened in one place must be caught; each of these was:\n"
_FAILPOINTS = """\
## Failpoints

A place in the code at which a test build fails on purpose. Each action is tried at each place in a whole command over
an older cache; the agent's death both once and at every attempt. The cells show how the command ended: its exit code,
or that it was itself the one that was killed.
"""
_CASES = """\
## Catalogue of faults

The files of the tests that carry a case's number in their names.
"""

Counts = Mapping[str, Any]


def violations(counts: Counts) -> dict[str, int | None]:
    """Return how many violations each matrix found, None where it was not run."""
    states, twins, calls = (counts.get(name) for name in ("crash_states", "weakened_twins", "system_calls"))
    runs = counts.get("failpoints")
    return {
        "crash states": states["bad"] if states else None,
        "weakened twins": len(twins["not_caught"]) if twins else None,
        "system calls": calls["violations"] if calls else None,
        "failpoints": sum(not run["ok"] for run in runs) if runs else None,
    }


def missing_runs(counts: Counts) -> list[str]:
    """Return each failpoint's action of today that the counts know no run of, and each run of none of today's."""
    run = {(one["side"], one["name"], one["action"]) for one in counts.get("failpoints", ())}
    places = [(side, name) for side, some in _SIDES.items() for name, _before, _after in some]
    wanted = {(*place, action) for place in places for action in failpoints.ACTIONS}
    return sorted(" ".join(one) for one in wanted ^ run)


def machine() -> dict[str, str]:
    """Return what the counts depend on."""
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr.strip()
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "OpenSSH": ssh.partition(",")[0].removeprefix("OpenSSH_") or "none",
        "paramiko": importlib.metadata.version("paramiko"),
        "operator-tool": importlib.metadata.version("operator-tool"),
    }


def page(counts: Counts) -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines(counts)).rstrip("\n") + "\n"


def _lines(counts: Counts) -> Iterator[str]:
    parts = "; ".join(f"{name} {text}" for name, text in counts["machine"].items())
    yield from (_INTRO, f"{counts['date']}, in {counts['took_s'] / 60:.0f} minutes. {parts}.", "")
    yield from _summary(counts)
    yield from _crash_states(counts)
    yield from _system_calls(counts)
    yield from _failpoints(counts.get("failpoints", ()))
    yield from _cases()


def _summary(counts: Counts) -> Iterator[str]:
    states, twins, calls = (counts.get(name) for name in ("crash_states", "weakened_twins", "system_calls"))
    runs = counts.get("failpoints", ())
    size = {
        "crash states": f"{states['states_judged']:,} states of {states['crash_points']:,} moments" if states else "",
        "weakened twins": f"{len(twins['twins'])} twins" if twins else "",
        "system calls": f"{calls['runs']:,} runs of {sum(calls['calls'].values()):,} calls" if calls else "",
        "failpoints": f"{len(runs):,} runs of {len({(one['side'], one['name']) for one in runs})} places",
    }
    yield from _table(
        ("matrix", "size", "violations"),
        [(name, size[name], _NOT_RUN if found is None else str(found)) for name, found in violations(counts).items()],
    )


def _crash_states(counts: Counts) -> Iterator[str]:
    states, twins = counts.get("crash_states"), counts.get("weakened_twins")
    if states:
        yield _CRASH_STATES
        rows = [(name.replace("_", " "), f"{number:,}") for name, number in states.items() if isinstance(number, int)]
        yield from _table(("counted", ""), rows)
    if twins:
        yield _TWINS
        yield from _table(("without", "caught by"), [(one["name"], one["caught_by"]) for one in twins["twins"]])


def _system_calls(counts: Counts) -> Iterator[str]:
    calls = counts.get("system_calls")
    if not calls:
        return
    actions = ", ".join(calls["actions"])
    yield from (
        "## System calls",
        "",
        f"Each call of a whole publish that changes anything, once for each of {actions}.",
        "",
    )
    yield from _table(("call", "times"), [(name, f"{number:,}") for name, number in sorted(calls["calls"].items())])


def _failpoints(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    codes: dict[tuple[str, str, str], Counter[str]] = {}
    for run in runs:
        told = "killed" if run["code"] < 0 else str(run["code"])
        codes.setdefault((run["side"], run["name"], run["action"]), Counter())[told] += 1
    yield _FAILPOINTS
    for side, places in _SIDES.items():
        rows = []
        for name, before, after in places:
            ends = [codes.get((side, name, action), {_NOT_RUN: 1}) for action in failpoints.ACTIONS]
            rows.append((f"`{name}`", f"{before}; before {after}", *(", ".join(sorted(one)) for one in ends)))
        yield from (f"### On the {side}", "")
        yield from _table(("place", "between", *failpoints.ACTIONS), rows)


def _cases() -> Iterator[str]:
    found = tests_by_case()
    yield _CASES
    for part, numbers in PARTS.items():
        rows = [(str(n), ", ".join(f"`{file}`" for file in found[n])) for n in numbers if n in found]
        yield from (f"### {part}", "")
        yield from _table(("case", "tests"), rows)
        if without := [str(number) for number in numbers if number not in found]:
            yield from (f"No test carries the number of {', '.join(without)}.", "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    yield ""


def main(arguments: Sequence[str]) -> None:
    """Take new counts in, if any, and write the page."""
    if arguments:
        folder, took_s = Path(arguments[0]), float(arguments[1])
        date = datetime.now(UTC).date().isoformat()
        counts = {"date": date, "took_s": round(took_s), "machine": machine(), **noted(folder)}
        COUNTS.write_text(json.dumps(counts, indent=1) + "\n")
    PAGE.write_text(page(json.loads(COUNTS.read_text())))


if __name__ == "__main__":
    main(sys.argv[1:])
