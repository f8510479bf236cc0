"""What a first tile shows of a collection whose metadata are silent; no provider of its own."""

from __future__ import annotations

import io
import warnings

from operator_tool.api import sniff_picture_format

_VECTOR_MAGIC = (b"\x1f\x8b", b"\x78\x9c", b"\x1a")
"""How a vector tile begins: gzip, zlib, or the first layer of a bare one."""


def is_vector(sample: bytes) -> bool:
    """Say whether a tile is a vector tile and no picture."""
    return sniff_picture_format(sample) is None and sample.startswith(_VECTOR_MAGIC)


def tile_size_px(sample: bytes) -> int:
    """Return the width of a square picture as its header says, 256 where there is none that makes sense."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Only the header is read: a picture that claims to be enormous costs nothing here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(sample), formats=("JPEG", "PNG", "WEBP")) as picture:
                return picture.width if 64 <= picture.width == picture.height <= 4096 else 256
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 256
