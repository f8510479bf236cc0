"""What a store holds, told without changing it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from operator_tool.api import OperatorToolError

from .folder import INDEX_NAME, PACKS_NAME
from .index import Index
from .listing import ListedStore
from .packs import pack_sizes


class StoreSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One store in numbers."""

    name: str
    folder: str
    provider: str
    dataset: str
    problem: str = ""
    """Why nothing more is known of it."""
    tiles: int = 0
    tiles_by_zoom: dict[str, int] = {}
    absent: int = 0
    packs: int = 0
    pack_bytes: int = 0
    """The size of all packs; what is beyond ``referred_bytes`` can be given back by pruning."""
    referred_bytes: int = 0
    """The pictures that a tile shows, each once."""
    index_bytes: int = 0
    oldest_fetch: datetime | None = None
    newest_fetch: datetime | None = None


def summarise(store: ListedStore) -> StoreSummary:
    """Return a store in numbers, all of one moment, also while a run is filling it."""
    known = StoreSummary(
        name=store.name,
        folder=str(store.folder),
        provider=store.provider,
        dataset=store.dataset,
        problem=store.problem,
    )
    if store.problem:
        return known
    try:
        index = Index.open_any(store.folder / INDEX_NAME)
        if index is None:
            return known
        try:
            index.only_read()
            return _counted(known, index, store.folder)
        finally:
            index.close()
    except OperatorToolError as error:
        return msgspec.structs.replace(known, problem=error.message)


def _counted(known: StoreSummary, index: Index, folder: Path) -> StoreSummary:
    with index.snapshot():
        zooms = index.query("SELECT z, count(*), min(fetched_at_s), max(fetched_at_s) FROM tiles GROUP BY z ORDER BY z")
        absent = index.query("SELECT count(*) FROM absent")[0][0]
        referred_bytes = index.query(
            "SELECT coalesce(sum(length_bytes), 0) FROM contents WHERE sha256 IN (SELECT sha256 FROM tiles)"
        )[0][0]
        sizes = pack_sizes(folder / PACKS_NAME)
    return msgspec.structs.replace(
        known,
        tiles=sum(count for _, count, _, _ in zooms),
        tiles_by_zoom={str(z): count for z, count, _, _ in zooms},
        absent=absent,
        packs=len(sizes),
        pack_bytes=sum(sizes.values()),
        referred_bytes=referred_bytes,
        index_bytes=index.size_bytes(),
        oldest_fetch=_moment(min((oldest for _, _, oldest, _ in zooms), default=None)),
        newest_fetch=_moment(max((newest for _, _, _, newest in zooms), default=None)),
    )


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
