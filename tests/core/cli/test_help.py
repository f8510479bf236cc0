"""The help answers at once, whatever is installed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from operator_tool.api import MAX_ZOOM
from operator_tool.cli import COMMANDS, options

HEAVY = ("pluggy", "stevedore", "msgspec", "httpx", "paramiko", "pycurl", "PIL", "rich", "filelock", "sqlite3")
WATCHED = (*HEAVY, "operator_tool_plugins", "operator_tool.api", "operator_tool.plugin_host")

SCRIPT = """
import sys
sys.argv = ["operator-tool", *{arguments!r}]
from operator_tool.cli import main
try:
    main()
except SystemExit as leaving:
    code = leaving.code
loaded = [name for name in {watched!r} if name in sys.modules]
print("CODE", code, "LOADED", loaded)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, without what measures coverage: that imports libraries too."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["-h"], [], ["plugins", "--help"], ["cameras", "--help"], ["companion", "--help"], ["--version"]],
)
def test_help_imports_no_plugin_and_none_of_the_heavy_libraries(arguments: list[str]) -> None:
    """Click and our own table of commands are enough."""
    script = SCRIPT.format(arguments=arguments, watched=WATCHED)
    done = run(script)
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize("command", ["enrol", "install", "status"])
def test_a_companion_commands_help_imports_no_plugin_either(command: str) -> None:
    """Nor what reaches companions."""
    script = SCRIPT.format(arguments=["companion", command, "--help"], watched=WATCHED)
    done = run(script)
    assert "CODE 0 LOADED []" in done.stdout
    assert "--companion NAME" in done.stdout


@pytest.mark.parametrize("command", ["build-cache", "plan", "download", "verify-ready"])
def test_a_commands_help_imports_no_plugin_either(command: str) -> None:
    """Its options are known without what they select."""
    script = SCRIPT.format(arguments=[command, "--help"], watched=WATCHED)
    done = run(script)
    assert "CODE 0 LOADED []" in done.stdout
    assert "--flight-file" in done.stdout


def test_plugins_list_imports_no_plugin_and_neither_pluggy_nor_stevedore() -> None:
    """Names, distributions and versions come from the metadata."""
    script = SCRIPT.format(arguments=["plugins", "list"], watched=[*HEAVY, "operator_tool_plugins"])
    done = run(script)
    assert "CODE 0 LOADED []" in done.stdout
    assert "synthetic" in done.stdout


def test_every_command_of_the_table_is_there_and_has_its_help_line() -> None:
    """The table is a list of what exists, and the help shows all of it."""
    script = SCRIPT.format(arguments=["--help"], watched=())
    done = run(script)
    for name, (_, text) in COMMANDS.items():
        assert name in done.stdout
        assert text in " ".join(done.stdout.split())


def test_the_highest_zoom_of_the_option_is_the_contracts() -> None:
    """The number stands twice, so that a help text need not import the api."""
    assert options._HIGHEST_ZOOM == MAX_ZOOM


def test_the_formats_that_the_option_names_are_those_of_the_file_source() -> None:
    """The help does not import the plugin to know them."""
    from typing import get_args

    from operator_tool_plugins.flight_sources.file import FormatName

    assert get_args(FormatName) == options.FLIGHT_FORMATS
