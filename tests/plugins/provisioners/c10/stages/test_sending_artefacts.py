"""The workstation's half of artefacts and stages, over a session with the real agent."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    BuildError,
    CompanionSession,
    CompanionState,
    ConfigError,
    LinkError,
    Notice,
    RemoteLine,
    TransferError,
)
from operator_tool_plugins.provisioners.c10.artefacts import ArtefactSender, read_artefacts
from operator_tool_plugins.provisioners.c10.settings import C10Settings
from operator_tool_plugins.provisioners.c10.stage_events import show_stage
from operator_tool_plugins.provisioners.c10.wire import artefact_frame
from operator_tool_plugins.transports.local import LocalTransport
from tests.plugins.provisioners.c10.test_broken_links import BreakingSession, at
from tests.support.c10_rig import Told, build_cache, context_of, order_of, provisioner_of, supply_of
from tests.support.real_parts import require

TILES = 6


def _prepared(session: CompanionSession, root: Path, told: Told | None = None, **settings: Any) -> CompanionState:
    context = context_of(root.parent, told)
    return provisioner_of(root, context, **settings).prepare(session, order_of(TILES))


def _calibration(tmp_path: Path, text: str = "fx: 1\n") -> Path:
    path = tmp_path / "cam.yaml"
    path.write_text(text)
    return path


def test_a_calibration_goes_along_and_only_once(tmp_path: Path, session: CompanionSession) -> None:
    """It lies in the generation; the same again is a no-op; a changed one is sent, alone, and makes another cache."""
    root, cam = tmp_path / "cache", _calibration(tmp_path)
    artefacts = {"cam.yaml": cam, "model": _model(tmp_path)}
    told = Told()
    build_cache(session, root, supply_of(TILES), artefacts=artefacts, told=told)
    assert (root / "current" / "artefacts" / "cam.yaml").read_text() == "fx: 1\n"
    assert _prepared(session, root, artefacts=artefacts).up_to_date
    assert [event.text for event in told if isinstance(event, Notice)] == [
        "sending artefacts/cam.yaml, artefacts/model: 0.2 MB"
    ]

    cam.write_text("fx: 2\n")
    state = _prepared(session, root, artefacts=artefacts)
    assert not state.up_to_date
    assert state.facts["differs"] == "it has other artefacts than are asked for"
    assert "is built anew: it has other artefacts" in state.notes[0]
    told.clear()
    summary, _report = build_cache(session, root, supply_of(TILES), artefacts=artefacts, told=told)
    assert summary.sent_tiles == 0
    assert [event.text for event in told if isinstance(event, Notice)] == ["sending artefacts/cam.yaml: 0.0 MB"]
    assert (root / "current" / "artefacts" / "cam.yaml").read_text() == "fx: 2\n"
    assert not _prepared(session, root).up_to_date, "without artefacts it is another cache"


def _model(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(200_000))
    return path


@pytest.mark.parametrize("what", ["missing", "folder", "empty", "pipe", "unreadable link"])
def test_a_file_that_can_not_be_sent_is_a_setting_to_mend(tmp_path: Path, session: CompanionSession, what: str) -> None:
    """It is named with its path and what was seen, before the companion is asked for anything."""
    path = tmp_path / "it"
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "unreadable link":
        path.symlink_to("it")
    with pytest.raises(ConfigError, match=r"c10\.artefacts: cam\.yaml = .*it ") as raised:
        _prepared(session, tmp_path / "cache", artefacts={"cam.yaml": path})
    assert raised.value.exit_code == 11
    assert not (tmp_path / "cache").exists()


def test_a_link_to_a_file_elsewhere_is_followed(tmp_path: Path, session: CompanionSession) -> None:
    """On the workstation a path may lead anywhere; what lies in the cache is a file."""
    link = tmp_path / "link.yaml"
    link.symlink_to(_calibration(tmp_path))
    build_cache(session, tmp_path / "cache", supply_of(TILES), artefacts={"cam.yaml": link})
    assert not (tmp_path / "cache" / "current" / "artefacts" / "cam.yaml").is_symlink()


def test_a_file_that_changes_meanwhile_is_not_sent(tmp_path: Path, session: CompanionSession) -> None:
    """Neither under its old hash nor under its new one: the run ends, and says which file it was."""
    root, cam = tmp_path / "cache", _calibration(tmp_path)
    provisioner = provisioner_of(root, context_of(tmp_path), artefacts={"cam.yaml": cam})
    supply = supply_of(TILES)
    provisioner.prepare(session, order_of(TILES))
    cam.write_text("fx: 2, and longer\n")
    with pytest.raises(ConfigError, match=r"cam\.yaml was changed while"):
        provisioner.transfer(session, order_of(TILES), supply)


def test_a_name_that_can_not_be_is_refused_by_the_settings() -> None:
    """It could lead elsewhere, or hide."""
    for name in ("../x", ".x", "a/b", "", "a" * 65):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(
                {"cache_root": "/c", "artefacts": {name: "/x"}}, C10Settings, dec_hook=lambda _t, v: Path(v)
            )


@pytest.mark.parametrize("wanted", [None, [[0]], [[2, 0]], [[1, 0], [0, 0]], [[0, 6]], [[0, -1]], [[0, 0], [0, 1]]])
def test_a_companion_that_wants_what_was_not_offered_gets_nothing(tmp_path: Path, wanted: object) -> None:
    """Places beyond the list, out of order or twice, and bytes beyond the end."""
    settings = C10Settings(cache_root="/c", artefacts={"a": _calibration(tmp_path), "b": _calibration(tmp_path)})
    sender = ArtefactSender(read_artefacts(settings), context_of(tmp_path))
    with pytest.raises(TransferError):
        sender.answered(wanted)


def test_a_companion_that_answers_twice_gets_nothing(tmp_path: Path) -> None:
    """The second answer ends the run."""
    settings = C10Settings(cache_root="/c", artefacts={"a": _calibration(tmp_path)})
    sender = ArtefactSender(read_artefacts(settings), context_of(tmp_path))
    sender.answered([])
    with pytest.raises(TransferError, match="twice"):
        sender.answered([])


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_not_a_byte_of_a_changed_file_is_called_the_old_one(tmp_path: Path, when: str) -> None:
    """It is looked at when it is opened and when its last byte was read, and the seal never follows."""
    cam = _calibration(tmp_path)
    sender = ArtefactSender(read_artefacts(C10Settings(cache_root="/c", artefacts={"a": cam})), context_of(tmp_path))
    sender.answered([[0, 0]])
    chunks = sender.chunks()
    if when == "meanwhile":
        assert next(chunks) == artefact_frame(0, b"fx: 1\n")
    cam.write_text("fx: 2\n")
    os.utime(cam, (1, 1))
    with pytest.raises(ConfigError, match=r"cam\.yaml was changed while"):
        list(chunks)


def test_a_run_that_is_given_up_stops_sending(tmp_path: Path) -> None:
    """Also while the companion has not yet said what it wants."""
    settings = C10Settings(cache_root="/c", artefacts={"a": _calibration(tmp_path)})
    context = context_of(tmp_path)
    sender = ArtefactSender(read_artefacts(settings), context)
    assert isinstance(context.cancelled, threading.Event)
    context.cancelled.set()
    with pytest.raises(TransferError, match="given up"):
        list(sender.chunks())


def test_case_067_a_link_that_breaks_costs_what_was_not_kept(tmp_path: Path) -> None:
    """The core connects again and calls once more: of two files, the one that had come is not sent again."""
    files = {name: tmp_path / name for name in ("a.bin", "b.bin")}
    for path in files.values():
        path.write_bytes(os.urandom(3_000_000))
    told = Told()
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path, told), artefacts=files)
    supply, order = supply_of(TILES), order_of(TILES)
    with BreakingSession(tmp_path, at("artefact")) as session:
        provisioner.prepare(session, order)
        with pytest.raises(LinkError):
            provisioner.transfer(session, order, supply)
    with LocalTransport(context_of(tmp_path)).connect() as session:
        provisioner.transfer(session, order, supply)
    sizes = [event.text.split(": ")[1] for event in told if isinstance(event, Notice)]
    assert sizes[0] == "6.0 MB"
    assert float(sizes[1].split()[0]) <= 3.0


def test_case_072_a_flipped_bit_in_a_file_is_sent_again_once(
    tmp_path: Path, session: CompanionSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The companion's hash finds it; nothing of it is kept; a second time ends the run."""
    flips = [1]

    def flipping(place: int, piece: bytes) -> bytes:
        if not flips:
            return artefact_frame(place, piece)
        flips.pop()
        return artefact_frame(place, bytes([piece[0] ^ 1]) + piece[1:])

    monkeypatch.setattr("operator_tool_plugins.provisioners.c10.artefacts.artefact_frame", flipping)
    told, cam = Told(), {"cam.yaml": _calibration(tmp_path)}
    build_cache(session, tmp_path / "cache", supply_of(TILES), artefacts=cam, told=told)
    assert any("damaged on its way" in event.text for event in told if isinstance(event, Notice))
    assert (tmp_path / "cache" / "current" / "artefacts" / "cam.yaml").read_text() == "fx: 1\n"
    flips += [1, 1]
    with pytest.raises(TransferError, match="other bytes than its hash's"):
        build_cache(session, tmp_path / "other", supply_of(TILES), artefacts=cam)


