"""What the settings and an OpenSSH configuration make of a companion's name."""

from __future__ import annotations

import getpass
import logging
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import ConfigError
from operator_tool_plugins.transports.ssh.route import Endpoint, find_route
from operator_tool_plugins.transports.ssh.settings import SshSettings
from tests.support.real_parts import require

ALIASES = """
Host alpha
    HostName 192.0.2.7
    Port 2222
    User pilot
    IdentityFile ~/keys/alpha
    HostKeyAlias Alpha-Key
Host far
    HostName=far.example
    ProxyJump one,two@second.example:2200
Host one
    HostName first.example
    Port 2201
    ProxyJump zero
Host behind
    ProxyJump none
Host *
    User everyone
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, so that nobody's real configuration is read, and no agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def write(home: Path, text: str, name: str = "config") -> Path:
    """Write a file of the home's ``.ssh``."""
    path = home / ".ssh" / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def route(host: str, **settings: Any) -> tuple[Endpoint, ...]:
    """Return the way to a host."""
    return find_route(msgspec.convert({"host": host, **settings}, SshSettings))


def test_without_a_file_a_host_is_what_it_is_called(home: Path) -> None:
    """Port 22, the operator's own name, no jump host."""
    (only,) = route("Drone")
    assert (only.host, only.port, only.user, only.label) == ("Drone", 22, getpass.getuser(), "drone")
    assert only.key_files == ()


def test_an_alias_is_what_the_file_says(home: Path) -> None:
    """Name, port, user, key and the name of its host key."""
    write(home, ALIASES)
    (alpha,) = route("alpha")
    assert alpha.address == "ssh://pilot@192.0.2.7:2222"
    assert alpha.key_files == (home / "keys" / "alpha",)
    assert not alpha.keys_are_set
    assert alpha.label == "alpha-key"


def test_settings_win_over_the_file(home: Path) -> None:
    """Each by itself; the key of the settings is the only one."""
    write(home, ALIASES)
    (alpha,) = route("alpha", port=22, user="root", key_file="~/other")
    assert alpha.address == "ssh://root@192.0.2.7:22"
    assert alpha.key_files == (home / "other",)
    assert alpha.keys_are_set


def test_a_file_can_be_left_unread(home: Path) -> None:
    """The setting "none"; another file in its place is read instead."""
    write(home, ALIASES)
    assert route("alpha", config_file="none")[0].host == "alpha"
    other = write(home, "Host alpha\n HostName 192.0.2.9\n", "other")
    assert route("alpha", config_file=str(other))[0].host == "192.0.2.9"


def test_jump_hosts_come_in_their_order(home: Path) -> None:
    """Each with what the file says of it, the first one's own jump host before it."""
    write(home, ALIASES)
    assert [server.address for server in route("far")] == [
        "ssh://everyone@zero:22",
        "ssh://everyone@first.example:2201",
        "ssh://two@second.example:2200",
        "ssh://everyone@far.example:22",
    ]
    assert len(route("behind")) == 1


@pytest.mark.parametrize(
    ("jump", "address"),
    [
        ("[2001:db8::1]:2200", "ssh://me@[2001:db8::1]:2200"),
        ("ssh://you@hop:2200", "ssh://you@hop:2200"),
        ("you@hop", "ssh://you@hop:22"),
    ],
)
def test_a_jump_host_can_be_written_in_every_way(home: Path, jump: str, address: str) -> None:
    """An address in brackets, a URL, a user before it."""
    write(home, f"Host drone\n ProxyJump {jump}\nHost *\n User me\n")
    assert route("drone")[0].address == address


