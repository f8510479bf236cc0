"""The settings of the ssh transport, and what it knows before it connects."""

from __future__ import annotations

import getpass
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import RunContext
from operator_tool_plugins.transports import ssh


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"host": "drone", "user": "pilot"}, "ssh://pilot@drone:22"),
        ({"host": "10.0.0.2", "user": "pilot", "port": 2222}, "ssh://pilot@10.0.0.2:2222"),
        ({"host": "fe80::1", "user": "pilot"}, "ssh://pilot@[fe80::1]:22"),
        ({"host": "drone"}, f"ssh://{getpass.getuser()}@drone:22"),
    ],
)
def test_the_address_is_known_without_connecting(
    options: dict[str, Any], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User, host and port; the operator's own login name where none is set."""
    monkeypatch.setenv("HOME", str(tmp_path))  # where no ~/.ssh/config is
    settings = msgspec.convert(options, ssh.SshSettings)
    context = RunContext(run_id="run", state_dir=tmp_path)
    assert ssh.make_companion_transport(settings, context).address == address


@pytest.mark.parametrize(
    "options", [{}, {"host": ""}, {"host": "me@drone"}, {"host": "a b"}, {"host": "drone", "port": 0}]
)
def test_wrong_settings_are_refused(options: dict[str, Any]) -> None:
    """A missing host, a user in the host, a port that is none."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, ssh.SshSettings)


def test_paramiko_is_not_imported_before_it_is_needed() -> None:
    """The plugin's module is cheap to import."""
    code = "import sys, operator_tool_plugins.transports.ssh; sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_paramiko_is_imported_without_what_is_not_used() -> None:
    """Half of its time would go into a package for running local commands; it is not in the way of others."""
    code = """
import sys
from operator_tool_plugins.transports.ssh.library import import_library
import_library()
import_library()
import operator_tool_plugins.transports.ssh.connect
assert "paramiko" in sys.modules
assert "invoke" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
