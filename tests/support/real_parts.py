"""The real sshd and the real nginx, each started on a free loopback port for one test or module.

Each is a context manager that waits for its port with a deadline and ends its own processes only.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import shutil
import signal
import socket
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

_START_S = 15.0
_END_S = 5.0
_LOOPBACK = "127.0.0.1"
_WHERE_DAEMONS_LIE = ("/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin")


def require(program: str) -> str:
    """Return the path of a program; without it skip the test, or fail it where OPERATOR_TOOL_REQUIRE_ALL_TESTS=1."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *_WHERE_DAEMONS_LIE]))
    if found is None:
        not_installed(program)
    return found


def not_installed(what: str) -> NoReturn:
    """Skip the test for want of a part, or fail it where OPERATOR_TOOL_REQUIRE_ALL_TESTS=1."""
    message = f"{what} is not installed"
    if os.environ.get("OPERATOR_TOOL_REQUIRE_ALL_TESTS") == "1":
        pytest.fail(f"{message}, and OPERATOR_TOOL_REQUIRE_ALL_TESTS=1 demands it")
    pytest.skip(message)


@dataclass(frozen=True, kw_only=True)
class RealSshd:
    """An OpenSSH server that lets the current user in with one key."""

    host: str
    port: int
    user: str
    folder: Path
    pid: int

    @property
    def key_file(self) -> Path:
        """The private key that is let in."""
        return self.folder / "client_key"

    @property
    def known_hosts(self) -> Path:
        """A file that holds the server's host key."""
        return self.folder / "known_hosts"

    @property
    def host_key(self) -> str:
        """The public host key: its type and its base64."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """The host key's, as ssh-keygen prints it."""
        return fingerprint(self.folder / "host_key.pub")

    def options(self) -> dict[str, object]:
        """Return the settings of the ssh transport that reach this server."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "key_file": str(self.key_file),
            "use_agent": False,
            "known_hosts": str(self.known_hosts),
            "config_file": "none",
        }

    def sessions(self) -> tuple[int, ...]:
        """Return the processes that serve connections, the programs that they run not among them."""
        return tuple(pid for pid in _descendants(self.pid) if _name(pid).startswith("sshd"))

    def programs(self) -> tuple[int, ...]:
        """Return the processes of the programs that connections run."""
        return tuple(pid for pid in _descendants(self.pid) if not _name(pid).startswith("sshd"))

    def send_to_sessions(self, number: signal.Signals) -> None:
        """Signal every process that serves a connection."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@contextlib.contextmanager
def real_sshd(
    folder: Path,
    *,
    extra: str = "",
    host_key_type: str = "ed25519",
    address: str = _LOOPBACK,
    through: Sequence[str] = (),
) -> Iterator[RealSshd]:
    """Run sshd with its files in ``folder``; ``extra`` lines of configuration come first, so that they win.

    ``through`` is a command that becomes sshd, in a namespace of its own perhaps, where alone ``address`` may exist.
    """
    binary, ssh_keygen = require("sshd"), require("ssh-keygen")
    folder.mkdir(parents=True, exist_ok=True)
    make_key(folder / "host_key", host_key_type, ssh_keygen=ssh_keygen)
    make_key(folder / "client_key", ssh_keygen=ssh_keygen)
    shutil.copy(folder / "client_key.pub", folder / "authorized_keys")
    if os.geteuid() == 0:
        # Debian's sshd refuses to run as root without this folder, which its service makes at boot.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        textwrap.dedent(extra)
        + textwrap.dedent(f"""
            ListenAddress {address}:{port}
            HostKey {folder / "host_key"}
            PidFile none
            AuthorizedKeysFile {folder / "authorized_keys"}
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            PrintMotd no
            LogLevel VERBOSE
            Subsystem sftp internal-sftp
            """)
    )
    kind, blob = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[{address}]:{port} {kind} {blob}\n")
    log = folder / "sshd.log"

    def listens() -> bool:
        return f"Server listening on {address} port {port}" in log.read_text(errors="replace")

    argv = [*through, binary, "-D", "-e", "-f", str(config)]
    with running(argv, port, log, answers=listens if through else None) as pid:
        yield RealSshd(host=address, port=port, user=getpass.getuser(), folder=folder, pid=pid)


@dataclass(frozen=True, kw_only=True)
class RealNginx:
    """An nginx that serves the files of a folder."""

    url: str
    root: Path
    access_log: Path
    pid: int


@contextlib.contextmanager
def real_nginx(folder: Path, root: Path, *, extra: str = "", listen: str = "", log: str = "") -> Iterator[RealNginx]:
    """Run nginx with its own files in ``folder``, serving ``root``.

    ``extra`` lines go into its server block, ``listen`` is added to the address that it listens on, and ``log`` is
    what it logs of each request instead of nginx's usual line.
    """
    binary = require("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    port = free_port()
    # As root its workers would become another user, who can't enter a test's folder.
    user = f"user {getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name};" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        textwrap.dedent(f"""\
            daemon off;
            {user}
            worker_processes 1;
            pid {folder / "nginx.pid"};
            error_log {folder / "error.log"};
            events {{ worker_connections 256; }}
            http {{
              types {{
                image/jpeg jpg jpeg; image/png png; image/webp webp; application/json json; text/html html;
              }}
              default_type application/octet-stream;
              {f"log_format asked '{log}';" if log else ""}
              access_log {folder / "access.log"} {"asked" if log else "combined"};
              client_body_temp_path {folder / "body"};
              proxy_temp_path {folder / "proxy"};
              fastcgi_temp_path {folder / "fastcgi"};
              uwsgi_temp_path {folder / "uwsgi"};
              scgi_temp_path {folder / "scgi"};
              server {{
                listen {_LOOPBACK}:{port} {listen};
                root {root};
                etag on;
                {extra}
              }}
            }}
            """)
    )
    # -e: without it nginx first tries to write to the log that was compiled in.
    argv = [binary, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)]
    with running(argv, port, folder / "nginx.log") as pid:
        yield RealNginx(url=f"http://{_LOOPBACK}:{port}", root=root, access_log=folder / "access.log", pid=pid)


def make_key(path: Path, kind: str = "ed25519", *, passphrase: str = "", ssh_keygen: str = "ssh-keygen") -> None:
    """Write a new key pair, the public key beside the private one."""
    subprocess.run(
        [ssh_keygen, "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)], check=True, timeout=60
    )


def fingerprint(public_key: Path) -> str:
    """Return a public key's fingerprint as ssh-keygen prints it."""
    output = subprocess.run(
        ["ssh-keygen", "-lf", str(public_key)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    return output.split()[1]


def free_port() -> int:
    """Return a port of the loopback that nothing listened on just now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    argv: list[str], port: int, log: Path, *, start_s: float = _START_S, answers: Callable[[], bool] | None = None
) -> Iterator[int]:
    """Run a server until the block ends; gives its process once it answers on its port, and fails the test else.

    ``answers`` tells that it does, where its port can't be tried from here.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_for_port(process, log, start_s, answers or (lambda: _is_open(port)))
        yield process.pid
    finally:
        children = _descendants(process.pid)
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_S)
        for pid in children:  # sshd leaves those behind that serve a connection, and some may be stopped
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _wait_for_port(process: subprocess.Popen[bytes], log: Path, start_s: float, answers: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + start_s
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline_s:
            pytest.fail(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)


def _is_open(port: int) -> bool:
    try:
        socket.create_connection((_LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _descendants(pid: int) -> tuple[int, ...]:
    """Return the children of a process, their children and so on."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found += level
    return tuple(found)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
