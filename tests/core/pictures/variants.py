"""Real pictures of every kind that a map server may send, 256 x 256 pixels unless said otherwise."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib
from collections.abc import Callable

from PIL import Image

SIZE_PX = 256
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass of an interlaced PNG: the first column and row, the steps in x and y."""


def encoded(picture: Image.Image, name: str, **settings: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    picture.save(out, name, **settings)
    return out.getvalue()


@functools.cache
def ground(size_px: int = SIZE_PX) -> Image.Image:
    """Return a picture with something to see in it."""
    rings = Image.radial_gradient("L").resize((size_px, size_px))
    slope = Image.linear_gradient("L").resize((size_px, size_px))
    return Image.merge("RGB", (rings, slope, slope.rotate(90)))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its right CRC."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(*chunks: bytes) -> bytes:
    """Return a PNG of these chunks, ended as one must be."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def png_header(
    width_px: int, height_px: int, *, bits: int = 8, colour_type: int = 2, interlaced: bool = False
) -> bytes:
    """Return a PNG's first chunk."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, bits, colour_type, 0, 0, interlaced))


def raw_png(*, bits: int, interlaced: bool) -> bytes:
    """Return a PNG in colour such as Pillow does not write, of random rows that repeat."""
    rows = []
    for x0, y0, step_x, step_y in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        width, height = -(-(SIZE_PX - x0) // step_x), -(-(SIZE_PX - y0) // step_y)
        rows += [b"\0" + random.Random(7).randbytes(width * 3 * bits // 8)] * height
    pixels = png_chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return png_of(png_header(SIZE_PX, SIZE_PX, bits=bits, interlaced=interlaced), pixels)


def _exif() -> bytes:
    """Return EXIF data with a thumbnail in it: a whole JPEG with an end of its own."""
    exif = Image.Exif()
    exif[0x010E] = "over the lake"
    return exif.tobytes() + encoded(ground(32), "JPEG")


def _fill_bytes() -> bytes:
    """Return a JPEG with bytes that fill up before a marker."""
    data = encoded(ground(), "JPEG")
    return data[:2] + b"\xff\xff\xff" + data[2:]


def _alpha() -> Image.Image:
    picture = ground().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L"))
    return picture


VARIANTS: dict[str, Callable[[], bytes]] = {
    "jpg baseline": lambda: encoded(ground(), "JPEG"),
    "jpg optimized": lambda: encoded(ground(), "JPEG", optimize=True),
    "jpg progressive": lambda: encoded(ground(), "JPEG", progressive=True),
    "jpg progressive 4:4:4": lambda: encoded(ground(), "JPEG", progressive=True, subsampling=0, quality=95),
    "jpg 4:4:4": lambda: encoded(ground(), "JPEG", subsampling=0),
    "jpg grey": lambda: encoded(ground().convert("L"), "JPEG"),
    "jpg grey progressive": lambda: encoded(ground().convert("L"), "JPEG", progressive=True),
    "jpg cmyk": lambda: encoded(ground().convert("CMYK"), "JPEG"),
    "jpg exif": lambda: encoded(ground(), "JPEG", exif=_exif()),
    "jpg icc": lambda: encoded(ground(), "JPEG", icc_profile=bytes(range(256)) * 300),
    "jpg comment": lambda: encoded(ground(), "JPEG", comment=b"\xff\xd9\xff\xda no end"),
    "jpg restart markers": lambda: encoded(ground(), "JPEG", restart_marker_blocks=4),
    "jpg fill bytes": _fill_bytes,
    "png rgb": lambda: encoded(ground().resize((64, 64)).resize((256, 256), Image.Resampling.NEAREST), "PNG"),
    "png palette": lambda: encoded(ground().quantize(16), "PNG"),
    "png palette with transparency": lambda: encoded(ground().quantize(16), "PNG", transparency=3),
    "png 1 bit": lambda: encoded(ground().convert("1"), "PNG"),
    "png grey": lambda: encoded(ground().convert("L"), "PNG"),
    "png grey and alpha": lambda: encoded(_alpha().convert("LA"), "PNG"),
    "png alpha": lambda: encoded(_alpha(), "PNG"),
    "png 16 bit grey": lambda: encoded(ground().convert("L").convert("I").convert("I;16"), "PNG"),
    "png 16 bit": lambda: raw_png(bits=16, interlaced=False),
    "png interlaced": lambda: raw_png(bits=8, interlaced=True),
    "png icc": lambda: encoded(ground().quantize(16), "PNG", icc_profile=bytes(range(256))),
    "webp lossy": lambda: encoded(ground(), "WEBP"),
    "webp lossless": lambda: encoded(ground().quantize(16), "WEBP", lossless=True),
    "webp alpha": lambda: encoded(_alpha(), "WEBP"),
    "webp lossless alpha": lambda: encoded(_alpha().quantize(16), "WEBP", lossless=True),
    "webp exif": lambda: encoded(ground(), "WEBP", exif=_exif()),
    "webp icc": lambda: encoded(ground(), "WEBP", icc_profile=bytes(range(255))),
}


@functools.cache
def variant(name: str) -> bytes:
    """Return one of the variants."""
    return VARIANTS[name]()


def animation(name: str) -> bytes:
    """Return an animation, which PNG and WebP can be as well."""
    return encoded(ground(), name, save_all=True, append_images=[ground().rotate(90)], duration=100)
