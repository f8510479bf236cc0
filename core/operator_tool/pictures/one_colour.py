"""Blank tiles: pictures of one colour, which say that there is no imagery."""

from __future__ import annotations

import io
import threading
import warnings
from typing import TYPE_CHECKING, cast

from operator_tool.api import PictureFormat, escape_controls

from .bad_picture import BadPictureError
from .header import check_picture

if TYPE_CHECKING:
    from PIL.Image import Image

_TOLERANCE = {PictureFormat.JPEG: 2, PictureFormat.PNG: 2, PictureFormat.WEBP: 12}
"""How many grey levels of 255 apart the pixels of one colour may be. JPEG and PNG keep one colour exactly; two levels
are for a server that re-projected or re-coded it. Lossy WebP makes up to 12 of none at the qualities from 60 on."""

_PILLOW_WARNS = threading.Lock()
"""Python's list of warning filters is the whole process's: only one thread at a time may put another in its place."""


def most_bytes_of_one_colour(size_px: int) -> int:
    """Return how long a picture of one colour can be; a longer one needn't be decoded to know that it is none.

    Measured over 8-bit colours, 256 and 512 pixels: JPEG at quality 60 to 95 without subsampling and with the standard
    Huffman tables, the longest of all, takes 14 bits a block of 8 x 8 pixels and 632 bytes of headers; PNG at zlib
    level 1 up to 1,676 and 5,629 bytes, WebP up to 804 and 2,956. That leaves 1,672 bytes for metadata.
    """
    return size_px * size_px * 14 // (8 * 64) + 2304


def is_one_colour(data: bytes, *, size_px: int) -> bool:
    """Say whether all pixels of a picture are the same, but for what coding does to them, or all transparent.

    Raises :class:`BadPictureError` for what :func:`check_picture` refuses and for what can't be decoded, but looks
    only at pictures that are short enough to be of one colour.
    """
    if len(data) > most_bytes_of_one_colour(size_px):
        return False
    picture_format = check_picture(data, size_px=size_px)
    tolerance = _TOLERANCE[picture_format]
    with _PILLOW_WARNS, warnings.catch_warnings():
        # Pillow warns of odd metadata, which is no part of the picture.
        warnings.simplefilter("ignore")
        # The means of 8 x 8 pixels cost a JPEG a fifth of the time, and where they differ, pixels do.
        if picture_format is PictureFormat.JPEG and _spread(data, picture_format, scale=8) > tolerance:
            return False
        return _spread(data, picture_format) <= tolerance


def _spread(data: bytes, picture_format: PictureFormat, *, scale: int = 1) -> float:
    """Return how many grey levels of 255 the pixels are apart in the band where they differ most; 0 if none is seen."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=(picture_format.name,)) as picture:
            if scale > 1:
                picture.draft(None, (picture.width // scale, picture.height // scale))
            picture.load()
            return _spread_of(picture)
    except UnidentifiedImageError:
        raise BadPictureError("can't be decoded: its headers are damaged") from None
    except Exception as error:
        # Pillow's decoders raise errors of many kinds at damaged bytes.
        reason = escape_controls(str(error), limit=150) or type(error).__name__
        raise BadPictureError(f"can't be decoded: {reason}") from error


def _spread_of(picture: Image) -> float:
    if picture.mode.startswith("I"):
        return _widest(picture) / 257  # 16 bits
    # The extrema of a palette's indices say nothing.
    seen = picture.convert("RGBA") if picture.mode == "P" else picture
    if seen.getbands()[-1] == "A" and seen.getchannel("A").getextrema() == (0, 0):
        return 0
    return _widest(seen)


def _widest(picture: Image) -> float:
    extrema = cast("list[tuple[float, float]]", [band.getextrema() for band in picture.split()])
    return max(high - low for low, high in extrema)
