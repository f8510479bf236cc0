"""What the tests of c10 share: the agent's file, a session with this machine, and programs that play a companion."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionSession
from operator_tool_plugins.transports.local import LocalTransport
from tests.support.c10_rig import agent_file, context_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The agent's zipapp."""
    (tmp_path / "bin").mkdir()
    return agent_file(tmp_path / "bin")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[CompanionSession]:
    """A session with this machine."""
    with LocalTransport(context_of(tmp_path)).connect() as session:
        yield session


PLAYER = """#!{python}
import json, os, sys, time
verb, real = sys.argv[-1], [{python!r}] + sys.argv[1:]
def say(line):
    os.write(1, line if isinstance(line, bytes) else json.dumps(line).encode() + b"\\n")
def ask():
    request = json.loads(sys.stdin.buffer.readline())
    say({{"event": "begin", "protocol": 1, "run_id": request["run_id"]}})
    return request
def report(request, **fields):
    say({{"report": verb, "run_id": request["run_id"], "ok": True, **fields}})
if verb != {verb!r}:
    os.execv(real[0], real)
"""


@pytest.fixture
def player(tmp_path: Path) -> Callable[[str, str], str]:
    """Return what makes a program that plays one verb and leaves the others to the real agent."""

    def make(verb: str, script: str) -> str:
        path = tmp_path / "player"
        path.write_text(PLAYER.format(python=sys.executable, verb=verb) + script)
        path.chmod(0o755)
        return str(path)

    return make
