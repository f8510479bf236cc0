"""An SSH server's address as operators write it, the same for both transports."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import CompanionTransport, ConfigError, RunContext
from operator_tool_plugins.transports import openssh, ssh
from tests.support.real_parts import require

INTERFACE = socket.if_nameindex()[0][1]
both = pytest.mark.parametrize("transport", ["ssh", pytest.param("openssh", marks=pytest.mark.real_parts)])


def transport_to(transport: str, folder: Path, **given: Any) -> CompanionTransport:
    """Return a transport of this name with these settings."""
    context = RunContext(run_id="run", state_dir=folder, trust_dir=folder)
    settings = {"config_file": "none", "user": "c10", **given}
    if transport == "ssh":
        return ssh.make_companion_transport(msgspec.convert(settings, ssh.SshSettings), context)
    require("ssh")
    return openssh.make_companion_transport(msgspec.convert(settings, openssh.OpensshSettings), context)


@both
@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"host": "::1"}, "ssh://c10@[::1]:22"),
        ({"host": "[::1]"}, "ssh://c10@[::1]:22"),
        ({"host": "[::1]:2222"}, "ssh://c10@[::1]:2222"),
        ({"host": "[::1]:2222", "port": 2222}, "ssh://c10@[::1]:2222"),
        ({"host": "[2001:db8::7]", "port": 2222}, "ssh://c10@[2001:db8::7]:2222"),
        ({"host": "[192.0.2.7]:2222"}, "ssh://c10@192.0.2.7:2222"),
        ({"host": f"fe80::1234%{INTERFACE}"}, f"ssh://c10@[fe80::1234%{INTERFACE}]:22"),
        ({"host": f"[fe80::1234%{INTERFACE}]:2222"}, f"ssh://c10@[fe80::1234%{INTERFACE}]:2222"),
    ],
)
def test_brackets_are_taken_off(tmp_path: Path, transport: str, given: dict[str, Any], address: str) -> None:
    """The port behind them is the port."""
    assert transport_to(transport, tmp_path, **given).address == address


@both
@pytest.mark.parametrize(
    "given",
    [
        {"host": "[::1"},
        {"host": "[]"},
        {"host": "[::1]22"},
        {"host": "[::1]:0"},
        {"host": "[::1]:99999"},
        {"host": "[::1]:22", "port": 2222},
        {"host": "fe80::1234"},
        {"host": "[fe80::1234]"},
        {"host": "FE80::1234"},
        {"host": "febf::1"},
        {"host": "fe80::1234%absent0"},
    ],
)
def test_an_address_that_leads_nowhere_is_refused(tmp_path: Path, transport: str, given: dict[str, Any]) -> None:
    """Before anything is connected, as a mistake of the configuration."""
    with pytest.raises(ConfigError) as caught:
        transport_to(transport, tmp_path, **given).connect()
    assert caught.value.hint


@both
def test_a_link_local_address_is_told_with_its_interface(tmp_path: Path, transport: str) -> None:
    """As one has to write it; the hint names the interfaces that there are."""
    with pytest.raises(ConfigError) as caught:
        transport_to(transport, tmp_path, host="fe80::1234").connect()
    assert "fe80::1234%" in caught.value.message
    assert all(name in caught.value.hint for _number, name in socket.if_nameindex()[:8])


@both
def test_addresses_of_the_configuration_are_looked_at_too(tmp_path: Path, transport: str) -> None:
    """An alias may stand for one; behind a jump host, too, the interface has to be named."""
    config = tmp_path / "config"
    config.write_text("Host near far\n  HostName fe80::7\nHost far\n  ProxyJump 192.0.2.1\n")
    config.chmod(0o600)
    for alias in ("near", "far"):
        with pytest.raises(ConfigError):
            transport_to(transport, tmp_path, host=alias, config_file=str(config)).connect()


def test_a_jump_host_is_looked_at_too(tmp_path: Path) -> None:
    """The first one on the way is reached from here."""
    config = tmp_path / "config"
    config.write_text("Host far\n  HostName 192.0.2.7\n  ProxyJump c10@[fe80::1]:22\n")
    config.chmod(0o600)
    with pytest.raises(ConfigError):
        transport_to("ssh", tmp_path, host="far", config_file=str(config)).connect()
