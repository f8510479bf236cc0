"""Can this companion be built? Each reason in its own words, told before anything is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionError, CompanionSession, NotReadyError
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.volume import why_not_mounted
from operator_tool_plugins.provisioners.c10.runner import C10Provisioner
from operator_tool_plugins.provisioners.c10.wire import PROTOCOL
from tests.support.c10_rig import (
    Agent,
    ask,
    build_cache,
    context_of,
    order_of,
    provisioner_of,
    request_of,
    snapshot,
    supply_of,
)

MACHINE = os.uname().machine


def reasons_of(session: CompanionSession, tmp_path: Path, **settings: Any) -> tuple[str, ...]:
    """Return why a companion with these settings is not ready; ``status`` must name the same problems."""
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path), **settings)
    with pytest.raises(NotReadyError) as caught:
        provisioner.prepare(session, order_of(1))
    # What is free changes all the time.
    problems, reasons = (
        re.sub(r"[0-9,.]+ MB are free", "", "; ".join(said))
        for said in (provisioner.status(session).problems, caught.value.reasons)
    )
    assert problems == reasons
    assert not (tmp_path / "cache" / "generations").exists()
    return caught.value.reasons


def test_case_061_the_cache_volume_is_not_mounted(session: CompanionSession, tmp_path: Path) -> None:
    """A folder that should be a mount point and is an ordinary one: nothing falls through to the volume beneath."""
    (tmp_path / "cache").mkdir()
    (reason,) = reasons_of(session, tmp_path, mount_point=str(tmp_path))
    assert reason == f"the cache volume is not mounted: nothing is mounted at {tmp_path}"
    (reason,) = reasons_of(session, tmp_path, mount_point=str(tmp_path / "missing"))
    assert "not mounted" in reason


def test_case_061_the_root_is_on_another_volume(session: CompanionSession, tmp_path: Path) -> None:
    """What is mounted must be where the cache root lies."""
    (reason,) = reasons_of(session, tmp_path, mount_point="/proc")
    assert reason == f"the cache root {tmp_path / 'cache'} does not lie on the volume that is mounted at /proc"


def test_a_mounted_volume_is_taken(session: CompanionSession, tmp_path: Path) -> None:
    """The root of all is a mount point, and every root lies on it."""
    assert why_not_mounted(Layout(str(tmp_path)), "/") is None
    _summary, report = build_cache(session, tmp_path / "cache", supply_of(5), mount_point="/")
    assert report.tiles == 5


def test_case_061_a_volume_that_goes_after_the_greeting_gets_no_tile(tmp_path: Path, file: Path) -> None:
    """``receive`` looks again, before it makes a folder."""
    root = tmp_path / "cache"
    with Agent(file, "receive", request_of(root, order_of(1), mount_point=str(tmp_path))) as agent:
        assert agent.report()["error"]["code"] == "not_mounted"
    assert not root.exists()


@pytest.mark.own_mounts
def test_case_061_a_mount_in_a_namespace_of_its_own(tmp_path: Path, file: Path) -> None:
    """A volume with a space in its name, and a folder mounted over another of the same volume, are mounted."""
    for folder in ("a volume", "cache", "bound"):
        (tmp_path / folder).mkdir()
    check = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from c10_agent.layout import Layout\nfrom c10_agent.volume import why_not_mounted\n"
        "print([why_not_mounted(Layout(point + '/cache'), point) for point in sys.argv[2:]])"
    )
    points = [f"{tmp_path}/a volume", f"{tmp_path}/bound"]
    script = 'mount -t tmpfs none "$1" && mount --bind "$3" "$2" && shift 3 && exec "$@"'
    inside = [*points, f"{tmp_path}/cache", sys.executable, "-c", check, str(file), *points]
    ended = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", *inside], capture_output=True, check=False)
    if b"[" not in ended.stdout and (b"unshare" in ended.stderr or b"mount:" in ended.stderr):
        pytest.skip(f"no mount in a namespace of its own here: {ended.stderr!r}")
    assert ended.stdout.strip() == b"[None, None]", ended
    assert why_not_mounted(Layout(f"{points[0]}/cache"), points[0]) is not None, "and outside of it they are not"


def test_case_061_a_wrong_machine(session: CompanionSession, tmp_path: Path) -> None:
    """Both are named; the right one builds."""
    other = "riscv128"
    (reason,) = reasons_of(session, tmp_path, machine=other)
    assert reason == f"the companion is {MACHINE}, and c10.machine asks for {other}"
    _summary, report = build_cache(session, tmp_path / "cache", supply_of(5), machine=MACHINE)
    assert report.tiles == 5


def test_case_061_every_reason_is_named_at_once(session: CompanionSession, tmp_path: Path) -> None:
    """Whoever goes to the companion need go once."""
    reasons = reasons_of(session, tmp_path, machine="other", mount_point="/proc", keep_free_bytes=10**18)
    assert len(reasons) == 3


def test_case_064_another_companion_is_refused_before_anything_is_written(
    session: CompanionSession, tmp_path: Path
) -> None:
    """Both ids are named, whether the agent is there or not; its own id is let in."""
    other, root = "0" * 32, tmp_path / "cache"
    for install in (False, True):
        if install:
            build_cache(session, root, supply_of(5))
        own = str(ask_id(session, tmp_path)) if install else ""
        before = snapshot(tmp_path)
        provisioner = provisioner_of(root, context_of(tmp_path), companion_id=other)
        for installing in (False, True):
            with pytest.raises(CompanionError, match=other) as caught:
                bring_up(provisioner, session, installing)
            assert own in caught.value.message
            assert "Another drone" in caught.value.hint
            assert snapshot(tmp_path) == before
    state = provisioner_of(root, context_of(tmp_path), companion_id=own).prepare(session, order_of(5))
    assert state.companion_id == own


def bring_up(provisioner: C10Provisioner, session: CompanionSession, installing: bool) -> None:
    """Have the agent put there, by the command for it or by a build."""
    if installing:
        provisioner.install(session)
    else:
        provisioner.prepare(session, order_of(1, lat_deg=50.0))


def ask_id(session: CompanionSession, tmp_path: Path) -> str:
    """Return the companion's id as ``status`` shows it."""
    return provisioner_of(tmp_path / "cache", context_of(tmp_path)).status(session).companion_id


