"""What the tiles of an archive show that lies on this machine: they count, whatever its header announces."""

from __future__ import annotations

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError, TileId

from .._http.extent import Extent
from .._projection import ProjectionSetting, not_web_mercator
from .._tile_places import ZoomPlaces, fits, no_mercator, outside_of
from .archive import Archive

_LOW_ZOOMS = (2, 3)
"""Of these each tile is looked for, to know a world in degrees: 80 look-ups."""


class Shown(msgspec.Struct, frozen=True):
    """The zooms of the tiles, and what is to be noted of what the header announces."""

    extent: Extent
    notes: tuple[str, ...]


def shown_by_tiles(archive: Archive, named: str, answer: ProjectionSetting) -> Shown:
    """Return what the tiles show. Raises ``ConfigError`` where there is none, or they can't be in Web Mercator."""
    ends = archive.ends()
    if ends is None:
        raise ConfigError(
            f"{named} holds no tile at all",
            hint="Check that what wrote it came to its end, or copy it again from where it came.",
        )
    first, last = ends
    header = archive.header
    places = [ZoomPlaces(one.z, one.x, one.x, one.y, one.y) for one in ends]
    fitting = [fits([place], header.bounds_deg) for place in places]
    as_read, mirrored, in_degrees = (any(one[way] for one in fitting) for way in range(3))
    if answer == "auto":
        low = [place for z in _LOW_ZOOMS if first.z <= z <= last.z and (place := _places(archive, z)) is not None]
        seen = no_mercator(low)
        if seen is None and in_degrees and not as_read and not mirrored:
            seen = "has its tiles where its bounds are only if they are in degrees (EPSG:4326)"
        if seen is not None:
            raise not_web_mercator(f"{named} {seen}", setting="pmtiles.projection")
    notes = []
    zooms = min(first.z, MAX_ZOOM), min(last.z, MAX_ZOOM)
    if (header.min_zoom, header.max_zoom) != zooms:
        notes.append(
            f"Its header announces the zooms {header.min_zoom} to {header.max_zoom}, and it has tiles of {zooms[0]} to"
            f" {zooms[1]}: the tiles count."
        )
    if mirrored and not as_read:
        notes.append(
            "Its tiles lie within the bounds that its header announces only if they are turned upside down: it may have"
            " been made of rows that are counted from the other side."
        )
    elif any(outside_of([place], header.bounds_deg) for place in places):
        notes.append("It has tiles outside of the bounds that its header announces: the tiles count.")
    return Shown(Extent(min_zoom=zooms[0], max_zoom=zooms[1]), tuple(notes))


def _places(archive: Archive, z: int) -> ZoomPlaces | None:
    side = range(1 << z)
    found = [(x, y) for x in side for y in side if archive.has(TileId(z, x, y))]
    if not found:
        return None
    columns, rows = zip(*found, strict=True)
    return ZoomPlaces(z, min(columns), max(columns), min(rows), max(rows))
