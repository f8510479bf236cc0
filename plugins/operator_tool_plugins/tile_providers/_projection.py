"""What a foreign document (MBTiles metadata, TileJSON, a metadata.json, WMTS) says of the projection of its tiles.

Tiles of another projection have names of the same kind, z/x/y, and show other ground: taken for Web Mercator they make
a wrong map without a word. So whatever is said is read, wherever it stands, and what is not known is not passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import unquote

import msgspec

from operator_tool.api import ConfigError, escape_controls

from ._projection_words import LONGEST, Projection, joined, projection_of_word

ProjectionSetting = Literal["auto", "web-mercator"]
"""The setting by which an operator answers for a source: ``auto`` believes the source's own words."""
PROJECTION_DESCRIPTION = (
    "auto: a source that says that it is not in Web Mercator, or says it in unknown words, is refused; web-mercator:"
    " what it says is wrong, and its tiles are in Web Mercator."
)

_WORDS = frozenset(
    {
        "profile",
        "tileprofile",
        "tilingprofile",
        "crs",
        "crswkt",
        "crswkt2",
        "crsuri",
        "crsid",
        "crsname",
        "coordrefsys",
        "srs",
        "srswkt",
        "srsname",
        "srsid",
        "proj",
        "proj4",
        "projcode",
        "projepsg",
        "projwkt2",
        "projwkt",
        "projstring",
        "projection",
        "projectionid",
        "projectionwkt",
        "mapprojection",
        "spatialreference",
        "spatialreferencesystem",
        "spatialref",
        "coordinatesystem",
        "coordinatereferencesystem",
        "coordsys",
        "supportedcrs",
        "epsg",
        "epsgcode",
        "srid",
        "wkid",
        "latestwkid",
        "wellknownscaleset",
        "tilematrixset",
        "tilematrixsets",
        "tilematrixsetid",
        "tilematrixseturi",
        "tilematrixsetlink",
        "tilematrixsetlinks",
        "tilematrixsetdefinition",
        "matrixset",
        "tilingscheme",
        "tilegrid",
        "gridset",
        "gridsetid",
        "gridname",
    }
)
"""Members that name a projection, as their letters alone are."""
_NUMBERS_OF_A_GRID = frozenset(
    {"tilematrix", "tilematrices", "tileoriginupperleftx", "tileoriginupperlefty", "tiledimensionzoom0"}
)
"""Members that describe the grid of tiles by numbers, in the units of the projection."""
_HOLD_MEMBERS = frozenset({"json", "tileinfo"})
"""Members whose value holds further ones: what did not fit into an MBTiles table, and the grid of an ArcGIS service."""
_NAMED_INSIDE = ("name", "code", "id", "identifier", "uri", "href", "wkid", "latestWkid", "wkt", "type", "properties")
_PROJECTION_IN_PATH = re.compile(
    r"(?:epsg|esri)[:_ -]?\d{4,6}|quad$|crs84|geodetic|googlemapscompatible", re.IGNORECASE
)
_WORLD_M = math.tau * 6_378_137.0
_CORNER_M = _WORLD_M / 2
_OFF_BY = 1e-3
_DEEPEST = 4
_MOST = 64


class Said(msgspec.Struct, frozen=True):
    """What a document says, and by which of its members."""

    projection: Projection
    member: str = ""
    value: str = ""
    """Safe to show."""

    @property
    def words(self) -> str:
        """The member and its value, safe to show."""
        return f"{self.member} {self.value}"


def said_of_projection(members: Mapping[str, object]) -> Said:
    """Return what a document's members say: the first that is against Web Mercator, else the first that says anything.

    ``members`` are plain data, as JSON or the rows of a table give them; the names' case and punctuation don't matter,
    and neither do members that have nothing to do with it.
    """
    found = list(_all_said(members))
    for wanted in (Projection.OTHER, Projection.UNKNOWN, Projection.WEB_MERCATOR):
        for said in found:
            if said.projection is wanted:
                return said
    return Said(Projection.SILENT)


def said_of_address(address: str) -> Said:
    """Return what an address of tiles says: ``/wmts/epsg4326/best/{z}/{y}/{x}.jpg``, ``?tileMatrixSet=WorldCRS84Quad``.

    Silent where nothing in it is surely a projection's name: an address is no document, and may hold any word.
    """
    path, _, query = address.partition("?")
    given = (part.partition("=") for part in query.split("&"))
    words = [(name, unquote(value)) for name, _, value in given if letters_of(name) in _WORDS]
    steps = re.split("[/@;,]", unquote(path.partition("://")[2].partition("/")[2] or path))
    words += [("its path", step) for step in steps if _PROJECTION_IN_PATH.search(step)]
    found = [Said(projection_of_word(word), member, escape_controls(word, limit=80)) for member, word in words]
    for wanted in (Projection.OTHER, Projection.WEB_MERCATOR):
        for said in found:
            if said.projection is wanted:
                return said
    return Said(Projection.SILENT)


def check_web_mercator(
    members: Mapping[str, object], *, of: str, setting: str, answer: ProjectionSetting = "auto"
) -> tuple[str, ...]:
    """Raise ``ConfigError`` when a document says that its tiles are not in Web Mercator, or says it in unknown words.

    ``of`` names the document ("the metadata of a.mbtiles"), ``setting`` the setting whose value ``answer`` is. Returns
    what is to be noted, one sentence each: that the document's words were overruled.
    """
    return check_said(said_of_projection(members), of=of, setting=setting, answer=answer)


