"""The companion's own file: while the vehicle is armed, or nobody can tell, nothing is built, whoever asks."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import BuildError, CompanionSession, NotReadyError
from operator_tool_plugins.provisioners.c10.agent import own_config, vehicle
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.own_config import ask_armed
from operator_tool_plugins.provisioners.c10.wire import data_frame, offer_frame
from tests.support.c10_rig import (
    Agent,
    Supply,
    ask,
    build_cache,
    build_once,
    context_of,
    order_of,
    picture,
    provisioner_of,
    receive_once,
    request_of,
    snapshot,
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
    own_file(root, {"armed_command": [program(tmp_path, f"test $(ls {root}/generations | wc -l) = 1")]})
    assert receive_once(file, root, order, supply)[0] == 50
    failed = build_once(file, root, order, supply)
    assert (failed["ok"], failed["error"]["code"]) == (False, "armed")
    assert failed["error"]["message"] == "busy: armed"
    assert os.readlink(root / "current") == f"generations/{old}"
    program(tmp_path, "exit 0")
    assert ask(file, "verify", root, order)["generation"] == old
    assert receive_once(file, root, order, supply)[0] == 0
    assert build_once(file, root, order, supply)["ok"]


def test_case_093_the_runner_says_that_it_is_worth_another_try(session: CompanionSession, tmp_path: Path) -> None:
    """BUILD, retryable, where it was armed right before the switch, and the same command then ends well."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    own_file(root, {"armed_command": [program(tmp_path, f"! ls {root}/generations/0*")]})
    provisioner = provisioner_of(root, context_of(tmp_path))
    provisioner.prepare(session, order)
    summary = provisioner.transfer(session, order, supply)
    with pytest.raises(BuildError, match="busy: armed") as caught:
        provisioner.build(session, order, summary)
    assert caught.value.retryable
    assert not (root / "current").exists()
    program(tmp_path, "exit 0")
    again, report = build_cache(session, root, supply)
    assert (again.sent_tiles, report.tiles) == (0, 30)


@pytest.mark.parametrize("step", ["transfer", "build"])
def test_the_runner_says_that_what_was_received_is_kept(session: CompanionSession, tmp_path: Path, step: str) -> None:
    """NOT READY, where it was armed after the greeting, and nothing has to be sent twice."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    own_file(root, {"armed_command": [program(tmp_path, "exit 0")]})
    provisioner = provisioner_of(root, context_of(tmp_path))
    provisioner.prepare(session, order)
    summary = provisioner.transfer(session, order, supply) if step == "build" else None
    program(tmp_path, "exit 1")
    with pytest.raises(NotReadyError) as caught:
        provisioner.build(session, order, summary) if summary else provisioner.transfer(session, order, supply)
    assert caught.value.reasons == ("busy: armed",)
    assert "kept" in caught.value.hint
    program(tmp_path, "exit 0")
    again, report = build_cache(session, root, supply)
    assert (again.sent_tiles, report.tiles) == (30 if step == "transfer" else 0, 30)


FILE = {"path": "artefacts/x", "sha256": "0" * 64, "bytes": 10}


@pytest.mark.parametrize("verb", ["receive", "artefacts", "build", "verify", "rollback", "gc"])
def test_no_verb_that_writes_or_reads_much_begins_while_armed(tmp_path: Path, file: Path, verb: str) -> None:
    """Nothing below the root is touched but the log."""
    root, order, supply = tmp_path / "cache", order_of(5), supply_of(5)
    whole_way(file, root, order, supply)
    (root / "state" / "verified.json").unlink()
    own_file(root, {"armed_command": [program(tmp_path, "exit 1")]})

    def there() -> dict[str, object]:
        return {path: seen for path, seen in snapshot(root).items() if "refused" not in path and "audit" not in path}

    before = there()
    other = order_of(5, lat_deg=50.0)
    report = (
        build_once(file, root, other, supply) if verb == "build" else ask(file, verb, root, other, artefacts=[FILE])
    )
    assert report["error"]["code"] == "armed"
    assert {path: seen for path, seen in there().items() if "lock" not in path} == {
        path: seen for path, seen in before.items() if "lock" not in path
    }


def test_a_cache_is_not_read_while_armed(tmp_path: Path, file: Path) -> None:
    """What was verified since boot is told; what would have to be read is not."""
    root, order = tmp_path / "cache", order_of(5)
    whole_way(file, root, order, supply_of(5))
    own_file(root, {"armed_command": [program(tmp_path, "exit 1")]})
    assert ask(file, "hello", root, order)["verified"]["how"] == "since boot"
    (root / "state" / "verified.json").unlink()
    report = ask(file, "hello", root, order)
    assert (report["verified"], report["armed"]) == (None, "yes")
    assert ask(file, "verify", root, order, how="quick")["ok"], "names and sizes are no burden"


def test_armed_meanwhile_stops_the_receiving_and_keeps_what_came(tmp_path: Path, file: Path) -> None:
    """Asked again at a commit; the next attempt asks for what had not come yet."""
    root, order, flag = tmp_path / "cache", order_of(400), tmp_path / "flag"
    supply = Supply([picture(seed) for seed in range(400)], batch_tiles=10)
    own_file(root, {"armed_command": [program(tmp_path, f"test ! -e {flag}")]})
    sent = 0
    with Agent(file, "receive", request_of(root, order)) as agent:
        said: dict[str, Any] = {}
        for number, batch in enumerate(supply.batches()):
            agent.say(offer_frame(number, batch))
            said = next(line for line in agent.lines() if line.get("event") == "lacks" or "report" in line)
            if "report" in said:
                break
            agent.say(data_frame(number, [supply.pictures[record.sha256] for record in batch]))
            sent += len(batch)
            flag.touch()
            time.sleep(0.1)
    assert said["error"]["code"] == "armed"
    assert 0 < sent < 400
    flag.unlink()
    assert receive_once(file, root, order, supply)[0] <= 400 - sent + 20


def test_the_vehicle_is_asked_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, then about once a second; a slow command takes its share of the time and no more."""
    asked: list[float] = []
    now_s, took_s = 0.0, 0.0

    def refuse(_layout: Layout) -> None:
        nonlocal now_s
        asked.append(now_s)
        now_s += took_s

    monkeypatch.setattr(vehicle, "refuse_if_armed", refuse)
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    watched = vehicle.Vehicle()
    watched.look()
    assert asked == [], "it was not begun"
    watched.begin(Layout(str(tmp_path)))
    for _ in range(25):
        watched.look()
        now_s += 0.1
    assert len(asked) == 3
    took_s = 2.0
    begun_s = now_s
    while now_s < begun_s + 100:
        watched.look()
        now_s += 0.1
    assert 8 <= len(asked) - 3 <= 12
