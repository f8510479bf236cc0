"""``plan --page`` and ``--picture`` as an operator runs them: what is written, what is refused, what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import Ended, Workstation

FLIGHT = Path(__file__).parents[2] / "docs" / "tutorial" / "first-flight.plan"


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


def plan(workstation: Workstation, *more: str) -> Ended:
    """Plan the tutorial's flight without asking for a tile."""
    arguments = ("--flight-file", str(FLIGHT), "--provider", "synthetic", "--samples", "0", "-q", *more)
    return workstation.run("plan", *arguments)


def test_both_drawings_are_written_and_the_plan_is_told_as_ever(workstation: Workstation) -> None:
    """The text and the document don't change; no store, lock or folder is made."""
    page, picture = workstation.folder / "plan.html", workstation.folder / "plan.png"
    drawings = ("--page", str(page), "--picture", str(picture))
    told, drawn = plan(workstation), plan(workstation, *drawings)
    assert (drawn.code, drawn.out) == (0, told.out)
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    as_json = plan(workstation, *drawings, "--json")
    assert json.loads(as_json.out)["content_key"] in page.read_text("utf-8")
    assert not (workstation.data / "stores").exists()
    assert {one.name for one in workstation.folder.iterdir()} <= {"plan.html", "plan.png", "data", "xdg"}


def test_a_drawing_that_can_be_no_file_is_2_and_nothing_is_asked_for(workstation: Workstation) -> None:
    """Before the flight is resolved: even where the flight isn't there."""
    ended = workstation.run(
        "plan", "--flight-file", "none.plan", "--provider", "synthetic", "--page", str(workstation.folder)
    )
    assert ended.code == 2
    assert "is no file" in ended.err
    assert "next: Name a file" in ended.err
    missing = plan(workstation, "--picture", str(workstation.folder / "none" / "plan.png"))
    assert missing.code == 2
    assert "there is no folder" in missing.err


def test_a_disk_that_refuses_is_11_and_leaves_nothing(workstation: Workstation) -> None:
    """A file system that takes no file: the process's own."""
    ended = plan(workstation, "--page", "/proc/self/plan.html")
    assert ended.code == 11
    assert "can't be written" in ended.err
    assert "Traceback" not in ended.all


def test_a_plan_that_is_not_drawn_loads_nothing_for_it() -> None:
    """Neither the drawing nor Pillow: plan stays as quick as it was."""
    script = (
        "import sys; from operator_tool.cli import plan, plan_drawing; "
        "print([name for name in sys.modules if name.startswith(('PIL', 'operator_tool.plan_page'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_ten_million_tiles_are_drawn_in_flat_memory(workstation: Workstation) -> None:
    """The whole command, plan and both drawings: below 200 MB, the page below 2 MB, and in seconds."""
    flight = workstation.folder / "long.json"
    waypoints = [{"ordinal": i, "lat": 48.0 + 0.9 * i, "lon": 11.0 + 1.2 * i, "alt_m": 10} for i in range(2)]
    flight.write_text(json.dumps({"id": "F-1", "name": "long", "waypoints": waypoints}))
    page, picture = workstation.folder / "plan.html", workstation.folder / "plan.png"
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from operator_tool.cli import main\n"
        "try:\n    main()\n"
        # A child's getrusage begins with its parent's peak.
        "finally:\n    status = Path('/proc/self/status').read_text()\n"
        "    print(status.partition('VmHWM:')[2].split()[0], file=sys.stderr)\n"
    )
    arguments = ["plan", "--flight-file", str(flight), "--provider", "synthetic", "--samples", "0", "-q", "--json"]
    arguments += ["--box", "23000", "--zoom", "8-19", "--max-tiles", "20000000"]
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, "--page", str(page), "--picture", str(picture)],
        env=workstation.environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    took_s = time.monotonic() - began_s
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tiles"]["count"] > 10_000_000
    assert int(done.stderr.split()[-1]) < 200 * 1024
    assert page.stat().st_size < 2_000_000
    assert took_s < 30.0
