"""Who a companion is: an id of its own, that neither a copy of its image nor a copy of its cache root shares."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionSession
from operator_tool_plugins.provisioners.c10.agent import identity, machine
from operator_tool_plugins.provisioners.c10.agent.cache_root import prepare_root
from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.generations import state
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import (
    ask,
    context_of,
    order_of,
    provisioner_of,
    receive_once,
    supply_of,
    whole_way,
)

DRONE: dict[str, Any] = {"machine": "a" * 32, "serial": "1421", "addresses": ["00:04:4b:00:00:01", "00:04:4b:00:00:02"]}
NO_SERIAL = {**DRONE, "serial": ""}
BARE = {**DRONE, "serial": "", "addresses": []}


@pytest.mark.parametrize(
    ("noted", "now", "another"),
    [
        (DRONE, DRONE, False),
        (DRONE, {**DRONE, "serial": "1422"}, True),
        (DRONE, {**DRONE, "addresses": ["00:04:4b:00:00:09"], "machine": "b" * 32}, False),
        (NO_SERIAL, {**NO_SERIAL, "addresses": ["00:04:4b:00:00:02", "00:04:4b:00:00:09"]}, False),
        (NO_SERIAL, {**NO_SERIAL, "addresses": ["00:04:4b:00:00:09"]}, True),
        (NO_SERIAL, {**NO_SERIAL, "machine": "b" * 32}, False),
        (DRONE, BARE, False),
        (BARE, DRONE, False),
        (BARE, {**BARE, "machine": "b" * 32}, True),
        (BARE, {**BARE, "machine": ""}, False),
        ({}, DRONE, False),
    ],
)
def test_the_strongest_fact_that_both_have_tells_machines_apart(
    noted: dict[str, Any], now: dict[str, Any], another: bool
) -> None:
    """The serial, else the network cards that are built in, else the machine id; what only one has tells nothing."""
    assert machine.is_another(noted, now) is another


def test_only_what_belongs_to_the_board_is_a_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters on USB, bridges, made-up addresses and a serial of zeros are none; so is what isn't there."""
    devices = {"eth0": "pci0/0000:01:00.0", "usb0": "pci0/usb1/1-1", "wlan0": "pci0/0000:02:00.0", "can0": "soc/can"}
    addresses = {"eth0": "00:04:4b:00:00:01", "usb0": "00:04:4b:00:00:02", "wlan0": "02:04:4b:00:00:03", "can0": ""}
    for name, device in devices.items():
        (tmp_path / "devices" / device).mkdir(parents=True)
        folder = tmp_path / "net" / name
        folder.mkdir(parents=True)
        (folder / "device").symlink_to(tmp_path / "devices" / device)
        (folder / "address").write_text(addresses[name] + "\n")
        (folder / "type").write_text("1\n")
        (folder / "addr_assign_type").write_text("0\n")
    shutil.copytree(tmp_path / "net" / "eth0", tmp_path / "net" / "br0")
    shutil.rmtree(tmp_path / "net" / "br0" / "device")
    (tmp_path / "net" / "br0" / "address").write_text("00:04:4b:00:00:04\n")
    (tmp_path / "serial").write_bytes(b"0000000000000000\0")
    monkeypatch.setattr(machine, "INTERFACES", str(tmp_path / "net"))
    monkeypatch.setattr(machine, "SERIALS", (str(tmp_path / "serial"),))
    monkeypatch.setattr(machine, "MACHINE_IDS", (str(tmp_path / "none"),))
    assert machine.machine_facts() == {"machine": "", "serial": "", "addresses": ["00:04:4b:00:00:01"]}
    (tmp_path / "serial").write_bytes(b"0423918012345\0")
    assert machine.machine_facts()["serial"] == "0423918012345"
    monkeypatch.setattr(machine, "INTERFACES", str(tmp_path / "none"))
    assert machine.machine_facts()["addresses"] == []


