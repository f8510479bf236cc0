"""The agent's way in: one verb, requests on standard input, and for each a report as its call's last line."""

from __future__ import annotations

import os
import sys
from typing import List

from . import PROTOCOL, VERSION
from .desk import VERBS, Desk
from .wire import Inlet, Outlet

SERVE = "serve"
EXIT_USAGE = 64


def main(argv: List[str]) -> int:
    """Do what ``argv[1]`` names and return the exit status: 0 only after reports that say ``ok``."""
    if len(argv) != 2 or (argv[1] != SERVE and argv[1] not in VERBS):
        names = ", ".join([SERVE, *VERBS])
        sys.stderr.write("c10 agent %s, protocol %d: give one verb of %s\n" % (VERSION, PROTOCOL, names))
        return EXIT_USAGE
    # Whatever else may print goes to standard error, so that standard output is the protocol's alone.
    out_fd = os.dup(1)
    os.dup2(2, 1)
    serving = argv[1] == SERVE
    desk = Desk(Inlet(0), Outlet(out_fd, serving))
    return desk.serve() if serving else desk.answer_one(argv[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
