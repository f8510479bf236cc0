"""The companion's end: one real sshd, reached straight or over links that are late or narrow."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import RealSshd, real_sshd

ROUND_TRIP_S = 0.02
NARROW_MBIT_PER_S = 20.0
GCM = ("-o", "Ciphers=aes128-gcm@openssh.com")
_PATIENCE_S = 20.0
_PYTHON = Path("/usr/bin/python3")


class Reach(msgspec.Struct, frozen=True):
    """How the companion is reached over one link."""

    sshd: RealSshd
    port: int
    known_hosts: Path

    @property
    def login(self) -> str:
        """The account and the host."""
        return f"{self.sshd.user}@{self.sshd.host}"

    @property
    def options(self) -> list[str]:
        """The options that ssh, scp and sftp share: this key and this host key, and nothing of the user's own."""
        told = {
            "Port": self.port,
            "IdentityFile": self.sshd.key_file,
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self.known_hosts,
        }
        return ["-F", "/dev/null", *(part for key, value in told.items() for part in ("-o", f"{key}={value}"))]

    def ssh(self, *more: str) -> str:
        """Return the command of ssh as a shell reads it, without the host."""
        return shlex.join(["ssh", *self.options, *more])

    def settings(self) -> dict[str, str]:
        """Return the settings of our transports."""
        return {
            "host": self.sshd.host,
            "port": str(self.port),
            "user": self.sshd.user,
            "key_file": str(self.sshd.key_file),
            "known_hosts": str(self.known_hosts),
        }


class FarSide(msgspec.Struct, frozen=True):
    """The sshd and the links to it."""

    sshd: RealSshd
    folder: Path

    @property
    def raw(self) -> Reach:
        """Straight over the loopback."""
        return self._reach(self.sshd.port)

    @contextlib.contextmanager
    def late(self) -> Iterator[Reach]:
        """Over a link with a round trip of 20 ms."""
        with LinkProxy((self.sshd.host, self.sshd.port), round_trip_s=ROUND_TRIP_S) as link:
            yield self._reach(link.port)

    @contextlib.contextmanager
    def narrow(self, mbit_per_s: float = NARROW_MBIT_PER_S) -> Iterator[Reach]:
        """Over a link that is narrow both ways, and late too."""
        server = (self.sshd.host, self.sshd.port)
        with LinkProxy(server, round_trip_s=ROUND_TRIP_S, up_mbit_per_s=mbit_per_s, down_mbit_per_s=mbit_per_s) as link:
            yield self._reach(link.port)

    def cpu_s(self) -> float:
        """Return the processor time of all sessions so far, and of the programs that they ran, once they have ended."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while self.sshd.sessions():
            if time.monotonic() > deadline_s:
                raise SystemExit(f"sessions of sshd do not end: {self.sshd.sessions()}")
            time.sleep(0.01)
        fields = Path(f"/proc/{self.sshd.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def _reach(self, port: int) -> Reach:
        known_hosts = self.folder / f"known_hosts.{port}"
        known_hosts.write_text(f"[{self.sshd.host}]:{port} {self.sshd.host_key}\n")
        return Reach(self.sshd, port, known_hosts)


@contextlib.contextmanager
def far_side(folder: Path) -> Iterator[FarSide]:
    """Run an sshd."""
    with real_sshd(folder) as sshd:
        yield FarSide(sshd, folder)


def python() -> str:
    """Return the companion's Python: the system's own, as the peers' programs at the far side are."""
    return str(_PYTHON) if _PYTHON.exists() else "python3"
