"""A companion whose account has another login shell than an sh: both transports go through a real sshd to it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import CompanionSession, RunContext
from operator_tool_plugins.transports import openssh, ssh
from tests.support.c10_rig import build_cache, context_of, order_of, provisioner_of, supply_of
from tests.support.namespaces import private_mounts
from tests.support.real_parts import real_sshd, require

ODD = ("a b", "it's", '"quoted"', "$HOME `id`", "line\nline", "", "é\\n", "!x", "a!b", "\\", "{a,b}", "=ls", "*")
pytestmark = [pytest.mark.real_parts, pytest.mark.own_mounts]


@contextmanager
def session_with(shell: str, folder: Path, transport: str) -> Iterator[CompanionSession]:
    """A session with the current user's account, which has this login shell for a server of the test's own."""
    folder.mkdir(exist_ok=True)
    accounts = []
    for line in Path("/etc/passwd").read_text().splitlines():
        fields = line.split(":")
        accounts.append(":".join([*fields[:6], require(shell)]) if fields[0] == getpass.getuser() else line)
    (folder / "passwd").write_text("\n".join(accounts) + "\n")
    through = private_mounts('mount --bind "$1" /etc/passwd', "sh", str(folder / "passwd"))
    context = RunContext(run_id="run-1", state_dir=folder / "state")
    with real_sshd(folder / "sshd", through=through) as server:
        if transport == "ssh":
            plugin = ssh.make_companion_transport(msgspec.convert(server.options(), ssh.SshSettings), context)
        else:
            require("ssh")
            plugin = openssh.make_companion_transport(
                msgspec.convert(server.options(), openssh.OpensshSettings), context
            )
        with plugin.connect() as session:
            yield session


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
@pytest.mark.parametrize("shell", ["tcsh", "fish"])
def test_a_cache_is_built_whatever_the_login_shell(tmp_path: Path, shell: str, transport: str) -> None:
    """The probe, the installer, the agent and the files go through, and so does every argument."""
    root, python = tmp_path / "it's a cache!", "/usr/bin/python3"
    with session_with(shell, tmp_path / "drone", transport) as session:
        with session.run(["printf", "%s|", *ODD]) as run:
            assert b"\n".join(run) == "".join(f"{argument}|" for argument in ODD).encode()
        session.put(b"one\ntwo", str(tmp_path / "odd ! file"))
        assert session.get(str(tmp_path / "odd ! file")) == b"one\ntwo"
        _summary, report = build_cache(session, root, supply_of(60), python=python)
        assert report.tiles == 60
        assert provisioner_of(root, context_of(tmp_path), python=python).prepare(session, order_of(60)).up_to_date
