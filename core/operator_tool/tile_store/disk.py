"""What a disk says of itself, and folders that are there after a power cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def free_text(folder: Path) -> str:
    """Return how much room the folder's disk has, for a message."""
    try:
        return f"{megabytes(shutil.disk_usage(folder).free)} are free on its disk"
    except OSError as error:
        return f"its disk can't be asked for its free room: {error.strerror}"


def megabytes(size_bytes: int) -> str:
    """Return a size for a message."""
    return f"{size_bytes / 1e6:,.1f} MB"


def make_durable_folder(folder: Path) -> None:
    """Make a folder and its missing parents; each new name is on the disk when this returns. Raises ``OSError``."""
    if folder.is_dir():
        return
    make_durable_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk. Raises ``OSError``."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
