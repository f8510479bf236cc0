"""How an ssh is ended, with programs in its place that don't want to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from operator_tool.api import ConfigError
from operator_tool_plugins.transports.openssh import process
from operator_tool_plugins.transports.openssh.process import end_ssh, read_from_ssh, start_ssh
from tests.support.openssh_sessions import is_gone, wait_until_gone

LOOP = "echo $$; while :; do sleep 0.02; done"


@contextmanager
def started(script: str) -> Iterator[tuple[float, int]]:
    """Start a shell, end it after the block, and give the moment of its first line and what it says there."""
    shell = start_ssh(["sh", "-c", script])
    assert shell.stdout is not None
    assert shell.stderr is not None
    with shell.stdout, shell.stderr:
        said = int(shell.stdout.readline())
        began_s = time.monotonic()
        end_ssh(shell)
        assert shell.poll() is not None
        yield began_s, said


def test_a_signal_that_is_overlooked_is_said_again() -> None:
    """As ssh itself overlooks one now and then; nobody waits for it to be killed."""
    with started(f"trap 'trap - TERM' TERM; {LOOP}") as (began_s, _):
        assert time.monotonic() - began_s < process._END_S / 2


def test_one_that_ignores_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while that is not long."""
    monkeypatch.setattr(process, "_END_S", 0.3)
    with started(f"trap '' TERM; {LOOP}") as (began_s, _):
        assert 0.2 < time.monotonic() - began_s < 5


def test_what_it_started_is_ended_with_it() -> None:
    """The ssh of a jump host, which hears nothing of the end, would stay for ever."""
    with started("sleep 60 & echo $!; wait") as (_, child):
        wait_until_gone(child)
    assert is_gone(child)


def test_one_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration may run programs while it is read."""
    monkeypatch.setattr(process, "_READ_S", 0.3)
    with pytest.raises(ConfigError, match=r"within 0\.3 s what its configuration says of drone"):
        read_from_ssh(["sh", "-c", "exec sleep 60", "drone"])


def test_one_that_may_not_be_run(tmp_path: Path) -> None:
    """The message says why."""
    (tmp_path / "ssh").write_text("data")
    for start in (start_ssh, read_from_ssh):
        with pytest.raises(ConfigError, match=r"can't be started: Permission denied"):
            start([str(tmp_path / "ssh")])
