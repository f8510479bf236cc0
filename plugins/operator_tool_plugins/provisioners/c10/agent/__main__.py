"""The agent's way in: one verb, requests on standard input, and for each a report as its call's last line."""

from __future__ import annotations

import os
import sys
from typing import List, Optional

from . import PROTOCOL, VERSION
from .desk import VERBS, Desk
from .faults import AgentError
from .whence import note_whence
from .wire import Inlet, Outlet

SERVE = "serve"
GATE = "gate"
CONSUMER = "consumer"
EXIT_USAGE = 64
_UMASK = 0o022


def main(argv: List[str]) -> int:
    """Do what ``argv[1]`` names and return the exit status: 0 only after reports that say ``ok``.

    ``gate ROOT`` is for sshd: it does what the client's command names, for that cache root alone. ``consumer`` is for
    whoever navigates by the cache.
    """
    # Whatever the login's umask: who may read a cache is the agent's to say.
    os.umask(_UMASK)
    if len(argv) > 1 and argv[1] == CONSUMER:
        from .keeping import consumer

        return consumer.main(argv[2:])
    verb, root = argv[1] if len(argv) == 2 else "", None
    if len(argv) == 3 and argv[1] == GATE:
        from .gate import EXIT_REFUSED, asked_verb, forget_environment

        root = argv[2]
        try:
            verb = asked_verb(os.environ.get("SSH_ORIGINAL_COMMAND"), [SERVE, *VERBS])
        except AgentError as refusal:
            sys.stderr.write("c10 gate: refused %s\n" % refusal)
            return EXIT_REFUSED
        note_whence(os.environ)
        forget_environment()
    return _answer(verb, root)


def _answer(verb: str, only_root: Optional[str]) -> int:
    if verb != SERVE and verb not in VERBS:
        names = ", ".join([SERVE, *VERBS])
        sys.stderr.write("c10 agent %s, protocol %d: give one verb of %s, or gate ROOT\n" % (VERSION, PROTOCOL, names))
        return EXIT_USAGE
    # Whatever else may print goes to standard error, so that standard output is the protocol's alone.
    out_fd = os.dup(1)
    os.dup2(2, 1)
    serving = verb == SERVE
    desk = Desk(Inlet(0), Outlet(out_fd, serving), only_root)
    return desk.serve() if serving else desk.answer_one(verb)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
