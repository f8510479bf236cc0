"""Whether what is written to a path is gone when the power is: a volume in memory, or one that stands on such a one."""

from __future__ import annotations

import os
import re
from typing import List

from .mounts import Mount, Mounts

DEVICES = "/sys/dev/block"
MEMORY = "/proc/meminfo"
_IN_MEMORY = frozenset(("tmpfs", "ramfs", "devtmpfs", "rootfs", "hugetlbfs"))
_LAYERED = frozenset(("overlay", "overlayfs", "aufs", "unionfs", "fuse.unionfs", "fuse.fuse-overlayfs"))
_THROUGH = ("ecryptfs", "fuse")
"""Those that pass a folder on, and name it as their source."""
_RAMDISK = re.compile(r"(ram|zram|brd)[0-9]")
_RAMDISK_MAJOR = "1"
_MAX_DEPTH = 8


def why_in_memory(path: str, mounts: Mounts, depth: int = 0) -> str:
    """Return what volume in memory a real path stands on; empty where it is none, or where that can't be told."""
    mount = mounts.of(path)
    if mount is None or depth > _MAX_DEPTH:
        return ""
    if mount.type in _IN_MEMORY:
        return mount.told()
    beneath = _beneath(path, mount, mounts, depth)
    return "%s, over %s" % (mount.told(), beneath) if beneath else ""


def _beneath(path: str, mount: Mount, mounts: Mounts, depth: int) -> str:
    if mount.type in _LAYERED:
        upper = mount.option("upperdir") or mount.option("rw")
        if upper and os.path.isdir(upper):
            return why_in_memory(os.path.realpath(upper), mounts, depth + 1)
        # Mounted before the root was, so that its path leads nowhere now; but it tells of its upper layer's size.
        return "a layer of the size of this machine's memory" if _is_sized_as_memory(path) else ""
    if mount.type.startswith(_THROUGH) and mount.source.startswith("/") and os.path.isdir(mount.source):
        return why_in_memory(os.path.realpath(mount.source), mounts, depth + 1)
    device = _device_of(mount)
    return _why_device_in_memory(device, mounts, depth + 1) if device else ""


def _device_of(mount: Mount) -> str:
    if not mount.device.startswith("0:"):
        return mount.device
    # Such as btrfs, which may span several; the first of them is named.
    try:
        number = os.stat(mount.source).st_rdev if mount.source.startswith("/dev/") else 0
    except OSError:
        number = 0
    return "%d:%d" % (os.major(number), os.minor(number)) if number else ""


def _why_device_in_memory(device: str, mounts: Mounts, depth: int) -> str:
    """Return what a block device stands on, through partitions, loops and mappers, where that is memory."""
    if device.partition(":")[0] == _RAMDISK_MAJOR:
        return "a ramdisk"
    if depth > _MAX_DEPTH:
        return ""
    disk = os.path.realpath(os.path.join(DEVICES, device))
    for folder in (disk, os.path.dirname(disk)):
        if _RAMDISK.match(os.path.basename(folder)):
            return "the ramdisk %s" % os.path.basename(folder)[:32]
        file = _text(os.path.join(folder, "loop", "backing_file"))
        if file:
            return why_in_memory(os.path.realpath(file), mounts, depth + 1)
        for slave in _names(os.path.join(folder, "slaves")):
            number = _text(os.path.join(folder, "slaves", slave, "dev"))
            beneath = _why_device_in_memory(number, mounts, depth + 1) if number else ""
            if beneath:
                return beneath
    return ""


def _is_sized_as_memory(path: str) -> bool:
    """Tell whether a volume has as many inodes as a tmpfs has by default, and no more room than there is memory."""
    total = re.search(r"^MemTotal:\s+([0-9]+) kB$", _text(MEMORY), re.MULTILINE)
    try:
        volume = os.statvfs(path)
    except OSError:
        return False
    if total is None:
        return False
    memory_bytes, page_bytes = int(total.group(1)) * 1024, os.sysconf("SC_PAGE_SIZE")
    inodes = memory_bytes // page_bytes // 2
    return volume.f_blocks * volume.f_frsize <= memory_bytes and abs(volume.f_files - inodes) <= inodes // 10


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _text(path: str) -> str:
    """Return a small file of the kernel's; empty where there is none."""
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read(64 * 1024)).strip("\n")
    except OSError:
        return ""
