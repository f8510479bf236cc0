"""The workstation's half of the framing: offers, pictures and the seal, as ``receive`` reads them."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterable, Sequence

from operator_tool.api import PictureFormat, TileRecord

PROTOCOL = 2
MAX_OFFER_TILES = 512
"""Some 8 MB of pictures: small against the window, large against a frame's head."""
FRAME_BYTES = 512 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
"""Of a request, or of a final manifest."""

_PING, _OFFER, _DATA, _SEAL, _CANCEL, _ARTEFACT = range(6)
_HEAD = struct.Struct(">BI")
_BATCH = struct.Struct(">I")
_ENTRY = struct.Struct(">BII32sIB")
_SEAL_BODY = struct.Struct(">QQ")
_FORMATS = {PictureFormat.JPEG: 1, PictureFormat.PNG: 2, PictureFormat.WEBP: 3}


def offer_frame(batch: int, records: Sequence[TileRecord]) -> bytes:
    """Return the frame that offers these tiles."""
    entries = (_ENTRY.pack(r.id.z, r.id.x, r.id.y, r.sha256, r.length_bytes, _FORMATS[r.format]) for r in records)
    return _frame(_OFFER, [_BATCH.pack(batch), *entries])


def data_frame(batch: int, pictures: Iterable[bytes]) -> bytes:
    """Return the frame that brings the next lacking pictures of a batch."""
    pieces = [_BATCH.pack(batch)]
    for picture in pictures:
        pieces += (_BATCH.pack(len(picture)), picture)
    return _frame(_DATA, pieces)


def seal_frame(tiles: int, size_bytes: int) -> bytes:
    """Return the frame that ends the offering."""
    return _frame(_SEAL, [_SEAL_BODY.pack(tiles, size_bytes)])


def ping_frame() -> bytes:
    """Return the frame that says only that somebody is there."""
    return _frame(_PING, [])


def cancel_frame() -> bytes:
    """Return the frame after which requests follow again, where the agent's report came before the seal."""
    return _frame(_CANCEL, [])


def artefact_frame(place: int, piece: bytes) -> bytes:
    """Return the frame that brings the next bytes of a file, by its place in the list that was asked for."""
    return _frame(_ARTEFACT, [_BATCH.pack(place), piece])


def lacking(records: Sequence[TileRecord], bits: str) -> list[TileRecord]:
    """Return the records that the agent's bits name. Raises ``ValueError`` when they don't fit the offer."""
    try:
        mask = base64.b64decode(bits, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the bits of what is lacking are not base64: {error}") from None
    unused = -len(records) % 8
    if len(mask) != (len(records) + 7) // 8 or (mask and mask[-1] & ((1 << unused) - 1)):
        raise ValueError(f"the bits of what is lacking are {len(mask)} bytes, for {len(records)} tiles")
    return [record for place, record in enumerate(records) if mask[place >> 3] & (0x80 >> (place & 7))]


def _frame(kind: int, pieces: list[bytes]) -> bytes:
    return b"".join([_HEAD.pack(kind, sum(map(len, pieces))), *pieces])
