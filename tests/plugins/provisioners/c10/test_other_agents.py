"""A companion on which another agent lies than this program's own, or none: it is named, and its cache is seen."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from operator_tool.api import CompanionError, CompanionSession, SoundnessAsked
from operator_tool_plugins.provisioners.c10.agent import VERSION
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.wire import PROTOCOL
from tests.support.c10_rig import (
    agent_file,
    ask,
    build_cache,
    context_of,
    order_of,
    provisioner_of,
    request_of,
    snapshot,
    supply_of,
)

LOOKED = order_of(5, dry_run=True)


def other_agent(folder: Path, version: str, protocol: int) -> Path:
    """Write an agent of another version, link it, and take ours away."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(agent_bundle().data)) as ours, zipfile.ZipFile(changed, "w") as theirs:
        for name in ours.namelist():
            source = ours.read(name).replace(b'VERSION = "%s"' % VERSION.encode(), b'VERSION = "%s"' % version.encode())
            theirs.writestr(name, source.replace(b"PROTOCOL = %d\n" % PROTOCOL, b"PROTOCOL = %d\n" % protocol))
    data = changed.getvalue()
    path = folder / f"c10-agent-{hashlib.sha256(data).hexdigest()[:12]}.pyz"
    path.write_bytes(data)
    (folder / agent_bundle().name).unlink(missing_ok=True)
    (folder / "c10-agent.pyz").unlink(missing_ok=True)
    os.symlink(path.name, folder / "c10-agent.pyz")
    return path


def built(session: CompanionSession, root: Path) -> str:
    """Build a cache of five tiles and return its generation."""
    return build_cache(session, root, supply_of(5))[1].generation


@pytest.mark.parametrize(("version", "protocol", "age"), [("0.9", 1, "older"), ("9.1", PROTOCOL + 1, "newer")])
def test_another_agent_is_named_and_the_cache_is_read_without_it(
    session: CompanionSession, tmp_path: Path, version: str, protocol: int, age: str
) -> None:
    """Status and readiness tell the very cache, which agent is there and which isn't; nothing is written."""
    root = tmp_path / "cache"
    generation = built(session, root)
    path = other_agent(root / "agent", version, protocol)
    before = snapshot(root)
    provisioner = provisioner_of(root, context_of(tmp_path))
    status = provisioner.status(session)
    ready = provisioner.prepare(session, LOOKED)
    assert snapshot(root) == before
    sound = provisioner.verify(session, SoundnessAsked())
    for state, said in ((status, status.problems[0]), (ready, ready.notes[0])):
        assert (state.generation, state.unknown) == (generation, "")
        assert state.agent_version == f"{version}+{path.name[10:22]}"
        for fact in (age, version, f"protocol {protocol}", path.name, agent_bundle().sha256[:12]):
            assert fact in said
    assert status.holdings is not None
    assert [one.name for one in status.holdings.generations] == [generation]
    assert (ready.up_to_date, ready.verified_tiles) == (True, 5)
    assert ([one.name for one in sound.generations], sound.is_sound) == ([generation], True)


def test_what_changes_something_is_not_done_from_memory(session: CompanionSession, tmp_path: Path) -> None:
    """Rollback and tidying name the agent that is there, and the command that installs ours."""
    root = tmp_path / "cache"
    built(session, root)
    path = other_agent(root / "agent", "0.9", 1)
    provisioner = provisioner_of(root, context_of(tmp_path))
    for change in (lambda: provisioner.rollback(session), lambda: provisioner.gc(session)):
        with pytest.raises(CompanionError) as caught:
            change()
        assert path.name in caught.value.message
        assert "companion install" in caught.value.hint


@pytest.mark.parametrize("where", ["another folder", "damaged", "unreadable", "a link", "empty"])
def test_no_agent_is_not_no_cache(session: CompanionSession, tmp_path: Path, where: str) -> None:
    """Its folder is another one, or its file can't be run: the cache is told all the same."""
    root = tmp_path / "cache"
    generation = built(session, root)
    ours = root / "agent" / agent_bundle().name
    settings = {"agent_dir": str(tmp_path / "elsewhere")} if where == "another folder" else {}
    match where:
        case "damaged":
            ours.write_bytes(b"x" * 100)
        case "unreadable":
            ours.unlink()
            ours.mkdir()
        case "a link":
            ours.unlink()
            ours.symlink_to("nowhere")
        case "empty":
            ours.write_bytes(b"")
    provisioner = provisioner_of(root, context_of(tmp_path), **settings)
    assert provisioner.prepare(session, LOOKED).up_to_date
    state = provisioner.status(session)
    assert (state.generation, state.agent_version) == (generation, "")
    assert "companion install" in state.problems[0]


def test_what_cannot_be_found_out_is_said(session: CompanionSession, tmp_path: Path) -> None:
    """Where no Python answers nothing is known of a cache, which is not that there is none."""
    root = tmp_path / "cache"
    built(session, root)
    provisioner = provisioner_of(root, context_of(tmp_path), python="/bin/true")
    for state in (provisioner.status(session), provisioner.prepare(session, LOOKED)):
        assert state.unknown
        assert (state.generation, state.up_to_date) == (None, False)


def test_the_agents_of_a_folder_are_listed(file: Path, tmp_path: Path) -> None:
    """The linked one first, the newest next; no more than 16, whatever lies there."""
    folder = tmp_path / "several"
    folder.mkdir()
    for number in range(20):
        (folder / f"c10-agent-{number:012x}.pyz").write_bytes(b"%d" % number)
        os.utime(folder / f"c10-agent-{number:012x}.pyz", (number, number))
    (folder / "notes.txt").write_text("no agent")
    agent_file(folder)
    linked = other_agent(folder, "0.9", 1)
    os.utime(linked, (5, 5))
    (folder / "c10-agent-ffffffffffff.pyz").write_bytes(linked.read_bytes())
    report = ask(file, "agents", tmp_path / "cache", order_of(1), agent_dir=str(folder))
    told = [(one["name"], one["version"], one["protocol"], one["linked"]) for one in report["agents"]]
    assert told[0] == (linked.name, "0.9", 1, True)
    assert told[1] == ("c10-agent-ffffffffffff.pyz", "", 0, False)
    assert told[2] == ("c10-agent-000000000013.pyz", "", 0, False)
    assert len(told) == 16
    assert report["agents"][1]["problem"]


def test_the_gate_lists_no_folder(file: Path, tmp_path: Path) -> None:
    """A login that is locked to one cache root is told of no other folder."""
    request = {**request_of(tmp_path, order_of(1)), "agent_dir": str(file.parent)}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(file), "gate", str(tmp_path)],
        input=json.dumps(request).encode() + b"\n",
        env={"SSH_ORIGINAL_COMMAND": "agents"},
        capture_output=True,
        timeout=30,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["ok"], report["error"]["code"]) == (False, "refused")
