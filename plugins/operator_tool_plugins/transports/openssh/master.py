"""The one ssh process that holds the connection, from its start to its end."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from operator_tool.api import Deadline, LinkError, LinkStalledError

from .guard import Guard
from .messages import Messages
from .process import end_ssh, start_ssh

_LONGEST_SOCKET_PATH = 85
"""ssh adds 17 characters while it makes the socket, and the kernel takes 107."""
_LOOK_S = 0.002
_END_S = 1.0


class Master:
    """``ssh -N -M``: started at once, ready when its control socket is there."""

    def __init__(self, argv: Callable[[Path], Sequence[str]], address: str, told: Callable[[str], None]) -> None:
        """``argv`` gives the command for the path of the control socket. Raises ``ConfigError`` without an ssh."""
        self._address = address
        self._folder = _private_folder()
        self.control_path = self._folder / "control"
        self._closing = threading.Lock()
        self._closed = threading.Event()
        self._stalled: str | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._process = start_ssh(argv(self.control_path))
            undo.callback(end_ssh, self._process)
            self._guard = Guard(self._process.pid, self._folder)
            undo.callback(self._guard.dismiss)
            self.messages = Messages(self._process, told)
            undo.pop_all()

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and logged in."""
        return self.control_path.exists()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        if self._process.poll() is None:
            return False
        self._guard.dismiss()  # before another process has its number
        return True

    @property
    def is_spent(self) -> bool:
        """Whether it was logged in, and is no more."""
        if not self.has_ended:
            return False
        self.messages.wait()
        return self.messages.logged_in

    def wait(self, step_s: float, deadline: Deadline, given_up: threading.Event) -> str | None:
        """Wait until it is ready; return None then, or which limit was passed, or ``""`` when it ended by itself."""
        while not self.is_ready:
            if self.has_ended:
                self.messages.wait()
                return ""
            if given_up.is_set():
                return "the run was given up"
            if time.monotonic() - self.messages.heard_s > step_s:
                return f"nothing came for {step_s:g} s"
            if deadline.passed:
                return "it took too long as a whole"
            time.sleep(_LOOK_S)
        return None

    def lost(self, cause: BaseException) -> LinkError:
        """Return the error that says why the link is no more, or why it could not be used."""
        if self._stalled is not None:
            return LinkStalledError(self._stalled)
        if self._closed.is_set():
            return LinkError(f"the session with {self._address} was closed while it was used")
        if isinstance(cause, LinkError) and not cause.retryable:
            return cause
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return LinkError(f"the link to {self._address} can't be used: {cause}")
        self.messages.wait()
        said = self.messages.summary
        return LinkError(f"the link to {self._address} was lost{': ' if said else ''}{said}")

    def give_up(self, why: str) -> LinkStalledError:
        """Close a link that stalled, which is not trusted again, and return the error that says so."""
        self._stalled = f"the link to {self._address} stalled: {why}"
        self.close()
        return LinkStalledError(self._stalled)

    def close(self) -> None:
        """End the process, and remove its socket; from any thread, again is harmless."""
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
            end_ssh(self._process)
            self._guard.dismiss()
            self.messages.leave()
            shutil.rmtree(self._folder, ignore_errors=True)


def _private_folder() -> Path:
    """Make a folder that is ours alone and has a short name."""
    folder = Path(tempfile.mkdtemp(prefix="operator-tool-"))
    if len(str(folder / "control").encode()) > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="operator-tool-", dir="/tmp"))
    return folder
