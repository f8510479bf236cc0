"""What a refusal says: about one tile on a server that gives others, about the whole server where it gives none."""

from __future__ import annotations

import re

import msgspec

from operator_tool.api import (
    Absent,
    DownloadError,
    NotModified,
    Placeholder,
    Refused,
    Tile,
    TileResult,
    TilesRefusedError,
)

from .exchange import Reply

REFUSALS = frozenset({401, 402, 403, 451})
"""Statuses that refuse: the caller, or what was asked for."""
_MARK_IN_BYTES = 4096
_CODE = re.compile(rb"<(?:\w+:)?Error\b.*?<(?:\w+:)?Code>\s*([A-Za-z][A-Za-z0-9.]{0,79})\s*</", re.DOTALL)
_NO_SUCH_OBJECT = frozenset({"NoSuchKey", "NoSuchVersion", "BlobNotFound", "ResourceNotFound"})
_ACCESS_DENIED = frozenset({"AccessDenied", "AllAccessDisabled"})
_EXPIRED = b"xpired"
_MAY_NOT_EXIST = b"or it may not exist"
"""How Google's storage says in JSON that it won't tell a missing object from a hidden one."""
_MOST_HELD = 256
_LEAST_REFUSED = 6
_LEAST_IN_A_ROW = 24


class RefusalError(DownloadError):
    """A refused request. ``of_tile`` is the result for its tile where the server gives other tiles."""

    def __init__(self, message: str, *, of_tile: TileResult | None, hint: str, by_storage: bool = False) -> None:
        super().__init__(message, hint=hint, retryable=False)
        self.of_tile = of_tile
        self.by_storage = by_storage
        """True where object storage says so, which doesn't tell a missing object from a hidden one."""


class Doubtful(msgspec.Struct, frozen=True):
    """An answer with two meanings: ``amid_tiles`` on a server that gives tiles, ``otherwise`` where it gives none."""

    amid_tiles: TileResult
    otherwise: TileResult


class Doubts:
    """The answers of one server that are not judged before it has given a tile, and its refusals in a row."""

    def __init__(self, *, connections: int) -> None:
        self._most_refused = max(_LEAST_REFUSED, 2 * connections)
        self._most_in_a_row = max(_LEAST_IN_A_ROW, 4 * connections)
        self._gives_tiles = False
        self._in_a_row = 0
        self._held: list[Doubtful] = []
        self._refused: list[TileResult] = []
        self._refusal: RefusalError | None = None

    def answered(self, answer: TileResult | Doubtful) -> list[TileResult]:
        """Return what is settled by an answer. A tile settles all that was held, a missing one as well."""
        if isinstance(answer, Doubtful):
            return self._doubt(answer)
        if not isinstance(answer, Tile | NotModified | Absent | Placeholder):
            return [answer]
        self._gives_tiles = True
        self._in_a_row = 0
        settled = [*self._refused, *(one.amid_tiles for one in self._held), answer]
        self._refused, self._held, self._refusal = [], [], None
        return settled

    def refused(self, refusal: RefusalError) -> list[TileResult]:
        """Return what is settled by a refusal; raise it where it is about the whole server."""
        if refusal.of_tile is None:
            raise refusal
        if not refusal.by_storage:
            self._in_a_row += 1
        if self._gives_tiles:
            if self._in_a_row >= self._most_in_a_row:
                raise refusal
            return [refusal.of_tile]
        self._refused.append(refusal.of_tile)
        self._refusal = refusal
        if self._in_a_row >= self._most_refused or len(self._refused) >= _MOST_HELD:
            raise refusal
        return []

    def end(self) -> list[TileResult]:
        """Return what is left when no more tiles are asked for.

        Raises ``TilesRefusedError`` where all were refused.
        """
        refusal, self._refusal, self._refused = self._refusal, None, []
        if refusal is not None:
            raise TilesRefusedError(refusal.message, hint=refusal.hint)
        left, self._held = [one.otherwise for one in self._held], []
        return left

    def _doubt(self, answer: Doubtful) -> list[TileResult]:
        if self._gives_tiles:
            return [answer.amid_tiles]
        self._held.append(answer)
        if len(self._held) < _MOST_HELD:
            return []
        held, self._held = self._held, []
        return [one.otherwise for one in held]


def refusal_of(reply: Reply, refused: Refused | None, *, host: str, name: str) -> RefusalError:
    """Return the error for a reply of one of the ``REFUSALS``; ``name`` is the provider's, for its settings.

    ``refused`` names the tile; None where the request is not for one of many.
    """
    code = storage_code(reply)
    said = f"HTTP {reply.status}, {code}" if code else f"HTTP {reply.status}"
    hint = "Check the provider's api_key and what it allows; the tiles that were stored are kept."
    if refused is None:
        return RefusalError(f"{host} refused the request ({said})", of_tile=None, hint=hint)
    begin = (reply.body or b"")[:_MARK_IN_BYTES]
    by_storage = reply.status == 403 and ((code in _ACCESS_DENIED and _EXPIRED not in begin) or _MAY_NOT_EXIST in begin)
    return RefusalError(
        f"{host} refused the request ({said})",
        of_tile=Absent(refused.id, said) if by_storage else Refused(refused.id, f"{host} answered {said}"),
        hint=f"{hint} Where the server answers {reply.status} for a tile that it does not have, set"
        f" {name}.absent_status={reply.status}.",
        by_storage=by_storage,
    )


def says_no_such_object(reply: Reply) -> bool:
    """Say whether object storage says that there is no such object, with any status."""
    return storage_code(reply) in _NO_SUCH_OBJECT


def storage_code(reply: Reply) -> str:
    """Return the code of an error of S3, Google's or Azure's storage, or of one that speaks as they do; else empty."""
    if reply.status == 304 or not reply.body:
        return ""
    found = _CODE.search(reply.body[:_MARK_IN_BYTES])
    return found[1].decode("ascii") if found else ""
