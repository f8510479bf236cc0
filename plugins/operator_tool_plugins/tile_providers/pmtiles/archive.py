"""A PMTiles archive, wherever it lies: what it says of itself, and where in it a tile is."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

import msgspec

from operator_tool.api import (
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    NotModified,
    Tile,
    TileId,
    TileResult,
    WantedTile,
    sniff_picture_format,
)

from .directory import MAX_DIRECTORY_BYTES, Directory, read_directory, unpack
from .header import HEADER_BYTES, ArchiveError, Header, Span, read_header

MAX_TILE_BYTES = 4 * 1024 * 1024
_MAX_METADATA_BYTES = 1024 * 1024
_MAX_METADATA_CHARACTERS = 4_096
_MAX_DEPTH = 4
"""How many directories lead to a tile at most, the root among them; real archives need two."""
_TOO_DEEP = f"has more than {_MAX_DEPTH} directories on the way to a tile"
_HELD_ENTRIES = 512 * 1024
"""So many entries of leaf directories are held, in 16 MiB: a row of tiles crosses some leaves, and so does the next."""
_HELD_LEAVES = 1024


class Source(Protocol):
    """Where an archive lies."""

    @property
    def named(self) -> str:
        """What an operator knows it by; holds no secret."""
        ...

    @property
    def version(self) -> str:
        """What is another when the archive is; known once it is open."""
        ...

    def open(self) -> int:
        """Open it and return its length in bytes. Raises ``ConfigError`` or ``DownloadError``."""
        ...

    def read(self, span: Span) -> bytes:
        """Return these bytes, all of them. Raises ``DownloadError``."""
        ...

    def fetch(self, wanted: Iterator[WantedTile], archive: Archive) -> Iterator[TileResult]:
        """Yield one result for each wanted tile. Raises ``DownloadError``, also when the archive was replaced."""
        ...

    def dataset(self, archive: Archive) -> str:
        """Return what the imagery is to be known by."""
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


class Archive:
    """An open archive. Raises ``ConfigError`` when it is none that can be used."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._size_bytes = source.open()
        self._leaves: OrderedDict[Span, Directory] = OrderedDict()
        self._held_entries = 0
        try:
            start = source.read(Span(0, min(HEADER_BYTES, self._size_bytes)))
            self.header: Header = read_header(start)
            self._check_sections()
            metadata = self._metadata()
            self._members = _members(metadata)
            self._root = self._directory(self.header.root)
        except ArchiveError as error:
            raise ConfigError(f"{source.named} {error.text}", hint=error.hint) from None
        self.digest: str = hashlib.sha256(start + metadata).hexdigest()
        """Of the header and the metadata."""
        self.identity: str = hashlib.sha256(f"{source.version} {self.digest}".encode()).hexdigest()
        """Of those, and of the version that the archive's place knows it by."""
        # A tile can't change while its archive is the same one.
        self.etag: str = f'"{self.identity[:32]}"'

    def members(self) -> dict[str, object]:
        """Return the metadata as plain data; a damaged one as the text that it is."""
        return {name: _plain(raw) for name, raw in self._members.items()}

    def text(self, name: str) -> str:
        """Return a member of the metadata, empty where they have none of plain words."""
        try:
            found = msgspec.json.decode(self._members[name], type=str | int | float)
        except (KeyError, msgspec.MsgspecError, UnicodeDecodeError):
            return ""
        return str(found).strip()[:_MAX_METADATA_CHARACTERS]

    def place(self, wanted: WantedTile) -> Span | TileResult:
        """Return where a wanted tile's bytes are, or the result where none need to be read for it.

        Raises ``DownloadError`` when a directory is damaged.
        """
        if wanted.etag == self.etag:
            return NotModified(wanted.id)
        try:
            span = self._find(wanted.id)
        except ArchiveError as error:
            raise DownloadError(f"{self._source.named} {error.text}", hint=error.hint, retryable=False) from None
        if span is None:
            return Absent(wanted.id, "not in the archive")
        problem = self._problem(span)
        return span if problem is None else Corrupt(wanted.id, problem)

    def picture(self, tile_id: TileId, data: bytes) -> Tile | Corrupt:
        """Return what the bytes of a tile are."""
        if self.header.gzip_tiles:
            try:
                data = unpack(data, max_bytes=MAX_TILE_BYTES)
            except ArchiveError:
                return Corrupt(tile_id, f"not gzip, or longer than {MAX_TILE_BYTES >> 20} MiB when unpacked")
        if sniff_picture_format(data) is None:
            return Corrupt(tile_id, "not a jpg, png or webp picture")
        return Tile(tile_id, data, self.etag)

    def ends(self) -> tuple[TileId, TileId] | None:
        """Return the first and the last tile, of the coarsest zoom and of the finest; None where there is no tile.

        The numbers of tiles go up with the zoom, so that a look at each end tells. Raises ``ConfigError``.
        """
        try:
            return self._ends()
        except ArchiveError as error:
            raise ConfigError(f"{self._source.named} {error.text}", hint=error.hint) from None

    def _ends(self) -> tuple[TileId, TileId] | None:
        directory, first = self._root, self._root.first_number()
        for _ in range(_MAX_DEPTH):
            last = directory.last()
            if last is None or first is None:
                return None
            if not last[1].is_directory:
                return _tile_of(first), _tile_of(last[0])
            directory = self._leaf(last[1].span)
        raise ArchiveError(_TOO_DEEP)

    def has(self, tile: TileId) -> bool:
        """Say whether the archive has a tile. Raises ``ConfigError``."""
        try:
            return self._find(tile) is not None
        except ArchiveError as error:
            raise ConfigError(f"{self._source.named} {error.text}", hint=error.hint) from None

    def sample(self) -> bytes:
        """Return the first tile; no bytes where there is none, or none that can be read."""
        directory = self._root
        try:
            for _ in range(_MAX_DEPTH):
                entry = directory.first()
                if entry is None:
                    break
                if not entry.is_directory:
                    return self._first_tile(Span(self.header.tiles.offset + entry.span.offset, entry.span.length))
                directory = self._leaf(entry.span)
        except ArchiveError as error:
            raise ConfigError(f"{self._source.named} {error.text}", hint=error.hint) from None
        return b""

    def _first_tile(self, span: Span) -> bytes:
        if self._problem(span) is not None:
            return b""
        data = self._source.read(span)
        if not self.header.gzip_tiles:
            return data
        try:
            return unpack(data, max_bytes=MAX_TILE_BYTES)
        except ArchiveError:
            return b""

    def _problem(self, span: Span) -> str | None:
        """Return why a tile can't be where a directory says, None where it can."""
        if not 0 < span.length <= MAX_TILE_BYTES:
            return f"{span.length:,} bytes long by the archive's directory"
        if span.end > self._size_bytes:
            return "beyond the end of the archive by its directory"
        return None

    def _find(self, tile: TileId) -> Span | None:
        from pmtiles.tile import zxy_to_tileid

        number = zxy_to_tileid(tile.z, tile.x, tile.y)
        directory = self._root
        for _ in range(_MAX_DEPTH):
            entry = directory.find(number)
            if entry is None:
                return None
            if not entry.is_directory:
                return Span(self.header.tiles.offset + entry.span.offset, entry.span.length)
            directory = self._leaf(entry.span)
        raise ArchiveError(_TOO_DEEP)

    def _leaf(self, span: Span) -> Directory:
        held = self._leaves.get(span)
        if held is not None:
            self._leaves.move_to_end(span)
            return held
        leaf = self._directory(Span(self.header.leaves.offset + span.offset, span.length))
        self._leaves[span] = leaf
        self._held_entries += len(leaf)
        while self._held_entries > _HELD_ENTRIES or len(self._leaves) > _HELD_LEAVES:
            self._held_entries -= len(self._leaves.popitem(last=False)[1])
        return leaf

    def _directory(self, span: Span) -> Directory:
        if not 0 < span.length <= MAX_DIRECTORY_BYTES:
            raise ArchiveError(f"has a directory of {span.length:,} bytes")
        if span.end > self._size_bytes:
            raise ArchiveError("has a directory beyond its end")
        return read_directory(self._source.read(span), is_gzip=self.header.gzip_inside)

    def _metadata(self) -> bytes:
        span = self.header.metadata
        if span.length > _MAX_METADATA_BYTES:
            raise ArchiveError(f"has metadata of {span.length:,} bytes, more than {_MAX_METADATA_BYTES >> 20} MiB")
        if not span.length:
            return b"{}"
        data = self._source.read(span)
        return unpack(data, max_bytes=_MAX_METADATA_BYTES) if self.header.gzip_inside else data

    def _check_sections(self) -> None:
        header = self.header
        end = max(section.end for section in (header.root, header.metadata, header.leaves, header.tiles))
        if end > self._size_bytes:
            raise ArchiveError(f"is cut short: {self._size_bytes:,} bytes, and {end:,} by its header")


def _tile_of(number: int) -> TileId:
    from pmtiles.tile import tileid_to_zxy

    try:
        z, x, y = tileid_to_zxy(number)
    except (ValueError, OverflowError):
        raise ArchiveError(f"has a tile of the number {number}, which is none") from None
    return TileId(z, x, y)


def _members(metadata: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(metadata, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise ArchiveError("has metadata that are not a JSON object") from None


def _plain(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return bytes(raw).decode("utf-8", "replace")
