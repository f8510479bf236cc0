"""Packs written anew without what nothing refers to, so that the disk gets its room back.

The order is the store's one invariant: the copy is durable, then the rows name it, then the old pack goes. A kill at
any moment leaves either a pack that nothing refers to, which the next session sweeps, or one that holds more than it
must. Only for who has the store alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from operator_tool.api import DownloadError

from .disk import free_bytes, free_text, megabytes, sync_folder
from .folder import INDEX_NAME, PACKS_NAME
from .index import Index
from .packs import PackReader, PackWriter, pack_sizes, sweep_orphans
from .records import Place

_MOVED_AT_ONCE = 1_000


def give_back_garbage(folder: Path, index: Index, *, garbage_share: float) -> int:
    """Remove the packs that nothing refers to, and rewrite those of which more than ``garbage_share`` is garbage.

    Returns how many pictures turned out to be damaged; they are forgotten. Raises ``DownloadError`` when the disk
    refuses: what was given back so far stays so.
    """
    packs = folder / PACKS_NAME
    sweep_orphans(packs, index.knows_pack)
    live_bytes = index.live_bytes(-float("inf"))
    wasteful = wasteful_packs(pack_sizes(packs), live_bytes, garbage_share=garbage_share)
    damaged = 0
    with closing(PackWriter(packs)) as writer:
        for name in wasteful:
            if live_bytes[name] > free_bytes(packs):
                raise DownloadError(
                    f"a pack of the tile store {folder} can't be rewritten: its {megabytes(live_bytes[name])} that are"
                    f" still needed are copied first, and {free_text(packs)}",
                    hint="Make room on this disk and prune again, or prune more.",
                )
            damaged += _rewrite(folder, index, name, writer)
    if wasteful:
        sync_folder(packs)
    return damaged


def wasteful_packs(sizes: Mapping[str, int], live_bytes: Mapping[str, int], *, garbage_share: float) -> list[str]:
    """Return the packs that are worth rewriting, those first that need the least room for it."""
    wasteful = [name for name, live in live_bytes.items() if sizes.get(name, 0) * (1.0 - garbage_share) > live]
    return sorted(wasteful, key=live_bytes.__getitem__)


def _rewrite(folder: Path, index: Index, name: str, writer: PackWriter) -> int:
    damaged: list[tuple[bytes, Place]] = []
    count = 0
    with closing(Index.open_there(folder / INDEX_NAME)) as walk, closing(PackReader(folder / PACKS_NAME)) as packs:
        walk.spare_memory()
        contents = walk.contents_of(name)
        while part := list(islice(contents, _MOVED_AT_ONCE)):
            moved = []
            for sha256, place in part:
                data = packs.verified(sha256, place)
                if data is None:
                    damaged.append((sha256, place))
                else:
                    moved.append((sha256, place, writer.append(data)))
            writer.make_durable()
            index.move(moved)
            if damaged:
                count += index.forget(damaged).contents
                damaged = []
    if index.drop_pack(name):
        (folder / PACKS_NAME / f"{name}.pack").unlink(missing_ok=True)
    return count
