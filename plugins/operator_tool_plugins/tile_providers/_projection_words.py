"""What one word of a foreign document says of a projection: a code, a name, a URN, a URL, a PROJ string or WKT."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from urllib.parse import unquote

LONGEST = 8_192
"""So many characters of a word are looked at; WKT has some 2,000."""

_MERCATOR_CODES = frozenset({"3857", "900913", "3785", "102100", "102113"})
"""The code that the EPSG gave it, and those that were made up before and beside it."""
_MERCATOR_NAMES = frozenset(
    {
        "mercator",
        "globalmercator",
        "globalwebmercator",
        "google",
        "googlemaps",
        "googlemap",
        "googletiles",
        "gmaps",
        "bing",
        "bingmaps",
        "osm",
        "osmtile",
        "openstreetmap",
        "slippy",
        "slippymap",
        "pm",
        "auxiliarysphere",
        "webmerc",
        "slippymaptiles",
    }
)
_MERCATOR_PARTS = (
    "webmercator",
    "pseudomercator",
    "sphericalmercator",
    "googlemercator",
    "globalmercator",
    "googlemapscompatible",
    "mercatorauxiliarysphere",
    "mercatorauxillarysphere",
    "popularvisualisation",
    "popularvisualization",
    "mercatorsphere",
)
_OTHER_PARTS = (
    "geodetic",
    "geographic",
    "latlon",
    "lonlat",
    "longlat",
    "platecarre",
    "equirect",
    "unprojected",
    "crs84",
    "wgs84",
    "worldmercator",
    "transverse",
    "utm",
    "lambert",
    "laea",
    "polar",
    "raster",
    "custom",
    "local",
)
"""The commonest, so that they are called by their name; any other word is one that is not known."""
_OTHER_NAMES = frozenset({"none", "27", "83", "84"})
"""The last three are what is left of CRS:84 and its like."""
_SILENT = frozenset({"", "null", "none given", "unknown", "undefined", "n/a", "default", "auto"})
_CODE = re.compile(r"(?:[a-z][a-z _.-]*)?(\d{4,9})(?!\d)")
_COUNTED = re.compile(r"(?:[ _.@-]+[a-z]*\d+x?|x2|hd)+$")
"""What sets of matrices have behind their name: how many zooms, or that the tiles have 512 pixels."""
_AUTHORITY = re.compile(r"(?:authority|id)\s*\[\s*\"?(?:epsg|esri)\"?\s*,\s*\"?(\d+)\"?")
_WKT = re.compile(r"\s*(?:proj|geog|geod|bound|comp|vert|local_|geoc|proj_|fitted_|eng)[a-z_]*(?:cs|crs)?\s*[\[(]")
_NOT_OF_THE_NAME = re.compile(r"[^a-z0-9]+")


class Projection(enum.Enum):
    """What is said of a projection."""

    WEB_MERCATOR = enum.auto()
    OTHER = enum.auto()
    UNKNOWN = enum.auto()
    """Something is said, in words that are not known here."""
    SILENT = enum.auto()
    """Nothing is said."""


def projection_of_word(word: str) -> Projection:
    """Return what a word says; its case, its punctuation and the way in which a code is written don't matter."""
    text = unquote(word[:LONGEST]).strip().casefold()
    if text in _SILENT:
        return Projection.SILENT
    if "+proj=" in text or "+init=" in text:
        return _of_proj(text)
    if _WKT.match(text):
        return _of_wkt(text)
    return _of_name(text)


def joined(said: Sequence[Projection]) -> Projection:
    """Return what several words for the same thing say together: all of them must agree on Web Mercator."""
    told = {one for one in said if one is not Projection.SILENT}
    if not told:
        return Projection.SILENT
    if len(told) == 1:
        return told.pop()
    return Projection.OTHER if Projection.OTHER in told else Projection.UNKNOWN


def _of_proj(text: str) -> Projection:
    given = dict(part.partition("=")[::2] for part in re.findall(r"\+(\S+)", text))
    if "init" in given:
        return _of_name(given["init"])
    kind = given.get("proj", "")
    if kind not in ("merc", "webmerc"):
        return Projection.OTHER
    shifted = any(_number(given.get(name, "0")) for name in ("lon_0", "lat_ts", "x_0", "y_0"))
    radii = {_number(given[name]) for name in ("a", "b", "r") if name in given}
    sphere = kind == "webmerc" or "@null" in given.get("nadgrids", "") or radii == {6_378_137.0}
    return Projection.WEB_MERCATOR if sphere and not shifted else Projection.OTHER


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def _of_wkt(text: str) -> Projection:
    """Return what WKT says by the last authority's code in it, which is that of the whole, or by its names."""
    codes = _AUTHORITY.findall(text)
    if codes and codes[-1] in _MERCATOR_CODES:
        return Projection.WEB_MERCATOR
    name = _NOT_OF_THE_NAME.sub("", text)
    if name.startswith("proj") and any(part in name for part in _MERCATOR_PARTS):
        return Projection.WEB_MERCATOR
    return Projection.OTHER


def _of_name(text: str) -> Projection:
    # Of a URN, a URL or AUTHORITY:CODE the last part says it. A compound system has the height's behind it.
    plane = text.partition("+")[0]
    if plane.startswith("urn:") and "," in plane:
        plane = plane.split(",")[1]
    last = re.split(r"[:/#=(\[]", plane.replace("lat/lon", "latlon").rstrip("/:#)] ").removesuffix(".json"))[-1].strip()
    names = {_NOT_OF_THE_NAME.sub("", one) for one in (last, _COUNTED.sub("", last))}
    if names & _MERCATOR_NAMES or any(part in name for part in _MERCATOR_PARTS for name in names):
        return Projection.WEB_MERCATOR
    if code := _CODE.match(last):
        return Projection.WEB_MERCATOR if code[1] in _MERCATOR_CODES else Projection.OTHER
    if names & _OTHER_NAMES:
        return Projection.OTHER
    if any(part in name for part in _OTHER_PARTS for name in names):
        return Projection.OTHER
    return Projection.UNKNOWN
