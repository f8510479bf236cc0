"""TileJSON 1 to 3: a document that tells a tile template, its zooms, bounds and attribution.

What the tiles depend on (``tiles``, ``scheme``, the tiles' size, projection and kind) is read strictly. The rest is
advice, which servers copy from tables of text: it is read as it can be, and passed over with a note where it can't.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError, DownloadError, escape_controls

from .._projection import ProjectionSetting, check_said, check_web_mercator, letters_of, said_of_address
from .._sample_tile import kind_of_members, kind_of_name, not_pictures
from .address import joined, without_queries
from .exchange import Reply

Bounds = tuple[float, float, float, float]
_T = TypeVar("_T")

_BOM = b"\xef\xbb\xbf"
_FINEST = 30
_LONGEST_TEXT = 4_096
_SIZES_PX = range(64, 2049)
_PIXELS_OF_SCALE_1 = 256


class TileJson(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of a document; other members are ignored, as the specification asks."""

    tiles: tuple[str, ...]
    minzoom: int
    maxzoom: int
    bounds: Bounds | None
    attribution: str
    version: str
    tile_size_px: int | None
    notes: tuple[str, ...]
    """What made no sense and was passed over, one sentence each."""


def read_tilejson(
    reply: Reply, *, host: str, setting: str, projection: ProjectionSetting = "auto", tile_size_px: int | None = None
) -> TileJson:
    """Return the document of a reply, its templates made absolute: from where it came in the end.

    ``setting`` is that of its address; ``projection`` and ``tile_size_px`` are what the operator answers for. Raises
    ``DownloadError`` when the server gave none, ``ConfigError`` when it is one that can't be used.
    """
    if reply.status != 200 or reply.body is None:
        raise DownloadError(f"{host} answered HTTP {reply.status} instead of a TileJSON document")
    plugin = setting.partition(".")[0]
    try:
        members = msgspec.json.decode(reply.body.removeprefix(_BOM), type=dict[str, object])
        templates = msgspec.convert(members.get("tiles"), tuple[str, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{setting} has no {{z}}, {{x}} and {{y}}, and what {host} sent for it is not TileJSON: {error}",
            hint="Write it like https://tiles.example.com/{z}/{x}/{y}.jpg, or give the address of a TileJSON document.",
        ) from None
    of = f"the TileJSON of {host}"
    if not templates:
        raise ConfigError(f"{of} names no tiles")
    kind = kind_of_members(members) or kind_of_name(templates[0])
    if kind is not None:
        raise not_pictures(of, kind, choose="a server")
    where = f"{plugin}.projection"
    notes = list(check_web_mercator(members, of=of, setting=where, answer=projection))
    for template in templates:
        notes += check_said(said_of_address(template), of=f"an address in {of}", setting=where, answer=projection)
    advice = _Advice(members, of)
    minzoom, maxzoom = advice.zoom("minzoom", 0), advice.zoom("maxzoom", _FINEST)
    if minzoom > maxzoom:
        raise ConfigError(f"{of} has the zooms {minzoom} to {maxzoom}")
    return TileJson(
        tiles=_absolute(templates, members, of=of, url=reply.url),
        minzoom=minzoom,
        maxzoom=min(maxzoom, MAX_ZOOM),
        bounds=advice.bounds(),
        attribution=advice.text("attribution"),
        version=advice.text("version"),
        tile_size_px=tile_size_px or _tile_size_px(members, of=of),
        notes=(*dict.fromkeys(notes), *advice.notes),
    )


class _Advice:
    """The members that only spare requests, or serve the report."""

    def __init__(self, members: Mapping[str, object], of: str) -> None:
        self._members = members
        self._of = of
        self.notes: list[str] = []

    def zoom(self, name: str, silent: int) -> int:
        """Return a zoom; ``silent`` where the document says none that makes sense."""
        said = self._members.get(name)
        if said is None:
            return silent
        number = _number(said)
        if number is None or number < 0:
            return self._passed_over(name, said, silent)
        return min(int(number) if name == "maxzoom" else math.ceil(number), _FINEST)

    def bounds(self) -> Bounds | None:
        """Return west, south, east, north; None where the document says none that make sense."""
        said = self._members.get("bounds")
        if said is None:
            return None
        given = said.replace(",", " ").split() if isinstance(said, str) else said
        numbers = [_number(one) for one in given] if isinstance(given, Sequence) else []
        if len(numbers) == 6:  # with heights, as GeoJSON has them
            numbers = numbers[:2] + numbers[3:5]
        found = [number for number in numbers if number is not None]
        if len(found) != 4 or len(numbers) != 4:
            return self._passed_over("bounds", said, None)
        west, south, east, north = found
        sane = -180.0 <= west <= 180.0 and -180.0 <= east <= 180.0 and -90.0 <= south < north <= 90.0
        return (west, south, east, north) if sane and west != east else self._passed_over("bounds", said, None)

    def text(self, name: str) -> str:
        """Return a text, or a number as one; empty where there is none."""
        said = self._members.get(name)
        if isinstance(said, bool) or not isinstance(said, str | int | float):
            return ""
        return without_queries(str(said).strip()[:_LONGEST_TEXT])

    def _passed_over(self, name: str, said: object, instead: _T) -> _T:
        self.notes.append(f"{self._of} has {name} {_shown(said)}, which makes no sense and is passed over.")
        return instead


def _absolute(templates: Sequence[str], members: Mapping[str, object], *, of: str, url: str) -> tuple[str, ...]:
    """Return whole addresses with rows from the north, by the document's scheme."""
    scheme = members.get("scheme")
    word = scheme.strip().lower() if isinstance(scheme, str) else scheme
    if word not in (None, "", "xyz", "tms"):
        raise ConfigError(
            f"{of} counts its tiles by the unknown scheme {_shown(scheme)}",
            hint="Give the template of its tiles as the url instead, with {y} or, where rows are counted from the"
            " south, {-y}.",
        )
    whole = [joined(url, one) or one for one in templates]
    return tuple(one.replace("{y}", "{-y}") if word == "tms" else one for one in whole)


def _tile_size_px(members: Mapping[str, object], *, of: str) -> int | None:
    """Return the tiles' size by any spelling of ``tileSize``, or by ``scale``; None where neither is said."""
    by_letters = {letters_of(name): value for name, value in members.items() if value is not None}
    said = by_letters.get("tilesize")
    if said is None:
        scale = _number(by_letters.get("scale"))
        return int(scale * _PIXELS_OF_SCALE_1) if scale in (1, 2, 4) else None
    number = _number(said)
    if number is None or number not in _SIZES_PX:
        raise ConfigError(
            f"{of} has tiles of {_shown(said)} pixels", hint="Set tile_size of this provider to what its tiles have."
        )
    return int(number)


def _number(value: object) -> float | None:
    """Return a finite number, or the one that a text is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"'{escape_controls(value, limit=60)}'"
    try:
        text = msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        text = repr(type(value))
    return escape_controls(text, limit=60)
