"""One zoom's folder while tiles are read from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from operator_tool.api import DownloadError

from .plain_file import OPEN_FLAGS


class HeldZoom:
    """A folder that is held open: its disk can't be unmounted, and its inode keeps its number, also on FAT.

    A context manager. Raises ``DownloadError`` when the folder isn't there any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._gone() from error
        self._status = os.fstat(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def open_first(self, names: Iterable[str]) -> int | None:
        """Return a descriptor of the first of these files that exists, whatever it is; None where none does.

        Raises ``OSError`` when it can't be opened.
        """
        for name in names:
            try:
                return os.open(name, OPEN_FLAGS, dir_fd=self._fd)
            except (FileNotFoundError, NotADirectoryError):
                continue
        return None

    def has_any(self, names: Iterable[str]) -> bool:
        """Say whether any of these is there, whatever it is."""
        for name in names:
            try:
                os.stat(name, dir_fd=self._fd)
            except OSError:
                continue
            return True
        return False

    def check_there(self) -> None:
        """Raise ``DownloadError`` when the folder is no longer where it was: then none of its tiles is absent."""
        try:
            now = self.path.stat()
        except OSError as error:
            raise self._gone() from error
        if not os.path.samestat(now, self._status):
            raise self._gone()

    def _gone(self) -> DownloadError:
        return DownloadError(
            f"{self.path} was there, and is no longer",
            hint="Check that its disk is connected, and run the same command again.",
        )
