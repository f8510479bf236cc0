"""The companion's own file: while the vehicle is armed, or nobody can tell, nothing is built, whoever asks."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from operator_tool.api import BuildError, CompanionSession, NotReadyError
from operator_tool_plugins.provisioners.c10.agent import own_config
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.own_config import ask_armed
from tests.support.c10_rig import (
    ask,
    build_cache,
    build_once,
    context_of,
    order_of,
    provisioner_of,
    receive_once,
    supply_of,
    whole_way,
)


def program(folder: Path, script: str) -> str:
    """Write a program that is to know whether the vehicle is armed."""
    path = folder / "is-armed"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def own_file(root: Path, text: object) -> Path:
    """Write the companion's own file."""
    root.mkdir(exist_ok=True)
    path = root / "companion.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("script", "state", "reason"),
    [
        ("exit 0", "no", ""),
        ("exit 1", "yes", "busy: armed"),
        ("exit 2", "unknown", "can't be told: .*ended with 2"),
        ("exit 126", "unknown", "can't be told"),
        ("kill -9 $$", "unknown", "can't be told: .*ended with -9"),
        ("echo disarmed; echo yes >&2; exit 3", "unknown", "can't be told"),
        ("read word || exit 0", "no", ""),
    ],
)
def test_case_062_the_command_decides(tmp_path: Path, file: Path, script: str, state: str, reason: str) -> None:
    """0 is not armed, 1 is armed, and all else is not known; what it prints is not the protocol's."""
    root = tmp_path / "cache"
    own_file(root, {"armed_command": [program(tmp_path, script)], "of a later version": 1})
    for verb in ("hello", "status"):
        report = ask(file, verb, root, order_of(1))
        assert (report["ok"], report["armed"]) == (True, state)
        assert len(report["reasons"]) == (1 if reason else 0)
        for said in report["reasons"]:
            assert re.search(reason, said)


