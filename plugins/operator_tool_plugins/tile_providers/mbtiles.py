"""Tiles of an MBTiles file, read where it lies (MBTiles 1.3: an SQLite database, rows counted from the south)."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from operator_tool.api import (
    MAX_ZOOM,
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    Meta,
    PluginSettings,
    ProviderInfo,
    RunContext,
    Tile,
    TileResult,
    WantedTile,
    hookimpl,
    sniff_picture_format,
)

from ._sample_tile import kind_of_members, kind_of_samples, not_pictures, tile_size_px

if TYPE_CHECKING:
    import sqlite3

_MAX_TILE_BYTES = 4 * 1024 * 1024
_MAX_METADATA_ROWS = 1_000
_MAX_METADATA_CHARACTERS = 4_096


class MbtilesSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the provider ``mbtiles``."""

    path: Annotated[Path, Meta(description="The MBTiles file. It is read and never written.")]


class MbtilesProvider:
    """Reads one file, tile after tile, in the order in which they are wanted."""

    def __init__(self, path: Path, context: RunContext) -> None:
        self._path = path
        self._context = context
        self._connection: sqlite3.Connection | None = None
        self._opened_as: os.stat_result | None = None

    def describe(self) -> ProviderInfo:
        """Return what the file's metadata say, and what its tiles show where they say nothing.

        Raises ``ConfigError`` when it is not a file of pictures.
        """
        with self._reading() as connection:
            metadata = _metadata(connection)
            sample = _sample(connection)
            zooms = _zooms(connection, metadata) if sample is not None else (0, MAX_ZOOM)
        kind = kind_of_members(metadata) or kind_of_samples([sample or b""])
        if kind is not None:
            raise not_pictures(str(self._path), kind, choose="an MBTiles file")
        return ProviderInfo(
            dataset=self._dataset(metadata),
            min_zoom=zooms[0],
            max_zoom=zooms[1],
            bounds_deg=_bounds_deg(metadata.get("bounds", "")),
            tile_size_px=tile_size_px(sample or b""),
            attribution=metadata.get("attribution", ""),
            version=metadata.get("version", ""),
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield the tiles in the order in which they are wanted.

        Raises ``DownloadError`` when the file can't be read on, or is not what it was when it was opened.
        """
        for tile in wanted:
            if self._context.cancelled.is_set():
                return
            with self._reading() as connection:
                result = self._tile(connection, tile)
            yield result
        if self._connection is not None:
            self._check_unchanged()

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _tile(self, connection: sqlite3.Connection, wanted: WantedTile) -> TileResult:
        z, x, y = wanted.id.z, wanted.id.x, wanted.id.y
        # The length comes first, so that a blob without end is never in memory.
        rows = connection.execute(
            "SELECT length(tile_data), CASE WHEN length(tile_data) <= ? THEN tile_data END FROM tiles"
            " WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? LIMIT 1",
            (_MAX_TILE_BYTES, z, x, (1 << z) - 1 - y),
        ).fetchall()
        if not rows or not rows[0][0]:
            return Absent(wanted.id, "not in the file")
        length_bytes, data = rows[0]
        if data is None:
            return Corrupt(wanted.id, f"{length_bytes:,} bytes long, more than {_MAX_TILE_BYTES >> 20} MiB")
        if not isinstance(data, bytes) or sniff_picture_format(data) is None:
            return Corrupt(wanted.id, "not a jpg, png or webp picture")
        return Tile(wanted.id, data)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            if self._connection is None:
                self._connection = self._open()
            yield self._connection
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_NOTADB:
                raise ConfigError(f"{self._path} is not an MBTiles file: {error}") from error
            if code == sqlite3.SQLITE_ERROR:
                raise ConfigError(f"{self._path} is not laid out as an MBTiles file is: {error}") from error
            raise DownloadError(
                f"{self._path} can't be read: {error}",
                hint="Copy the file again from where it came.",
                retryable=code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT),
            ) from error

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        try:
            self._opened_as = self._path.stat()
            if not stat.S_ISREG(self._opened_as.st_mode):
                raise ConfigError(f"mbtiles.path {self._path} is not a file")
            self._path.open("rb").close()
        except OSError as error:
            raise ConfigError(f"mbtiles.path {self._path} can't be opened: {error.strerror}") from error
        # Immutable: nothing is written beside the file and no lock is taken. Where another program has left a log
        # beside it, part of the tiles are in there, and SQLite must look.
        log = any(_has_bytes(Path(f"{self._path}{ending}")) for ending in ("-wal", "-journal"))
        uri = f"{self._path.absolute().as_uri()}?mode=ro{'' if log else '&immutable=1'}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        context = self._context
        connection.set_progress_handler(lambda: context.cancelled.is_set() or context.deadline.passed, 100_000)
        return connection

    def _dataset(self, metadata: dict[str, str]) -> str:
        """Return the file's identity. Its time counts: other imagery in a file of the same size would go unseen."""
        assert self._opened_as is not None
        digest = hashlib.sha256(repr(sorted(metadata.items())).encode()).hexdigest()
        name = "".join(c for c in metadata.get("name", "") if c.isprintable())[:80] or self._path.stem
        return f"mbtiles:{name}:{self._opened_as.st_size}:{self._opened_as.st_mtime_ns}:{digest[:16]}"

    def _check_unchanged(self) -> None:
        try:
            now: os.stat_result | None = self._path.stat()
        except OSError:
            now = None
        before = self._opened_as
        if now is None or before is None or (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise DownloadError(f"{self._path} was changed while it was read", hint="Run the same command again.")


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _metadata(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the file's metadata, as far as there are any: files without that table are about too."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'metadata'").fetchall():
        return {}
    rows = connection.execute(
        "SELECT name, substr(value, 1, ?) FROM metadata LIMIT ?", (_MAX_METADATA_CHARACTERS, _MAX_METADATA_ROWS)
    )
    return {str(name): str(value).strip() for name, value in rows if name is not None and value is not None}


def _sample(connection: sqlite3.Connection) -> bytes | None:
    rows = connection.execute("SELECT tile_data FROM tiles WHERE length(tile_data) <= ? LIMIT 1", (_MAX_TILE_BYTES,))
    data = next(iter(rows.fetchall()), (None,))[0]
    return data if isinstance(data, bytes) else None


def _zooms(connection: sqlite3.Connection, metadata: dict[str, str]) -> tuple[int, int]:
    """Return the coarsest and the finest zoom; the tiles say where the metadata don't."""
    try:
        stated = int(metadata["minzoom"]), int(metadata["maxzoom"])
    except (KeyError, ValueError):
        stated = (-1, -1)
    if 0 <= stated[0] <= stated[1] <= 30:
        return min(stated[0], MAX_ZOOM), min(stated[1], MAX_ZOOM)
    # Two questions and not one: each is answered from the end of the index.
    (coarsest,) = connection.execute("SELECT min(zoom_level) FROM tiles").fetchone()
    (finest,) = connection.execute("SELECT max(zoom_level) FROM tiles").fetchone()
    if not (isinstance(coarsest, int) and isinstance(finest, int)):
        return 0, MAX_ZOOM
    return min(max(coarsest, 0), MAX_ZOOM), min(max(finest, 0), MAX_ZOOM)


def _bounds_deg(text: str) -> tuple[float, float, float, float] | None:
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        return None
    sane = -180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90
    return (west, south, east, north) if sane else None


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return MbtilesSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> MbtilesProvider:
    """Return the provider; the file is opened when it is first asked."""
    assert isinstance(settings, MbtilesSettings)
    return MbtilesProvider(settings.path, context)
