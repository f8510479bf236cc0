"""One line for a program and its arguments, read by the shells that a companion's account may have."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_tool.api import shell_line
from tests.support.real_parts import require

SHELLS = ("sh", "bash", "dash", "zsh", "mksh", "fish", "tcsh", "csh", "busybox")
SAY = "import os, sys; sys.stdout.write(repr([os.fsencode(a) for a in sys.argv[1:]]))"
ODD = (
    *("", " ", "a b", "it's", '"quoted"', "'", "''", "-n", "~", "~root", "=ls", "%1", "@", "#x", "^x^y", "*", "?[a-z]"),
    *("!", "!!", "a!b", "!x y", "$HOME", "$(echo no) `echo no`", "${x}", "{a,b}", "a;b", "a&b", "a|b", "<x>y", "(x)"),
    *("\\", "\\\\", "\\n", "a\\", "\\'", "'\\'", "\\!", "\\0101", "\\\n", "\n", "two\nlines\n\n", "\t", "\r\n"),
    *("\x1b[0m", "jürgen ≤", "\udcff\udc80", "x" * 3000),
)


def seen(shell: str, argv: Sequence[str]) -> list[bytes]:
    """Return the arguments that a program gets which this shell starts from the line, as sshd would have it."""
    path = require(shell)
    before = [path, "sh"] if shell == "busybox" else [path]
    line = "exec " + shell_line([sys.executable, "-c", SAY, *argv])
    assert "\n" not in line
    said = subprocess.run([*before, "-c", os.fsencode(line)], capture_output=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    found = eval(said.stdout)
    assert isinstance(found, list)
    return found


@pytest.mark.real_parts
@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_it_alike(shell: str) -> None:
    """No newline, quote, backslash or history mark is lost, and nothing is expanded."""
    assert seen(shell, ODD) == [os.fsencode(argument) for argument in ODD]
    plain = [argument for argument in ODD if not set(argument) & set("\n\\!\t\r\x1b")]
    assert seen(shell, plain) == [os.fsencode(argument) for argument in plain]


@pytest.mark.real_parts
@pytest.mark.parametrize("shell", ["tcsh", "fish", "dash"])
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(argv=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), max_size=4))
def test_any_arguments_arrive(shell: str, argv: list[str]) -> None:
    """Whatever text they are."""
    assert seen(shell, argv) == [os.fsencode(argument) for argument in argv]


def test_plain_arguments_are_as_an_sh_has_them() -> None:
    """A forced command on the companion looks at the line that it is given; it knows words quoted as an sh does."""
    argv = ["python3", "-I", "-S", "-B", "/home/jürgen/it's here/agent/c10-agent-0123456789ab.pyz", "serve"]
    assert shell_line(argv) == shlex.join(argv)
