"""``operator-tool store verify``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .store_options import find_places, show, size, store_options

if TYPE_CHECKING:
    from operator_tool.tile_store.verification import Verification


@click.command("verify")
@store_options
@click.option("--dry-run", is_flag=True, help="Only look; forget nothing.")
def command(*, provider: str | None, dataset: str | None, data_dir: Path | None, as_json: bool, dry_run: bool) -> int:
    """Read every picture of the stores and compare it with its SHA-256.

    What is damaged is forgotten, so that the next run fetches it again. Exit code 20 when anything was damaged.
    """
    import msgspec

    from operator_tool.api.errors import DownloadError
    from operator_tool.tile_store.listing import list_stores
    from operator_tool.tile_store.verification import Verification, bytes_to_verify, verify

    from .store_progress import progress

    stores = list_stores(find_places(data_dir).stores_dir, provider=provider, dataset=dataset)
    found: dict[str, Verification] = {}
    with progress("verifying", sum(bytes_to_verify(store.folder) for store in stores if not store.problem)) as tell:
        for store in stores:
            found[store.name] = (
                Verification(problem=store.problem)
                if store.problem
                else verify(store.folder, forget=not dry_run, tell=tell)
            )
    document = {
        "dry_run": dry_run,
        "stores": [
            {
                "name": name,
                **msgspec.to_builtins(one),
                "first_tiles": [str(tile) for tile in one.first_tiles],
                "well": one.is_well,
            }
            for name, one in found.items()
        ],
    }
    lines = [line for name, one in found.items() for line in _lines(name, one, dry_run=dry_run)] or ["no stores"]
    show(document, lines, as_json=as_json)
    return 0 if all(one.is_well for one in found.values()) else DownloadError.exit_code


def _lines(name: str, one: Verification, *, dry_run: bool) -> Iterator[str]:
    read = f"{one.contents:,} pictures, {size(one.bytes)} read"
    if one.is_well:
        yield f"{name}: {read}, all well"
        return
    yield f"{name}: {read}, {one.damaged_contents:,} damaged"
    if one.damaged_tiles:
        done = "show them" if dry_run else "showed them and were forgotten: the next run fetches them again"
        yield f"  {one.damaged_tiles:,} tiles {done}"
        more = f" and {one.damaged_tiles - len(one.first_tiles):,} more" * (one.damaged_tiles > len(one.first_tiles))
        yield f"  {' '.join(map(str, one.first_tiles))}{more}"
    for problem in one.index_problems:
        yield f"  index: {problem}"
    if one.index_problems:
        yield "  next: move this store's folder away; its tiles are then downloaded again"
    if one.problem:
        yield f"  problem: {one.problem}"
