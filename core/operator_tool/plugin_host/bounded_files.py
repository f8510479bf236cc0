"""Small files of strangers, read without trust in what they are."""

from __future__ import annotations

import os
import stat


class UnreadableError(Exception):
    """A file can't be read, or is not one that should be."""


def read_bounded(path: str, most_bytes: int, *, whole: bool = True) -> bytes | None:
    """Return a file's content, or None where there is none.

    Raises ``UnreadableError`` for what is not a plain file, can't be read, or, where it is wanted ``whole``, is longer
    than ``most_bytes``; else its head is returned.
    """
    name = os.path.basename(path)  # noqa: PTH119 - for hundreds of them
    try:
        # Opening a pipe would wait for whoever writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableError(f"its {name} can't be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableError(f"its {name} is not a file")
        parts, left = [], most_bytes + whole
        while left and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
    except OSError as error:
        raise UnreadableError(f"its {name} can't be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if whole and not left:
        raise UnreadableError(f"its {name} is longer than {most_bytes:,} bytes")
    return b"".join(parts)
