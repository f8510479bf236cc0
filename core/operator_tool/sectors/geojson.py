"""The area of a sector from a GeoJSON file (RFC 7946): polygons, alone or in features."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from operator_tool.api.errors import UsageError

from .checks import check_polygons
from .reading import read_file
from .sector import Bounds, Polygon, Ring

_MAX_BYTES = 8 * 1024 * 1024
_WGS84 = re.compile(r"(?:^|[:/ ])(?:crs84|4326|wgs ?84)$")
_Ring = list[list[float]]


class _Object(msgspec.Struct, tag_field="type"):
    crs: Any = None
    """The reference system, which the format of 2008 could name."""


class _Polygon(_Object, tag="Polygon", kw_only=True):
    coordinates: list[_Ring]


class _MultiPolygon(_Object, tag="MultiPolygon", kw_only=True):
    coordinates: list[list[_Ring]]


class _Feature(_Object, tag="Feature", kw_only=True):
    geometry: _Polygon | _MultiPolygon


class _FeatureCollection(_Object, tag="FeatureCollection", kw_only=True):
    features: list[_Feature]


_Document = _Polygon | _MultiPolygon | _Feature | _FeatureCollection


def read_polygons(path: Path) -> tuple[Polygon, ...]:
    """Return the polygons of a file. Raises ``UsageError`` naming the place of what is not a polygon on the earth."""
    try:
        document = msgspec.json.decode(_read(path), type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not GeoJSON with polygons: {error}",
            hint="Draw the area as a polygon, and save it as GeoJSON in WGS 84 (EPSG:4326).",
        ) from error
    if not _is_wgs84(document):
        raise UsageError(
            f"{path} has its positions in another reference system than WGS 84",
            hint="Save the area again in WGS 84 (EPSG:4326), the only one that GeoJSON has since 2016.",
        )
    polygons = tuple(_polygons(document))
    check_polygons(polygons, lambda text: UsageError(f"{path}: {text}", hint=_RIGHT))
    return polygons


def bounds_of(polygons: Iterable[Polygon]) -> Bounds:
    """Return the box around polygons that don't cross 180°."""
    corners = [corner for polygon in polygons for ring in polygon for corner in ring]
    lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
    return min(lons), min(lats), max(lons), max(lats)


_RIGHT = (
    "A ring is four or more corners of longitude and latitude in degrees, the last one the first again; an area across"
    " 180° is cut there into two polygons."
)


def _read(path: Path) -> bytes:
    try:
        data, found = read_file(path, _MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}", hint="Give a GeoJSON file.") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is not a file", hint="Give a GeoJSON file.")
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path} is longer than {_MAX_BYTES:,} bytes", hint="Draw the area with fewer corners.")
    return data.removeprefix(b"\xef\xbb\xbf")


def _is_wgs84(document: _Document) -> bool:
    """False where the document, or a part of it, names another reference system."""
    if document.crs is not None:
        properties = document.crs.get("properties") if isinstance(document.crs, dict) else None
        name = properties.get("name", properties.get("code")) if isinstance(properties, dict) else document.crs
        if not _WGS84.search(f"{name}".lower()):
            return False
    if isinstance(document, _FeatureCollection):
        return all(map(_is_wgs84, document.features))
    return _is_wgs84(document.geometry) if isinstance(document, _Feature) else True


def _polygons(document: _Document) -> Iterator[Polygon]:
    if isinstance(document, _FeatureCollection):
        for feature in document.features:
            yield from _polygons(feature.geometry)
    elif isinstance(document, _Feature):
        yield from _polygons(document.geometry)
    elif isinstance(document, _MultiPolygon):
        yield from (_polygon(rings) for rings in document.coordinates)
    else:
        yield _polygon(document.coordinates)


def _polygon(rings: list[_Ring]) -> Polygon:
    return tuple(_ring(ring) for ring in rings)


def _ring(ring: _Ring) -> Ring:
    # A third number is a height, which no area has. A corner with fewer than two is refused by the check.
    return tuple((corner[0], corner[1]) if len(corner) >= 2 else (float("nan"), float("nan")) for corner in ring)
