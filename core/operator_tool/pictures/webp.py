"""WebP files, as RFC 9649 lays them out: one RIFF container with one picture in it."""

from __future__ import annotations

import struct

from .bad_picture import BadPictureError, require_end, require_size

_CHUNK = struct.Struct("<4sI").unpack_from
"""The chunk's type, the length of its data; a byte of padding follows an odd one."""
_RIFF_SIZE = struct.Struct("<I").unpack_from
_VP8 = struct.Struct("<B2x3sHH").unpack_from
"""Bit 0 clear in a key frame, the start code, 14 bits of width, 14 bits of height."""
_VP8L = struct.Struct("<BI").unpack_from
"""The signature, 14 bits of width less one, 14 bits of height less one."""
_VP8X = struct.Struct("<B3xHBHB").unpack_from
"""Flags, 24 bits of the canvas's width less one, 24 bits of its height less one."""

_FIRST_CHUNK = 12
_START_CODE = b"\x9d\x01\x2a"
_SIGNATURE = 0x2F
_ANIMATION_FLAG = 0x02
_MAX_CHUNKS = 64
"""Far more than the nine types that there are."""


def check_webp(data: bytes, size_px: int) -> None:
    """Raise :class:`BadPictureError` unless these bytes, begun as a WebP, are a whole still picture of this size."""
    try:
        end = 8 + _RIFF_SIZE(data, 4)[0]
        if end > len(data):
            raise BadPictureError(f"cut short: {len(data)} of {end} bytes")
        _check_chunks(data, end, size_px)
    except struct.error:
        raise BadPictureError("cut short: a WebP chunk without its header") from None
    if end != len(data):
        require_end(data, end, "its RIFF container")


def _check_chunks(data: bytes, end: int, size_px: int) -> None:
    at = _FIRST_CHUNK
    pictures = 0
    for _ in range(_MAX_CHUNKS):
        kind, length = _CHUNK(data, at)
        at += 8
        if at + length > end:
            raise BadPictureError("a WebP chunk that is longer than its container")
        if kind == b"VP8 ":
            tag, start_code, width, height = _VP8(data, at)
            if tag & 1 or start_code != _START_CODE:
                raise BadPictureError("a WebP picture that is not a key frame")
            require_size(width & 0x3FFF, height & 0x3FFF, size_px)
            pictures += 1
        elif kind == b"VP8L":
            signature, bits = _VP8L(data, at)
            if signature != _SIGNATURE:
                raise BadPictureError("a lossless WebP picture without its signature")
            require_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, size_px)
            pictures += 1
        elif kind == b"VP8X":
            flags, width_low, width_high, height_low, height_high = _VP8X(data, at)
            if flags & _ANIMATION_FLAG:
                raise BadPictureError("an animation instead of a picture")
            require_size((width_high << 16 | width_low) + 1, (height_high << 16 | height_low) + 1, size_px)
        elif kind in (b"ANIM", b"ANMF"):
            raise BadPictureError("an animation instead of a picture")
        at += length + (length & 1)
        if at >= end:
            break
    else:
        raise BadPictureError(f"more than {_MAX_CHUNKS} WebP chunks")
    if pictures != 1:
        raise BadPictureError(f"{pictures} pictures in a WebP file")
