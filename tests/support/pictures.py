"""Real pictures, each with bytes of its own, at the cost of joining three byte strings.

One picture of a format and size is encoded, once; what makes each other one is a comment in it. They decode, they are
not of one colour, and they are short.
"""

from __future__ import annotations

import functools
import io
import struct
from zlib import crc32


def real_jpeg(seed: int | str, size_px: int = 256) -> bytes:
    """Return a baseline JPEG of about 1 kB, with the seed in a comment segment."""
    head, tail = _jpeg(size_px)
    text = str(seed).encode()
    return b"%b\xff\xfe%b%b%b" % (head, (len(text) + 2).to_bytes(2, "big"), text, tail)


def real_png(seed: int | str, size_px: int = 256) -> bytes:
    """Return a PNG with the seed in a text chunk."""
    head, tail = _png(size_px)
    text = b"tEXtComment\0" + str(seed).encode()
    return b"%b%b%b%b%b" % (head, struct.pack(">I", len(text) - 4), text, struct.pack(">I", crc32(text)), tail)


def real_webp(seed: int | str, size_px: int = 256) -> bytes:
    """Return a lossy WebP with the seed in a chunk that no reader knows."""
    chunks = _webp(size_px)
    text = str(seed).encode()
    own = struct.pack("<4sI", b"seed", len(text)) + text + bytes(len(text) % 2)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + len(own), b"WEBP") + chunks + own


@functools.cache
def _jpeg(size_px: int) -> tuple[bytes, bytes]:
    """Return what comes before and after a comment: JFIF wants its own segment to be the first."""
    data = _encoded("JPEG", size_px, quality=20, optimize=True)
    own = 4 + int.from_bytes(data[4:6], "big")
    return data[:own], data[own:]


@functools.cache
def _png(size_px: int) -> tuple[bytes, bytes]:
    """Return what comes before and after a text chunk, which may stand right after the header."""
    data = _encoded("PNG", size_px, colours=16)
    return data[:33], data[33:]


@functools.cache
def _webp(size_px: int) -> bytes:
    """Return the chunks of an extended WebP, the only kind that may have further ones."""
    data = _encoded("WEBP", size_px, quality=30)
    side = (size_px - 1).to_bytes(3, "little")
    return struct.pack("<4sI", b"VP8X", 10) + bytes(4) + side + side + data[12:]


def _encoded(name: str, size_px: int, *, colours: int = 0, **settings: object) -> bytes:
    from PIL import Image

    rings = Image.radial_gradient("L").resize((size_px, size_px))
    slope = Image.linear_gradient("L").resize((size_px, size_px))
    out = io.BytesIO()
    picture = Image.merge("RGB", (rings, slope, rings))
    (picture.quantize(colours) if colours else picture).save(out, name, **settings)
    return out.getvalue()
