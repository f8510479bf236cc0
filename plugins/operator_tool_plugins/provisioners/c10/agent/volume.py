"""The volume that the cache must lie on: where it is not mounted, nothing may fall through to the one beneath."""

from __future__ import annotations

import os
from typing import Optional

from .layout import Layout
from .mounts import read_mounts


def why_not_mounted(layout: Layout, mount_point: str, *, gated: bool = False) -> Optional[str]:
    """Return what keeps the cache root from lying on the volume that is mounted there, None where it does.

    Behind the gate no other path is looked at than one that the cache root lies below.
    """
    if not mount_point:
        return None
    point = os.path.expanduser(mount_point)
    if gated:
        point = os.path.normpath(point)
        if not os.path.isabs(point) or os.path.commonpath([point, layout.root]) != point:
            return "the cache root %s does not lie below the mount point, which is not looked at then" % layout.root
    point = os.path.realpath(point)
    if not _is_mount_point(point):
        return "the cache volume is not mounted: nothing is mounted at %s" % point
    if os.path.commonpath([point, layout.root]) != point:
        return "the cache root %s does not lie on the volume that is mounted at %s" % (layout.root, point)
    return None


def _is_mount_point(path: str) -> bool:
    """Tell it also of a folder that is mounted over another of the same volume, which only the kernel's table knows."""
    mounts = read_mounts()
    return mounts.is_point(path) if mounts else os.path.ismount(path)
