"""What the documents say that lie in a folder of tiles: its own metadata, and the pages that gdal2tiles leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .._projection import members_of_json
from .._tile_places import ZoomPlaces
from .plain_file import read_plain_file

_MAX_BYTES = 1024 * 1024
_JSON = ("metadata.json", "tile.json", "tiles.json", "tilejson.json", "tileset.json", "layer.json")
_SRS = re.compile(r"<SRS>([^<]{1,4000})</SRS>", re.IGNORECASE)
_PROFILE = re.compile(r"<TileSets\b[^>]{0,400}?\bprofile\s*=\s*[\"']([^\"'<>]{0,200})[\"']", re.IGNORECASE)
_CODES = re.compile(r"\bEPSG:\d{4,6}\b", re.IGNORECASE)
_ORIGIN_OF_PAGE = re.compile(r"\borigin\s*:\s*\[\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\]")
_MAPML = re.compile(r"text/mapml;\s*projection=(\w{1,40})|<(?:map-)?extent\s+units=[\"'](\w{1,40})[\"']", re.IGNORECASE)
_KML_TILE = re.compile(
    r"<name>(\d{1,2})/(\d{1,9})/(\d{1,9})\.\w{1,8}</name>.{0,400}?<north>([-.\d]+)</north>\s*<south>([-.\d]+)</south>"
    r"\s*<east>([-.\d]+)</east>\s*<west>([-.\d]+)</west>",
    re.DOTALL,
)


def documents(root: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each document's name and the members in it that are of use. Raises ``OSError``."""
    for name in _JSON:
        if members := members_of_json(_read(root / name)):
            yield name, members
    for name, read in _READERS.items():
        text = _read(root / name).decode("utf-8", "replace")
        if text and (members := read(text)):
            yield name, members


def _read(path: Path) -> bytes:
    return read_plain_file(path, max_bytes=_MAX_BYTES)[0]


def _of_resource(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if profile := _PROFILE.search(text):
        found["profile"] = profile[1]
    if srs := _SRS.search(text):
        found["SRS"] = srs[1].replace("&quot;", '"')
    return found


def _of_openlayers(text: str) -> dict[str, object]:
    codes = sorted({code.upper() for code in _CODES.findall(text)})
    found: dict[str, object] = {}
    # A page for Web Mercator may show coordinates in degrees, too.
    if codes and not {"EPSG:3857", "EPSG:900913"} & set(codes):
        found["projection"] = codes
    if origin := _ORIGIN_OF_PAGE.search(text):
        found["tile_matrix"] = [{"origin": [origin[1], origin[2]]}]
    return found


def _of_mapml(text: str) -> dict[str, object]:
    match = _MAPML.search(text)
    return {"projection": match[1] or match[2]} if match else {}


def _of_kml(text: str) -> dict[str, object]:
    """Return the boxes of a picture that isn't where Web Mercator has it, by either count of rows, as an own word."""
    match = _KML_TILE.search(text)
    if match is None:
        return {}
    z, x, y = (int(part) for part in match.groups()[:3])
    try:
        north, south, east, west = (float(part) for part in match.groups()[3:])
    except ValueError:
        return {}
    if z > 30 or max(x, y) >= 1 << z:
        return {}
    place = ZoomPlaces(z, x, x, y, y)
    for box in (place.box_deg, place.mirrored.box_deg):
        wide, high = box[2] - box[0], box[3] - box[1]
        near = abs(west - box[0]) + abs(east - box[2]) < wide and abs(south - box[1]) + abs(north - box[3]) < high
        if near:
            return {}
    return {"projection": f"geographic or local, with {north:g} N {west:g} E for the tile {z} {x} {y}"}


_READERS = {
    "tilemapresource.xml": _of_resource,
    "openlayers.html": _of_openlayers,
    "mapml.mapml": _of_mapml,
    "doc.kml": _of_kml,
}
