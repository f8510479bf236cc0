"""What consumers have said of the generations that they loaded, or could not load: ``state/consumer.json``.

It is a file of its own, with a lock of its own: a consumer is heard also while a build holds the companion's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Dict, Iterator, NamedTuple, Tuple

from ..faults import AgentError
from ..generations.state import read_checked, write_checked
from ..layout import Layout, is_generation_name, make_folder

NAME = "consumer.json"
_LOCK = "consumer.lock"
_LOCK_WAIT_S = 5.0
_PAUSE_S = 0.02
_MAX_GOOD = 100
_MAX_FAILED = 100
_MAX_COUNT = 1_000_000


class Reports(NamedTuple):
    """What was said, by the generations' names."""

    good: Tuple[str, ...] = ()
    """What was loaded, the one that was first loaded longest ago first."""
    failed: Tuple[Tuple[str, int], ...] = ()
    """How often in a row each could not be loaded."""

    def loaded(self, name: str) -> "Reports":
        """Return what is known when this one was loaded, too."""
        good = self.good if name in self.good else (*self.good, name)
        return Reports(good[-_MAX_GOOD:], tuple(item for item in self.failed if item[0] != name))

    def not_loaded(self, name: str) -> "Reports":
        """Return what is known when this one could not be loaded once more."""
        others = tuple(item for item in self.failed if item[0] != name)
        return Reports(self.good, (*others, (name, self.failures(name) + 1))[-_MAX_FAILED:])

    def failures(self, name: str) -> int:
        """Return how often in a row this one could not be loaded."""
        return dict(self.failed).get(name, 0)


def read_reports(layout: Layout) -> Reports:
    """Return what was said, nothing where nobody ever reported. Raises ``state`` where the file was tampered with."""
    path = os.path.join(layout.state, NAME)
    try:
        fields = read_checked(path)
    except FileNotFoundError:
        return Reports()
    good, failed = fields.get("good"), fields.get("failed")
    if not isinstance(good, list) or not isinstance(failed, dict):
        raise AgentError("state", "%s holds no reports" % path)
    counts: Dict[str, int] = failed
    names = [*good, *counts]
    if not all(isinstance(name, str) and is_generation_name(name) for name in names):
        raise AgentError("state", "%s names what can't be generations" % path)
    if not all(type(count) is int and 0 < count <= _MAX_COUNT for count in counts.values()):
        raise AgentError("state", "%s counts what can't be failures" % path)
    return Reports(tuple(good), tuple(counts.items()))


def write_reports(layout: Layout, reports: Reports) -> None:
    """Note them durably; the caller holds ``reporting``."""
    fields: Dict[str, object] = {"good": list(reports.good), "failed": dict(reports.failed)}
    write_checked(os.path.join(layout.state, NAME), fields)


@contextlib.contextmanager
def reporting(layout: Layout) -> Iterator[None]:
    """Be the only consumer that reports, while the block runs. Raises ``busy`` after a few seconds."""
    make_folder(layout.state)
    path = os.path.join(layout.state, _LOCK)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        until_s = time.monotonic() + _LOCK_WAIT_S
        while not _locked(fd):
            if time.monotonic() > until_s:
                raise AgentError("busy", "another consumer holds %s" % path)
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
