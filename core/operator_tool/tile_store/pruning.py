"""Stores made smaller: old tiles dropped, and the disk's room really given back."""

from __future__ import annotations

import heapq
import math
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import msgspec

from operator_tool.api import DownloadError, OperatorToolError

from .compaction import give_back_garbage, wasteful_packs
from .disk import sync_folder
from .folder import INDEX_NAME, PACKS_NAME, FolderLock
from .index import Index
from .listing import ListedStore
from .packs import pack_sizes

_GARBAGE_SHARE = 0.25
"""So much of a pack may be garbage: to copy three bytes for one that is given back is not worth it."""
_GARBAGE_SHARE_BELOW_A_LIMIT = 0.01
_ROW_BYTES = 160
"""What a tile takes in the index."""
_REMOVED = ".pruned-"


class Pruned(msgspec.Struct, kw_only=True):
    """What became of one store."""

    name: str
    tiles: int = 0
    """Tiles that were dropped, or would be."""
    absent: int = 0
    freed_bytes: int = 0
    """Room that the disk got back; of a dry run, what the packs would give back."""
    damaged_contents: int = 0
    """Damaged pictures that were come across and forgotten."""
    removed: bool = False
    """True when nothing was left, so that the store itself went."""
    in_use: bool = False
    """True for a store that another process was using: it was left as it is."""
    problem: str = ""


class _Rules(msgspec.Struct, frozen=True):
    before_s: float
    garbage_share: float
    dry_run: bool


def prune(
    folder_of_stores: Path,
    stores: Sequence[ListedStore],
    *,
    before_s: float = -math.inf,
    max_bytes: int | None = None,
    dry_run: bool = False,
) -> list[Pruned]:
    """Drop what was fetched before a moment, and then the oldest until all fit ``max_bytes``; give the room back.

    With neither, only what nothing refers to goes. A store that a run is using is skipped. A kill at any moment loses
    nothing that was to stay.
    """
    found = {store.name: Pruned(name=store.name, problem=store.problem) for store in stores}
    with ExitStack() as stack:
        if not dry_run:
            _finish_removals(folder_of_stores)
        alone = [store for store in stores if not store.problem and _lock(store, found[store.name], stack)]
        if max_bytes is not None:
            in_use_bytes = sum(_disk_bytes(store.folder) for store in stores if found[store.name].in_use)
            before_s = max(before_s, _moment_that_fits(alone, max_bytes - in_use_bytes))
        share = _GARBAGE_SHARE if max_bytes is None else _GARBAGE_SHARE_BELOW_A_LIMIT
        rules = _Rules(before_s, share, dry_run)
        for store in alone:
            try:
                _prune_one(store.folder, found[store.name], rules)
            except OperatorToolError as error:
                found[store.name].problem = error.message
    return list(found.values())


def _lock(store: ListedStore, pruned: Pruned, stack: ExitStack) -> bool:
    try:
        lock = FolderLock.alone(store.folder)
    except OperatorToolError as error:
        pruned.problem = error.message
        return False
    if lock is None:
        pruned.in_use = True
        return False
    stack.callback(lock.release)
    return True


def _moment_that_fits(stores: Iterable[ListedStore], max_bytes: int) -> float:
    """Return the moment from which on all that was fetched takes at most ``max_bytes``."""
    with ExitStack() as stack:
        walks = []
        for store in stores:
            with suppress(OperatorToolError):  # it is told of when the store itself has its turn
                index = stack.enter_context(closing(Index.open_there(store.folder / INDEX_NAME)))
                index.only_read()
                walks.append(index.newest_first(_ROW_BYTES))
        taken_bytes = 0
        for fetched_at_s, size_bytes in heapq.merge(*walks, reverse=True):
            taken_bytes += size_bytes
            if taken_bytes > max_bytes:
                return math.nextafter(fetched_at_s, math.inf)
    return -math.inf


def _prune_one(folder: Path, pruned: Pruned, rules: _Rules) -> None:
    disk_bytes = _disk_bytes(folder)
    with closing(Index.open_there(folder / INDEX_NAME)) as index:
        index.spare_memory()
        pruned.tiles, pruned.absent, left = index.counts_before(rules.before_s)
        pruned.removed = left == 0
        if rules.dry_run:
            pruned.freed_bytes = _promised_bytes(
                pack_sizes(folder / PACKS_NAME), index.live_bytes(rules.before_s), rules.garbage_share
            )
            return
        index.drop_before(rules.before_s)
        if not pruned.removed:
            pruned.damaged_contents = give_back_garbage(folder, index, garbage_share=rules.garbage_share)
            index.give_back_room()
    if pruned.removed:
        _remove(folder)
    pruned.freed_bytes = disk_bytes - _disk_bytes(folder)


def _promised_bytes(sizes: Mapping[str, int], live_bytes: Mapping[str, int], garbage_share: float) -> int:
    wasteful = wasteful_packs(sizes, live_bytes, garbage_share=garbage_share)
    dead_bytes = sum(size for name, size in sizes.items() if name not in live_bytes)
    return dead_bytes + sum(sizes[name] - live_bytes[name] for name in wasteful)


def _remove(folder: Path) -> None:
    """Remove an empty store: gone under its name at once, its files one by one."""
    away = folder.with_name(f"{_REMOVED}{folder.name}-{uuid.uuid4().hex[:8]}")
    try:
        folder.rename(away)
        sync_folder(folder.parent)
    except OSError as error:
        raise DownloadError(f"the empty tile store {folder} can't be removed: {error.strerror}") from error
    shutil.rmtree(away, ignore_errors=True)


def _finish_removals(folder_of_stores: Path) -> None:
    """Remove what a killed pruning was removing."""
    for away in folder_of_stores.glob(f"{_REMOVED}*"):
        shutil.rmtree(away, ignore_errors=True)


def _disk_bytes(folder: Path) -> int:
    files = [folder / INDEX_NAME, folder / f"{INDEX_NAME}-wal"]
    index_bytes = 0
    for file in files:
        with suppress(OSError):
            index_bytes += file.stat().st_size
    return index_bytes + sum(pack_sizes(folder / PACKS_NAME).values())
