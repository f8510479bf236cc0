"""``companion install`` and ``companion status``: the agent is put there whole and checked, or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import (
    CompanionError,
    CompanionIdentity,
    CompanionSession,
    InstallableProvisioner,
    LinkError,
    NotReadyError,
    RemoteRun,
    RunLimits,
)
from operator_tool_plugins.provisioners.c10 import install
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.runner import C10Provisioner
from operator_tool_plugins.transports.local import LocalTransport
from tests.support.c10_rig import context_of, order_of, provisioner_of, snapshot

LINK = "c10-agent.pyz"


def provisioner_in(tmp_path: Path, **settings: Any) -> C10Provisioner:
    """Return the runner whose agent lies in a folder of its own."""
    return provisioner_of(tmp_path / "cache", context_of(tmp_path), agent_dir=str(tmp_path / "opt" / "c10"), **settings)


def installed(tmp_path: Path) -> tuple[Path, Path]:
    """Return the agent's file and the link to it."""
    folder = tmp_path / "opt" / "c10"
    return folder / agent_bundle().name, folder / LINK


def test_the_runner_is_an_installable_provisioner(tmp_path: Path) -> None:
    """The commands for companions ask for it by that role."""
    assert isinstance(provisioner_in(tmp_path), InstallableProvisioner)


def test_install_puts_the_file_and_the_link_and_nothing_else(session: CompanionSession, tmp_path: Path) -> None:
    """Versioned by its hash, readable for all, and the answer is the agent's own; the cache root is not made."""
    state = provisioner_in(tmp_path).install(session)
    file, link = installed(tmp_path)
    assert file.read_bytes() == agent_bundle().data
    assert file.stat().st_mode & 0o777 == 0o644
    assert os.readlink(link) == file.name
    assert sorted(file.parent.iterdir()) == sorted([file, link])
    assert state.agent_version.endswith(agent_bundle().sha256[:12])
    assert state.problems == ()
    assert not (tmp_path / "cache").exists()


def test_install_again_changes_nothing(session: CompanionSession, tmp_path: Path) -> None:
    """Every inode and time stays."""
    provisioner_in(tmp_path).install(session)
    before = snapshot(tmp_path / "opt")
    provisioner_in(tmp_path).install(session)
    assert snapshot(tmp_path / "opt") == before


@pytest.mark.parametrize("damage", ["file", "gone", "link", "dangling", "a file for the link", "a link for the file"])
def test_install_mends_what_is_not_as_it_must_be(session: CompanionSession, tmp_path: Path, damage: str) -> None:
    """A damaged or missing file, a link that leads elsewhere, and one thing in the place of the other."""
    provisioner_in(tmp_path).install(session)
    file, link = installed(tmp_path)
    older = file.with_name("c10-agent-000000000000.pyz")
    older.write_bytes(b"older")
    match damage:
        case "file":
            file.write_bytes(agent_bundle().data + b"\0")
        case "gone":
            file.unlink()
        case "link":
            link.unlink()
            link.symlink_to(older.name)
        case "dangling":
            link.unlink()
            link.symlink_to("nowhere")
        case "a file for the link":
            link.unlink()
            link.write_text("x")
        case "a link for the file":
            file.rename(tmp_path / "elsewhere")
            file.symlink_to(tmp_path / "elsewhere")
    provisioner_in(tmp_path).install(session)
    assert not file.is_symlink()
    assert file.read_bytes() == agent_bundle().data
    assert os.readlink(link) == file.name
    assert older.read_bytes() == b"older", "what else lies there is not tidied away"


def test_a_build_links_the_agent_too(session: CompanionSession, tmp_path: Path) -> None:
    """There is one way to put it there."""
    provisioner_in(tmp_path).prepare(session, order_of(1))
    file, link = installed(tmp_path)
    assert os.readlink(link) == file.name


class Torn:
    """A session with this machine whose standard inputs are cut or changed on the way."""

    identity = CompanionIdentity(address="local")

    def __init__(self, session: CompanionSession, change: Any) -> None:
        self._session = session
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, argv: Sequence[str], *, stdin: Any = (), limits: RunLimits | None = None) -> RemoteRun:
        """Run it with other input than was given."""
        return self._session.run(argv, stdin=self._change(stdin) if isinstance(stdin, tuple) else stdin, limits=limits)


def test_a_file_that_did_not_arrive_whole_gets_no_name(session: CompanionSession, tmp_path: Path) -> None:
    """Cut off, or with a bit flipped: what lay there stays, and no half file is left."""
    folder = tmp_path / "opt" / "c10"
    folder.mkdir(parents=True)
    (folder / agent_bundle().name).write_bytes(b"older")
    changes = (
        lambda pieces: tuple(piece[:-1] for piece in pieces),
        lambda pieces: tuple(piece[:-1] + bytes([piece[-1] ^ 1]) for piece in pieces),
        lambda _pieces: (),
    )
    for change in changes:
        torn: Any = Torn(session, change)
        with pytest.raises(NotReadyError, match="is not what was sent"):
            provisioner_in(tmp_path).install(torn)
        assert [path.name for path in folder.iterdir()] == [agent_bundle().name]
        assert (folder / agent_bundle().name).read_bytes() == b"older"


def test_a_folder_that_cannot_be_written_is_a_reason(session: CompanionSession, tmp_path: Path) -> None:
    """The operating system's own words, in one line."""
    (tmp_path / "opt").write_text("a file")
    with pytest.raises(NotReadyError, match=r"can't be put there: .*opt"):
        provisioner_in(tmp_path).install(session)


