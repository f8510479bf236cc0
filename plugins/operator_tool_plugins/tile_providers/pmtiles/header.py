"""The header of a PMTiles archive: its first 127 bytes (github.com/protomaps/PMTiles, spec/v3)."""

from __future__ import annotations

import msgspec

from operator_tool.api import MAX_ZOOM, PictureFormat

HEADER_BYTES = 127
_MAGIC = b"PMTiles"
_MAGIC_BEFORE_3 = b"PM"
_VERSION = 3
_FINEST_ZOOM = 31
"""The last one whose tiles' numbers the format can hold."""
_OTHER_ARCHIVE = "Choose an archive with jpg, png or webp tiles."
_OTHER_COMPRESSION = "Write the archive again with gzip, or without a compression."
_PICTURES = {"JPEG": PictureFormat.JPEG, "PNG": PictureFormat.PNG, "WEBP": PictureFormat.WEBP}


class ArchiveError(Exception):
    """What is wrong with an archive, said of it: ``"is cut short"``; ``hint`` says what to do about it."""

    def __init__(self, text: str, *, hint: str = "Copy the archive again from where it came.") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class Span(msgspec.Struct, frozen=True, gc=False):
    """Some bytes of the archive."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset of the first byte behind it."""
        return self.offset + self.length


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a header says, checked as far as it can be by itself."""

    root: Span
    metadata: Span
    leaves: Span
    tiles: Span
    gzip_inside: bool
    """Whether directories and metadata are compressed."""
    gzip_tiles: bool
    picture_format: PictureFormat | None
    """None where it does not say."""
    min_zoom: int
    max_zoom: int
    bounds_deg: tuple[float, float, float, float] | None


def read_header(data: bytes) -> Header:
    """Return the header that an archive begins with. Raises ``ArchiveError`` when it has none that can be used."""
    from pmtiles.tile import Compression, deserialize_header

    _check_magic(data)
    try:
        raw = deserialize_header(data)
    except (ValueError, IndexError) as error:
        raise ArchiveError(f"has a header that makes no sense: {error}") from None
    inside, tiles = raw["internal_compression"], raw["tile_compression"]
    if inside not in (Compression.NONE, Compression.GZIP):
        raise ArchiveError(f"has directories in the compression {inside.name.lower()}", hint=_OTHER_COMPRESSION)
    if tiles not in (Compression.NONE, Compression.GZIP, Compression.UNKNOWN):
        raise ArchiveError(f"has tiles in the compression {tiles.name.lower()}", hint=_OTHER_COMPRESSION)
    _check_tile_type(raw["tile_type"].name)
    if not 0 <= raw["min_zoom"] <= raw["max_zoom"] <= _FINEST_ZOOM:
        raise ArchiveError(f"has the zooms {raw['min_zoom']} to {raw['max_zoom']}, which are none")
    corners = (raw["min_lon_e7"], raw["min_lat_e7"], raw["max_lon_e7"], raw["max_lat_e7"])
    west, south, east, north = (corner / 1e7 for corner in corners)
    sane = -180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90
    return Header(
        root=Span(raw["root_offset"], raw["root_length"]),
        metadata=Span(raw["metadata_offset"], raw["metadata_length"]),
        leaves=Span(raw["leaf_directory_offset"], raw["leaf_directory_length"]),
        tiles=Span(raw["tile_data_offset"], raw["tile_data_length"]),
        gzip_inside=inside is Compression.GZIP,
        gzip_tiles=tiles is Compression.GZIP,
        picture_format=_PICTURES.get(raw["tile_type"].name),
        min_zoom=min(raw["min_zoom"], MAX_ZOOM),
        max_zoom=min(raw["max_zoom"], MAX_ZOOM),
        bounds_deg=(west, south, east, north) if sane else None,
    )


def _check_magic(data: bytes) -> None:
    if data.startswith(_MAGIC) and len(data) >= HEADER_BYTES:
        version = data[len(_MAGIC)]
    elif data.startswith(_MAGIC):
        raise ArchiveError("ends within its header")
    elif data.startswith(_MAGIC_BEFORE_3) and data[2:3] in (b"\x01", b"\x02"):
        version = data[2]
    else:
        raise ArchiveError("is not a PMTiles archive", hint="Check pmtiles.path, or pmtiles.url.")
    if version == _VERSION:
        return
    if version == ord(str(_VERSION)):
        raise ArchiveError(
            f"has the letter {_VERSION} where the number of its version stands: whatever wrote it had a slip",
            hint="Otherwise it may be whole: mend that byte of a copy with"
            f" printf '\\003' | dd of=COPY.pmtiles bs=1 seek={len(_MAGIC)} conv=notrunc, or write it again with another"
            " program.",
        )
    if version > _VERSION:
        raise ArchiveError(
            f"is of PMTiles version {version}, which is newer than this tool: version {_VERSION} is read",
            hint=f"Get the archive in version {_VERSION}, or a release of operator-tool that reads version {version}.",
        )
    raise ArchiveError(
        f"is of PMTiles version {version}, which present programs read no more: version {_VERSION} is read",
        hint=f"Get the archive in version {_VERSION}, or make it again from its tiles: pmtiles convert TILES.mbtiles"
        " NEW.pmtiles.",
    )


def _check_tile_type(name: str) -> None:
    if name in ("MVT", "MLT"):
        raise ArchiveError("holds vector tiles, and a drone's camera is matched with pictures", hint=_OTHER_ARCHIVE)
    if name != "UNKNOWN" and name not in _PICTURES:
        raise ArchiveError(f"holds {name.lower()} pictures, which are not used", hint=_OTHER_ARCHIVE)
