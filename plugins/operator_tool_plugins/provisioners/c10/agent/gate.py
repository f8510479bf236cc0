"""The forced command: behind a login that sshd locks to it, nothing but the agent's verbs for one cache root.

Nothing of what the client asked for is run: its words are only compared, and the verb among them is looked up.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Container, List, Optional

from .faults import AgentError

EXIT_REFUSED = 65
_MAX_CHARACTERS = 4096
_SHOWN = 200
_PYTHON = re.compile(r"python[0-9.]*\Z")
_FLAGS = ["-I", "-S", "-B"]
_AGENT = re.compile(r"c10-agent(-[0-9a-f]{12})?\.pyz\Z")
_KEPT = ("HOME",)


def asked_verb(command: Optional[str], known: Container[str]) -> str:
    """Return the verb that the client's command names: alone, or as operator-tool starts the agent.

    Raises ``refused`` for whatever else it is; an interactive login has no command.
    """
    if not command:
        raise AgentError("refused", "a login without a command: this one runs the agent's verbs alone")
    if len(command) <= _MAX_CHARACTERS and command.isprintable():
        words = _words(command)
        if len(words) == 1 and words[0] in known:
            return words[0]
        words = _words(command[len("exec ") :]) if command.startswith("exec ") else words
        if len(words) == 6 and words[1:4] == _FLAGS and words[5] in known:
            python, agent = (os.path.basename(words[place]) for place in (0, 4))
            if _PYTHON.match(python) and _AGENT.match(agent):
                return words[5]
    raise AgentError("refused", ascii(command[:_SHOWN]))


def check_root(asked: str, root: str) -> str:
    """Return the gate's own root; raises ``refused`` where a request is for another one."""
    if not asked or _real(asked) != _real(root):
        raise AgentError("refused", "this login is for the cache root %s alone" % _real(root))
    return _real(root)


def forget_environment() -> None:
    """Drop what sshd may have taken from the client, so that no library of ours listens to it."""
    for name in list(os.environ):
        if name not in _KEPT:
            del os.environ[name]


def _words(command: str) -> List[str]:
    """Return the command's words, none where a shell could read it in another way than as plainly quoted words."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    return words if shlex.join(words) == command else []


def _real(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))