def python_that(folder: Path, script: str) -> str:
    """Write a program that stands for the companion's Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


PRETENDS = "import sys; sys.version_info = ({}, 0); sys.argv[:1] = []; exec(sys.argv[0])"
OF_VERSION = f'shift; exec {sys.executable} -c "{PRETENDS}" "$@"'


@pytest.mark.parametrize("version", ["2, 7", "3, 5", "3, 7", "4, 0"])
def test_an_unknown_python_is_refused_with_its_version_and_path(
    session: CompanionSession, tmp_path: Path, version: str
) -> None:
    """3.8 to below 4; nothing was written."""
    python = python_that(tmp_path, OF_VERSION.format(version))
    with pytest.raises(NotReadyError) as caught:
        provisioner_in(tmp_path, python=python).install(session)
    assert python in caught.value.message
    assert f"is Python {version.replace(', ', '.')}.0" in caught.value.message
    assert not (tmp_path / "opt").exists()


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("/nowhere/python3", r"/nowhere/python3 is not installed or not executable \(exit 127\)"),
        ("/etc/passwd", r"/etc/passwd is not installed or not executable \(exit 126\)"),
        ("/bin/true", "does not run as a Python does"),
        ("/bin/cat", "does not run as a Python does"),
    ],
)
def test_case_081_a_program_that_is_no_python(
    session: CompanionSession, tmp_path: Path, python: str, words: str
) -> None:
    """Not there, not executable, or something else: named, with what to do."""
    with pytest.raises(CompanionError, match=words) as caught:
        provisioner_in(tmp_path, python=python).install(session)
    assert "ython" in caught.value.hint
    assert not (tmp_path / "opt").exists()


def test_case_060_noise_before_the_answers_is_passed_over(session: CompanionSession, tmp_path: Path) -> None:
    """Fifty lines, lines of other words, and a prompt without a line end before each of the companion's answers."""
    noise = "for i in $(seq 50); do echo welcome $i kept; done; printf 'drone> '"
    python = python_that(tmp_path, f'{noise}; exec {sys.executable} "$@"')
    state = provisioner_in(tmp_path, python=python).install(session)
    assert state.problems == ()
    assert provisioner_in(tmp_path, python=python).status(session).problems == ()


def test_case_060_endless_noise_is_cut(session: CompanionSession, tmp_path: Path) -> None:
    """A login that never ends to speak is given up, and not tried again."""
    python = python_that(tmp_path, "exec yes welcome")
    for call in (provisioner_in(tmp_path, python=python).install, provisioner_in(tmp_path, python=python).status):
        with pytest.raises(CompanionError, match="the first 1000 lines were not") as caught:
            call(session)
        assert not caught.value.retryable


def test_a_broken_link_passes_through(tmp_path: Path) -> None:
    """The core is to connect again."""
    session = LocalTransport(context_of(tmp_path)).connect()
    session.close()
    with contextlib.closing(session), pytest.raises(LinkError):
        provisioner_in(tmp_path).install(session)


def test_an_answer_of_another_file_is_no_success(
    session: CompanionSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was put there is asked for its own hash; a put that lies is found out."""
    monkeypatch.setattr(
        install,
        "_PUT",
        install._PUT.replace("file.write(data)", "file.write(data + b'\\0')").replace(
            "hexdigest() == wanted", "hexdigest() != ''"
        ),
    )
    with pytest.raises(CompanionError, match="has the SHA-256"):
        provisioner_in(tmp_path).install(session)


def test_status_without_an_agent_says_which_command_puts_it_there(session: CompanionSession, tmp_path: Path) -> None:
    """A problem, and nothing is written."""
    state = provisioner_in(tmp_path).status(session)
    (problem,) = state.problems
    assert "No such file or directory): operator-tool companion install" in problem
    assert state.agent_version == ""
    assert not (tmp_path / "opt").exists()


def test_status_of_a_damaged_agent_is_a_problem(session: CompanionSession, tmp_path: Path) -> None:
    """One that still runs, and one that doesn't."""
    provisioner_in(tmp_path).install(session)
    file, _link = installed(tmp_path)
    for damage in (agent_bundle().data + b"\0", b"print(1)", b""):
        file.write_bytes(damage)
        assert "companion install" in provisioner_in(tmp_path).status(session).problems[0]


def test_status_tells_what_is_worth_knowing(session: CompanionSession, tmp_path: Path) -> None:
    """Python, machine, protocol, root, inodes, clock, boot, armed; and it writes nothing."""
    provisioner_in(tmp_path).install(session)
    before = snapshot(tmp_path)
    state = provisioner_in(tmp_path).status(session)
    assert {"python", "machine", "protocol", "root", "inodes", "clock", "armed"} <= set(state.facts)
    assert state.facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert state.facts["root"] == str(tmp_path / "cache")
    assert state.facts["armed"] == "not asked"
    assert "login" not in state.facts
    assert state.free_bytes
    assert snapshot(tmp_path) == before


def test_the_probe_s_companion_id_is_the_agent_s(session: CompanionSession, tmp_path: Path) -> None:
    """It is told before there is an agent, so that another companion gets nothing written."""
    provisioner = provisioner_in(tmp_path)
    state = provisioner.install(session)
    for settings in ({}, {"companion_id": state.companion_id}):
        assert provisioner_in(tmp_path, **settings).install(session).companion_id == state.companion_id