def test_a_proxy_command_is_refused_with_a_way_out(home: Path) -> None:
    """It is never run; where ProxyJump comes first, that one counts, as OpenSSH has it."""
    write(home, "Host drone\n ProxyCommand touch ran\n ProxyJump hop\n")
    with pytest.raises(ConfigError, match="ProxyCommand") as caught:
        route("drone")
    assert "openssh" in caught.value.hint
    write(home, "Host drone\n ProxyJump hop\n ProxyCommand touch ran\n")
    assert len(route("drone")) == 2
    write(home, "Host drone\n ProxyCommand none\n ProxyJump hop\n")
    assert len(route("drone")) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Host\n", "Unparsable"),
        ("Host 'drone\n", "Unparsable"),
        ("Host drone\n Port many\n", "Port of drone is 'many'"),
        ("Host drone\n ProxyJump a b\n", "not a host"),
        ("Host drone\n ProxyJump hop\nHost hop\n ProxyJump drone\n", "in a circle"),
        ("Host drone\n ProxyJump drone\n", "in a circle"),
        ("Match host\n", "Missing parameter"),
        ("Include config\n", "includes itself"),
    ],
)
def test_a_broken_file_is_named(home: Path, text: str, why: str) -> None:
    """With what is wrong, and how to do without."""
    path = write(home, text)
    with pytest.raises(ConfigError, match=why) as caught:
        route("drone")
    assert str(path) in caught.value.message
    assert 'config_file = "none"' in caught.value.hint


def test_a_file_that_can_t_be_trusted_or_read_is_named(home: Path) -> None:
    """One that others may write to, as OpenSSH refuses it; one that isn't there; one that is no text."""
    path = write(home, ALIASES)
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="others may write"):
        route("alpha")
    with pytest.raises(ConfigError, match="No such file"):
        route("alpha", config_file=str(home / "absent"))
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="UTF-8"):
        route("alpha")


def test_what_asks_a_program_or_the_network_is_passed_over(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is named by its line, its section does not apply, and the rest does."""
    write(
        home,
        f'CanonicalizeHostname yes\nMatch exec "touch {home / "ran"}"\n User wrong\n'
        "Match localnetwork 10.0.0.0/8\n User wrong\nHost drone\n User right\n",
    )
    with caplog.at_level(logging.WARNING):
        assert route("drone")[0].user == "right"
    assert not (home / "ran").exists()
    assert [record.getMessage().split(": ")[0][-6:] for record in caplog.records] == ["line 1", "line 2", "line 4"]


def test_a_match_by_name_and_user_applies(home: Path) -> None:
    """As OpenSSH has it."""
    write(home, "Match host dr* user pilot\n Port 2222\nMatch originalhost other\n Port 1\n")
    assert route("drone", config_file=None)[0].port == 22
    write(home, "Host drone\n User pilot\nMatch host dr* user pilot\n Port 2222\n")
    assert route("drone")[0].port == 2222


def test_included_files_are_read(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Names relative to ~/.ssh and wildcards; what comes after them applies to every host again."""
    (home / ".ssh" / "config.d").mkdir()
    write(home, "Host drone\n HostName 192.0.2.7\n", "config.d/drones")
    write(home, "Include config.d/*\nUser pilot\nHost other\n Include config.d/*\n")
    with caplog.at_level(logging.WARNING):
        assert route("drone")[0].address == "ssh://pilot@192.0.2.7:22"
    assert route("strange")[0].user == "pilot"
    assert "line 4: Include is supported before the first Host only" in caplog.text


@pytest.mark.parametrize(
    ("value", "agent"),
    [("none", None), ("SSH_AUTH_SOCK", "/of/the/environment"), ("$OTHER_AGENT", "/other"), ("~/agent", "HOME/agent")],
)
def test_the_agent_of_the_file(home: Path, monkeypatch: pytest.MonkeyPatch, value: str, agent: str | None) -> None:
    """None, the environment's, that of another variable, a path; ``use_agent = false`` wins over all."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/of/the/environment")
    monkeypatch.setenv("OTHER_AGENT", "/other")
    write(home, f"Host drone\n IdentityAgent {value}\n")
    assert route("drone")[0].agent == (agent.replace("HOME", str(home)) if agent else None)
    assert route("drone", use_agent=False)[0].agent is None


@pytest.mark.real_parts
@pytest.mark.parametrize("name", ["alpha", "far", "one", "behind", "strange"])
def test_openssh_reads_the_file_in_the_same_way(home: Path, name: str) -> None:
    """``ssh -G`` gives the same name, port, user and jump hosts."""
    path = write(home, ALIASES)
    argv = [require("ssh"), "-G", "-F", str(path), name]
    output = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout
    theirs = dict(line.split(" ", 1) for line in output.splitlines())
    companion = route(name)[-1]
    assert (companion.host, str(companion.port), companion.user) == (
        theirs["hostname"],
        theirs["port"],
        theirs["user"],
    )
    assert (len(route(name)) > 1) == ("proxyjump" in theirs)
