"""A login that talks before its programs do: a banner, a message of the day, a shell's start-up file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import CompanionError, CompanionSession, RunContext
from operator_tool_plugins.transports import openssh, ssh
from tests.support.c10_rig import build_cache, context_of, order_of, provisioner_of, supply_of
from tests.support.real_parts import real_sshd, require

FIFTY_LINES = (
    "for i in $(seq 50); do echo \"Welcome to drone $i  {'event': 'begin'}\"; done; echo '{}'; echo warning >&2"
)
NOISES = {
    "lines": FIFTY_LINES,
    "a prompt without a line end": f"{FIFTY_LINES}; printf 'drone-7> '",
    "colours and carriage returns": "printf '\\033[31mhello\\033[0m\\r\\n\\r'",
    "no text": "head -c 3000 /dev/urandom",
}
pytestmark = pytest.mark.real_parts


@contextmanager
def noisy(folder: Path, transport: str, noise: str) -> Iterator[CompanionSession]:
    """A session with a real server whose every login begins with this noise, whatever it runs."""
    folder.mkdir(exist_ok=True)
    (folder / "banner").write_text("Authorised use only.\n" * 20)
    shell = folder / "shell"
    # As a start-up file does it: the noise first, and then what the client asked for, in the same shell.
    shell.write_text(f'#!/bin/bash\n{noise}\neval "$SSH_ORIGINAL_COMMAND"\n')
    shell.chmod(0o755)
    extra = f"Banner {folder / 'banner'}\nForceCommand {shell}\n"
    context = RunContext(run_id="run-1", state_dir=folder / "state")
    with real_sshd(folder / "sshd", extra=extra) as server:
        if transport == "ssh":
            plugin = ssh.make_companion_transport(msgspec.convert(server.options(), ssh.SshSettings), context)
        else:
            require("ssh")
            options = {**server.options(), "config_file": None}
            plugin = openssh.make_companion_transport(msgspec.convert(options, openssh.OpensshSettings), context)
        with plugin.connect() as session:
            yield session


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_case_060_noise_is_passed_over(tmp_path: Path, transport: str, noise: str) -> None:
    """The agent is put there, the cache built, and the no-op seen, over a login that talks each time."""
    root, python = tmp_path / "cache", "/usr/bin/python3"
    with noisy(tmp_path / "drone", transport, noise) as session:
        _summary, report = build_cache(session, root, supply_of(60), python=python)
        assert report.tiles == 60
        provisioner = provisioner_of(root, context_of(tmp_path), python=python)
        assert provisioner.prepare(session, order_of(60)).up_to_date
        assert provisioner.status(session).problems == ()
        assert provisioner.install(session).problems == ()


@pytest.mark.parametrize("noise", ["while :; do echo welcome; done", "yes welcome | tr -d '\\n'"], ids=["lines", "one"])
@pytest.mark.parametrize("transport", ["ssh", pytest.param("openssh", marks=pytest.mark.nightly)])
def test_case_060_endless_noise_is_cut(tmp_path: Path, transport: str, noise: str) -> None:
    """In lines, or on one line that never ends: the companion's fault is told within seconds."""
    with noisy(tmp_path / "drone", transport, noise) as session:
        provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path), python="/usr/bin/python3")
        began_s = time.monotonic()
        with pytest.raises(CompanionError):
            provisioner.prepare(session, order_of(1))
        with pytest.raises(CompanionError):
            provisioner.install(session)
        assert time.monotonic() - began_s < 20
        assert not (tmp_path / "cache").exists()
