"""``operator-tool store prune``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from .store_options import find_places, show, size, store_options

if TYPE_CHECKING:
    from operator_tool.tile_store.pruning import Pruned

_DAY_S = 86_400.0


class Size(click.ParamType[int]):
    """``500M``, ``20G`` or a number of bytes; a thousand to the next."""

    name = "size"
    _BYTES: ClassVar[dict[str, int]] = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes. Fails as a usage error."""
        if isinstance(value, int):
            return value
        matched = re.fullmatch(r"([0-9]{1,15})([kmgt]?)b?", str(value).strip().lower())
        if matched is None:
            self.fail(f"{value!r}: expected a size such as 500M, 20G or a number of bytes", param, ctx)
        return int(matched[1]) * self._BYTES[matched[2]]


@click.command("prune")
@store_options
@click.option(
    "--older-than",
    type=click.FloatRange(0),
    metavar="DAYS",
    help="Drop what was fetched or confirmed so long ago; 0 drops all.",
)
@click.option("--max-bytes", type=Size(), metavar="SIZE", help="Then drop the oldest until the rest fits: 500M, 20G.")
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
def command(
    *,
    provider: str | None,
    dataset: str | None,
    data_dir: Path | None,
    as_json: bool,
    older_than: float | None,
    max_bytes: int | None,
    dry_run: bool,
) -> int:
    """Drop old tiles from the stores, and give the disk its room back.

    Without --older-than and --max-bytes no tile goes, only what no tile shows any longer. A store that a run is using
    is left as it is.
    """
    import math
    import time

    import msgspec

    from operator_tool.api.errors import DownloadError
    from operator_tool.tile_store.listing import list_stores
    from operator_tool.tile_store.pruning import prune

    folder = find_places(data_dir).stores_dir
    found = prune(
        folder,
        list_stores(folder, provider=provider, dataset=dataset),
        before_s=-math.inf if older_than is None else time.time() - older_than * _DAY_S,
        max_bytes=max_bytes,
        dry_run=dry_run,
    )
    show(
        {"dry_run": dry_run, "stores": msgspec.to_builtins(found)},
        list(_lines(found, dry_run=dry_run)) or ["no stores"],
        as_json=as_json,
    )
    return DownloadError.exit_code if any(one.problem for one in found) else 0


def _lines(found: Sequence[Pruned], *, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    for one in found:
        if one.in_use:
            yield f"{one.name}: a run is using it; left as it is"
            continue
        dropped = f"{one.tiles:,} tiles and {one.absent:,} absences {would}dropped"
        gone = f", {would}removed as nothing is left" if one.removed else ""
        yield f"{one.name}: {dropped}, {size(one.freed_bytes)} {would}given back{gone}"
        if one.damaged_contents:
            yield f"  {one.damaged_contents:,} damaged pictures were forgotten: the next run fetches them again"
        if one.problem:
            yield f"  problem: {one.problem}"