def _stages(root: Path, tmp_path: Path, script: str) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    root.mkdir(exist_ok=True)
    (root / "companion.json").write_text(json.dumps({"stages": {"it": {"command": [str(program)]}}}))


def test_an_operator_sees_a_stage_at_work(tmp_path: Path, session: CompanionSession) -> None:
    """When it begins and ends, and each line, made safe to print."""
    root, told = tmp_path / "cache", Told()
    _stages(root, tmp_path, "printf 'half \\033[31mway\\n'; echo x > made")
    build_cache(session, root, supply_of(TILES), told=told)
    notices = [event.text for event in told if isinstance(event, Notice)]
    assert notices[0] == "stage it began on the companion"
    assert notices[1].startswith("stage it ended after ")
    assert notices[1].endswith(": 1 files, 0.0 MB")
    assert "it: half \\x1b[31mway" in [event.text for event in told if isinstance(event, RemoteLine)]


def test_the_status_names_the_stages(tmp_path: Path, session: CompanionSession) -> None:
    """So that an operator knows what a build will run."""
    root = tmp_path / "cache"
    _stages(root, tmp_path, "exit 0")
    provisioner = provisioner_of(root, context_of(tmp_path))
    assert provisioner.install(session).facts["stages"] == "it"
    assert provisioner.status(session).facts["stages"] == "it"