def test_the_command_is_given_a_path_and_nothing_else(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does must not depend on whose login the agent runs in."""
    root, seen = tmp_path / "cache", tmp_path / "seen"
    own_file(root, {"armed_command": ["/usr/bin/env", "-S", f"sh -c 'env >{seen}'"]})
    monkeypatch.setenv("CLIENT", "evil")
    assert ask(file, "hello", root, order_of(1))["armed"] == "no"
    assert "evil" not in seen.read_text()
    assert "PATH=" in seen.read_text()


def test_case_062_a_command_that_hangs_is_given_up_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that it started, so that no greeting leaves a process behind."""
    monkeypatch.setattr(own_config, "ARMED_S", 0.5)
    root, note = tmp_path / "cache", tmp_path / "pids"
    own_file(root, {"armed_command": [program(tmp_path, f"sleep 60 & echo $! $$ >{note}; wait")]})
    began_s = time.monotonic()
    armed = ask_armed(Layout(str(root)))
    assert (armed.state, time.monotonic() - began_s < 5) == ("unknown", True)
    assert "did not end within 0.5 s" in armed.reason
    deadline_s = time.monotonic() + 10
    while any(is_running(int(pid)) for pid in note.read_text().split()):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


BROKEN = {
    "no json": "{",
    "a list": "[]",
    "nested too deeply": "[" * 50_000,
    "twice": '{"armed_command": ["/bin/true"], "armed_command": ["/bin/true"]}',
    "text": '{"armed_command": "/bin/true"}',
    "null": '{"armed_command": null}',
    "no words": '{"armed_command": []}',
    "an empty word": '{"armed_command": [""]}',
    "a number": '{"armed_command": ["/bin/true", 1]}',
    "a nul": '{"armed_command": ["/bin/true\\u0000"]}',
    "not absolute": '{"armed_command": ["true"]}',
    "not there": '{"armed_command": ["/nowhere/is-armed"]}',
    "no program": '{"armed_command": ["/etc/passwd"]}',
    "large": json.dumps({"x": "y" * 70_000}),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_case_062_a_broken_file_is_a_reason(tmp_path: Path, file: Path, text: str) -> None:
    """Whoever wrote it wanted to be asked: it is never as if it were not there."""
    root = tmp_path / "cache"
    own_file(root, text)
    report = ask(file, "hello", root, order_of(1))
    assert report["armed"] == "unknown"
    assert len(report["reasons"]) == 1


@pytest.mark.parametrize("kind", ["group", "others", "link", "fifo", "folder", "owner"])
def test_case_062_a_file_that_others_may_change_is_a_reason(tmp_path: Path, file: Path, kind: str) -> None:
    """Only a regular file that root or the agent's own user alone may write to is believed."""
    root = tmp_path / "cache"
    path = own_file(root, {"armed_command": ["/bin/true"]})
    assert ask(file, "hello", root, order_of(1))["reasons"] == []
    match kind:
        case "group":
            path.chmod(0o664)
        case "others":
            path.chmod(0o646)
        case "link":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        case "fifo":
            path.unlink()
            os.mkfifo(path, 0o644)
        case "folder":
            path.unlink()
            path.mkdir()
        case "owner":
            if os.geteuid() != 0:
                pytest.skip("only root can give a file away")
            os.chown(path, 12345, 12345)
    (reason,) = ask(file, "hello", root, order_of(1))["reasons"]
    assert str(path) in reason


def test_case_062_the_system_s_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upload account may write to the root's; where the system's is there the other is not looked at."""
    system, root = tmp_path / "etc.json", tmp_path / "cache"
    monkeypatch.setattr(own_config, "SYSTEM_FILE", str(system))
    own_file(root, {"armed_command": ["/bin/true"]})
    layout = Layout(str(root))
    assert ask_armed(layout).state == "no"
    for text, state in (('{"armed_command": ["/bin/false"]}', "yes"), ("{}", "not asked"), ("{", "unknown")):
        system.write_text(text)
        system.chmod(0o644)
        assert ask_armed(layout).state == state


def test_case_062_no_setting_and_no_cache_that_is_there_overrides_it(session: CompanionSession, tmp_path: Path) -> None:
    """``prepare`` ends with ``busy: armed``, also where nothing would have to be sent; disarmed it goes on."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(5))
    own_file(root, {"armed_command": [program(tmp_path, "exit 1")]})
    provisioner = provisioner_of(root, context_of(tmp_path))
    with pytest.raises(NotReadyError) as caught:
        provisioner.prepare(session, order_of(5))
    assert caught.value.reasons == ("busy: armed",)
    assert provisioner.status(session).facts["armed"] == "yes"
    program(tmp_path, "exit 0")
    assert provisioner.prepare(session, order_of(5)).up_to_date


def test_case_093_armed_before_the_switch_keeps_the_old_cache_and_what_was_sent(tmp_path: Path, file: Path) -> None:
    """The agent looks again after the word to commit; the next build needs no tile."""
    root, order, supply = tmp_path / "cache", order_of(50, lat_deg=50.0), supply_of(50, first_seed=9000)
    old = whole_way(file, root, order_of(5), supply_of(5))["generation"]
    own_file(root, {"armed_command": [program(tmp_path, "exit 0")]})
    assert receive_once(file, root, order, supply)[0] == 50
    program(tmp_path, "exit 1")
    failed = build_once(file, root, order, supply)
    assert (failed["ok"], failed["error"]["code"]) == (False, "armed")
    assert failed["error"]["message"] == "busy: armed"
    assert os.readlink(root / "current") == f"generations/{old}"
    assert ask(file, "verify", root, order)["generation"] == old
    program(tmp_path, "exit 0")
    assert receive_once(file, root, order, supply)[0] == 0
    assert build_once(file, root, order, supply)["ok"]


def test_case_093_the_runner_says_that_it_is_worth_another_try(session: CompanionSession, tmp_path: Path) -> None:
    """BUILD, retryable, and the same command then ends well."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    own_file(root, {"armed_command": [program(tmp_path, "exit 0")]})
    provisioner = provisioner_of(root, context_of(tmp_path))
    provisioner.prepare(session, order)
    program(tmp_path, "exit 1")
    summary = provisioner.transfer(session, order, supply)
    with pytest.raises(BuildError, match="busy: armed") as caught:
        provisioner.build(session, order, summary)
    assert caught.value.retryable
    assert not (root / "current").exists()
    program(tmp_path, "exit 0")
    again, report = build_cache(session, root, supply)
    assert (again.sent_tiles, report.tiles) == (0, 30)
