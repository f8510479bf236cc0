"""JPEG files, as ITU-T T.81 annex B lays them out: segments, each begun by 0xFF and a marker."""

from __future__ import annotations

import struct

from .bad_picture import PADDING, BadPictureError, require_end, require_size

_SEGMENT = struct.Struct(">BBH").unpack_from
"""0xFF, the marker, the length of the segment from its length on."""
_FRAME = struct.Struct(">BHHB").unpack_from
"""Bits a sample, height, width, components."""

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_END_OF_IMAGE = b"\xff\xd9"
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended sequential, progressive: what map software decodes."""
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
"""Lossless, hierarchical, arithmetic coding."""
_MAX_SEGMENTS = 4096
"""Before the first scan, fill bytes included; a picture with metadata in 64 kB pieces has some dozens."""
_CUT_SHORT = "cut short: no end-of-image marker"


def check_jpeg(data: bytes, size_px: int) -> None:
    """Raise :class:`BadPictureError` unless these bytes, begun as a JPEG, are a whole one of this size.

    Compressed data can't hold an end-of-image marker: one at the end is the picture's own, and the scans aren't read.
    """
    scans = _walk_to_scans(data, size_px)
    end = len(data)
    if not data.endswith(_END_OF_IMAGE):
        end = len(data.rstrip(PADDING))
        if not data.endswith(_END_OF_IMAGE, 0, end):
            raise BadPictureError(_CUT_SHORT)
        require_end(data, end, "its end-of-image marker")
    if scans >= end - len(_END_OF_IMAGE):
        raise BadPictureError("a JPEG without compressed data")


def _walk_to_scans(data: bytes, size_px: int) -> int:
    """Return where the first scan's compressed data begins, having seen a frame of the right size before it."""
    at: int = 2
    framed = False
    try:
        for _ in range(_MAX_SEGMENTS):
            mark, marker, length = _SEGMENT(data, at)
            if mark != 0xFF:
                raise BadPictureError(f"no marker at byte {at}, where a JPEG segment begins")
            if marker == 0xFF:
                at += 1
                continue
            if length < 2 or marker in (0x00, _SOI, _EOI):
                raise BadPictureError(f"a JPEG segment at byte {at} that can't be")
            if marker in _FRAMES:
                bits, height_px, width_px, components = _FRAME(data, at + 4)
                require_size(width_px, height_px, size_px)
                if framed or bits != 8 or components not in (1, 3, 4):
                    raise BadPictureError("a JPEG frame that map software can't read")
                framed = True
            elif marker in _OTHER_FRAMES:
                raise BadPictureError("a JPEG that map software can't read: lossless, hierarchical or arithmetic")
            at += 2 + length
            if marker == _SOS:
                if not framed:
                    raise BadPictureError("no JPEG frame before the first scan")
                return at
    except struct.error:
        raise BadPictureError(_CUT_SHORT) from None
    raise BadPictureError(f"more than {_MAX_SEGMENTS} JPEG segments before the first scan")