def test_a_stage_that_fails_is_a_build_that_failed(tmp_path: Path, session: CompanionSession) -> None:
    """With its name, its last lines, and what to do; trying again alone won't help."""
    root = tmp_path / "cache"
    _stages(root, tmp_path, "echo one; echo two; exit 9")
    with pytest.raises(
        BuildError, match=r"stage it: it ended with exit status 9; its last lines: one \| two"
    ) as raised:
        build_cache(session, root, supply_of(TILES))
    assert "Mend the stage" in raised.value.hint
    assert not raised.value.retryable


def test_stages_that_changed_meanwhile_are_worth_another_run(tmp_path: Path, session: CompanionSession) -> None:
    """The table may change between greeting and build: nothing is run, and the next run asks anew."""
    root = tmp_path / "cache"
    _stages(root, tmp_path, "echo x > made")
    provisioner = provisioner_of(root, context_of(tmp_path))
    supply, order = supply_of(TILES), order_of(TILES)
    provisioner.prepare(session, order)
    (root / "companion.json").write_text("{}")
    summary = provisioner.transfer(session, order, supply)
    with pytest.raises(BuildError, match="the order is for the stages it") as raised:
        provisioner.build(session, order, summary)
    assert raised.value.retryable


@pytest.mark.real_parts
def test_a_signature_covers_what_was_sent_and_what_was_made(tmp_path: Path, session: CompanionSession) -> None:
    """A stage is given the files that came along; the signed manifest names both, and a byte of either counts."""
    root, key = tmp_path / "cache", tmp_path / "key"
    make = [require("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(make, check=True, timeout=30)
    _stages(root, tmp_path, 'cp "$C10_ARTEFACTS/cam.yaml" copy.yaml')
    (root / "allowed_signers").write_text("ada " + " ".join(key.with_suffix(".pub").read_text().split()[:2]) + "\n")
    settings: dict[str, Any] = {"artefacts": {"cam.yaml": _calibration(tmp_path)}, "signing_key": str(key)}
    build_cache(session, root, supply_of(TILES), **settings)
    assert (root / "current" / "manifest.json.sig").exists()
    for path in (root / "current" / "artefacts" / "cam.yaml", root / "current" / "stages" / "it" / "copy.yaml"):
        assert _prepared(session, root, **settings).up_to_date
        path.chmod(0o644)
        path.write_text("fx: 9\n")
        assert path.name in _prepared(session, root, **settings).damage
        build_cache(session, root, supply_of(TILES), **settings)


@pytest.mark.parametrize("said", [{"stage": 1}, {"stage": "it", "files": -(10**30)}, {}])
def test_an_event_that_can_not_be_read_is_let_be(tmp_path: Path, said: dict[str, object]) -> None:
    """It stops nothing: what counts is the report."""
    told = Told()
    show_stage(context_of(tmp_path, told), said)
    assert not told


def test_required_files_are_told_and_stop_no_build(tmp_path: Path, session: CompanionSession) -> None:
    """A new companion is built; the note says what it lacks before it can fly, and asking afterwards says the same."""
    root, cam = tmp_path / "cache", tmp_path / "etc-cam.yaml"
    required = (str(cam), "artefacts/cam.yaml")
    settings: dict[str, Any] = {"required_files": required, "artefacts": {"cam.yaml": _calibration(tmp_path)}}
    state = _prepared(session, root, **settings)
    assert state.notes == (f"not ready to fly yet: the required file {cam} is missing",)
    assert [seen.split(" ")[0] for seen in state.missing_files] == list(required)
    build_cache(session, root, supply_of(TILES), **settings)
    assert _prepared(session, root, **settings).missing_files == (f"{cam} is missing",)
    status = provisioner_of(root, context_of(tmp_path), **settings).status(session)
    assert status.missing_files == (f"{cam} is missing",)
    assert status.notes == (f"not ready to fly: the required file {cam} is missing",)
    cam.write_text("fx: 1")
    assert not _prepared(session, root, **settings).missing_files
