"""What a plugin may change of the process without meaning to, and what is put back after each of its calls.

Put back is what a run stands on: who handles Ctrl-C, which folder relative paths are of, what new files may be read by,
where its warnings go. The locale, the limits of resources and the like are left: nothing of the tool's reads them.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD") if hasattr(signal, name)
)
_STREAMS = ("stdin", "stdout", "stderr")


@contextmanager
def put_back() -> Iterator[None]:
    """Put back what the block changed; signals, folder and mask only in the main thread, whose they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else None
    streams = {name: getattr(sys, name) for name in _STREAMS}
    folder = _folder()
    mask = _file_mask()
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, stream in streams.items():
            now = getattr(sys, name)
            # A display's stand-in that passes on to what was there is no loss.
            if now is not stream and getattr(now, "rich_proxied_file", None) is not stream:
                setattr(sys, name, stream)
        if mask is not None:
            os.umask(mask)
        if folder is not None and _folder() != folder:
            with suppress(OSError):  # it was removed: nothing can be in it any more
                os.chdir(folder)


def _folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _file_mask() -> int | None:
    """Return the mask as Linux tells it; asked otherwise it would be changed, for a moment, for every thread."""
    try:
        status = Path("/proc/self/status").read_bytes()
    except OSError:
        return None
    found = re.search(rb"^Umask:\s*([0-7]+)$", status, re.MULTILINE)
    return int(found[1], 8) if found else None
