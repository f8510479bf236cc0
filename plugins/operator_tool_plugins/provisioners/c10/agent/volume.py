"""The volume that the cache must lie on: where it is not mounted, nothing may fall through to the one beneath."""

from __future__ import annotations

import os
import re
from typing import Optional

from .faults import AgentError
from .layout import Layout

_MOUNTS = "/proc/self/mountinfo"
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def why_not_mounted(layout: Layout, mount_point: str) -> Optional[str]:
    """Return what keeps the cache root from lying on the volume that is mounted there, None where it does."""
    if not mount_point:
        return None
    point = os.path.realpath(os.path.expanduser(mount_point))
    if not _is_mount_point(point):
        return "the cache volume is not mounted: nothing is mounted at %s" % point
    if os.path.commonpath([point, layout.root]) != point:
        return "the cache root %s does not lie on the volume that is mounted at %s" % (layout.root, point)
    return None


def check_mounted(layout: Layout, mount_point: str) -> None:
    """Raise ``not_mounted`` where the volume went away since the greeting."""
    reason = why_not_mounted(layout, mount_point)
    if reason:
        raise AgentError("not_mounted", reason)


def _is_mount_point(path: str) -> bool:
    """Tell it also of a folder that is mounted over another of the same volume, which only the kernel's table knows."""
    try:
        with open(_MOUNTS, "rb") as table:
            points = [line.split(b" ")[4] for line in table]
    except (OSError, IndexError):
        return os.path.ismount(path)
    return os.fsencode(path) in [_ESCAPED.sub(lambda found: bytes([int(found.group(1), 8)]), name) for name in points]
