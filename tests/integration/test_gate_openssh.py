"""A login that a real OpenSSH locks to the gate, by the very line of the how-to: the verbs pass, and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    CompanionError,
    CompanionSession,
    CompanionTransport,
    LinkError,
    RunContext,
    SoundnessAsked,
)
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.runner import C10Provisioner
from operator_tool_plugins.transports import openssh, ssh
from operator_tool_plugins.transports.local import LocalTransport
from tests.support.c10_rig import build_cache, context_of, order_of, provisioner_of, snapshot, supply_of, tiles_in
from tests.support.real_parts import RealSshd, free_port, real_sshd, require
from tests.support.ssh_peers import ssh_agent, wait_until

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "lock-the-companion-down.md"
ALL_FORWARDING = (
    "AllowTcpForwarding yes\nAllowAgentForwarding yes\nX11Forwarding yes\nPermitTTY yes\nPermitTunnel yes\n"
)
pytestmark = pytest.mark.real_parts


class Gated(msgspec.Struct, frozen=True):
    """A server that lets one key in, to the gate of one cache root."""

    server: RealSshd
    root: Path
    agent: Path
    """The link that the forced command names."""

    def line(self) -> str:
        """Return the how-to's line with this test's paths and key in it."""
        (line,) = (line for line in HOW_TO.read_text().splitlines() if line.startswith("restrict,"))
        for written, ours in (("/opt/c10/c10-agent.pyz", self.agent), ("/var/lib/c10", self.root)):
            assert line.count(written) == 1
            line = line.replace(written, str(ours))
        options, kind, _key = line.partition(" ssh-ed25519 ")
        assert kind
        return f"{options} {(self.server.folder / 'client_key.pub').read_text()}"

    def lock(self, line: str) -> None:
        """Let the key in by this line alone."""
        (self.server.folder / "authorized_keys").write_text(line)

    def argv(self, program: str, *more: str) -> list[str]:
        """Return a command of OpenSSH's that may do all that it can with this login."""
        options = {
            "UserKnownHostsFile": self.server.known_hosts,
            "IdentityFile": self.server.key_file,
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "Port": self.server.port,
            "User": self.server.user,
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return [require(program), "-F", "none", *flags, *more]

    def run(self, program: str, *more: str, **changed: Any) -> subprocess.CompletedProcess[bytes]:
        """Run such a command to its end."""
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": False, "timeout": 60}
        return subprocess.run(self.argv(program, *more), **{**how, **changed})

    def transport(self, name: str, folder: Path) -> CompanionTransport:
        """Return a transport of ours with this login."""
        context = RunContext(run_id="run-1", state_dir=folder / "state")
        if name == "ssh":
            return ssh.make_companion_transport(msgspec.convert(self.server.options(), ssh.SshSettings), context)
        settings = msgspec.convert({**self.server.options(), "config_file": None}, openssh.OpensshSettings)
        return openssh.make_companion_transport(settings, context)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    """A server that would forward everything, were it not for the line."""
    root, agents = tmp_path / "cache", tmp_path / "agents"
    root.mkdir()
    context = context_of(tmp_path)
    with LocalTransport(context).connect() as session:
        provisioner_of(root, context, agent_dir=str(agents), python="/usr/bin/python3").install(session)
    with real_sshd(tmp_path / "sshd", extra=ALL_FORWARDING) as server:
        one = Gated(server, root, agents / "c10-agent.pyz")
        one.lock(one.line())
        yield one


@pytest.fixture(params=["ssh", "openssh"])
def session(request: pytest.FixtureRequest, gated: Gated, tmp_path: Path) -> Iterator[CompanionSession]:
    """A session of ours through the gate."""
    if request.param == "openssh":
        require("ssh")
    with gated.transport(request.param, tmp_path).connect() as session:
        yield session


def test_a_whole_build_goes_through_the_gate(session: CompanionSession, gated: Gated, tmp_path: Path) -> None:
    """Asked, sent, built, and found up to date, over both transports; nothing but the cache is written."""
    outside = snapshot(gated.agent.parent)
    summary, report = build_cache(session, gated.root, supply_of(300))
    assert (summary.sent_tiles, report.tiles) == (300, 300)
    assert len(tiles_in(gated.root / "current" / "tiles.mbtiles")) == 300
    state = provisioner_of(gated.root, context_of(tmp_path)).prepare(session, order_of(300))
    assert state.up_to_date
    assert state.notes == ()
    assert provisioner_of(gated.root, context_of(tmp_path)).status(session).facts["login"].startswith("locked")
    assert snapshot(gated.agent.parent) == outside
    assert not (gated.root / "agent").exists()


def test_caches_are_looked_after_through_the_gate(session: CompanionSession, gated: Gated, tmp_path: Path) -> None:
    """Verified, gone back to, forward again, and tidied, over both transports."""
    for number in range(2):
        build_cache(session, gated.root, supply_of(20, first_seed=100 * number), lat_deg=49.0 + number)

    def keeper() -> C10Provisioner:
        return provisioner_of(gated.root, context_of(tmp_path))

    looked = keeper().verify(session, SoundnessAsked(all_generations=True))
    assert looked.is_sound
    assert len(looked.generations) == 2
    back = keeper().rollback(session)
    assert (back.from_generation, back.to_generation) == (looked.generations[0].name, looked.generations[1].name)
    assert (gated.root / "current").readlink().name == back.to_generation
    assert keeper().rollback(session, 2).to_generation == back.from_generation
    assert [one.kept_for for one in keeper().gc(session).kept] == [("current",), ("current before",)]


def test_case_066_files_and_an_install_are_refused_in_the_gate_s_words(
    session: CompanionSession, gated: Gated, tmp_path: Path
) -> None:
    """Neither put nor get nor install gets past it; each error holds its line."""
    before = snapshot(tmp_path / "agents")
    with pytest.raises(LinkError, match="c10 gate: refused") as caught:
        session.put(b"x", str(tmp_path / "agents" / "x"))
    assert not caught.value.retryable
    with pytest.raises(LinkError, match="c10 gate: refused"):
        session.get("/etc/passwd")
    with pytest.raises(CompanionError, match="c10 gate: refused") as refused:
        provisioner_of(gated.root, context_of(tmp_path), agent_dir=str(tmp_path / "agents")).install(session)
    assert "administrator" in refused.value.hint
    assert snapshot(tmp_path / "agents") == before


def test_case_066_another_root_or_program_is_refused(session: CompanionSession, gated: Gated, tmp_path: Path) -> None:
    """The root that the line does not name, and a Python that is none, are told as what they are."""
    with pytest.raises(CompanionError, match="refused: this login is for the cache root"):
        provisioner_of(tmp_path / "other", context_of(tmp_path)).prepare(session, order_of(1))
    with pytest.raises(CompanionError, match="c10 gate: refused") as caught:
        provisioner_of(gated.root, context_of(tmp_path), python="/bin/sh").prepare(session, order_of(1))
    assert "administrator" in caught.value.hint
    assert not (tmp_path / "other").exists()


def changed_agent(**sources: str) -> bytes:
    """Return the agent's file with some lines of its ``__init__`` replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(agent_bundle().data)) as ours, zipfile.ZipFile(buffer, "w") as theirs:
        for name in ours.namelist():
            text = ours.read(name).decode()
            if name == "c10_agent/__init__.py":
                for constant, value in sources.items():
                    line = next(line for line in text.splitlines() if line.startswith(f"{constant} ="))
                    text = text.replace(line, f"{constant} = {value}")
            theirs.writestr(name, text)
    return buffer.getvalue()


def test_another_agent_of_the_same_protocol_is_worked_with(
    session: CompanionSession, gated: Gated, tmp_path: Path
) -> None:
    """It is noted, not replaced, and builds."""
    other = changed_agent(VERSION='"0.0.1"')
    gated.agent.resolve().write_bytes(other)
    provisioner = provisioner_of(gated.root, context_of(tmp_path))
    state = provisioner.prepare(session, order_of(20))
    assert state.agent_version.startswith("0.0.1+")
    assert any("administrator" in note for note in state.notes)
    _summary, report = build_cache(session, gated.root, supply_of(20))
    assert report.tiles == 20
    assert gated.agent.read_bytes() == other


def test_case_092_another_agent_of_another_protocol_is_not(
    session: CompanionSession, gated: Gated, tmp_path: Path
) -> None:
    """Told with both numbers, and who can help."""
    gated.agent.resolve().write_bytes(changed_agent(PROTOCOL="7"))
    with pytest.raises(CompanionError, match="speaks protocol 7, this program speaks 2") as caught:
        provisioner_of(gated.root, context_of(tmp_path)).prepare(session, order_of(1))
    assert "administrator" in caught.value.hint


@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", "id"),
        ("exec", "sh"),
        ("/usr/bin/python3", "-c", "print(1)"),
        ("cat", "/etc/passwd"),
        ("/usr/lib/openssh/sftp-server",),
        ("hello;", "id"),
        ("hello\nid",),
        ("gate", "/"),
        (),
    ],
)
def test_case_066_no_other_program_runs(gated: Gated, words: tuple[str, ...]) -> None:
    """Whatever the client asks for, it gets one line and 65; a login without a command, too."""
    ended = gated.run("ssh", gated.server.host, *words)
    assert (ended.returncode, ended.stdout) == (65, b"")
    assert b"c10 gate: refused" in ended.stderr


def test_case_066_an_interactive_login_with_a_terminal_is_refused(gated: Gated) -> None:
    """Neither a terminal nor a shell on it."""
    ended = gated.run("ssh", "-tt", gated.server.host)
    assert (ended.returncode, ended.stdout) == (255, b"")
    assert b"PTY allocation request failed" in ended.stderr


def test_case_066_no_file_goes_in_or_out(gated: Gated, tmp_path: Path) -> None:
    """The sftp subsystem, sftp, scp by either protocol, and rsync."""
    host, target = gated.server.host, tmp_path / "target"
    target.mkdir()
    source = tmp_path / "source"
    source.write_text("x")
    batch = tmp_path / "batch"
    batch.write_text(f"put {source} {target}/in\nget /etc/hostname {target}/out\n")
    through = " ".join(gated.argv("ssh"))
    tries = {
        "subsystem": gated.argv("ssh", "-s", host, "sftp"),
        "sftp": gated.argv("sftp", "-b", str(batch), host),
        "scp by sftp": gated.argv("scp", str(source), f"{host}:{target}/in"),
        "scp": gated.argv("scp", "-O", str(source), f"{host}:{target}/in"),
        "scp back": gated.argv("scp", "-O", f"{host}:/etc/hostname", f"{target}/out"),
        "rsync": [require("rsync"), "-e", through, str(source), f"{host}:{target}/in"],
        "rsync back": [require("rsync"), "-e", through, f"{host}:/etc/hostname", f"{target}/out"],
    }
    for name, argv in tries.items():
        ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
        assert ended.returncode != 0, name
        # Of a subsystem's program sshd passes on no standard error.
        assert b"c10 gate: refused" in ended.stderr or name in ("subsystem", "sftp", "scp by sftp"), (name, ended)
        assert list(target.iterdir()) == [], name


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A service of the companion's that nobody may reach through the login."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.0)
        yield listener


def reaches(listener: socket.socket) -> bool:
    """Tell whether anybody has connected."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def unrestricted(gated: Gated) -> None:
    """Let the key in by the same line but for ``restrict``."""
    gated.lock(gated.line().removeprefix("restrict,"))


@pytest.mark.parametrize("restricted", [True, False], ids=["locked", "twin"])
def test_case_066_nothing_is_forwarded_to(gated: Gated, restricted: bool) -> None:
    """-L, -D and -W reach nothing behind the companion; without ``restrict`` they would."""
    if not restricted:
        unrestricted(gated)
    with listening() as listener:
        target = listener.getsockname()
        if restricted:
            ended = gated.run("ssh", "-W", f"{target[0]}:{target[1]}", gated.server.host)
            assert b"prohibited" in ended.stderr
            assert not reaches(listener)
        for flag in ("-L", "-D"):
            port = free_port()
            where = f"127.0.0.1:{port}" + (f":{target[0]}:{target[1]}" if flag == "-L" else "")
            argv = gated.argv("ssh", "-N", flag, where, gated.server.host)
            with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
                try:
                    talk(port, target if flag == "-D" else None)
                    assert reaches(listener) is not restricted, flag
                finally:
                    client.kill()


def talk(port: int, socks_to: tuple[str, int] | None) -> None:
    """Connect to a client's forwarded port once it listens, and wait until the other end has answered or hung up."""
    deadline_s = time.monotonic() + 15
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            break
        except OSError:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    with connection:
        if socks_to is not None:
            address = socket.inet_aton(socks_to[0]) + socks_to[1].to_bytes(2, "big")
            connection.sendall(b"\x05\x01\x00")
            connection.recv(2)
            connection.sendall(b"\x05\x01\x00\x01" + address)
        connection.settimeout(1.5)
        with contextlib.suppress(TimeoutError, OSError):
            connection.recv(64)


@pytest.mark.parametrize("restricted", [True, False], ids=["locked", "twin"])
def test_case_066_nothing_is_forwarded_back(gated: Gated, restricted: bool) -> None:
    """-R gets no port on the companion; without ``restrict`` it would."""
    if not restricted:
        unrestricted(gated)
    port = free_port()
    argv = gated.argv("ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:9", gated.server.host)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
        try:
            if restricted:
                assert client.wait(20) == 255
                assert client.stderr is not None
                assert b"remote port forwarding failed" in client.stderr.read()
            else:
                wait_until(lambda: is_open(port))
        finally:
            client.kill()


def is_open(port: int) -> bool:
    """Tell whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("restricted", [True, False], ids=["locked", "twin"])
def test_case_066_neither_agent_nor_display_nor_terminal_comes_along(
    gated: Gated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restricted: bool
) -> None:
    """What sshd gives the gate's process tells it; without ``restrict`` it would be given all three."""
    require("xauth")
    if not restricted:
        unrestricted(gated)
    with ssh_agent(tmp_path, monkeypatch):
        environment = {**os.environ, "DISPLAY": ":77"}
        # A client that is refused the terminal that it insists on goes away at once.
        terminal = () if restricted else ("-tt",)
        argv = gated.argv("ssh", "-A", "-Y", *terminal, gated.server.host, "serve")
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as client:
            try:
                wait_until(lambda: gate_environment(gated) is not None)
                given = gate_environment(gated) or {}
            finally:
                client.kill()
    assert given["SSH_ORIGINAL_COMMAND"] == "serve"
    expected = set() if restricted else {"SSH_AUTH_SOCK", "DISPLAY", "SSH_TTY"}
    assert {"SSH_AUTH_SOCK", "DISPLAY", "SSH_TTY"} & set(given) == expected


def gate_environment(gated: Gated) -> dict[str, str] | None:
    """Return what the gate's process was started with, None while there is none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(gated.agent) in words and b"gate" in words:
                    pairs = (entry / "environ").read_bytes().decode().split("\0")
                    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return None
