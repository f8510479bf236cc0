"""What ends ssh when this process was killed and could not: else the companion would be left logged in to for ever."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from .command import environment

_END_S = 2.0

# Arguments: ssh's process group, the folder of its socket. A line is the word that all was tidied up; the end of the
# input without one is the end of the process that had to.
_WATCH = 'read -r line || { kill -TERM "-$1"; rm -rf -- "$2"; }'


class Guard:
    """A shell that waits for the end of this process."""

    def __init__(self, group: int, folder: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the script is ours, and quotes its arguments
            ["/bin/sh", "-c", _WATCH, "sh", str(group), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment(),
        )

    def dismiss(self) -> None:
        """Have it end without doing anything; again is harmless."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(b"\n")
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_S)
