"""The agent runs on Python 3.8 and later, with the standard library alone, from one file that is always the same."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import CompanionSession
from operator_tool_plugins.provisioners.c10 import agent
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.c10_rig import Agent, agent_file, ask, build_cache, build_once, order_of, receive_once, supply_of
from tests.support.old_pythons import VERSIONS, old_python
from tests.support.real_parts import make_key

FILES = sorted(Path(agent.__file__).parent.rglob("*.py"))


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


STAGE = """#!/bin/sh
exec {python} -ISBc "
import os, sqlite3
database = sqlite3.connect('file:' + os.environ['C10_TILES'] + '?mode=ro&immutable=1', uri=True)
with open(os.environ['C10_OUTPUT'] + '/count', 'w') as file:
    file.write(str(database.execute('SELECT count(*) FROM tiles').fetchone()[0]))
"
"""


@pytest.mark.old_python
@pytest.mark.parametrize("version", VERSIONS)
def test_the_whole_way_on_an_old_python(
    tmp_path: Path,
    session: CompanionSession,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    version: str,
) -> None:
    """Greeting, receiving, building, a no-op, a delta, going back, tidying; then a signed build with a stage."""
    old = old_python(version)
    file, root = agent_file(tmp_path), tmp_path / "cache"
    monkeypatch.setattr(Agent, "python", old)
    order, supply = order_of(200), supply_of(200)
    seen = ask(file, "hello", root, order)["python"]
    assert seen.startswith(f"{version}.")
    record_property("python of the companion", seen)
    assert receive_once(file, root, order, supply)[0] == 200
    assert build_once(file, root, order, supply)["ok"]
    assert ask(file, "hello", root, order)["verified"]["ok"]
    changed, other = supply_of(200, changed=[5, 6]), order_of(200, lat_deg=50.0)
    assert receive_once(file, root, other, changed)[0] == 2
    assert build_once(file, root, other, changed)["ok"]
    assert ask(file, "rollback", root, other)["seq"] == 1
    assert ask(file, "gc", root, other)["ok"]
    assert ask(file, "status", root, other)["ok"]

    key = tmp_path / "key"
    make_key(key)
    signers = root / "allowed_signers"
    signers.write_text(f"op {' '.join(key.with_suffix('.pub').read_text().split()[:2])}\n")
    stage = tmp_path / "stage"
    stage.write_text(STAGE.format(python=old))
    own_file = root / "companion.json"
    own_file.write_text(json.dumps({"stages": {"count": {"command": [str(stage)]}}}))
    stage.chmod(0o755)
    for kept in (signers, own_file):
        kept.chmod(0o644)
    build_cache(session, root, supply_of(200, first_seed=500), lat_deg=51.0, python=old, signing_key=str(key))
    assert (root / "current" / "stages" / "count" / "count").read_text() == "200"
    assert (root / "current" / "manifest.json.sig").exists()
    said = ask(file, "verify", root, other, how="full")
    assert (said["ok"], said["generation"][:8]) == (True, "00000003"), said


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
