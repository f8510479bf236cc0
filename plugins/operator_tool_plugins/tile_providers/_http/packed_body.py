"""Bodies that a server packed without being asked: tileserver-gl does so with every picture."""

from __future__ import annotations

import zlib

_GZIP = 16 + zlib.MAX_WBITS


def unpacked(body: bytes, *, cap_bytes: int) -> bytes | None:
    """Return what a gzip body holds, or the first ``cap_bytes + 1`` of it; None where it is no whole one."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        data = unpacker.decompress(body, cap_bytes + 1)
    except zlib.error:
        return None
    return data if len(data) > cap_bytes or (unpacker.eof and not unpacker.unused_data) else None
