"""What holds besides for a tile provider that asks a web service: a real one on the loopback, which misbehaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any, ClassVar

import pytest

from operator_tool.api import (
    Absent,
    DownloadError,
    NotModified,
    Tile,
    TileId,
    TileResult,
    WantedTile,
)
from operator_tool.pictures import BadPictureError, check_picture

from .making import Make, Options
from .pictures import picture_of
from .plugin_contract import close_object
from .services.tile_service import Script, TileAnswer, TileRequest, TileService, tile_of_path
from .services.tile_service import tile_service as run_tile_service
from .tile_asking import around, ask, assert_lost, described, wanted
from .tile_web_silence import SilenceChecks

_HTML = TileAnswer(body=b"<!DOCTYPE html><html><body>Your quota is used up.</body></html>", media_type="text/html")
_KEY_WORDS = ("key", "token", "credential", "password", "secret", "login", "account")
_PAUSE_S = 1


class WebTileProviderContract(SilenceChecks):
    """Checks of a tile provider that asks a web service.

    Override ``plugin_options`` so that the plugin asks ``tile_service.url``, with ``tile_service.token`` as its key.
    Where the paths of tiles don't end in z, x and y override ``tile_of_path``; where the plugin asks for more than
    tiles, ``other_paths``.
    """

    connections: ClassVar[int] = 32
    """How many requests for tiles the provider has under way at most, with these ``plugin_options``."""
    attempts: ClassVar[int] = 16
    """How often one tile is asked for at most while the service fails."""
    gives_up_failing_within_s: ClassVar[float] = 60.0
    """How soon it gives up a few tiles while the service fails."""

    @pytest.fixture
    def tile_of_path(self) -> Callable[[str], TileId | None]:
        """Tells which tile a request's path asks for, None for none; by default its last three numbers are z/x/y."""
        return tile_of_path

    @pytest.fixture
    def picture_of(self) -> Callable[[TileId], bytes]:
        """Makes the service's picture of a tile; JPEG of 256 pixels by default."""
        return picture_of

    @pytest.fixture
    def other_paths(self) -> Script:
        """Answers what is not for a tile, such as capabilities or an inventory; by default 404."""
        return lambda _request: None

    @pytest.fixture
    def present_tiles(self) -> tuple[TileId, ...]:
        """A few tiles of one zoom; the service has every tile but the absent one."""
        return tuple(TileId(15, 17_400 + x, 11_280 + y) for y in range(2) for x in range(4))

    @pytest.fixture
    def absent_tile(self, present_tiles: tuple[TileId, ...]) -> TileId | None:
        """A tile that the service answers with 404."""
        last = present_tiles[-1]
        return TileId(last.z, last.x + 100, last.y + 100)

    @pytest.fixture
    def tile_service(
        self,
        picture_of: Callable[[TileId], bytes],
        tile_of_path: Callable[[str], TileId | None],
        absent_tile: TileId | None,
        other_paths: Script,
    ) -> Iterator[TileService]:
        """The service that the plugin asks: give its ``url`` and its ``token`` to the plugin in ``plugin_options``."""
        absent = frozenset() if absent_tile is None else frozenset({absent_tile})
        with run_tile_service(picture_of, tile_of_path, absent=absent, other_paths=other_paths) as running:
            yield running

    @pytest.fixture
    def exercise(self, tile_service: TileService, present_tiles: tuple[TileId, ...]) -> Callable[[Any], None]:
        """Fetch well, then from a service that fails, sends something else, and refuses."""
        few = present_tiles[:2]
        scripts: tuple[TileAnswer | None, ...] = (None, _HTML, TileAnswer(status=302), TileAnswer(status=418))

        def run(made: Any) -> None:
            made.describe()
            for script in scripts:
                tile_service.answer_tiles(script or (lambda _request: None))
                _told(made, few)
            tile_service.answer_tiles(TileAnswer(status=403))
            list(made.fetch(wanted(few)))

        return run

    def test_asks_nothing_before_it_is_asked(self, make: Make, tile_service: TileService) -> None:
        """Making a provider opens nothing: an error belongs where a phase can be told of it."""
        close_object(make())
        assert not tile_service.requests, f"the factory asks for {tile_service.requests[0].path}: wait for describe()"

    def test_asks_for_the_right_tiles(
        self,
        made: Any,
        tile_service: TileService,
        present_tiles: tuple[TileId, ...],
        picture_of: Callable[[TileId], bytes],
    ) -> None:
        """Each tile is asked for by the address that the service knows it by, and its bytes come through unchanged."""
        asked = ask(made, present_tiles)
        assert asked.error is None, f"fetch() raised {asked.error!r}"
        seen = {request.tile for request in tile_service.tile_requests}
        assert seen, (
            "the service was asked for no tile: have plugin_options name tile_service.url; where paths don't end in "
            f"z/x/y, override tile_of_path. It was asked for {[request.path for request in tile_service.requests][:3]}"
        )
        for tile in present_tiles:
            result = asked.of(tile)
            assert isinstance(result, Tile), f"tile {tile}, which the service has, gave {result}"
            assert result.data == picture_of(tile), f"tile {tile} has other bytes than the service sent for it"

    def test_sends_its_key_with_each_tile(
        self, made: Any, tile_service: TileService, plugin_options: Options, present_tiles: tuple[TileId, ...]
    ) -> None:
        """Where the service's token is among the options, each request for a tile bears it."""
        ask(made, present_tiles)
        if tile_service.token in map(str, plugin_options.values()):
            bare = [request.path for request in tile_service.tile_requests if not request.bears(tile_service.token)]
            assert not bare, f"asked for without the key that plugin_options give: {bare[0]}"

    @pytest.mark.parametrize("elsewhere", ["another host", "another port"])
    def test_sends_its_key_to_its_own_service_alone(
        self,
        made: Any,
        tile_service: TileService,
        present_tiles: tuple[TileId, ...],
        picture_of: Callable[[TileId], bytes],
        tile_of_path: Callable[[str], TileId | None],
        elsewhere: str,
    ) -> None:
        """A redirect to another host or port takes no key along."""
        with run_tile_service(picture_of, tile_of_path) as foreign:
            host = "localhost" if elsewhere == "another host" else "127.0.0.1"

            def redirect(request: TileRequest) -> TileAnswer:
                return TileAnswer(status=302, headers={"Location": f"http://{host}:{foreign.port}{request.path}"})

            tile_service.answer_tiles(redirect)
            _told(made, present_tiles[:2])
            leaked = [request for request in foreign.requests if request.bears(tile_service.token)]
        assert not leaked, (
            f"the service redirected to {elsewhere}, and the key went along: follow no redirect to another host, or "
            "leave out the key there"
        )

    @pytest.mark.parametrize("status", [401, 403])
    def test_says_that_the_key_is_refused(
        self, made: Any, tile_service: TileService, present_tiles: tuple[TileId, ...], status: int
    ) -> None:
        """401 and 403 end the download at once: a ``DownloadError`` that a retry doesn't mend, and that says "key"."""
        many = tuple(around(present_tiles, 200))
        tile_service.answer_everything(TileAnswer(status=status, media_type="text/plain", body=b"no"))
        asked = ask(made, many)
        assert isinstance(asked.error, DownloadError), (
            f"HTTP {status} for every request gave {asked.shown}: raise DownloadError, or 200 tiles are asked for "
            "with a key that is wrong"
        )
        assert not asked.error.retryable, f"HTTP {status}: raise DownloadError(..., retryable=False); {asked.error!r}"
        text = f"{asked.error.message} {asked.error.hint}".lower()
        assert any(word in text for word in _KEY_WORDS), (
            f"HTTP {status}: the error says {text!r}, and nothing of the key, which is what the operator must look at"
        )
        count = len(tile_service.requests)
        assert count <= 3 * self.connections, f"{count} requests were sent with a key that was refused"

    def test_retries_a_failure_that_passes(
        self, made: Any, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """A tile whose first request fails with a 5xx is asked for again, and got."""
        few = present_tiles[:3]
        statuses = dict(zip(few, (500, 502, 503), strict=True))
        tile_service.answer_tiles(_first_time(lambda request: TileAnswer(status=statuses.get(_tile(request), 500))))
        asked = ask(made, few, budget_s=self.gives_up_failing_within_s)
        lost = {str(tile): asked.of(tile) for tile in few if not isinstance(asked.of(tile), Tile)}
        assert not lost, (
            f"a 500, a 502 and a 503, once each, lost {lost or ''}{asked.error or ''}: raise TryAgainError in the "
            "function of fetch_in_pool, or ask again yourself"
        )

    def test_gives_up_a_service_that_keeps_failing(
        self, made: Any, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """5xx for ever makes gaps or a ``DownloadError``, in bounded time, and does not hammer the service."""
        few = present_tiles[:3]
        tile_service.answer_tiles(TileAnswer(status=500, media_type="text/plain"))
        asked = ask(made, few, budget_s=self.gives_up_failing_within_s)
        assert_lost(asked, few, "HTTP 500 for ever")
        count = len(tile_service.tile_requests)
        assert count <= self.attempts * len(few), (
            f"{count} requests for {len(few)} tiles of a service that fails: stop after a few, with growing waits"
        )

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_waits_as_long_as_it_is_asked_to(
        self, made: Any, tile_service: TileService, present_tiles: tuple[TileId, ...], form: str
    ) -> None:
        """429 with ``Retry-After``: nobody asks sooner, and the pause of one request is that of all."""
        described(made)
        first: list[float] = []

        def refuse(request: TileRequest) -> TileAnswer | None:
            # What was under way when the first was refused is refused too.
            if not first:
                first.append(request.at_s)
            if request.at_s > first[0] + 0.3:
                return None
            wait = str(_PAUSE_S) if form == "seconds" else formatdate(time.time() + _PAUSE_S, usegmt=True)
            return TileAnswer(status=429, headers={"Retry-After": wait}, media_type="text/plain")

        tile_service.answer_tiles(refuse)
        late = (
            f"{len(present_tiles)} requests were asked at once to wait {_PAUSE_S} s: pause once for all, not for each"
        )
        asked = ask(made, present_tiles, budget_s=_PAUSE_S + 4.0, late=late)
        lost = [tile for tile in present_tiles if not isinstance(asked.of(tile), Tile)]
        assert not lost, f"429 with Retry-After as a {form} lost tiles: {asked.shown}"
        if form == "seconds":
            early = [r.at_s - first[0] for r in tile_service.tile_requests if 0.4 < r.at_s - first[0] < _PAUSE_S - 0.05]
            assert not early, (
                f"the service asked to wait {_PAUSE_S} s, and was asked again after {early[0]:.2f} s: give "
                'TryAgainError pause_s=retry_after_s(headers.get("Retry-After"))'
            )

    def test_takes_no_torn_picture(
        self,
        made: Any,
        tile_service: TileService,
        present_tiles: tuple[TileId, ...],
        picture_of: Callable[[TileId], bytes],
    ) -> None:
        """A body that ends before its stated length is no tile, however often it is asked for."""
        tile_service.answer_tiles(lambda request: TileAnswer(body=picture_of(_tile(request)), truncated=True))
        asked = ask(made, present_tiles[:2], budget_s=self.gives_up_failing_within_s)
        assert_lost(asked, present_tiles[:2], "a body shorter than its Content-Length")

    def test_takes_no_web_page_for_a_picture(
        self, made: Any, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """HTML with status 200, of a quota or a login, is neither imagery nor the word that there is none.

        A provider may pass it on as a ``Tile``: the core looks at every picture, and counts this one as corrupt.
        """
        tile_service.answer_tiles(_HTML)
        asked = ask(made, present_tiles)
        for result in asked.results:
            if isinstance(result, Tile):
                try:
                    check_picture(result.data, size_px=described(made).tile_size_px)
                except BadPictureError:
                    continue
            assert not isinstance(result, Tile | Absent | NotModified), (
                f"HTML instead of a picture gave {str(result)[:100]}: yield Corrupt, or the Tile as it came"
            )

    def test_keeps_what_is_unchanged(self, made: Any, present_tiles: tuple[TileId, ...]) -> None:
        """Asked with the ETag of a copy that is still right, it says ``NotModified``, or gives the same bytes."""
        first = ask(made, present_tiles[:3])
        held = [result for result in first.results if isinstance(result, Tile)]
        again = ask(made, [WantedTile(tile.id, tile.etag) for tile in held])
        assert again.error is None, f"asked again with their ETags: {again.error!r}"
        for tile in held:
            result = again.of(tile.id)
            same = isinstance(result, Tile) and result.data == tile.data
            assert same or (isinstance(result, NotModified) and tile.etag is not None), (
                f"tile {tile.id}, asked for with the ETag {tile.etag}, gave {result}: 304 is NotModified"
            )

    def test_asks_no_more_at_once_than_it_says(
        self, made: Any, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """Never more requests under way than ``connections`` of this test class, which is what its settings say."""
        enough = threading.Event()

        def dawdle(_request: TileRequest) -> None:
            if tile_service.most_in_flight > self.connections:
                enough.set()
            enough.wait(0.03)

        tile_service.answer_tiles(dawdle)
        ask(made, around(present_tiles, 4 * self.connections))
        most = tile_service.most_in_flight
        assert most <= self.connections, (
            f"{most} requests were under way at once, and {self.connections} are said to be the most: a public service "
            "blocks whoever asks for too much. State the provider's own number in connections of this test class."
        )


def _told(made: Any, tiles: tuple[TileId, ...]) -> list[TileResult]:
    """Return what is said of tiles, whatever the provider makes of them."""
    return list(ask(made, tiles).results)


def _tile(request: TileRequest) -> TileId:
    assert request.tile is not None
    return request.tile


def _first_time(script: Callable[[TileRequest], TileAnswer]) -> Script:
    """Return a script for the first request for each tile; later ones are answered well."""
    seen: set[TileId | None] = set()

    def answer(request: TileRequest) -> TileAnswer | None:
        if request.tile in seen:
            return None
        seen.add(request.tile)
        return script(request)

    return answer
