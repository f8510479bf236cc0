"""Most of a cache is often held already: its database then begins as a copy of the current one, made by the kernel.

Only a database that was verified since this machine started, and untouched since, is copied so. What the copy holds is
believed as the rest of staging is: the build reads all of it back and hashes it before anything becomes current.
"""

from __future__ import annotations

import errno
import os
from typing import Callable, Optional

from ..failpoints import failpoint
from ..generations.trust import is_verified_since_boot
from ..layout import DATABASE, Generation, Layout

_STEP_BYTES = 64 * 1024 * 1024
_CANNOT = frozenset((errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP))
"""What a kernel or file system without copy_file_range says."""


def is_worth_it(held: int, offered: int, current_tiles: int, wanted_tiles: int) -> bool:
    """Tell whether to copy all, by the first offer; a much larger cache would only leave much to be dropped."""
    return 2 * held > offered and current_tiles <= 2 * wanted_tiles


def trusted_current(layout: Layout) -> Optional[Generation]:
    """Return the current generation where its database can be believed without reading it."""
    current = layout.current()
    return current if current is not None and is_verified_since_boot(layout, current) else None


def copy_database(generation: Generation, tick: Callable[[], None], path: str) -> None:
    """Put a copy of the generation's database at ``path``, in place of what is there, whole or not at all.

    Where the file system can, both share their blocks until one is written to. ``tick`` is called now and then.
    """
    temporary = os.path.join(os.path.dirname(path), ".seed")
    source = os.open(os.path.join(generation.path, DATABASE), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        target = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            _copy(source, target, os.fstat(source).st_size, tick)
            failpoint("seed.after_copy")
        except BaseException:
            # A full disk must not stay full.
            os.unlink(temporary)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)
    # A rename over a file makes ext4 write all of the new one first.
    os.unlink(path)
    failpoint("seed.after_unlink")
    os.rename(temporary, path)


def _copy(source: int, target: int, size: int, tick: Callable[[], None]) -> None:
    done = 0
    in_kernel = hasattr(os, "copy_file_range")
    while done < size:
        tick()
        step = min(_STEP_BYTES, size - done)
        if in_kernel:
            try:
                copied = os.copy_file_range(source, target, step, done, done)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
                in_kernel = False
                os.lseek(target, done, os.SEEK_SET)
                continue
        else:
            copied = os.sendfile(target, source, done, step)
        if not copied:
            raise OSError(errno.EIO, "the database became shorter while it was copied")
        done += copied
