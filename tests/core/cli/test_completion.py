"""A TAB in the shell: names of what is there, nothing that went wrong, and no plugin imported for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import sys
from operator_tool.cli import main
try:
    main()
finally:
    wrong = [name for name in sys.modules if name.split(".")[0] in
             ("operator_tool_plugins", "pluggy", "stevedore", "msgspec", "httpx", "paramiko")]
    print(wrong, file=sys.stderr)
"""


def _tab(tmp_path: Path, shell: str, words: str, *, config: str = "") -> subprocess.CompletedProcess[str]:
    """Return what a shell is told at a TAB behind these words."""
    (tmp_path / "config.toml").write_text(config)
    typed = words.split(" ")
    asked = {
        "_OPERATOR_TOOL_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": typed[-1] if shell == "fish" else str(len(typed) - 1),
        "OPERATOR_TOOL_CONFIG": str(tmp_path / "config.toml"),
    }
    return subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "among"),
    [
        ("operator-tool pl", "plan"),
        ("operator-tool plan --provider mb", "mbtiles"),
        ("operator-tool build-cache --transport op", "openssh"),
        ("operator-tool build-cache --companion al", "alpha"),
        ("operator-tool build-cache --profile fi", "field"),
        ("operator-tool plan --flight-format qgc-p", "qgc-plan"),
    ],
)
def test_names_are_completed_and_no_plugin_is_imported(tmp_path: Path, shell: str, words: str, among: str) -> None:
    """What stands on standard error is the list of modules that must not be there, and nothing else."""
    told = _tab(tmp_path, shell, words, config="[companions.alpha]\n[profiles.field.xyz]\n")
    assert among in re.split(r"[,\t\n]", told.stdout)
    assert told.stderr == "[]\n"
    assert told.returncode == 0


@pytest.mark.parametrize("config", ["= not TOML", "companions = 3\n", "\x00"])
def test_a_configuration_that_cannot_be_read_completes_nothing(tmp_path: Path, config: str) -> None:
    """And says nothing between the words that are typed."""
    told = _tab(tmp_path, "bash", "operator-tool build-cache --companion a", config=config)
    assert (told.stdout.strip(), told.stderr) == ("", "[]\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    """What the how-to has it read at its start."""
    told = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, "_OPERATOR_TOOL_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "_OPERATOR_TOOL_COMPLETE" in told.stdout
    assert (told.returncode, told.stderr) == (0, "[]\n")
