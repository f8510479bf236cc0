"""What an MBTiles file's words are worth beside its rows: projection, side of the rows, extent, size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from operator_tool.api import ConfigError, escape_controls

from .._projection import check_web_mercator, not_web_mercator
from .._rows import side_of_word
from .._tile_places import Box, ZoomPlaces, box_of_text, fits, ground_deg, no_mercator, outside_of
from .look import Look

if TYPE_CHECKING:
    from . import MbtilesSettings

_SIDE_MEMBERS = ("scheme", "tile_row_type")


class Extent(msgspec.Struct, frozen=True):
    """The ground of the file's tiles, None where it is not known, and what is to be noted of what is announced."""

    ground_deg: Box | None
    notes: tuple[str, ...]


def check_projection(look: Look, settings: MbtilesSettings) -> tuple[str, ...]:
    """Raise ``ConfigError`` where metadata or rows say that tiles are in another projection; return what to note."""
    setting, answer = "mbtiles.projection", settings.projection
    of = f"the metadata of {settings.path}"
    notes = check_web_mercator(look.metadata, of=of, setting=setting, answer=answer)
    if answer == "auto":
        places = [one.mirrored for one in look.places]
        announced_deg = box_of_text(look.metadata.get("bounds", ""))
        as_read, mirrored, in_degrees = fits(places, announced_deg)
        if seen := no_mercator(places):
            raise not_web_mercator(f"{settings.path} {seen}", setting=setting)
        if in_degrees and not as_read and not mirrored:
            seen = "has its tiles where its bounds are only if they are in degrees (EPSG:4326)"
            raise not_web_mercator(f"{settings.path} {seen}", setting=setting)
    return notes


def counts_from_south(look: Look, settings: MbtilesSettings) -> bool:
    """Return whether rows count from the south. Raises ``ConfigError`` where that must be asked."""
    if settings.layout != "auto":
        return settings.layout == "tms"
    said = [(name, look.metadata[name]) for name in _SIDE_MEMBERS if side_of_word(look.metadata.get(name, "")) == "xyz"]
    places = [one.mirrored for one in look.places]
    from_south, from_north, _ = fits(places, box_of_text(look.metadata.get("bounds", "")))
    if from_south and (not said or not from_north):
        return True
    if said:
        name, value = said[0]
        seen = f"says {name} = {escape_controls(value, limit=40)}, by which rows are counted from the north"
    elif from_north:
        seen = "has its tiles where its bounds are only if its rows are counted from the north"
    else:
        return True
    shown = "Its tiles lie within its bounds with xyz alone. " if from_north and not from_south else ""
    raise ConfigError(
        f"{settings.path} {seen}, and MBTiles counts them from the south",
        hint=f"{shown}Set mbtiles.layout=xyz where rows are counted from the north, mbtiles.layout=tms where from the"
        " south: the wrong one shows ground of the other hemisphere, or none.",
    )


def announced(look: Look, settings: MbtilesSettings, *, from_south: bool) -> Extent:
    """Return where the tiles are, with a note where the metadata announce something else.

    The ground is told only where it is known which way round it is: nothing is asked for outside of it, and that not
    one tile is there is how rows are found out that count from the other side.
    """
    places: list[ZoomPlaces] = [one.mirrored if from_south else one for one in look.places]
    announced_deg = box_of_text(look.metadata.get("bounds", ""))
    notes = []
    try:
        stated: tuple[int, int] | None = int(look.metadata["minzoom"]), int(look.metadata["maxzoom"])
    except (KeyError, ValueError):
        stated = None
    if stated is not None and look.places and stated != look.zooms:
        notes.append(
            f"Its metadata announce the zooms {stated[0]} to {stated[1]}, and it has tiles of {look.zooms[0]} to"
            f" {look.zooms[1]}: the tiles count."
        )
    if outside_of(places, announced_deg):
        notes.append("It has tiles outside of the bounds that its metadata announce: the tiles count.")
    is_sure = settings.layout != "auto" or fits(places, announced_deg)[0]
    return Extent(ground_deg(places) if is_sure else None, tuple(notes))
