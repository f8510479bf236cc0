"""What a picture must be whatever its format, and the error that says what is wrong with it."""

from __future__ import annotations

PADDING = b"\0\t\n\r "
"""What a server or an encoder may add after the end of a picture: zeros and white space."""
MAX_PADDING_BYTES = 16


class BadPictureError(Exception):
    """These bytes are not the whole picture that was expected; ``reason`` says in a few words why.

    ``size_px`` is the width of a square picture whose size alone is another one than was expected.
    """

    def __init__(self, reason: str, *, size_px: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.size_px = size_px


def require_size(width_px: int, height_px: int, size_px: int) -> None:
    """Raise :class:`BadPictureError` unless a header's size is the expected one."""
    if width_px != size_px or height_px != size_px:
        raise BadPictureError(
            f"{width_px} x {height_px} pixels instead of {size_px} x {size_px}",
            size_px=width_px if width_px == height_px else None,
        )


def require_end(data: bytes, end: int, name: str) -> None:
    """Raise :class:`BadPictureError` when more than padding follows the picture, which ends before ``end``."""
    surplus_bytes = len(data) - end
    if surplus_bytes > MAX_PADDING_BYTES or data[end:].strip(PADDING):
        raise BadPictureError(f"{surplus_bytes} bytes after {name}")