def test_copies_of_one_image_are_drones_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first contact and after it; a machine id that changes on the same board changes nothing."""
    layout = Layout(str(tmp_path / "cache"))

    def seen_on(facts: dict[str, Any]) -> identity.Identity:
        monkeypatch.setattr(identity, "machine_facts", lambda: facts)
        return identity.look_at_identity(layout)

    other = {**DRONE, "serial": "1422", "addresses": []}
    proposed, of_other = seen_on(DRONE).id, seen_on(other).id
    assert proposed != of_other
    seen_on(DRONE)
    prepare_root(layout)
    assert seen_on(DRONE) == seen_on({**DRONE, "machine": "b" * 32}) == identity.Identity(proposed, is_noted=True)
    assert seen_on(other) == identity.Identity(of_other, is_noted=False, copied_from=proposed)
    prepare_root(layout)
    assert seen_on({**other, "machine": "c" * 32}) == identity.Identity(of_other, is_noted=True)
    assert seen_on(DRONE).copied_from == of_other


def test_one_drone_s_cache_is_not_sound_on_another(tmp_path: Path, file: Path) -> None:
    """Nothing of what was carried to another counts until it is built there; a root that was moved is as it was."""
    first, other, moved = (tmp_path / name for name in ("first", "other", "moved"))
    order, supply = order_of(5), supply_of(5)
    whole_way(file, first, order, supply)
    own = ask(file, "hello", first, order)
    shutil.copytree(first, other, symlinks=True)
    (other / "state" / "identity.json").unlink()
    seen = ask(file, "hello", other, order)
    assert own["verified"]["ok"] is True
    assert seen["verified"]["ok"] is False
    assert own["companion_id"] in seen["verified"]["problem"]
    assert seen["companion_id"] != own["companion_id"]
    whole_way(file, other, order, supply)
    again = ask(file, "hello", other, order)
    assert (again["verified"]["ok"], again["companion_id"]) == (True, seen["companion_id"])
    first.rename(moved)
    now = ask(file, "hello", moved, order)
    assert (now["verified"]["ok"], now["companion_id"]) == (True, own["companion_id"])


def test_a_note_of_another_machine_is_told(tmp_path: Path, file: Path) -> None:
    """By hello and by status, with the other's id; the next build notes who this one is."""
    facts = {name: value for name, value in machine.machine_facts().items() if value}
    if not facts:
        # Nothing tells this machine from another, and then no note is another's.
        return
    root, order = tmp_path / "cache", order_of(2)
    whole_way(file, root, order, supply_of(2))
    note = str(root / "state" / "identity.json")
    other = {"machine": "f" * 32, "serial": "none such", "addresses": ["00:00:5e:00:53:00"]}
    state.write_checked(note, {**other, "companion_id": "e" * 32})
    for verb in ("hello", "status"):
        said = ask(file, verb, root, order)
        assert any("e" * 32 in text for text in said["notes"])
        assert said["companion_id"] != "e" * 32
    assert receive_once(file, root, order, supply_of(2))[1]["ok"]
    assert state.read_checked(note)["companion_id"] == said["companion_id"]
    assert not any("e" * 32 in text for text in ask(file, "status", root, order)["notes"])


def damage(note: Path) -> None:
    """As a worn-out card does."""
    note.write_bytes(bytes(200))


def close(note: Path) -> None:
    """Something is there, and is not read."""
    note.unlink()
    note.symlink_to("elsewhere")


def empty(note: Path) -> None:
    """It is whole and says nothing."""
    state.write_checked(str(note), {})


@pytest.mark.parametrize("break_it", [damage, close, empty])
def test_a_note_that_can_t_be_believed_is_not_written_over(
    tmp_path: Path, file: Path, break_it: Callable[[Path], None]
) -> None:
    """It is a reason not to build, and nothing is received; once it is removed, the companion is who it was."""
    root, order, supply = tmp_path / "cache", order_of(5), supply_of(5)
    whole_way(file, root, order, supply)
    own, note = ask(file, "hello", root, order)["companion_id"], root / "state" / "identity.json"
    break_it(note)
    before = note.lstat()
    seen = ask(file, "hello", root, order)
    assert [str(note) in reason for reason in seen["reasons"]] == [True]
    assert seen["verified"]["ok"] is False
    assert receive_once(file, root, order, supply)[1]["error"]["code"] == "state"
    assert (note.lstat().st_ino, note.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with pytest.raises(AgentError):
        identity.own_id(Layout(str(root)))
    note.unlink()
    later = ask(file, "hello", root, order)
    assert (later["companion_id"], later["reasons"], later["verified"]["ok"]) == (own, [], True)


def test_the_probe_before_the_agent_tells_the_same(session: CompanionSession, tmp_path: Path, file: Path) -> None:
    """What follows from machine and root, and what is noted there."""
    root = tmp_path / "cache"
    proposed = ask(file, "hello", root, order_of(5))["companion_id"]
    for own in (proposed, "e" * 32):
        provisioner = provisioner_of(root, context_of(tmp_path), companion_id=own)
        assert provisioner.install(session).companion_id == own
        prepare_root(Layout(str(root)))
        note = str(root / "state" / "identity.json")
        state.write_checked(note, {**state.read_checked(note), "companion_id": "e" * 32})
