"""Sessions of the openssh transport for tests, and what they may leave behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import CompanionError, CompanionSession, RunContext
from operator_tool_plugins.transports import openssh
from tests.support.real_parts import RealSshd
from tests.support.ssh_peers import wait_until


def transport(server: RealSshd, *, context: dict[str, Any] | None = None, **changed: Any) -> openssh.OpensshTransport:
    """Return the transport to a server, some settings and some parts of the run's context changed."""
    settings = msgspec.convert({**server.options(), **changed}, openssh.OpensshSettings)
    whole = RunContext(**{"run_id": "run", "state_dir": server.folder / "state", **(context or {})})
    made = openssh.make_companion_transport(settings, whole)
    assert isinstance(made, openssh.OpensshTransport)
    return made


def connect(server: RealSshd, *, context: dict[str, Any] | None = None, **changed: Any) -> CompanionSession:
    """Open a session to a server, some settings changed."""
    return transport(server, context=context, **changed).connect()


def failure(server: RealSshd, *, context: dict[str, Any] | None = None, **changed: Any) -> CompanionError:
    """Return the error that connecting ends with, soon and with nothing left behind."""
    before = leftovers()
    began_s = time.monotonic()
    with pytest.raises(CompanionError) as caught:
        connect(server, context=context, **changed)
    assert time.monotonic() - began_s < 10
    # A peer of the test's own may have accepted a connection meanwhile, in this process.
    left = {entry for entry in leftovers() - before if " socket:" not in entry}
    assert not left, f"there are left behind: {left}"
    return caught.value


def leftovers() -> set[str]:
    """Return the processes, threads, folders and descriptors that a link consists of, as they are now."""
    found = {f"process {pid}" for pid in children()}
    found |= {f"thread {thread.name}" for thread in threading.enumerate() if thread.name.startswith("openssh-")}
    found |= {f"folder {entry}" for entry in Path(tempfile.gettempdir()).glob("operator-tool-*")}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"descriptor {entry.name} {entry.readlink()}")
    return {entry for entry in found if "/proc/" not in entry}


def children(parent: int | None = None) -> tuple[int, ...]:
    """Return the processes that this one, or another, has started and that are not collected yet."""
    found: list[int] = []
    for task in Path(f"/proc/{parent or os.getpid()}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(word) for word in (task / "children").read_text().split()]
    return tuple(found)


def master_of(session: CompanionSession) -> int:
    """Return the ssh process of the one session that is open."""
    (pid,) = (pid for pid in children() if _name(pid) == "ssh")
    assert session is not None
    return pid


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, collected or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until_gone(pid: int) -> None:
    """Wait a few seconds for the end of a process."""
    wait_until(lambda: is_gone(pid))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
