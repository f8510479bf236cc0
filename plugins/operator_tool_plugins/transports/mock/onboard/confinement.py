"""Where the machine's programs may write, and the few files of this machine that are the companion's own instead."""

from __future__ import annotations

import builtins
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any

_OWN = {
    "/etc/machine-id": "machine-id",
    "/var/lib/dbus/machine-id": "machine-id",
    "/proc/sys/kernel/random/boot_id": "boot_id",
    "/etc/c10": "c10",
    "/proc/device-tree": "device-tree",
    "/sys/devices/soc0": "soc0",
    "/sys/class/net": "net",
}
"""What another machine has another of, and the name of it in the folder ``etc``."""
_ONE_PATH = ("open", "stat", "lstat", "access", "unlink", "remove", "mkdir", "listdir", "scandir", "readlink", "chmod")
_TWO_PATHS = ("rename", "replace", "link")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NAMES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
}
"""Events of Python's audit whose paths are names that change: where in the arguments, and where their folder is."""
_FILES: dict[str, tuple[int, int | None]] = {
    "os.truncate": (0, None),
    "os.chmod": (0, 2),
    "os.chown": (0, 3),
    "os.utime": (0, 3),
    "os.setxattr": (0, None),
    "os.removexattr": (0, None),
}
"""Events whose path is a file that changes, by whatever links it is reached."""


class Confinement:
    """The folders that programs may write below."""

    def __init__(self, home: str, *more: str) -> None:
        self._home = home
        self._roots = tuple(os.path.realpath(folder) + os.sep for folder in (home, *more))

    def allows(self, path: str) -> bool:
        """Tell whether a path, with its links followed, lies below one of the folders, or is one."""
        return path == os.devnull or (path + os.sep).startswith(self._roots)

    def check_file(self, path: Any, folder_fd: Any = None) -> None:
        """Raise ``PermissionError`` where a file that is reached by ``path`` lies outside."""
        if not isinstance(path, int):
            self._check(os.path.realpath(_at(path, folder_fd)), path)

    def check_name(self, path: Any, folder_fd: Any = None) -> None:
        """Raise it where the name itself, whatever it links to, lies outside."""
        folder, name = os.path.split(_at(path, folder_fd).rstrip(os.sep) or os.sep)
        self._check(os.path.join(os.path.realpath(folder or "."), name), path)

    def _check(self, real: str, given: Any) -> None:
        if not self.allows(real):
            raise PermissionError(
                errno.EACCES,
                f"outside of the simulated companion, which writes below {self._home} alone; give it a relative path",
                os.fsdecode(given),
            )

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge what Python is about to do; for ``sys.addaudithook``."""
        if event == "open":
            path, mode, flags = arguments
            writes = flags & _WRITING if isinstance(flags, int) else any(sign in (mode or "") for sign in "wax+")
            if writes and path is not None:
                self.check_file(path)
        elif event in _NAMES:
            for at, folder_at in _NAMES[event]:
                self.check_name(arguments[at], None if folder_at is None else arguments[folder_at])
        elif event in _FILES:
            at, folder_at = _FILES[event]
            self.check_file(arguments[at], None if folder_at is None else arguments[folder_at])
        elif event == "sqlite3.connect":
            self._check_database(os.fsdecode(arguments[0]))

    def _check_database(self, name: str) -> None:
        if name in ("", ":memory:"):
            return
        path = name
        if name.startswith("file:"):
            from urllib.parse import unquote

            path = unquote(name.removeprefix("file:").partition("?")[0])
        self.check_file(path)


def confine(etc: str, home: str, temporary: str) -> None:
    """Let programs write below the two folders alone, for ever, and see the companion's own files in ``etc``."""
    confinement = Confinement(home, temporary, os.path.join(etc, "c10"))
    own = {path: os.path.join(etc, name) for path, name in _OWN.items()}

    def redirected(path: Any) -> Any:
        if isinstance(path, int) or path is None:
            return path
        text = os.fsdecode(path)
        for theirs, ours in own.items():
            if text == theirs or text.startswith(theirs + os.sep):
                return ours + text[len(theirs) :]
        return path

    for name in (*_ONE_PATH, *_TWO_PATHS):
        _put_before(name, redirected, 2 if name in _TWO_PATHS else 1)
    real_open, real_access = builtins.open, os.access

    def open_(file: Any, *arguments: Any, **named: Any) -> Any:
        return real_open(redirected(file), *arguments, **named)

    def access(path: Any, mode: int, **named: Any) -> bool:
        # Whoever asks beforehand is told the reason, too: a plain "no" would be this machine's.
        if mode & os.W_OK:
            confinement.check_file(path)
        return real_access(path, mode, **named)

    builtins.open = io.open = open_
    os.access = access
    sys.addaudithook(confinement.hook)


def _put_before(name: str, redirected: Callable[[Any], Any], paths: int) -> None:
    real = getattr(os, name)

    def call(*arguments: Any, **named: Any) -> Any:
        return real(*map(redirected, arguments[:paths]), *arguments[paths:], **named)

    # What else Python knows of the function, such as that it takes a folder's descriptor, holds of this one, too.
    for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if real in known:
            known.add(call)
    setattr(os, name, call)


def _at(path: Any, folder_fd: Any) -> str:
    text = os.fsdecode(path)
    if isinstance(folder_fd, int) and folder_fd >= 0:
        return os.path.join(os.readlink(f"/proc/self/fd/{folder_fd}"), text)
    return text
