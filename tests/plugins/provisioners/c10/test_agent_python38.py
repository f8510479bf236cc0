"""The agent runs on Python 3.8 with the standard library alone, from one file that is the same wherever it is made."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10 import agent
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.c10_rig import Agent, agent_file, ask, build_once, order_of, receive_once, supply_of

FILES = sorted(Path(agent.__file__).parent.glob("*.py"))


def python38() -> str | None:
    """Return a Python 3.8, where there is one."""
    candidates = [shutil.which("python3.8"), *map(str, Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))]
    for candidate in filter(None, candidates):
        said = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, check=False
        )
        if said.stdout.strip() == b"(3, 8)":
            return candidate
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_python_38(path: Path) -> None:
    """The syntax is 3.8's, and what is imported is the standard library or the agent itself."""
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            assert node.module.split(".")[0] in sys.stdlib_module_names
        elif isinstance(node, ast.With):
            assert len({item.context_expr.lineno for item in node.items}) == 1, "parentheses here are not Python 3.8"


@pytest.mark.old_python
def test_the_whole_way_on_python_38(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Greeting, receiving, building, a no-op and a delta, on a real Python 3.8."""
    old = python38()
    if old is None:
        pytest.skip("there is no Python 3.8 on this machine")
    file, root = agent_file(tmp_path), tmp_path / "cache"
    monkeypatch.setattr(Agent, "python", old)
    order, supply = order_of(200), supply_of(200)
    assert ask(file, "hello", root, order)["python"].startswith("3.8.")
    assert receive_once(file, root, order, supply)[0] == 200
    assert build_once(file, root, order, supply)["ok"]
    assert ask(file, "hello", root, order)["verified"]["ok"]
    changed, other = supply_of(200, changed=[5, 6]), order_of(200, lat_deg=50.0)
    assert receive_once(file, root, other, changed)[0] == 2
    assert build_once(file, root, other, changed)["ok"]


def test_the_bundle_is_the_same_bytes_again() -> None:
    """Its name is its hash, and making it anew gives the same, whatever the files' times are."""
    first = agent_bundle()
    os.utime(FILES[0])
    agent_bundle.cache_clear()
    assert agent_bundle() == first
    assert first.sha256[:12] in first.name


def test_an_older_python_is_told_what_is_needed(tmp_path: Path) -> None:
    """The first lines run on any Python 3, and say in one line what is wrong."""
    run = f"import runpy; runpy.run_path({str(agent_file(tmp_path))!r}, run_name='__main__')"
    program = f"import sys; sys.version_info = (3, 6, 0); sys.argv = ['a', 'hello']; {run}"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert said.returncode == 3
    assert said.stderr == b"the agent needs Python 3.8 or newer, this is 3.6\n"


def test_without_a_verb_it_says_which_there_are(tmp_path: Path) -> None:
    """A person who starts it by hand is told what it is."""
    said = subprocess.run(
        [sys.executable, agent_file(tmp_path)], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert said.returncode == 64
    assert b"receive" in said.stderr
    assert said.stdout == b""


def test_a_request_that_never_ends_is_cut(tmp_path: Path) -> None:
    """The agent reads no request beyond its cap, and none that is cut off."""
    for data in (b"x" * (17 * 1024 * 1024), b'{"protocol":1'):
        said = subprocess.run(
            [sys.executable, agent_file(tmp_path), "hello"], input=data, capture_output=True, check=False
        )
        assert said.returncode == 1
        assert b'"ok":false' in said.stdout
