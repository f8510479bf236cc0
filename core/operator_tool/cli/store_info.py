"""``operator-tool store info``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .store_options import find_places, show, size, store_options

if TYPE_CHECKING:
    from operator_tool.tile_store.summary import StoreSummary


@click.command("info")
@store_options
def command(*, provider: str | None, dataset: str | None, data_dir: Path | None, as_json: bool) -> int:
    """Show what each store holds: tiles by zoom, room, age. Writes nothing; a run may be filling a store meanwhile."""
    import msgspec

    from operator_tool.tile_store.disk import free_bytes, total_bytes
    from operator_tool.tile_store.listing import list_stores
    from operator_tool.tile_store.summary import summarise

    folder = find_places(data_dir).stores_dir
    summaries = [summarise(store) for store in list_stores(folder, provider=provider, dataset=dataset)]
    disk = {"total_bytes": total_bytes(folder), "free_bytes": free_bytes(folder)}
    document = {"folder": str(folder), "disk": disk, "stores": msgspec.to_builtins(summaries)}
    lines = [
        f"folder     {folder}",
        f"disk       {size(disk['free_bytes'])} free of {size(disk['total_bytes'])}",
        *_lines(summaries),
    ]
    show(document, lines, as_json=as_json)
    return 0


def _lines(summaries: Sequence[StoreSummary]) -> Iterator[str]:
    if not summaries:
        yield "no stores"
    for one in summaries:
        yield one.name
        if one.problem:
            yield f"  problem  {one.problem}"
            continue
        zooms = ", ".join(f"zoom {z}: {count:,}" for z, count in one.tiles_by_zoom.items())
        yield f"  provider {one.provider}"
        yield f"  data set {one.dataset}"
        yield f"  tiles    {one.tiles:,}{f' ({zooms})' if zooms else ''}"
        yield f"  absent   {one.absent:,}"
        yield f"  packs    {one.packs:,}, {size(one.pack_bytes)}, of which tiles show {size(one.referred_bytes)}"
        yield f"  index    {size(one.index_bytes)}"
        if one.oldest_fetch is not None and one.newest_fetch is not None:
            yield f"  fetched  {one.oldest_fetch:%Y-%m-%d %H:%M} to {one.newest_fetch:%Y-%m-%d %H:%M} UTC"
