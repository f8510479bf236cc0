"""Two questions, and what makes each of them no: can this companion be built, and may it fly this flight?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.companion_trial import rot
from tests.support.onboard_trial import OnboardTrial


def own_file(trial: OnboardTrial, **fields: object) -> None:
    """Write the companion's own file."""
    path = trial.root / "companion.json"
    path.write_text(json.dumps(fields))
    path.chmod(0o644)


def test_what_a_flight_needs_is_asked_for_after_the_build(
    trial: OnboardTrial, changed: Callable[[str], Path], tmp_path: Path
) -> None:
    """A calibration that is missing keeps nobody from building, and from flying; a clock that is off from neither."""
    calibration = tmp_path / "camera.yaml"
    own_file(trial, required_files=[str(calibration)])
    other_flight = trial.ask_whether_ready()
    assert other_flight.code == 31, other_flight.all
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)
    missing = trial.ask_whether_ready()
    assert missing.code == 31, missing.all
    assert "camera.yaml" in missing.all
    calibration.write_text("focal: 1\n")
    early = changed("import time\ntime.time = lambda: 0.0")
    ready = trial.ask_whether_ready("-o", f"c10.python={early}")
    assert ready.code == 0, ready.all
    assert "behind this one" in " ".join(ready.all.split())
    database = (trial.root / "current").resolve() / "tiles.mbtiles"
    database.chmod(0o644)
    rot(database, max(trial.onboard.tiles.values()))
    damaged = trial.ask_whether_ready()
    assert damaged.code == 23, damaged.all


def test_while_armed_nothing_is_begun(trial: OnboardTrial, tmp_path: Path) -> None:
    """The first question says no before a tile is sent, and so does whoever can't tell."""
    command = tmp_path / "is-armed"
    own_file(trial, armed_command=[str(command)])
    for script, words in (("exit 1", "busy: armed"), ("exit 7", "can't be told")):
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        report = trial.assert_fails(trial.run(), 31, "companion", words, retryable=False, armed=True)
        assert report["bytes"]["sent"] == 0
    own_file(trial)
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)
