"""What somebody planted on the companion before a build, and a companion that says it has what it lacks."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.companion_trial import Trial

pytestmark = pytest.mark.real_parts


@pytest.fixture
def trial(make_trial: Callable[[str], Trial], one_transport: str) -> Trial:
    """An operator, and a companion that has an older cache."""
    return make_trial(one_transport)


def content_key(trial: Trial) -> str:
    """Return the name of the folder that the cache will be filled in."""
    ended = trial.run("--dry-run")
    assert ended.code == 0, ended.all
    key: str = ended.report["content_key"]
    return key


@pytest.mark.parametrize("name", ["tiles.mbtiles", "tiles.mbtiles-journal", "boot_id", ".new-boot_id"])
def test_case_076_a_link_in_the_place_of_a_file_is_not_followed(trial: Trial, tmp_path: Path, name: str) -> None:
    """It is taken away, what it led to stays as it was, and the cache is built."""
    victim = tmp_path / "victim"
    # One that SQLite would gladly write to.
    shutil.copy(trial.root / "current" / "tiles.mbtiles", victim)
    before = victim.read_bytes()
    staging = trial.root / "staging" / content_key(trial)
    staging.mkdir(parents=True, exist_ok=True)
    (staging / name).symlink_to(victim)
    trial.assert_done_again(trial.run())
    assert victim.read_bytes() == before


@pytest.mark.parametrize("folder", ["staging", "generations", "staging/KEY"])
def test_case_076_a_link_in_the_place_of_a_folder_is_refused(trial: Trial, tmp_path: Path, folder: str) -> None:
    """Nothing is written through it."""
    elsewhere = tmp_path / "elsewhere"
    place = trial.root / folder.replace("KEY", content_key(trial))
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(elsewhere)
    else:
        elsewhere.mkdir()
    before = sorted(elsewhere.rglob("*"))
    place.symlink_to(elsewhere)
    ended = trial.run()
    assert ended.code in (21, 22, 31), ended.all
    assert "is not a folder" in ended.all
    assert sorted(elsewhere.rglob("*")) == before


LIAR = """\
import sys

sys.argv = sys.argv[sys.argv.index("-B") + 1 :]
sys.path.insert(0, sys.argv[0])
from c10_agent.receiving import receive
from c10_agent.__main__ import main

known = receive.Receiver._known


def claims(self, hashes):
    ids, copied = known(self, hashes)
    for sha256 in hashes[:1]:
        ids.setdefault(sha256, self._new_id())
    return ids, copied


receive.Receiver._known = claims
sys.exit(main(sys.argv))
"""


def test_case_075_a_companion_that_says_it_has_what_it_lacks(trial: Trial, tmp_path: Path) -> None:
    """The real agent, but for one claim: nothing is switched to, and the honest one is sent what lacks."""
    script = tmp_path / "liar.py"
    script.write_text(LIAR)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    trial.assert_failed(trial.run("-o", f"c10.python={python}"), 23, "verify")
    kept_bytes = trial.kept_bytes()
    assert kept_bytes < trial.imagery.bytes
    trial.assert_done_again(trial.run(), kept_bytes=kept_bytes)
