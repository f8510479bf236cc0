"""What lies on the companion is not as it was left, or must not become current (cases 92 to 99)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.wire import PROTOCOL
from tests.support.c10_rig import ask, order_of
from tests.support.companion_trial import rot
from tests.support.onboard_trial import OnboardTrial, Play

Change = Callable[[str], Path]


@pytest.mark.parametrize("protocol", [PROTOCOL - 1, PROTOCOL + 1])
def test_case_092_another_protocol_is_refused_before_anything_is_sent(
    trial: OnboardTrial, played: Play, protocol: int
) -> None:
    """30, both numbers, and how to have equal ones."""
    ended = trial.run(python=played("hello", f"ask({protocol}); sys.exit(1)"))
    says = (f"speaks protocol {protocol}", f"speaks {PROTOCOL}")
    report = trial.assert_fails(ended, 30, "companion", *says, retryable=False)
    assert "companion install" in report["remediation"]
    assert report["bytes"]["sent"] == 0
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)


def test_case_093_armed_between_the_greeting_and_the_switch(trial: OnboardTrial) -> None:
    """31, and what is there stays there: disarmed, the same command builds the cache and sends no tile twice."""
    asked = trial.workstation.folder / "asked"
    command = trial.workstation.folder / "is-armed"
    command.write_text(f"#!/bin/sh\ntest -e {asked} && exit 1\ntouch {asked}\n")
    command.chmod(0o755)
    own_file = trial.root / "companion.json"
    own_file.write_text(json.dumps({"armed_command": [str(command)]}))
    own_file.chmod(0o644)
    report = trial.assert_fails(trial.run(), 31, "companion", "armed", retryable=False, armed=True)
    command.write_text("#!/bin/sh\nexit 0\n")
    trial.assert_done_again(sent_bytes=trial.onboard.bytes - report["bytes"]["sent"])


TEAR = """
def tear():
    import glob
    for database in glob.glob({root!r} + "/{where}/tiles.mbtiles"):
        os.chmod(database, 0o644)
        with open(database, "r+b") as file:
            {damage}
"""
ONE_BYTE = """data = file.read()
            at = data.index({comment!r})
            file.seek(at)
            file.write(bytes([data[at] ^ 1]))"""


def comment_of(picture: bytes) -> bytes:
    """Return the bytes that no other picture has."""
    return picture[picture.index(b"\xff\xfe") + 4 :][:20]


def test_case_094_what_was_written_to_after_it_was_verified(trial: OnboardTrial, changed: Change) -> None:
    """23, it never becomes current, and the rerun sends that picture alone."""
    picture = max(trial.onboard.tiles.values())
    damage = ONE_BYTE.format(comment=comment_of(picture))
    change = TEAR.format(root=str(trial.root), where="staging/*", damage=damage)
    ended = trial.run(python=changed(change + 'before("building.made", "run_stages", tear)\n'))
    trial.assert_fails(ended, 23, "verify", "written to after it was verified", retryable=True)
    trial.assert_done_again(sent_bytes=len(picture))


def test_case_094_what_cannot_be_read_through_current(trial: OnboardTrial, changed: Change) -> None:
    """23, the older cache is current again, and what was switched to is in quarantine."""
    change = TEAR.format(root=str(trial.root), where="generations/00000002-*", damage="file.truncate(8192)")
    ended = trial.run(python=changed(change + 'before("building.publish", "_look_through_current", tear)\n'))
    trial.assert_fails(ended, 23, "verify", "read through current", retryable=True)
    (quarantined,) = (trial.root / "quarantine").iterdir()
    assert quarantined.name.startswith("00000002-")
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)


@pytest.mark.parametrize("link", ["missing", "dangling", "elsewhere", "a folder's own path"])
def test_case_096_a_pointer_that_leads_nowhere_is_no_cache(trial: OnboardTrial, link: str) -> None:
    """The cache is built; what lies outside of the root is neither read as a cache nor touched."""
    current = trial.root / "current"
    outside = trial.workstation.folder / "outside"
    shutil.copytree(current.resolve(), outside)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in outside.iterdir()}
    targets = {"dangling": "generations/00000007-0123456789ab", "elsewhere": "../outside"}
    targets["a folder's own path"] = str(current.resolve())
    current.unlink()
    if link != "missing":
        os.symlink(targets[link], current)
    ended = trial.run()
    assert ended.code == 0, ended.all
    assert ended.report["companion"]["generation_before"] is None
    assert ended.report["bytes"]["sent"] == trial.onboard.bytes
    trial.assert_built()
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in outside.iterdir()} == before


def test_case_097_rot_under_a_matching_cache_is_found_and_mended(trial: OnboardTrial) -> None:
    """The same command again is no no-op: it says what it found, and sends that picture alone."""
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)
    database = (trial.root / "current").resolve() / "tiles.mbtiles"
    picture = max(trial.onboard.tiles.values())
    database.chmod(0o644)
    rot(database, picture)
    ended = trial.run()
    assert ended.code == 0, ended.all
    assert (ended.report["outcome"], ended.report["bytes"]["sent"]) == ("success", len(picture))
    assert "damaged" in ended.all
    trial.assert_built()


def test_case_098_a_rollback_to_what_is_not_there_or_not_sound(trial: OnboardTrial) -> None:
    """23, and what is current stays current."""
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)
    built = trial.again()
    words = ("companion", "rollback", "--json", "--transport", "local", "-o", f"c10.cache_root={trial.root}")
    missing = trial.workstation.run(*words, "--to", "7")
    assert missing.code == 2, missing.all
    (older,) = (trial.root / "generations").glob("00000001-*")
    database = older / "tiles.mbtiles"
    database.chmod(0o644)
    data = bytearray(database.read_bytes())
    data[-1] ^= 1
    database.write_bytes(data)
    corrupt = trial.workstation.run(*words)
    assert corrupt.code == 23, corrupt.all
    built.assert_untouched()
    assert ask(trial.onboard.agent, "verify", trial.root, order_of(1), how="full")["ok"]
    assert "Traceback" not in missing.all + corrupt.all
