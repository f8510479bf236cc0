"""``plan`` shows what it found, and ends as the download would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operator_tool.api import GapCause, GapsError, Tile
from operator_tool.build_cache.picture_gate import NotAPictureError, PictureGate

from .enrollable import Run, runner

FLIGHT = Path(__file__).parents[3] / "docs" / "tutorial" / "first-flight.plan"
PLAN = ("plan", "--flight-file", str(FLIGHT), "--provider", "synthetic", "--zoom", "14", "--samples", "1", "--json")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command."""
    return runner(tmp_path, monkeypatch)


def test_a_plan_whose_samples_are_good_ends_well(run: Run) -> None:
    """One sample, and no gap."""
    document = json.loads(run(*PLAN).stdout)
    assert (document["estimate"]["sampled"], document["estimate"]["refused"]) == (1, [])


def test_a_plan_ends_with_what_the_download_would_refuse(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document names each sample and its cause; what is allowed ends no plan."""

    def refuse(_gate: PictureGate, _tile: Tile) -> None:
        raise NotAPictureError(GapCause.PLACEHOLDER, "a picture of one colour")

    monkeypatch.setattr(PictureGate, "check", refuse)
    with pytest.raises(GapsError) as caught:
        run(*PLAN)
    assert caught.value.exit_code == 20
    allowed = run(*PLAN, "--allow-gaps", "1")
    (refused,) = json.loads(allowed.stdout)["estimate"]["refused"]
    assert refused["cause"] == "placeholder"
