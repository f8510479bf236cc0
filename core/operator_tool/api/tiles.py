"""Tiles, and the ways in which a tile can be missing.

A tile is named in the XYZ scheme of the web maps: ``z`` from 0, ``x`` from 180° west eastwards, ``y`` from the north
southwards, Web Mercator (EPSG:3857).

There are millions of these: they hold no references that could form a cycle, so the garbage collector needn't look.
"""

from __future__ import annotations

import enum

import msgspec

MAX_ZOOM = 22
"""The finest zoom that can be asked for: 3.7 cm a pixel at the equator."""


class TileId(msgspec.Struct, frozen=True, order=True, gc=False):
    """One tile's name, XYZ scheme: ``0 <= x, y < 2**z``."""

    z: int
    x: int
    y: int

    def __str__(self) -> str:
        return f"{self.z}/{self.x}/{self.y}"


class PictureFormat(enum.StrEnum):
    """The picture formats that a tile may have, as MBTiles names them."""

    JPEG = "jpg"
    PNG = "png"
    WEBP = "webp"


def sniff_picture_format(data: bytes) -> PictureFormat | None:
    """Return the format that the first bytes of a picture say, or None when they are not a picture's."""
    if data.startswith(b"\xff\xd8\xff"):
        return PictureFormat.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PictureFormat.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PictureFormat.WEBP
    return None


class WantedTile(msgspec.Struct, frozen=True, gc=False):
    """A tile that the core asks a provider for; ``etag`` is that of the copy it holds already, byte for byte."""

    id: TileId
    etag: str | None = None


class Tile(msgspec.Struct, frozen=True, tag="tile", gc=False):
    """The provider's picture, bytes as received. The core checks it before it is stored."""

    id: TileId
    data: bytes
    etag: str | None = None
    imagery_date: str | None = None
    """When the imagery was taken, ISO 8601, where the provider says so."""


class NotModified(msgspec.Struct, frozen=True, tag="not_modified", gc=False):
    """The copy named by the wanted tile's ETag is still the provider's."""

    id: TileId


class Absent(msgspec.Struct, frozen=True, tag="absent", gc=False):
    """The provider has no such tile, by its own word (a 404, no row). Settled: it is remembered."""

    id: TileId
    reason: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused", gc=False):
    """The provider would not give this tile (a licence, a quota of this area). Not remembered."""

    id: TileId
    reason: str


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable", gc=False):
    """The tile could not be had now: no connection, cut short, the server failed. Not remembered."""

    id: TileId
    reason: str


class Corrupt(msgspec.Struct, frozen=True, tag="corrupt", gc=False):
    """What came is not a whole picture of the declared size: an error page, a torn file. Not remembered."""

    id: TileId
    reason: str


class Placeholder(msgspec.Struct, frozen=True, tag="placeholder", gc=False):
    """What came is a picture that says "no imagery here": known bytes, a header that says so. Not remembered."""

    id: TileId
    reason: str


TileResult = Tile | NotModified | Absent | Refused | Unreachable | Corrupt | Placeholder
"""What a provider says of one wanted tile. Failures of the whole provider are raised as a ``DownloadError``."""


class ProviderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a tile provider says of itself before it is asked for a tile."""

    dataset: str
    """Which data these tiles are of: part of the store's and the cache's key. Holds no secret; changes when the
    imagery behind it is another (the URL's template, a file's identity, a data set's version)."""
    min_zoom: int = 0
    max_zoom: int = MAX_ZOOM
    bounds_deg: tuple[float, float, float, float] | None = None
    """West, south, east, north; None where it does not say. Outside of it nothing is asked."""
    extent_hint: str = ""
    """What to do where the zooms or the bounds are wrong, such as "if that is wrong, set NAME.bounds". It follows the
    reason why a tile beyond them is not asked for."""
    tile_size_px: int = 256
    """Width and height of every tile; a picture of another size is a gap."""
    formats: tuple[PictureFormat, ...] = ()
    """The formats that its pictures have; empty where it does not say."""
    bulk_download: bool | None = None
    """Whether its terms allow to download an area; None where it does not say. False: nothing is downloaded."""
    attribution: str = ""
    version: str = ""
    synthetic: bool = False
    """True for imagery that is made up; the report says so plainly, and no picture of it counts as a placeholder for
    its looks."""
    notes: tuple[str, ...] = ()
    """What the operator should know of it and that stops nothing, one sentence each, such as metadata that don't fit
    the tiles. They stand in the plan and in the report."""
