"""The capabilities document of a WMTS (OGC 07-057r7, section 7.1), as far as tiles need it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from .xml_parts import BadXmlError, read_parts

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Bounds = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""

MAX_BYTES = 16 * 1024 * 1024
"""The largest services announce a thousand layers in about 10 MB."""
_LONGEST_NAME = 256
_NAMESPACES = {"": "http://www.opengis.net/wmts/1.0", "ows": "http://www.opengis.net/ows/1.1"}
_WMTS, _OWS = "{http://www.opengis.net/wmts/1.0}", "{http://www.opengis.net/ows/1.1}"
_HREF = "{http://www.w3.org/1999/xlink}href"


class Style(msgspec.Struct, frozen=True):
    """One way in which a layer is drawn. Its name may be empty."""

    name: str
    is_default: bool


class Dimension(msgspec.Struct, frozen=True):
    """A further axis of a layer, such as its time."""

    name: str
    default: str
    values: tuple[str, ...]
    """The first few."""


class TileLimits(msgspec.Struct, frozen=True):
    """The columns and rows that there are, both ends included."""

    min_column: int
    max_column: int
    min_row: int
    max_row: int


class MatrixSetLink(msgspec.Struct, frozen=True):
    """A matrix set that a layer is cut by; no limits stand for the whole of it."""

    matrix_set: str
    limits: dict[str, TileLimits]
    """By the names of the matrices."""


class TileResource(msgspec.Struct, frozen=True):
    """A template of the addresses of tiles."""

    media_type: str
    template: str


class Layer(msgspec.Struct, frozen=True):
    """One layer of tiles."""

    name: str
    styles: tuple[Style, ...]
    media_types: tuple[str, ...]
    links: tuple[MatrixSetLink, ...]
    resources: tuple[TileResource, ...]
    dimensions: tuple[Dimension, ...]
    bounds_deg: Bounds | None


class TileMatrix(msgspec.Struct, frozen=True):
    """One zoom of a matrix set."""

    name: str
    scale_denominator: float
    left_m: float
    """The first of the top left corner's coordinates; metres in a projected system."""
    top_m: float
    tile_width_px: int
    tile_height_px: int
    columns: int
    rows: int


class MatrixSet(msgspec.Struct, frozen=True):
    """A way to cut the world into tiles, zoom by zoom."""

    name: str
    crs: str
    scale_set: str
    matrices: tuple[TileMatrix, ...]


class Capabilities(msgspec.Struct, frozen=True):
    """What a service announces of itself."""

    layers: dict[str, Layer]
    matrix_sets: dict[str, MatrixSet]
    kvp_addresses: tuple[str, ...]
    """Where tiles are asked for by a query."""
    provider_name: str


def read_capabilities(document: bytes) -> Capabilities:
    """Return what a document announces; raise ``BadXmlError`` for what is no capabilities document of a WMTS 1.0.0.

    What makes no sense within it, such as a matrix without numbers, is left out.
    """
    layers: dict[str, Layer] = {}
    matrix_sets: dict[str, MatrixSet] = {}
    kvp_addresses: tuple[str, ...] = ()
    provider_name = ""
    parts = read_parts(
        document, roots={f"{_WMTS}Capabilities"}, containers={f"{_WMTS}Contents"}, shortened={f"{_WMTS}Value"}
    )
    for part in parts:
        if part.tag == f"{_WMTS}Layer" and (layer := _layer(part)) is not None:
            layers[layer.name] = layer
        elif part.tag == f"{_WMTS}TileMatrixSet":
            matrix_set = _matrix_set(part)
            matrix_sets[matrix_set.name] = matrix_set
        elif part.tag == f"{_OWS}OperationsMetadata":
            kvp_addresses = tuple(_kvp_addresses(part))
        elif part.tag == f"{_OWS}ServiceProvider":
            provider_name = _text(part, "ows:ProviderName")
    return Capabilities(layers, matrix_sets, kvp_addresses, provider_name)


def _layer(part: Element) -> Layer | None:
    name = _name(part)
    if not name:
        return None
    return Layer(
        name=name,
        styles=tuple(
            Style(_name(one), one.get("isDefault", "").strip() in ("true", "1"))
            for one in part.iterfind("Style", _NAMESPACES)
        ),
        media_types=tuple(_texts(part, "Format")),
        links=tuple(link for one in part.iterfind("TileMatrixSetLink", _NAMESPACES) for link in _links(one)),
        resources=tuple(
            TileResource(one.get("format", "").strip(), one.get("template", "").strip())
            for one in part.iterfind("ResourceURL", _NAMESPACES)
            if one.get("resourceType") == "tile"
        ),
        dimensions=tuple(
            Dimension(_name(one), _text(one, "Default"), tuple(_texts(one, "Value")))
            for one in part.iterfind("Dimension", _NAMESPACES)
        ),
        bounds_deg=_bounds_deg(part),
    )


