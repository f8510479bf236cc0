"""What pytest loads in every run of whoever has operator-tool installed."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import operator_tool.testing

HEAVY = ("msgspec", "httpx", "paramiko", "stevedore", "pycurl", "PIL", "operator_tool.api", "operator_tool.plugin_host")


def test_the_pytest_plugin_loads_nothing_heavy() -> None:
    """pytest and the standard library, until a contract is asked for."""
    program = "import operator_tool.testing.pytest_plugin, sys; print(*sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(ran.stdout.split())
    assert not loaded & set(HEAVY)
    ours = {name for name in loaded if name.startswith("operator_tool")}
    assert ours == {"operator_tool", "operator_tool.testing", "operator_tool.testing.pytest_plugin"}


def test_pytest_finds_the_plugin_and_says_so() -> None:
    """Its entry point is there, and pytest's header has a line of it."""
    (found,) = [one for one in metadata.entry_points(group="pytest11") if one.name == "operator_tool"]
    assert found.load().pytest_report_header().startswith(f"operator-tool: {operator_tool.__version__}")


def test_every_contract_can_be_imported_from_the_package() -> None:
    """What is exported is there, and a name that is not there is an error as of any module."""
    for name in operator_tool.testing.__all__:
        assert getattr(operator_tool.testing, name).__name__ == name
    assert not hasattr(operator_tool.testing, "NoSuchContract")
