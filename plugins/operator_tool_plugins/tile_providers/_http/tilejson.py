"""TileJSON 3.0: a document that tells a tile template, its zooms, bounds and attribution."""

from __future__ import annotations

import math

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError, DownloadError

from .address import joined
from .exchange import Reply

_VECTOR_SUFFIXES = (".pbf", ".mvt")


class TileJson(msgspec.Struct, frozen=True):
    """The members that are read; others are ignored, as the specification asks."""

    tiles: tuple[str, ...]
    minzoom: int = 0
    maxzoom: int = MAX_ZOOM
    bounds: tuple[float, float, float, float] | None = None
    attribution: str | None = None
    version: str | None = None
    scheme: str = "xyz"
    tileSize: int | None = None  # noqa: N815 - the document's own name, which some servers write
    format: str | None = None
    vector_layers: tuple[msgspec.Raw, ...] = ()


def read_tilejson(reply: Reply, *, host: str, setting: str) -> TileJson:
    """Return the document of a reply, its templates made absolute: from where it came in the end.

    Raises ``DownloadError`` when the server gave none, ``ConfigError`` when it is one that can't be used.
    """
    if reply.status != 200 or reply.body is None:
        raise DownloadError(f"{host} answered HTTP {reply.status} instead of a TileJSON document")
    try:
        document = msgspec.json.decode(reply.body, type=TileJson)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{setting} has no {{z}}, {{x}} and {{y}}, and what {host} sent for it is not TileJSON: {error}",
            hint="Write it like https://tiles.example.com/{z}/{x}/{y}.jpg, or give the address of a TileJSON document.",
        ) from None
    if not document.tiles:
        raise ConfigError(f"the TileJSON of {host} names no tiles")
    vector = document.format in ("pbf", "mvt") or document.tiles[0].partition("?")[0].endswith(_VECTOR_SUFFIXES)
    if vector or document.vector_layers:
        raise ConfigError(f"the TileJSON of {host} is of vector tiles, and a drone's camera is matched with pictures")
    if not 0 <= document.minzoom <= document.maxzoom <= 30:
        raise ConfigError(f"the TileJSON of {host} has the zooms {document.minzoom} to {document.maxzoom}")
    if document.tileSize is not None and not 64 <= document.tileSize <= 2048:
        raise ConfigError(f"the TileJSON of {host} has tiles of {document.tileSize} pixels")
    if document.scheme not in ("xyz", "tms"):
        raise ConfigError(f"the TileJSON of {host} counts its tiles by the unknown scheme {document.scheme[:40]!r}")
    templates = [joined(reply.url, one) or one for one in document.tiles]
    if document.scheme == "tms":
        templates = [one.replace("{y}", "{-y}") for one in templates]
    return msgspec.structs.replace(
        document,
        tiles=tuple(templates),
        maxzoom=min(document.maxzoom, MAX_ZOOM),
        bounds=_checked_bounds(document.bounds),
    )


def _checked_bounds(bounds: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
    """Return bounds that make sense; others are as good as none, for they only spare requests."""
    if bounds is None or not all(map(math.isfinite, bounds)):
        return None
    west, south, east, north = bounds
    if not (-180.0 <= west <= 180.0 and -180.0 <= east <= 180.0 and -90.0 <= south < north <= 90.0):
        return None
    return bounds
