"""The check that every picture goes through before it is stored."""

from __future__ import annotations

from operator_tool.api import PictureFormat, sniff_picture_format

from .bad_picture import BadPictureError
from .jpeg import check_jpeg
from .png import check_png
from .webp import check_webp

_CHECKS = {PictureFormat.JPEG: check_jpeg, PictureFormat.PNG: check_png, PictureFormat.WEBP: check_webp}


def check_picture(data: bytes, *, size_px: int) -> PictureFormat:
    """Return the format of a whole picture of ``size_px`` x ``size_px`` pixels; raise :class:`BadPictureError` else.

    Its first bytes decide the format, whatever a server called it. It is not decoded: a JPEG or WebP with damage
    within its compressed part passes, a PNG with any damage does not.
    """
    picture_format = sniff_picture_format(data)
    if picture_format is None:
        raise BadPictureError("not a jpg, png or webp picture" if data else "empty")
    _CHECKS[picture_format](data, size_px)
    return picture_format