def _links(part: Element) -> Iterator[MatrixSetLink]:
    """Yield each matrix set of a link, of which some services have several; limits are of the set before them."""
    name = ""
    for child in part:
        if child.tag == f"{_WMTS}TileMatrixSet":
            if name:
                yield MatrixSetLink(name, {})
            name = (child.text or "").strip()
        elif child.tag == f"{_WMTS}TileMatrixSetLimits" and name:
            yield MatrixSetLink(name, _limits(child))
            name = ""
    if name:
        yield MatrixSetLink(name, {})


def _limits(part: Element) -> dict[str, TileLimits]:
    limits: dict[str, TileLimits] = {}
    for one in part.iterfind("TileMatrixLimits", _NAMESPACES):
        with contextlib.suppress(ValueError):
            limits[_text(one, "TileMatrix")] = TileLimits(
                min_column=_whole(one, "MinTileCol"),
                max_column=_whole(one, "MaxTileCol"),
                min_row=_whole(one, "MinTileRow"),
                max_row=_whole(one, "MaxTileRow"),
            )
    return limits


def _matrix_set(part: Element) -> MatrixSet:
    matrices = []
    for one in part.iterfind("TileMatrix", _NAMESPACES):
        with contextlib.suppress(ValueError):
            left_m, top_m = _numbers(one, "TopLeftCorner")
            (scale_denominator,) = _numbers(one, "ScaleDenominator")
            matrix = TileMatrix(
                name=_name(one),
                scale_denominator=scale_denominator,
                left_m=left_m,
                top_m=top_m,
                tile_width_px=_whole(one, "TileWidth"),
                tile_height_px=_whole(one, "TileHeight"),
                columns=_whole(one, "MatrixWidth"),
                rows=_whole(one, "MatrixHeight"),
            )
            matrices.append(matrix)
    return MatrixSet(_name(part), _text(part, "ows:SupportedCRS"), _text(part, "WellKnownScaleSet"), tuple(matrices))


def _kvp_addresses(part: Element) -> Iterator[str]:
    for get in part.iterfind("ows:Operation[@name='GetTile']/ows:DCP/ows:HTTP/ows:Get", _NAMESPACES):
        encodings = {one.upper() for one in _texts(get, "ows:Constraint/ows:AllowedValues/ows:Value")}
        if "KVP" in encodings or not encodings:
            yield get.get(_HREF, "").strip()


def _bounds_deg(part: Element) -> Bounds | None:
    """Return the box that a layer says it lies in; None for several, and for one that makes no sense."""
    boxes = part.findall("ows:WGS84BoundingBox", _NAMESPACES)
    try:
        (box,) = boxes
        west, south = _numbers(box, "ows:LowerCorner")
        east, north = _numbers(box, "ows:UpperCorner")
    except ValueError:
        return None
    west, east = (min(max(lon, -180.0), 180.0) for lon in (west, east))
    south, north = (min(max(lat, -90.0), 90.0) for lat in (south, north))
    # An empty box is often written upside down, the whole world the wrong way round.
    is_empty = south >= north or west == east or (west, east) == (180.0, -180.0)
    return None if is_empty else (west, south, east, north)


def _name(part: Element) -> str:
    name = _text(part, "ows:Identifier")
    if len(name) > _LONGEST_NAME:
        raise BadXmlError(f"a name in it is longer than {_LONGEST_NAME} characters")
    return name


def _text(part: Element, path: str) -> str:
    return (part.findtext(path, "", _NAMESPACES) or "").strip()


def _texts(part: Element, path: str) -> Iterator[str]:
    return ((one.text or "").strip() for one in part.iterfind(path, _NAMESPACES))


def _numbers(part: Element, path: str) -> list[float]:
    """Return the numbers of an element; raise ``ValueError`` where something is none. Some write commas between."""
    numbers = [float(text) for text in _text(part, path).replace(",", " ").split()]
    if not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers


def _whole(part: Element, path: str) -> int:
    """Return a whole number, which some write as ``2.0``; raise ``ValueError`` for anything else."""
    (number,) = _numbers(part, path)
    if not number.is_integer():
        raise ValueError
    return int(number)
