"""Pictures for the kit's services: real ones, each with bytes of its own, that pass the core's gate."""

from __future__ import annotations

import functools
import io

from operator_tool.api import TileId


def picture_of(tile: TileId, size_px: int = 256) -> bytes:
    """Return a JPEG of some 1,000 bytes that is of this tile alone: it stands in a comment segment."""
    head, tail = _jpeg(size_px)
    text = f"tile {tile}".encode()
    return b"%b\xff\xfe%b%b%b" % (head, (len(text) + 2).to_bytes(2, "big"), text, tail)


@functools.cache
def _jpeg(size_px: int) -> tuple[bytes, bytes]:
    """Return what comes before and after a comment: JFIF wants its own segment to be the first."""
    from PIL import Image

    rings = Image.radial_gradient("L").resize((size_px, size_px))
    slope = Image.linear_gradient("L").resize((size_px, size_px))
    out = io.BytesIO()
    Image.merge("RGB", (rings, slope, rings)).save(out, "JPEG", quality=20, optimize=True)
    data = out.getvalue()
    own = 4 + int.from_bytes(data[4:6], "big")
    return data[:own], data[own:]
