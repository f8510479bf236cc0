"""Whether what a provider gave is a picture of the ground: checked before it is stored, and again once repeats show."""

from __future__ import annotations

from operator_tool.api.build import GapCause
from operator_tool.api.order import TileRecord
from operator_tool.api.tiles import PictureFormat, ProviderInfo, Tile, TileId
from operator_tool.pictures import BadPictureError, Repeats, check_picture, is_one_colour

TILE_CAP_BYTES = 4 * 1024 * 1024


class NotAPictureError(Exception):
    """What came is not the ground's picture; ``cause`` is corrupt or placeholder, ``size_px`` as of a bad picture."""

    def __init__(self, cause: GapCause, reason: str, *, size_px: int | None = None) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason
        self.size_px = size_px


class PictureGate:
    """The checks of one provider's pictures. Made-up imagery may look made up: its looks are not judged."""

    def __init__(self, info: ProviderInfo, repeats: Repeats) -> None:
        self._size_px = info.tile_size_px
        self._judges_looks = not info.synthetic
        self._repeats = repeats

    def check(self, tile: Tile) -> PictureFormat:
        """Return the picture's format. Raises ``NotAPictureError``."""
        if len(tile.data) > TILE_CAP_BYTES:
            raise NotAPictureError(
                GapCause.CORRUPT, f"{len(tile.data):,} bytes long, more than {TILE_CAP_BYTES >> 20} MiB"
            )
        try:
            picture_format = check_picture(tile.data, size_px=self._size_px)
            if self._judges_looks and is_one_colour(tile.data, size_px=self._size_px):
                raise NotAPictureError(GapCause.PLACEHOLDER, "a picture of one colour")
        except BadPictureError as error:
            raise NotAPictureError(GapCause.CORRUPT, error.reason, size_px=error.size_px) from None
        return picture_format

    def repeated(self, record: TileRecord) -> tuple[TileId, ...]:
        """Return the tiles that turn out to be placeholders, now that this one is seen: none, this one, or all that
        came with the same bytes."""
        return self._repeats.note(record.id, record.sha256) if self._judges_looks else ()
