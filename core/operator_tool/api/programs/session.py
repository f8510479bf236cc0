"""A session over any link that can start programs: files come and go by way of programs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from ..companion import CompanionIdentity, RunLimits
from ..context import RunContext
from ..errors import LinkError
from ..roles import RemoteRun
from .program import Program, check_argv
from .streamed_run import StreamedRun

_FILE_SILENCE_S = 60.0

# Arguments: path, length in bytes, mode. A link that breaks looks like the end of the input, hence the length. The file
# and then its folder are synced; where sync takes no names, everything is. Signals of a lost link are ignored: the
# script ends by itself then, and tidies up.
_PUT = """
set -eu
trap '' HUP PIPE
folder=$(dirname -- "$1")
mkdir -p -- "$folder"
umask 077
temporary=$(mktemp -- "$folder/.put.XXXXXXXX")
trap 'rm -f -- "$temporary"' EXIT
cat >"$temporary"
if [ "$(wc -c <"$temporary")" -ne "$2" ]; then echo "only a part of it arrived" >&2; exit 1; fi
chmod -- "$3" "$temporary"
sync -- "$temporary" 2>/dev/null || sync
mv -fT -- "$temporary" "$1"
sync -- "$folder" 2>/dev/null || sync
"""

# Arguments: path, most bytes. The full stop makes the last line one that no line end can be missing from.
_GET = """
if [ ! -f "$1" ]; then echo "no such file" >&2; exit 1; fi
head -c "$2" -- "$1" && printf .
"""


class ProgramSession:
    """The ``CompanionSession`` of a transport that can start programs; files come and go by the companion's ``sh``.

    A relative path is relative to where the link starts programs, such as the account's home.
    ``start`` starts a program over the link, given its arguments and how many seconds a write may be stalled;
    ``close_link`` closes the link.
    """

    def __init__(
        self,
        identity: CompanionIdentity,
        context: RunContext,
        *,
        start: Callable[[Sequence[str], float], Program],
        close_link: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._context = context
        self._start = start
        self._close_link = close_link
        self._lock = threading.Lock()
        self._runs: set[StreamedRun] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def identity(self) -> CompanionIdentity:
        """The companion's address and the fingerprint of its host key."""
        return self._identity

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program in a channel of its own."""
        check_argv(argv)
        self._check_open()
        limits = limits or RunLimits()
        run = StreamedRun(
            self._start(argv, limits.silence_s),
            stdin=stdin,
            limits=limits,
            context=self._context,
            closed=self._forget,
        )
        with self._lock:
            self._runs.add(run)
        try:
            self._check_open()
        except LinkError:  # closed by another thread, which did not know of this run yet
            run.abort()
            raise
        return run

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file, whole or not at all."""
        self._file_lines("written", _PUT, path, str(len(data)), f"{mode:04o}", data=data)

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a regular file of at most ``max_bytes``."""
        data = b"\n".join(self._file_lines("read", _GET, path, str(max_bytes + 1), max_bytes=max_bytes + 2))[:-1]
        if len(data) > max_bytes:
            raise LinkError(f"{path} is larger than {max_bytes:,} bytes", retryable=False)
        return data

    def close(self) -> None:
        """Close the connection; programs that run are ended with it."""
        with self._lock:
            self._closed = True
            runs = tuple(self._runs)
        for run in runs:
            run.abort()
        self._close_link()

    def _check_open(self) -> None:
        with self._lock:
            if self._closed:
                raise LinkError("the session with the companion is closed")

    def _file_lines(
        self, done: str, script: str, path: str, *arguments: str, data: bytes = b"", max_bytes: int = 1024
    ) -> list[bytes]:
        limits = RunLimits(line_bytes=max_bytes, total_bytes=max_bytes, silence_s=_FILE_SILENCE_S)
        argv = ["sh", "-c", script, "sh", path, *arguments]
        with self.run(argv, stdin=(data,) if data else (), limits=limits) as run:
            lines = list(run)
            if run.exit_status != 0:
                why = run.stderr_tail.strip() or "its program ended without saying why"
                raise LinkError(f"{path} could not be {done}: {why}", retryable=run.exit_status is None)
        return lines

    def _forget(self, run: StreamedRun) -> None:
        with self._lock:
            self._runs.discard(run)
