"""``operator-tool store export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .bounding_box import BoundingBox, Bounds
from .options import Zooms
from .store_options import find_places, show, size, store_options

if TYPE_CHECKING:
    from operator_tool.tile_store.listing import ListedStore

_FORMATS = ("jpg", "png", "webp")


@click.command("export")
@click.argument("names", nargs=-1, required=True, metavar="[STORE] OUT.mbtiles")
@store_options
@click.option("--bbox", type=BoundingBox(), metavar="W,S,E,N", help="Only tiles with ground in this box, in degrees.")
@click.option("--zoom", type=Zooms(), help="Only these zooms, such as 15-18.")
@click.option("--format", "picture_format", type=click.Choice(_FORMATS), help="Only pictures of this format.")
@click.option("--attribution", metavar="TEXT", help="Whom to credit, where the store doesn't know.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def command(
    *,
    names: tuple[str, ...],
    provider: str | None,
    dataset: str | None,
    data_dir: Path | None,
    as_json: bool,
    bbox: Bounds | None,
    zoom: tuple[int, ...] | None,
    picture_format: str | None,
    attribution: str | None,
    force: bool,
) -> int:
    """Write the tiles of one store as an MBTiles 1.3 file, each picture verified.

    The store is named as store info shows it, or by --provider and --dataset.
    """
    import msgspec

    from operator_tool.api.tiles import PictureFormat
    from operator_tool.tile_store.listing import list_stores
    from operator_tool.tile_store.mbtiles_export import export_mbtiles

    from .store_progress import progress

    if len(names) > 2:
        raise click.UsageError("at most a store and a file are named")
    stores = list_stores(find_places(data_dir).stores_dir, provider=provider, dataset=dataset)
    store = _the_one(stores, names[0] if len(names) == 2 else None)
    with progress("exporting", 100) as tell:
        shown = 0

        def told(done: int, count: int) -> None:
            nonlocal shown
            tell(done * 100 // count - shown)
            shown = done * 100 // count

        exported = export_mbtiles(
            store.folder,
            Path(names[-1]).absolute(),
            zooms=zoom,
            bounds_deg=bbox,
            picture_format=PictureFormat(picture_format) if picture_format else None,
            attribution=attribution,
            overwrite=force,
            tell=told,
        )
    zooms = f"zooms {exported.min_zoom} to {exported.max_zoom}"
    line = f"{exported.path}: {exported.tiles:,} tiles, {zooms}, {size(exported.bytes)} of {exported.format}"
    show({"store": store.name, **msgspec.to_builtins(exported)}, [line], as_json=as_json)
    return 0


def _the_one(stores: list[ListedStore], name: str | None) -> ListedStore:
    from operator_tool.api.errors import ConfigError, UsageError

    asked_for = [store for store in stores if name is None or store.name == name]
    if len(asked_for) != 1:
        known = ", ".join(store.name for store in (asked_for or stores)) or "none"
        what = f"no store {name!r}" if name is not None else f"{len(asked_for) or 'no'} stores are asked for, not one"
        raise UsageError(what, hint=f"Name one of them: {known}." if known != "none" else "There are no stores.")
    if asked_for[0].problem:
        raise ConfigError(asked_for[0].problem)
    return asked_for[0]