def test_case_063_a_clock_that_is_off_is_a_note(
    session: CompanionSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1970, or ten years ahead: said so, and no reason."""
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path))
    provisioner.install(session)
    ten_years_s, now_s = 10 * 365.25 * 86400, time.time()
    for clock_s, word in ((now_s * 2, "behind"), (now_s - ten_years_s, "ahead of")):
        monkeypatch.setattr("operator_tool_plugins.provisioners.c10.prepare.time.time", lambda clock_s=clock_s: clock_s)
        state = provisioner.prepare(session, order_of(1))
        assert any(word in note for note in state.notes)
        assert provisioner.status(session).problems == ()


def test_case_092_an_agent_of_another_protocol_is_refused(
    session: CompanionSession, tmp_path: Path, player: Any
) -> None:
    """Too new or too old: both numbers, and how to get equal ones."""
    script = (
        'request = ask(); say({"report": "hello", "run_id": request["run_id"], "ok": False,'
        ' "error": {"code": "protocol", "message": "no"}})'
    ).replace("ask()", "json.loads(sys.stdin.buffer.readline())")
    begin = 'say(json.dumps({"event": "begin", "protocol": 9, "run_id": "run-1"}).encode() + b"\\n")\n'
    program = player("serve", begin + script)
    with pytest.raises(CompanionError, match=rf"speaks protocol 9, this program speaks {PROTOCOL}") as caught:
        provisioner_of(tmp_path / "cache", context_of(tmp_path), python=program).prepare(session, order_of(1))
    assert "companion install" in caught.value.hint


def test_hello_tells_of_machine_and_login(tmp_path: Path, file: Path) -> None:
    """The fields that readiness is judged by."""
    report = ask(file, "hello", tmp_path / "cache", order_of(1))
    assert (report["machine"], report["gated"], report["armed"]) == (MACHINE, False, "not asked")
