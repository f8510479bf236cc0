"""PNG files, as the W3C's PNG specification lays them out: chunks, each with a CRC over its type and data."""

from __future__ import annotations

import struct
from zlib import crc32

from operator_tool.api import escape_bytes

from .bad_picture import BadPictureError, require_end, require_size

_CHUNK = struct.Struct(">I4s").unpack_from
"""The length of the chunk's data, its type."""
_CRC = struct.Struct(">I").unpack_from
_HEADER = struct.Struct(">I4sII").unpack_from
"""The first chunk as far as the size: it must be an IHDR of 13 bytes."""

_FIRST_CHUNK = 8
_AROUND_DATA_BYTES = 12
"""Length, type and CRC of a chunk."""
_MAX_CHUNKS = 4096
"""libpng writes 8 kB a chunk, which makes 32 MB."""


def check_png(data: bytes, size_px: int) -> None:
    """Raise :class:`BadPictureError` unless these bytes, begun as a PNG, are a whole and true one of this size."""
    size_bytes = len(data)
    view = memoryview(data)
    at = _FIRST_CHUNK
    pixels = False
    try:
        header_bytes, kind, width_px, height_px = _HEADER(data, at)
        if header_bytes != 13 or kind != b"IHDR":
            raise BadPictureError("a PNG whose first chunk is not a header")
        require_size(width_px, height_px, size_px)
        for _ in range(_MAX_CHUNKS):
            length, kind = _CHUNK(data, at)
            crc_at = at + 8 + length
            if _CRC(data, crc_at)[0] != crc32(view[at + 4 : crc_at]):
                raise BadPictureError(f"PNG chunk {escape_bytes(kind)} has a wrong CRC")
            at += length + _AROUND_DATA_BYTES
            if kind == b"IDAT":
                pixels = True
            elif kind == b"acTL":
                raise BadPictureError("an animation instead of a picture")
            elif kind == b"IEND":
                break
        else:
            raise BadPictureError(f"more than {_MAX_CHUNKS} PNG chunks")
    except struct.error:
        raise BadPictureError("cut short: no PNG chunk IEND") from None
    if not pixels:
        raise BadPictureError("a PNG without pixels")
    if at != size_bytes:
        require_end(data, at, "its PNG chunk IEND")
