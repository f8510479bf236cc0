"""Whatever a file is made of, it is read or refused within bounds of time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.flight_sources.hostile_files import HOSTILE

MOST_SECONDS = 30.0
"""Some ten times what the slowest takes on an idle machine."""
MOST_MIB = 300.0
FLIGHTS = {"a polygon of 65,000 corners", "a line of 65,535 points"}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What reading each of them came to, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.plugins.flight_sources.hostile_files",
        str(tmp_path_factory.mktemp("files")),
    ]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280, check=True)
    print(done.stderr)
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_would_exhaust_its_reader_is_refused(name: str, measured: dict[str, dict[str, Any]]) -> None:
    """In less than 300 MB and in seconds; the largest missions that are allowed are read within the same bounds."""
    row = measured[name]
    assert row["outcome"] == ("a flight" if name in FLIGHTS else "refused")
    assert row["seconds"] < MOST_SECONDS
    assert row["peak_mib"] < MOST_MIB
