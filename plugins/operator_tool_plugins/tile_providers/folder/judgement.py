"""What a look at a folder is worth: its kind, its files' names, its projection, the side of its rows, its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operator_tool.api import ConfigError, TileId, escape_controls

from .._projection import check_web_mercator, not_web_mercator
from .._sample_tile import kind_of_members, kind_of_samples, one_size_px
from .._tile_places import ZoomPlaces, box_of_text, fits, no_mercator
from .first_tiles import low_places
from .look import Look
from .words import documents

if TYPE_CHECKING:
    from . import FolderSettings


def kind_of(look: Look) -> str | None:
    """Return what the tiles are that can't be used, by the metadata, the files' endings, or their bytes."""
    words = kind_of_members({name: look.text(name) for name in look.metadata})
    words = words or (kind_of_members({"vector_layers": True}) if look.has("vector_layers") else None)
    if words is None and not look.first.has_names:
        words = look.first.kind
    return words or kind_of_samples(data for _, _, data in look.first.tiles)


def check_names(look: Look, settings: FolderSettings) -> None:
    """Raise ``ConfigError`` where no file is named as a tile is."""
    if look.first.has_names:
        return
    other = look.first.other_name
    if not other:
        return
    raise ConfigError(
        f"no file in {settings.path} is named as a tile is (z/x/0.jpg, or png, webp): the first that is not is"
        f" {escape_controls(other, limit=120)}",
        hint="Name the files z/x/y.jpg, with plain numbers and nothing between number and ending; or set folder.path to"
        " another folder.",
    )


def check_projection(look: Look, settings: FolderSettings) -> tuple[str, ...]:
    """Raise ``ConfigError`` where documents or the tiles' names say another projection; return what to note."""
    setting, answer = "folder.projection", settings.projection
    notes: tuple[str, ...] = ()
    try:
        for name, members in documents(look.root):
            notes += check_web_mercator(members, of=f"{settings.path}/{name}", setting=setting, answer=answer)
    except OSError as error:
        raise ConfigError(f"folder.path {settings.path} can't be read: {error.strerror}") from error
    if answer == "auto":
        places = tuple(one.mirrored if look.from_south else one for one in low_places(look.root, look.zooms))
        if seen := no_mercator(places):
            raise not_web_mercator(f"{settings.path} {seen}", setting=setting)
        as_read, mirrored, in_degrees = _fits(look)
        if in_degrees and not as_read and not mirrored:
            seen = "has its tiles where its bounds are only if they are in degrees (EPSG:4326)"
            raise not_web_mercator(f"{settings.path} {seen}", setting=setting)
    return notes


def check_side(look: Look, settings: FolderSettings) -> None:
    """Raise ``ConfigError`` where the tiles lie within the announced bounds only with the rows of the other side."""
    as_read, mirrored, _ = _fits(look)
    if settings.layout == "auto" and mirrored and not as_read:
        side, other = ("north", "xyz") if look.from_south else ("south", "tms")
        raise ConfigError(
            f"{settings.path} has its tiles where its bounds are only if its rows are counted from the {side}",
            hint=f"Set folder.layout={other}; or the other one, where its bounds are wrong.",
        )


def one_size(look: Look, settings: FolderSettings) -> int:
    """Return the size of the tiles. Raises ``ConfigError`` where those of two zooms differ."""
    samples = (data for _, _, data in look.first.tiles)
    return one_size_px(samples, of=str(settings.path), setting="folder.tile_size")


def _fits(look: Look) -> tuple[bool, bool, bool]:
    named = [tile for tile, _, _ in look.first.tiles]
    return fits([_place(tile, from_south=look.from_south) for tile in named], box_of_text(look.bounds))


def _place(tile: TileId, *, from_south: bool) -> ZoomPlaces:
    place = ZoomPlaces(tile.z, tile.x, tile.x, tile.y, tile.y)
    return place.mirrored if from_south else place
