"""``docs/reliability.md`` says what the code of today was put through, and nothing was found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.reliability_page import COUNTS, PAGE, missing_runs, page, violations

AGAIN = "run nox -s reliability, or python -m tests.support.reliability_page where only tests were renamed"


@pytest.fixture(scope="module")
def counts() -> dict[str, Any]:
    """What the last session counted."""
    found: dict[str, Any] = json.loads(COUNTS.read_text())
    return found


def test_the_page_is_what_the_counts_and_the_code_give(counts: dict[str, Any]) -> None:
    """Nobody wrote on it by hand; its failpoints, and the tests of its cases, are those of today."""
    assert page(counts) == PAGE.read_text(), AGAIN


def test_every_failpoint_of_today_was_run_in_every_way(counts: dict[str, Any]) -> None:
    """A new failpoint, or one that is gone, asks for a new session."""
    assert missing_runs(counts) == [], AGAIN


def test_every_matrix_was_run_and_found_nothing(counts: dict[str, Any]) -> None:
    """All four of them."""
    assert violations(counts) == {"crash states": 0, "weakened twins": 0, "system calls": 0, "failpoints": 0}


def test_a_violation_and_a_run_that_is_missing_would_be_seen(counts: dict[str, Any]) -> None:
    """The two looks above see what is wrong."""
    runs = counts["failpoints"]
    bad = {**counts, "failpoints": [{**runs[0], "ok": False}, *runs[1:]], "crash_states": {"bad": 2}}
    assert violations(bad)["failpoints"] == 1
    assert violations(bad)["crash states"] == 2
    assert violations({})["system calls"] is None
    gone = [run for run in runs if run["name"] != runs[0]["name"]]
    assert len(missing_runs({"failpoints": gone})) == 5
    assert len(missing_runs({"failpoints": [*runs, {**runs[0], "name": "no.such"}]})) == 1
