"""Two operators, each at a workstation of their own, and one companion."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.link.conftest import ssh_by_day
from tests.support.companion_trial import Imagery, Trial
from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import RealSshd

pytestmark = pytest.mark.real_parts


@ssh_by_day
def test_case_077_the_second_is_told_who_builds_and_gets_its_turn(
    tmp_path: Path, server: RealSshd, imagery: Imagery, older: Path, transport: str
) -> None:
    """50 with operator, host, run and since when; then 31 with whose young cache lies there; with --replace both are
    whole one after the other, and the number rises."""
    other = Imagery(tmp_path / "other", picture_bytes=4000, metres=300)
    first = Trial(tmp_path / "alice", server, transport, imagery, older)
    second = Trial(tmp_path / "bob", server, transport, other, None, root=first.root)
    alice, bob = {"LOGNAME": "alice"}, {"LOGNAME": "bob"}
    with (
        LinkProxy((server.host, server.port), up_mbit_per_s=16) as link,
        first.start("--replace", port=link.port, env=alice) as build,
    ):
        first.staged_database()
        link.hold()
        locked = second.run("-o", "c10.lock_wait_s=0", env=bob)
        link.restore()
        done = build.ended()
    assert locked.code == 50, locked.all
    for words in (f"operator alice@{os.uname().nodename}", f"run_id {done.report['run_id']}", "since"):
        assert words in locked.all
    first.assert_done_again(done)
    numbers = [int(os.readlink(first.root / "current").split("/")[1].split("-")[0])]
    refused = second.run(env=bob)
    assert (refused.code, f"alice@{os.uname().nodename}" in refused.report["message"]) == (31, True), refused.all
    second.assert_done_again(second.run("--replace", env=bob))
    numbers.append(int(os.readlink(first.root / "current").split("/")[1].split("-")[0]))
    assert numbers == [2, 3]
    assert first.run("--replace", env=alice).code == 0
