"""The index of a tile store: which tiles are held, and where in which pack each picture lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from operator_tool.api import PictureFormat, TileId, TileRecord
from operator_tool.failpoints import failpoint

from .index_connection import IndexConnection
from .records import Batch, Damage, Place, StoredTile

NAMED_TILES = 20
"""How many tiles a report of damage names."""
_STRAY_TILES = (
    "FROM tiles WHERE NOT EXISTS (SELECT 1 FROM contents"
    " WHERE contents.sha256 = tiles.sha256 AND contents.length_bytes = tiles.length_bytes)"
)
_FORMATS = {str(member): member for member in PictureFormat}


class Index(IndexConnection):
    """What a store holds, asked and changed through one connection."""

    def held(self, z: int, y: int, x0: int, x1: int) -> list[StoredTile]:
        """Return the tiles held of one row of tiles, ``x0`` and ``x1`` included, ascending."""
        rows = self.query(
            "SELECT x, sha256, length_bytes, format, etag, fetched_at_s, imagery_date"
            " FROM tiles WHERE z = ? AND y = ? AND x BETWEEN ? AND ? ORDER BY x",
            (z, y, x0, x1),
        )
        return [
            StoredTile(
                TileRecord(TileId(z, x, y), sha256, length_bytes, _FORMATS[picture_format]),
                etag,
                datetime.fromtimestamp(fetched_at_s, UTC),
                imagery_date,
            )
            for x, sha256, length_bytes, picture_format, etag, fetched_at_s, imagery_date in rows
        ]

    def held_count(self, z: int, y: int, x0: int, x1: int) -> int:
        """Return how many tiles are held of one row of tiles, ``x0`` and ``x1`` included."""
        statement = "SELECT count(*) FROM tiles WHERE z = ? AND y = ? AND x BETWEEN ? AND ?"
        return int(self.query(statement, (z, y, x0, x1))[0][0])

    def held_count_by_block(self, z: int, y: int, x0: int, x1: int, bits: int) -> list[tuple[int, int]]:
        """Return ``x >> bits`` and how many tiles are held that have it, of one row of tiles, ascending."""
        # One count a block, and not a GROUP BY: that sorts all rows first, which takes half as long again.
        statement = (
            "WITH RECURSIVE blocks(block) AS (SELECT ? UNION ALL SELECT block + 1 FROM blocks WHERE block < ?)"
            " SELECT block, (SELECT count(*) FROM tiles WHERE z = ? AND y = ?"
            " AND x BETWEEN max(?, block << ?) AND min(?, ((block + 1) << ?) - 1)) FROM blocks"
        )
        rows = self.query(statement, (x0 >> bits, x1 >> bits, z, y, x0, bits, x1, bits))
        return [(int(block), int(held)) for block, held in rows if held]

    def tiles_with(self, sha256: bytes, limit: int) -> list[TileId]:
        """Return some of the tiles that show a content."""
        statement = "SELECT z, x, y FROM tiles WHERE sha256 = ? LIMIT ?"
        return [TileId(z, x, y) for z, x, y in self.query(statement, (sha256, limit))]

    def absent(self, z: int, y: int, x0: int, x1: int, since_s: float, until_s: float) -> list[int]:
        """Return the x of the tiles said to be absent between these times, ``x0`` and ``x1`` included, ascending."""
        statement = (
            "SELECT x FROM absent WHERE z = ? AND y = ? AND x BETWEEN ? AND ? AND seen_at_s BETWEEN ? AND ? ORDER BY x"
        )
        return [x for (x,) in self.query(statement, (z, y, x0, x1, since_s, until_s))]

    def count(self) -> int:
        """Return how many tiles are held."""
        return int(self.query("SELECT count(*) FROM tiles")[0][0])

    def mean_bytes(self) -> float | None:
        """Return the mean size of some thousand pictures, None when there is none.

        The table lies in the order of the hashes, so that its first rows are a random choice.
        """
        statement = "SELECT avg(length_bytes) FROM (SELECT length_bytes FROM contents LIMIT 4096)"
        mean: float | None = self.query(statement)[0][0]
        return mean

    def place(self, sha256: bytes) -> Place | None:
        """Return where a content lies, None when it isn't held."""
        rows = self.query(
            "SELECT name, offset, length_bytes FROM contents JOIN packs ON packs.id = pack WHERE sha256 = ?", (sha256,)
        )
        return Place(*rows[0]) if rows else None

    def contents_of(self, pack: str) -> Iterator[tuple[bytes, Place]]:
        """Yield each content of a pack, its SHA-256 first, in the order in which they lie: sorted before the first is
        yielded, so that what is forgotten meanwhile doesn't disturb."""
        for sha256, offset, length_bytes in self.each(
            "SELECT sha256, offset, length_bytes FROM contents JOIN packs ON packs.id = pack"
            " WHERE name = ? ORDER BY offset",
            (pack,),
        ):
            yield sha256, Place(pack, offset, length_bytes)

    def knows_pack(self, name: str) -> bool:
        """Say whether anything was ever committed of a pack."""
        return bool(self.query("SELECT 1 FROM packs WHERE name = ?", (name,)))

    def apply(self, batch: Batch) -> None:
        """Commit a batch: all of it or nothing. The bytes of its contents must be durable by now."""
        with self.transaction() as connection:
            packs = {place.pack for place in batch.contents.values()}
            connection.executemany("INSERT OR IGNORE INTO packs (name) VALUES (?)", [(name,) for name in packs])
            ids = {n: connection.execute("SELECT id FROM packs WHERE name = ?", (n,)).fetchone()[0] for n in packs}
            # Another process may have stored the same content meanwhile: the first one counts.
            connection.executemany(
                "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?)",
                [(sha256, ids[p.pack], p.offset, p.length_bytes) for sha256, p in batch.contents.items()],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, batch.tiles.values())
            )
            connection.executemany("DELETE FROM absent WHERE z = ? AND y = ? AND x = ?", map(_key, batch.tiles))
            connection.executemany(
                "INSERT OR REPLACE INTO absent VALUES (?, ?, ?, ?)",
                [(*_key(tile_id), seen_at.timestamp()) for tile_id, seen_at in batch.absent.items()],
            )
            connection.executemany("DELETE FROM tiles WHERE z = ? AND y = ? AND x = ?", map(_key, batch.absent))
            connection.executemany(
                "UPDATE tiles SET fetched_at_s = ? WHERE z = ? AND y = ? AND x = ?",
                [(at.timestamp(), *_key(tile_id)) for tile_id, at in batch.confirmed.items()],
            )
            failpoint("store.inside_index")

    def drop_before(self, before_s: float) -> None:
        """Drop the tiles and the absences that were told before a moment, and all that nothing refers to any longer:
        contents, and packs, whose files may then be removed."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM tiles WHERE fetched_at_s < ?", (before_s,))
            connection.execute("DELETE FROM absent WHERE seen_at_s < ?", (before_s,))
            connection.execute("DELETE FROM contents WHERE sha256 NOT IN (SELECT sha256 FROM tiles)")
            connection.execute("DELETE FROM packs WHERE id NOT IN (SELECT pack FROM contents)")

    def counts_before(self, before_s: float) -> tuple[int, int, int]:
        """Return how many tiles and how many absences :meth:`drop_before` drops, and how many of both it leaves."""
        tiles, all_tiles = self.query("SELECT total(fetched_at_s < ?), count(*) FROM tiles", (before_s,))[0]
        absent, all_absent = self.query("SELECT total(seen_at_s < ?), count(*) FROM absent", (before_s,))[0]
        return int(tiles), int(absent), all_tiles + all_absent - int(tiles) - int(absent)

    def newest_first(self, row_bytes: int) -> Iterator[tuple[float, int]]:
        """Yield of each content when a tile of it was fetched last, and what it takes with its rows; newest first."""
        yield from self.each(
            "SELECT max(fetched_at_s) AS newest, max(length_bytes) + ? * count(*) FROM tiles GROUP BY sha256"
            " ORDER BY newest DESC",
            (row_bytes,),
        )

    def live_bytes(self, before_s: float) -> dict[str, int]:
        """Return how many bytes of each pack are still shown once :meth:`drop_before` is done."""
        statement = (
            "SELECT name, live_bytes FROM packs JOIN (SELECT pack, sum(length_bytes) AS live_bytes FROM contents"
            " WHERE sha256 IN (SELECT sha256 FROM tiles WHERE fetched_at_s >= ?) GROUP BY pack) ON packs.id = pack"
        )
        return dict(self.query(statement, (before_s,)))

    def move(self, moved: Iterable[tuple[bytes, Place, Place]]) -> None:
        """Have contents at another place than before. The bytes there must be durable by now."""
        with self.transaction() as connection:
            for sha256, old, new in moved:
                connection.execute("INSERT OR IGNORE INTO packs (name) VALUES (?)", (new.pack,))
                connection.execute(
                    "UPDATE contents SET pack = (SELECT id FROM packs WHERE name = ?), offset = ? WHERE sha256 = ?"
                    " AND pack = (SELECT id FROM packs WHERE name = ?) AND offset = ?",
                    (new.pack, new.offset, sha256, old.pack, old.offset),
                )

    def drop_pack(self, name: str) -> bool:
        """Drop a pack that no content is in any longer; False when one is."""
        with self.transaction() as connection:
            return bool(
                connection.execute(
                    "DELETE FROM packs WHERE name = ? AND id NOT IN (SELECT pack FROM contents)", (name,)
                ).rowcount
            )

    def forget_tiles(self, ids: Iterable[TileId]) -> None:
        """Forget tiles; what they showed stays for other tiles."""
        with self.transaction() as connection:
            connection.executemany("DELETE FROM tiles WHERE z = ? AND y = ? AND x = ?", map(_key, ids))

    def forget(self, damaged: Sequence[tuple[bytes, Place | None]]) -> Damage:
        """Forget contents that can't be read at their place, and every tile that shows one of them.

        A content that was stored again at another place meanwhile stays, and so do its tiles.
        """
        with self.transaction() as connection, self._listed(sha256 for sha256, _ in damaged):
            connection.executemany(
                "DELETE FROM contents WHERE sha256 = ? AND offset = ? AND pack = (SELECT id FROM packs WHERE name = ?)",
                [(sha256, place.offset, place.pack) for sha256, place in damaged if place is not None],
            )
            connection.execute("DELETE FROM listed WHERE sha256 IN (SELECT sha256 FROM contents)")
            damage = self._damage(len(damaged))
            connection.execute("DELETE FROM tiles WHERE sha256 IN (SELECT sha256 FROM listed)")
        return damage

    def damage_of(self, damaged: Sequence[tuple[bytes, Place | None]]) -> Damage:
        """Return which tiles show these contents, and forget nothing."""
        with self._listed(sha256 for sha256, _ in damaged):
            return self._damage(len(damaged))

    @contextmanager
    def _listed(self, contents: Iterable[bytes]) -> Iterator[None]:
        """Have these contents in the table ``listed``, for as long as this lasts."""
        # Emptied and not dropped: no table can be dropped while a walk over another is under way.
        self.query("CREATE TEMP TABLE IF NOT EXISTS listed (sha256 BLOB PRIMARY KEY)")
        self.query("DELETE FROM listed")
        for sha256 in contents:
            self.query("INSERT OR IGNORE INTO listed VALUES (?)", (sha256,))
        yield
        self.query("DELETE FROM listed")

    def strays(self, *, forget: bool) -> Damage:
        """Return the tiles that show a content which the store doesn't know; with ``forget``, hold them no longer."""
        with self.transaction() if forget else self.snapshot():
            (count,) = self.query("SELECT count(*) " + _STRAY_TILES)[0]
            named = self.query("SELECT z, x, y " + _STRAY_TILES + " LIMIT ?", (NAMED_TILES,))
            if forget:
                self.query("DELETE " + _STRAY_TILES)
        return Damage(0, count, [TileId(z, x, y) for z, x, y in named])

    def _damage(self, contents: int) -> Damage:
        (count,) = self.query("SELECT count(*) FROM tiles WHERE sha256 IN (SELECT sha256 FROM listed)")[0]
        named = self.query(
            "SELECT z, x, y FROM tiles WHERE sha256 IN (SELECT sha256 FROM listed) LIMIT ?", (NAMED_TILES,)
        )
        return Damage(contents, count, [TileId(z, x, y) for z, x, y in named])


def _key(tile_id: TileId) -> tuple[int, int, int]:
    return tile_id.z, tile_id.y, tile_id.x


def _row(tile: StoredTile) -> tuple[object, ...]:
    record = tile.record
    return (
        *_key(record.id),
        record.sha256,
        record.length_bytes,
        str(record.format),
        tile.fetched_at.timestamp(),
        tile.etag,
        tile.imagery_date,
    )
