"""What the tests of c10 share: the agent's file, a session with this machine, and programs that play a companion."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionSession
from operator_tool_plugins.provisioners.c10.wire import PROTOCOL
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
import json, os, struct, subprocess, sys, threading, time
verb, real, taken = {verb!r}, [{python!r}] + sys.argv[1:], None
if "-c" in sys.argv[1:5]:
    # What puts the agent there is no verb of the agent's.
    os.execv(real[0], real)
def say(line):
    os.write(1, line if isinstance(line, bytes) else json.dumps(line).encode() + b"\\n")
def ask():
    request = taken or json.loads(sys.stdin.buffer.readline())
    say({{"event": "begin", "protocol": {protocol}, "run_id": request["run_id"]}})
    return request
def report(request, **fields):
    say({{"report": verb, "run_id": request["run_id"], "ok": True, **fields}})
def watch():
    status = agent.wait()
    if taken is None:
        os._exit(status)
def pass_on(line):
    global agent
    if agent is None:
        agent = subprocess.Popen(real, stdin=subprocess.PIPE)
        threading.Thread(target=watch, daemon=True).start()
    agent.stdin.write(line)
    agent.stdin.flush()
agent = None
# The verbs before the one that is played are the real agent's.
while verb != "serve" and taken is None:
    line = sys.stdin.buffer.readline()
    if not line and agent is None:
        sys.exit(0)
    asked = json.loads(line) if line.strip() else {{}}
    if asked.get("verb") == verb:
        taken = asked
    elif line:
        pass_on(line)
    if agent is not None and (taken or not line):
        agent.stdin.close()
        agent.wait()
    kind = 0
    while asked.get("verb") == "receive" and not taken and kind != 3:
        kind, size = struct.unpack(">BI", sys.stdin.buffer.read(5))
        pass_on(struct.pack(">BI", kind, size) + sys.stdin.buffer.read(size))
"""


@pytest.fixture
def player(tmp_path: Path) -> Callable[[str, str], str]:
    """Return what makes a program that plays one verb, or all of ``serve``; those before it are the real agent's."""

    def make(verb: str, script: str) -> str:
        path = tmp_path / "player"
        path.write_text(PLAYER.format(python=sys.executable, verb=verb, protocol=PROTOCOL) + script)
        path.chmod(0o755)
        return str(path)

    return make
