"""The cache root as every verb needs it that brings something there: its folders, and the agent's own first notes."""

from __future__ import annotations

import fcntl
import os

from .generations.state import begin_record
from .identity import note_identity
from .layout import Layout


def prepare_root(layout: Layout) -> None:
    """Make what is missing of the root, durably. Raises ``layout`` where something else stands in its place."""
    layout.make()
    fd = os.open(layout.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Two first builds may come at once, and neither has the build lock yet.
        fcntl.flock(fd, fcntl.LOCK_EX)
        note_identity(layout)
        begin_record(layout)
    finally:
        os.close(fd)
