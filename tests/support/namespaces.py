"""Mounts and networks of a test's own, that nothing else on this machine sees: they need root, or are skipped."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.real_parts import require

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21


def private_mounts(script: str, *words: str) -> tuple[str, ...]:
    """Return the command that mounts something of its own by a shell's script, and becomes what follows it.

    ``words`` are the script's ``$0``, ``$1`` and so on.
    """
    unshare = require("unshare")
    shifts = " ".join(["shift"] * (len(words) - 1)).replace(" ", " && ") if len(words) > 1 else ":"
    through = (unshare, "-m", "sh", "-c", f'{script} && {shifts} && exec "$@"', *words)
    tried = subprocess.run([*through, "true"], capture_output=True, text=True, check=False, timeout=30)
    if tried.returncode != 0:
        _refused(f"mounts of its own: {tried.stderr.strip()}")
    return through


@dataclass(frozen=True)
class TwoHosts:
    """Two network namespaces, each with an end of one cable and nothing else."""

    workstation: str
    companion: str

    address = "198.18.0.2"
    """The companion's, of a block that is for tests (RFC 2544)."""
    absent = "198.18.0.3"
    """Nobody has it: the kernel says so after asking round."""
    vanishing = "198.18.0.4"
    """What is sent to it is lost without a word."""
    elsewhere = "203.0.113.5"
    """No route leads to it."""

    def at_workstation(self) -> tuple[str, ...]:
        """Return the command that becomes what follows it, at the workstation."""
        return ("ip", "netns", "exec", self.workstation)

    def at_companion(self) -> tuple[str, ...]:
        """Return the command that becomes what follows it, at the companion."""
        return ("ip", "netns", "exec", self.companion)

    def unplug(self) -> None:
        """Let nothing pass any more, and be told to nobody's program."""
        _ip("-n", self.companion, "link", "set", "cable", "down")

    def plug_in(self) -> None:
        """Let all pass again."""
        _ip("-n", self.companion, "link", "set", "cable", "up")

    def disturb(self, *netem: str) -> None:
        """Have the kernel delay and lose packets both ways; skips the test where this kernel can't."""
        tc = require("tc")
        for name in (self.workstation, self.companion):
            argv = [tc, "-n", name, "qdisc", "add", "dev", "cable", "root", "netem", *netem]
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
            if done.returncode != 0:
                pytest.skip(f"this kernel has no netem: {done.stderr.strip()}")


_numbers = itertools.count()


@contextlib.contextmanager
def two_hosts() -> Iterator[TwoHosts]:
    """Give two hosts on one cable; what runs in them must have ended before the block does."""
    require("ip")
    number = f"{os.getpid()}-{next(_numbers)}"
    hosts = TwoHosts(f"workstation-{number}", f"companion-{number}")
    names = (hosts.workstation, hosts.companion)
    with contextlib.ExitStack() as stack:
        for name in names:
            try:
                _ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                _refused(f"a network of its own: {error.stderr.strip()}")
            stack.callback(_ip, "netns", "delete", name)
        ends = ("netns", hosts.workstation, "type", "veth", "peer", "name", "cable", "netns", hosts.companion)
        try:
            _ip("link", "add", "cable", *ends)
        except subprocess.CalledProcessError as error:
            _refused(f"a cable of its own: {error.stderr.strip()}")
        for name, address in zip(names, ("198.18.0.1", hosts.address), strict=True):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        nobody = ("lladdr", "02:00:00:00:00:04", "dev", "cable", "nud", "permanent")
        _ip("-n", hosts.workstation, "neighbour", "add", hosts.vanishing, *nobody)
        yield hosts


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, text=True, check=True, timeout=30)


def _refused(what: str) -> NoReturn:
    if _may() and os.environ.get("OPERATOR_TOOL_REQUIRE_ALL_TESTS") == "1":
        pytest.fail(f"who may make them is refused {what}, and OPERATOR_TOOL_REQUIRE_ALL_TESTS=1 demands it")
    pytest.skip(f"not allowed: {what}")


def _may() -> bool:
    """Tell whether this process has what the kernel asks for: root in a container often hasn't (capabilities(7))."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return bool(effective >> _CAP_NET_ADMIN & 1 and effective >> _CAP_SYS_ADMIN & 1)