def check_said(said: Said, *, of: str, setting: str, answer: ProjectionSetting = "auto") -> tuple[str, ...]:
    """Do as :func:`check_web_mercator` for what was said elsewhere, such as in an address."""
    if said.projection in (Projection.SILENT, Projection.WEB_MERCATOR):
        return ()
    if answer == "web-mercator":
        return (f"By {setting} the tiles are in Web Mercator, although {of} says {said.words}.",)
    if said.projection is Projection.OTHER:
        raise not_web_mercator(f"{of} says {said.words}", setting=setting)
    raise ConfigError(
        f"{of} says {said.words}: it is not known whether that is Web Mercator (EPSG:3857), the only projection that"
        " is used",
        hint=f"Find out which projection the tiles are in. Where it is Web Mercator, set {setting}=web-mercator.",
    )


def not_web_mercator(seen: str, *, setting: str) -> ConfigError:
    """Return the error for tiles of another projection; ``seen`` says by what they are known."""
    return ConfigError(
        f"{seen}, and only tiles in Web Mercator (EPSG:3857) are used: others show other ground under the same z/x/y",
        hint="Cut the imagery again in Web Mercator, such as with gdal2tiles --profile=mercator. Where its tiles are in"
        f" Web Mercator all the same, set {setting}=web-mercator.",
    )


def members_of_json(document: bytes) -> dict[str, object]:
    """Return the members of a JSON object as plain data; none where it is something else."""
    try:
        return msgspec.json.decode(document, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}


def letters_of(name: str) -> str:
    """Return a member's name without case and punctuation: ``tileMatrixSet``, ``tile_matrix_set`` are one."""
    return "".join(c for c in name.casefold() if c.isalnum())


def _all_said(members: Mapping[str, object], depth: int = 1) -> Iterator[Said]:
    for name, value in members.items():
        letters = letters_of(name)
        if letters in _WORDS:
            projection = _of_value(value, _DEEPEST)
        elif letters in _NUMBERS_OF_A_GRID:
            projection = _of_grid(letters, value)
        elif letters == "extent":
            projection = _of_extent(value)
        elif letters in _HOLD_MEMBERS and depth:
            inner = value if isinstance(value, Mapping) else members_of_json(str(value).encode("utf-8", "replace"))
            yield from _all_said(inner, depth - 1)
            continue
        else:
            continue
        if projection is not Projection.SILENT:
            yield Said(projection, escape_controls(name, limit=60), escape_controls(_plain(value), limit=80))


def _of_value(value: object, depth: int) -> Projection:
    """Return what the value of a member that names a projection says: text, a number, or an object of such."""
    if isinstance(value, bool) or value is None:
        return Projection.SILENT
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int | float):
        text = str(value)[:LONGEST]
        inner: object = members_of_json(text.encode("utf-8", "replace")) if text.lstrip().startswith("{") else {}
        return _of_value(inner, depth - 1) if inner and depth else projection_of_word(text)
    if not depth or not value:
        return Projection.UNKNOWN if value else Projection.SILENT
    if isinstance(value, Mapping):
        return _of_object(value, depth)
    if isinstance(value, Sequence):
        return joined([_of_value(one, depth - 1) for one in value[:_MOST]])
    return Projection.UNKNOWN


def _of_object(value: Mapping[object, object], depth: int) -> Projection:
    """Return what an object says by the members that identify it: ``{"wkid": 102100}``, ``{"type": "name", ...}``."""
    named = [value[name] for name in _NAMED_INSIDE if name in value]
    named += [inner for name, inner in value.items() if name not in _NAMED_INSIDE and letters_of(str(name)) in _WORDS]
    if "authority" in value and "code" in value:
        named = [value["code"]]
    told = [_of_value(one, depth - 1) for one in named]
    known = [one for one in told if one is not Projection.UNKNOWN]
    # Beside a code, a name in other words and the kind of the object say nothing.
    return joined(known) if any(one is not Projection.SILENT for one in known) else joined(told or [Projection.UNKNOWN])


def _of_grid(letters: str, value: object) -> Projection:
    """Return what the numbers of a grid say: those of another corner, or of other scales, are of another projection."""
    if letters.startswith("tilematri"):
        given = value if not isinstance(value, str) else _json_of(value)
        matrices = given if isinstance(given, Sequence) and not isinstance(given, str | bytes) else [given]
        return joined([_of_matrix(one) for one in matrices[:_MOST]])
    number = _number(value)
    if number is None:
        return Projection.SILENT
    right = _WORLD_M if letters.startswith("tiledimension") else _CORNER_M
    return Projection.WEB_MERCATOR if _near(abs(number), right) else Projection.OTHER


def _of_matrix(matrix: object) -> Projection:
    if not isinstance(matrix, Mapping):
        return Projection.SILENT
    by_letters = {letters_of(str(name)): value for name, value in matrix.items()}
    told = [_of_value(value, 1) for name, value in by_letters.items() if name in _WORDS]
    origin = by_letters.get("origin") or by_letters.get("pointoforigin") or by_letters.get("topleftcorner")
    if isinstance(origin, Sequence) and not isinstance(origin, str):
        corner = [_number(one) for one in origin[:2]]
        right = len(corner) == 2 and all(one is not None and _near(abs(one), _CORNER_M) for one in corner)
        told.append(Projection.WEB_MERCATOR if right else Projection.OTHER)
    return joined(told)


def _of_extent(value: object) -> Projection:
    """Return that an extent reaches beyond the world in Web Mercator, where it does: it says nothing else by itself."""
    given = _json_of(value) if isinstance(value, str) else value
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, Sequence) or len(given) != 4:
        return Projection.SILENT
    numbers = [_number(one) for one in given]
    beyond = any(one is not None and abs(one) > _CORNER_M * 1.01 for one in numbers)
    return Projection.OTHER if beyond else Projection.SILENT


def _json_of(text: str) -> object:
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return text


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _near(number: float, right: float) -> bool:
    return abs(number / right - 1.0) < _OFF_BY


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return repr(type(value))
