"""Programs that stand in the place of a companion's Python: one verb played, or the real agent with a part changed."""

from __future__ import annotations

import sys
from pathlib import Path

from operator_tool_plugins.provisioners.c10.wire import PROTOCOL

_PLAYER = """#!{python}
import json, os, struct, subprocess, sys, threading, time
verb, real, taken = {verb!r}, [{python!r}] + sys.argv[1:], None
if "-c" in sys.argv[1:5]:
    # What puts the agent there is no verb of the agent's.
    os.execv(real[0], real)
def say(line):
    os.write(1, line if isinstance(line, bytes) else json.dumps(line).encode() + b"\\n")
def ask(protocol={protocol}):
    request = taken or json.loads(sys.stdin.buffer.readline())
    say({{"event": "begin", "protocol": protocol, "run_id": request["run_id"]}})
    return request
def report(request, **fields):
    say({{"report": verb, "run_id": request["run_id"], "ok": True, **fields}})
def relay():
    for line in agent.stdout:
        os.write(1, line)
        if b'"report":' in line:
            reported.release()
    status = agent.wait()
    reported.release()
    if taken is None:
        os._exit(status)
def pass_on(line):
    global agent, relaying
    if agent is None:
        agent = subprocess.Popen(real, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        relaying = threading.Thread(target=relay, daemon=True)
        relaying.start()
    agent.stdin.write(line)
    agent.stdin.flush()
agent, asked_for = None, 0
reported = threading.Semaphore(0)
# The verbs before the one that is played are the real agent's.
while verb != "serve" and taken is None:
    line = sys.stdin.buffer.readline()
    if not line and agent is None:
        sys.exit(0)
    asked = json.loads(line) if line.strip() else {{}}
    if asked.get("verb") == verb:
        taken = asked
    elif line:
        asked_for += bool(asked)
        pass_on(line)
    if agent is not None and (taken or not line):
        # One that hears the end of its input before it has reported ends without a word.
        for _ in range(asked_for if taken else 0):
            reported.acquire()
        agent.stdin.close()
        relaying.join()
    kind = 0
    while asked.get("verb") == "receive" and not taken and kind != 3:
        kind, size = struct.unpack(">BI", sys.stdin.buffer.read(5))
        pass_on(struct.pack(">BI", kind, size) + sys.stdin.buffer.read(size))
"""
_CHANGED = """#!{python}
import os, sys
if "-c" in sys.argv[1:5]:
    # What puts the agent there is no part of it.
    os.execv({python!r}, [{python!r}] + sys.argv[1:])
sys.argv = sys.argv[sys.argv.index("-B") + 1 :]
sys.path.insert(0, sys.argv[0])
import importlib, signal, time
def once():
    try:
        os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
def before(module, name, act):
    module = importlib.import_module("c10_agent." + module)
    real = getattr(module, name)
    def changed(*words, **more):
        act()
        return real(*words, **more)
    setattr(module, name, changed)
def drop_the_link():
    pid = os.getppid()
    while not open("/proc/%d/comm" % pid).read().startswith("sshd"):
        pid = int(open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[1])
    os.kill(pid, signal.SIGKILL)
{change}
from c10_agent.__main__ import main
sys.exit(main(sys.argv))
"""


def player_of(path: Path, verb: str, script: str) -> Path:
    """Write a program that plays one verb, or all of ``serve``; those before it are the real agent's."""
    return _program(path, _PLAYER.format(python=sys.executable, verb=verb, protocol=PROTOCOL) + script)


def changed_agent(path: Path, change: str) -> Path:
    """Write a program that is the real agent, but for what ``change`` does to its modules before it begins.

    ``once()`` is true the first time that it is asked, in whichever process; ``before(module, name, act)`` does
    something before a function of the agent.
    """
    return _program(path, _CHANGED.format(python=sys.executable, marker=f"{path}.once", change=change))


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path
