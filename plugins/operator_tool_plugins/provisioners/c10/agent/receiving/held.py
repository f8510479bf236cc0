"""Pictures that the companion holds already, in the current generation or an older one of the same cache."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from typing import Iterator, List, Sequence, Tuple
from urllib.parse import quote

from ..layout import DATABASE, Layout, is_plain_file
from .staging import select_in

_MAX_SOURCES = 3


class HeldPictures:
    """Reads pictures out of generations; one that is rotten or unreadable counts as not held."""

    def __init__(self, layout: Layout, content_key: str) -> None:
        current = layout.current()
        same = [item for item in layout.all_generations() if item.key_prefix == content_key[:12] and item != current]
        self._sources: List[sqlite3.Connection] = []
        for generation in ([current] if current else []) + same[: _MAX_SOURCES - 1]:
            path = os.path.join(generation.path, DATABASE)
            if is_plain_file(path):
                uri = "file:%s?mode=ro&immutable=1" % quote(path)
                self._sources.append(sqlite3.connect(uri, uri=True, isolation_level=None))

    def read(self, hashes: Sequence[bytes]) -> Iterator[Tuple[bytes, memoryview]]:
        """Yield the pictures that are held, each checked against its hash, one at a time."""
        missing = set(hashes)
        for source in self._sources:
            if not missing:
                break
            try:
                for name, data in select_in(source, "SELECT sha256, tile_data FROM images", tuple(missing)):
                    if name in missing and hashlib.sha256(data).digest() == name:
                        missing.discard(name)
                        yield name, memoryview(data)
            except sqlite3.Error:
                # A damaged generation gives what could be read; the rest is sent.
                continue

    def count(self, hashes: Sequence[bytes]) -> int:
        """Return how many of these pictures the current generation names, unread."""
        try:
            return sum(1 for _ in select_in(self._sources[0], "SELECT 1 FROM images", hashes)) if self._sources else 0
        except sqlite3.Error:
            return 0

    def close(self) -> None:
        """Close the databases."""
        for source in self._sources:
            source.close()
