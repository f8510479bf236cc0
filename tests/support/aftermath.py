"""What must hold after whatever happened to a build: the older cache is whole and current, the locks are free."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.command import Ended, Workstation


class Aftermath:
    """One operator and one companion's cache root, as both were when this was made."""

    def __init__(self, workstation: Workstation, root: Path) -> None:
        self.workstation = workstation
        self.root = root
        self.older = self._generation()

    def is_free(self) -> bool:
        """Tell whether nobody holds the companion's lock."""
        return is_free(self.root / "lock")

    def assert_failed(
        self, ended: Ended, code: int, phase: str | None, *says: str, retryable: bool | None = None, free_s: float = 5.0
    ) -> dict[str, Any]:
        """Assert what holds for every failure; return the report."""
        assert ended.code == code, ended.all
        report = ended.report
        assert report["exit_code"] == code
        assert report["failure_phase"] == phase
        assert report["run_id"]
        assert report["remediation"], "no hint"
        for words in says:
            assert words in report["message"], report["message"]
        if retryable is not None:
            assert report["retryable"] is retryable, report["message"]
        self.assert_untouched(free_s=free_s)
        return report

    def assert_untouched(self, *, free_s: float = 5.0) -> None:
        """Assert that the older cache is whole and current, and that nobody holds a lock, or will in a while."""
        wait_until(self.is_free, free_s, "the companion's lock is held")
        assert self._generation() == self.older, "the current cache is not what it was"
        self.assert_workstation_is_free()

    def _generation(self) -> object:
        """Return what tells a generation, with all that is in it, from every other."""
        current = self.root / "current"
        if not current.is_symlink():
            return None
        files = sorted(path for path in current.resolve().rglob("*") if path.is_file())
        return os.readlink(current), [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]

    def assert_workstation_is_free(self) -> None:
        """Assert that the operator's own locks are free."""
        held = [path for path in self.workstation.data.rglob("*.lock") if not is_free(path)]
        assert held == []


def wait_until(condition: Callable[[], object], within_s: float, otherwise: str) -> None:
    """Wait for something to become true."""
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, f"{otherwise}, after {within_s:g} s"
        time.sleep(0.01)


def is_free(lock: Path) -> bool:
    """Tell whether nobody holds a lock."""
    if not lock.exists():
        return True
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
