"""The last thing that runs before a stage's own program, in its process: what it may not do is settled here.

It is started by its source (``python -I -S -B -c``), so that it needs neither the agent's file nor its place; for
Python 3.8 and the standard library alone, and it imports nothing of the agent's.

Arguments: the agent's process id, the most bytes that a file may have, and the program with its arguments.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
EXIT_NOT_STARTED = 127


def main() -> None:
    """Become the program; where it can't be started, say why on standard error and exit with 127."""
    agent, most_bytes, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    # However the agent ends, the stage does not outlive it.
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != agent:
        sys.exit("the agent is gone, or its end can't be waited for: %s" % os.strerror(ctypes.get_errno()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o022)
    # Python ignores these two, and a program would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - the companion's keeper names it, in a file that nobody else may write
    except OSError as error:
        sys.stderr.write("%s can't be started: %s\n" % (argv[0], error.strerror))
        sys.stderr.flush()
        os._exit(EXIT_NOT_STARTED)


if __name__ == "__main__":
    main()
