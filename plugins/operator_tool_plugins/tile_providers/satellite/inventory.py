"""A service's inventory: asked which tiles it has, and learnt from how it likes to be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from operator_tool.api import DownloadError, Event, Notice, WantedTile

from .._http.engine import HttpEngine
from .._http.exchange import Reply, Request
from .wire import NEWER, OLDER, AnotherListError, Holding, NotJsonError, Problem, read_holdings, read_problem

_HEADERS = (b"Content-Type: application/json", b"Accept: application/json, application/problem+json")
_LEAST_ANSWER_BYTES = 64 * 1024
_MOST_BYTES_A_TILE = 1024
_NO_INVENTORY = frozenset({404, 405, 410})
_TOO_LARGE = 413
_WORTH_ASKING = Holding(present=True)


class Inventory:
    """The inventory at one address. What it teaches holds for as long as this object lives.

    The newer form is tried first. A refusal of it may be of the form or of the number of tiles, and services don't say
    which in one way: so the older form is tried with the same tiles, and only when both are refused fewer tiles.
    """

    def __init__(self, url: str, engine: HttpEngine, *, host: str, emit: Callable[[Event], None]) -> None:
        self._url = url
        self._engine = engine
        self._host = host
        self._emit = emit
        self._exists = bool(url)
        self._form = NEWER
        self._form_is_known = False
        self._most_tiles = NEWER.most_tiles
        self._newer_refused: Problem | None = None
        self._newer_misread: DownloadError | None = None

    @property
    def most_tiles(self) -> int:
        """How many tiles to ask about at once; one where there is no inventory: more would wait for nothing."""
        return self._most_tiles if self._exists else 1

    def look_up(self, tiles: Sequence[WantedTile]) -> list[Holding]:
        """Return what is said of each tile, in their order; where there is no inventory, that each is worth asking for.

        Raises ``DownloadError`` when the inventory can't be asked, refuses even one tile, or answers something else.
        """
        found: list[Holding] = []
        while self._exists and len(found) < len(tiles):
            found += self._ask(tiles[len(found) : len(found) + self._most_tiles])
        return found + [_WORTH_ASKING] * (len(tiles) - len(found))

    def _ask(self, tiles: Sequence[WantedTile]) -> list[Holding]:
        """Return what is said of the tiles; nothing when the answer only taught how to ask: then ask again."""
        reply = self._post(tiles)
        if reply.status == 200:
            return self._read(reply, tiles)
        if reply.status in _NO_INVENTORY:
            self._exists = False
            self._emit(Notice(text=f"{self._host} has no inventory (HTTP {reply.status}): each tile is asked for"))
        elif 400 <= reply.status < 500:
            self._refused(reply, len(tiles))
        else:
            raise self._useless(f"answered HTTP {reply.status}")
        return []

    def _post(self, tiles: Sequence[WantedTile]) -> Reply:
        request = Request(self._url, _HEADERS, self._form.body(tiles))
        try:
            return self._engine.get(request, max_bytes=_LEAST_ANSWER_BYTES + _MOST_BYTES_A_TILE * len(tiles))
        except DownloadError as error:
            raise DownloadError(
                f"the inventory can't be asked: {error.message}", hint=error.hint, retryable=error.retryable
            ) from error

    def _read(self, reply: Reply, tiles: Sequence[WantedTile]) -> list[Holding]:
        if reply.body is None:
            raise self._useless(f"answered more than {_MOST_BYTES_A_TILE:,} bytes a tile")
        try:
            found = read_holdings(reply.body, tiles)
        except NotJsonError as error:
            raise self._useless(f"answered {error} instead of JSON") from None
        except AnotherListError as error:
            misread = self._useless(f"answered another list: {error}")
            if self._form_is_known or self._form is OLDER:
                raise misread from None
            # A service of the older form may pass over members that it doesn't know, and answer for tiles of zeros.
            self._newer_misread = misread
            self._form = OLDER
            return []
        if not self._form_is_known:
            self._form_is_known = True
            if self._form is OLDER and self._most_tiles == NEWER.most_tiles:
                self._most_tiles = OLDER.most_tiles
        return found

    def _refused(self, reply: Reply, count: int) -> None:
        """Learn from a refusal: the number of tiles that it names, the other form, or half as many tiles."""
        problem = read_problem(reply.status, reply.body)
        form_is_doubtful = not self._form_is_known and reply.status != _TOO_LARGE
        if problem.most_tiles is not None and problem.most_tiles < count:
            self._most_tiles = problem.most_tiles
        elif form_is_doubtful and self._form is NEWER:
            self._newer_refused = problem
            self._form = OLDER
        elif form_is_doubtful and self._newer_misread is not None:
            raise self._newer_misread
        elif count > 1:
            self._most_tiles = count // 2
            if not self._form_is_known:
                self._form = NEWER
        else:
            raise self._useless(f"refuses to be asked about even one tile: {self._reasons(problem)}")

    def _reasons(self, problem: Problem) -> str:
        if self._newer_refused is None or self._form_is_known:
            return problem.text
        return f"{self._newer_refused.text}; in the older form: {problem.text}"

    def _useless(self, what: str) -> DownloadError:
        return DownloadError(
            f"the inventory of {self._host} {what}",
            hint="Check satellite.inventory_path; without an inventory (an empty path) each tile is asked for.",
            retryable=False,
        )
