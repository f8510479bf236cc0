"""A login that talks before its programs do, or in their place: a banner, a start-up file, a forced command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import CompanionError, CompanionSession, RunContext
from operator_tool_plugins.provisioners.c10 import prepare, process
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


RUNS_IT = 'eval "$SSH_ORIGINAL_COMMAND"'
NO_LOGINS = {
    "an account without a shell": ("/usr/sbin/nologin", "not available"),
    "another purpose": ("echo 'For backups alone.'; exit 3", "For backups alone."),
    "a password that has expired": ("echo 'Your password has expired.' >&2; exit 1", "Your password has expired."),
    "a start-up file that ends": ("echo bye; exit 0", "bye"),
    "no word": ("exit 1", "said nothing"),
    "the command repeated": ('echo "denied: $SSH_ORIGINAL_COMMAND" | tee /dev/stderr; exit 1', "denied: "),
    "a program that is not there": ("exec /absent/gate", "/absent/gate"),
    "controls": ("printf 'go \\033]0;away\\007'; exit 1", "go \\x1b]0;away\\x07"),
}


@contextmanager
def noisy(folder: Path, transport: str, noise: str, *, then: str = RUNS_IT) -> Iterator[CompanionSession]:
    """A session with a real server whose every login begins with this noise, whatever it runs."""
    folder.mkdir(exist_ok=True)
    (folder / "banner").write_text("Authorised use only.\n" * 20)
    shell = folder / "shell"
    # As a start-up file does it: the noise first, and then what the client asked for, in the same shell.
    shell.write_text(f"#!/bin/bash\n{noise}\n{then}\n")
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


@pytest.mark.parametrize(
    ("transport", "name"),
    [*(("ssh", name) for name in NO_LOGINS), ("openssh", "another purpose"), ("openssh", "controls")],
)
def test_a_login_that_runs_nothing_is_told_with_what_it_said(tmp_path: Path, transport: str, name: str) -> None:
    """Whichever stream it used; Python is not to blame, and no agent is said to be lacking."""
    login, said = NO_LOGINS[name]
    with noisy(tmp_path / "drone", transport, login, then="") as session:
        provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path), python="/usr/bin/python3")
        for ask in (provisioner.status, provisioner.install, lambda one: provisioner.prepare(one, order_of(1))):
            with pytest.raises(CompanionError) as caught:
                ask(session)
            assert said in caught.value.message
            assert caught.value.message.isprintable()
            assert "Python" not in caught.value.message + caught.value.hint
            assert "ForceCommand" in caught.value.hint
            assert not caught.value.retryable


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_a_login_for_files_alone_is_told(tmp_path: Path, transport: str) -> None:
    """One that is locked to sftp answers in its own way."""
    with noisy(tmp_path / "drone", transport, "exec /usr/lib/openssh/sftp-server", then="") as session:
        with pytest.raises(CompanionError) as caught:
            provisioner_of(tmp_path / "cache", context_of(tmp_path)).status(session)
        assert "ForceCommand" in caught.value.hint


def test_a_login_that_asks_is_told_with_its_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A menu answers each line that the agent would have heard, and never ends."""
    monkeypatch.setattr(prepare, "_SILENCE_S", 1.0)
    monkeypatch.setattr(process, "PING_S", 0.3)
    menu = "while read -r choice; do echo '1) reboot'; echo 'Choose:' >&2; done"
    with noisy(tmp_path / "drone", "ssh", menu, then="") as session, pytest.raises(CompanionError) as caught:
        provisioner_of(tmp_path / "cache", context_of(tmp_path)).prepare(session, order_of(1))
    assert "1) reboot" in caught.value.message
    assert "Choose:" in caught.value.message
    assert "ForceCommand" in caught.value.hint


def test_a_python_that_does_not_run_is_told_with_what_it_said(tmp_path: Path) -> None:
    """Where the login runs commands, and Python spoke, it is to blame."""
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho 'Fatal Python error: no encodings' >&2; exit 1\n")
    broken.chmod(0o755)
    with noisy(tmp_path / "drone", "ssh", "echo hello") as session:
        with pytest.raises(CompanionError) as caught:
            provisioner_of(tmp_path / "cache", context_of(tmp_path), python=str(broken)).install(session)
        assert "no encodings" in caught.value.message
        assert "Python" in caught.value.hint
        assert "ForceCommand" not in caught.value.hint
