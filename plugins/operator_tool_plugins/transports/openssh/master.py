"""The one ssh process that holds the connection, from its start to its end."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from operator_tool.api import ConfigError, Deadline, LinkError, escape_bytes

from .command import environment

log = logging.getLogger(__name__)

_LONGEST_SOCKET_PATH = 85
"""ssh adds 17 characters while it makes the socket, and the kernel takes 107."""
_LOOK_S = 0.002
_END_S = 2.0
_KEPT_LINES = 200
_DEBUG = b"debug"
_SHOWN_KEY = b"Server host key: "


class Stderr:
    """What ssh says of itself, line by line, read in a thread of its own; the debug lines tell its steps."""

    def __init__(self, process: subprocess.Popen[bytes], told: Callable[[str], None]) -> None:
        assert process.stderr is not None
        self._file = process.stderr
        self._told = told
        self.said: list[str] = []
        """Its messages, without the debug lines, escaped; the first ones."""
        self.fingerprint: str | None = None
        """Of the host key that it was shown last: a jump host's ssh does not tell."""
        self.heard_s = time.monotonic()
        self.thread = threading.Thread(target=self._read, name="openssh-stderr", daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(ValueError):  # it was closed
            for line in iter(lambda: self._file.readline(64 * 1024), b""):
                self.heard_s = time.monotonic()
                text = escape_bytes(line.rstrip(b"\r\n"), limit=1000)
                log.debug("ssh: %s", text)
                if line.startswith(_DEBUG):
                    _, found, shown = line.partition(_SHOWN_KEY)
                    if found:
                        self.fingerprint = shown.split()[-1].decode("ascii", "replace")
                elif text and len(self.said) < _KEPT_LINES:
                    self.said.append(text)
                    self._told(text)

    @property
    def summary(self) -> str:
        """Its last messages in one line."""
        return " | ".join(self.said[-4:])


class Master:
    """``ssh -N -M``: started at once, ready when its control socket is there."""

    def __init__(self, argv: Callable[[Path], Sequence[str]], address: str, told: Callable[[str], None]) -> None:
        """``argv`` gives the command for the path of the control socket. Raises ``ConfigError`` without an ssh."""
        self._address = address
        self._folder = _private_folder()
        self.control_path = self._folder / "control"
        self._closed = threading.Event()
        try:
            # A session of its own: a jump host's ssh too has no terminal that it could ask at.
            self._process = start_ssh(argv(self.control_path))
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.stderr = Stderr(self._process, told)

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and logged in."""
        return self.control_path.exists()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def wait(self, step_s: float, deadline: Deadline) -> str | None:
        """Wait until it is ready; return None then, or which limit was passed, or ``""`` when it ended by itself."""
        while not self.is_ready:
            if self.has_ended:
                self.stderr.thread.join(_END_S)
                return ""
            if time.monotonic() - self.stderr.heard_s > step_s:
                return f"nothing came for {step_s:g} s"
            if deadline.passed:
                return "it took too long as a whole"
            time.sleep(_LOOK_S)
        return None

    def lost(self, cause: BaseException) -> LinkError:
        """Return the error that says why the link is no more, or why it could not be used."""
        if self._closed.is_set():
            return LinkError(f"the session with {self._address} was closed while it was used")
        if isinstance(cause, LinkError) and not cause.retryable:
            return cause
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S / 2)
        if self.has_ended:
            self.stderr.thread.join(_END_S)
        said = f": {self.stderr.summary}" if self.stderr.said else ""
        return LinkError(f"the link to {self._address} was lost{said}")

    def close(self) -> None:
        """End the process, and remove its socket; again is harmless."""
        if self._closed.is_set():
            return
        self._closed.set()
        end_ssh(self._process)
        self.stderr.thread.join(_END_S)
        assert self._process.stderr is not None
        if not self.stderr.thread.is_alive():  # a jump host's ssh may hold the other end a moment longer
            self._process.stderr.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def start_ssh(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start ssh without a terminal, its messages in a pipe. Raises ``ConfigError`` when it can't be started."""
    try:
        return subprocess.Popen(  # noqa: S603 - running the operator's own ssh is this transport's task
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment(),
        )
    except OSError as error:
        raise ConfigError(
            f"{argv[0]} can't be started: {error.strerror}",
            hint="Install OpenSSH's client, set openssh.program, or use --transport ssh, which needs none.",
        ) from error


def end_ssh(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_S)


def _private_folder() -> Path:
    """Make a folder that is ours alone and has a short name."""
    folder = Path(tempfile.mkdtemp(prefix="operator-tool-"))
    if len(str(folder / "control")) > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="operator-tool-", dir="/tmp"))
    return folder
