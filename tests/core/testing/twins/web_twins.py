"""Weak tile providers that ask a web service, one for each check of what those keep to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Annotated, Any

import httpx

from operator_tool.api import (
    Absent,
    DownloadError,
    Meta,
    PluginSettings,
    ProviderInfo,
    RunContext,
    Secret,
    Tile,
    TileId,
    TileResult,
    TryAgainError,
    Unreachable,
    WantedTile,
    fetch_in_pool,
    retry_after_s,
)
from tests.core.testing.twins.twin import Twin

CONNECTIONS = 4


class Settings(PluginSettings, frozen=True, kw_only=True):
    """The settings of every twin."""

    url: Annotated[str, Meta(description="The service's address.")]
    api_key: Annotated[Secret, Meta(description="The bearer token.")]
    timeout_s: Annotated[float, Meta(gt=0, le=300, description="How long one request may take.")] = 5.0


class Sound:
    """Keeps to everything: one function per tile, the rest from the api."""

    connections = CONNECTIONS
    attempts = 3
    bears_key = True

    def __init__(self, settings: Any, context: RunContext) -> None:
        self._settings, self._context = settings, context
        headers = {"Authorization": f"Bearer {settings.api_key.reveal()}"} if self.bears_key else {}
        self._client = httpx.Client(headers=headers, timeout=self.timeout_s)

    @property
    def timeout_s(self) -> float | None:
        return float(self._settings.timeout_s)

    def describe(self) -> ProviderInfo:
        return ProviderInfo(dataset=self._settings.url, min_zoom=10, max_zoom=19)

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        return fetch_in_pool(
            self.one,
            wanted,
            connections=self.connections,
            attempts=self.attempts,
            cancelled=self._context.cancelled,
            deadline=self._context.deadline,
        )

    def one(self, tile: WantedTile) -> TileResult:
        try:
            answer = self.get(self.url_of(tile.id), tile)
        except httpx.TransportError as error:
            return self.failed(tile, error)
        return self.answered(tile, answer)

    def url_of(self, tile: TileId) -> str:
        return f"{self._settings.url}/tiles/{tile}"

    def get(self, url: str, tile: WantedTile) -> httpx.Response:
        return self._client.get(url)

    def failed(self, tile: WantedTile, error: httpx.TransportError) -> TileResult:
        raise TryAgainError(f"{type(error).__name__} from the service") from error

    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code == 200:
            return Tile(tile.id, answer.content, etag=answer.headers.get("ETag"))
        if answer.status_code == 404:
            return Absent(tile.id)
        if answer.status_code in (401, 403):
            raise DownloadError("the service refused the api key", retryable=False)
        raise TryAgainError(
            f"the service answered {answer.status_code}", pause_s=retry_after_s(answer.headers.get("Retry-After"))
        )

    def close(self) -> None:
        self._client.close()


SOUND = Twin(Sound, Settings, fails="")


class _Eager(Sound):
    def __init__(self, settings: Any, context: RunContext) -> None:
        super().__init__(settings, context)
        self._client.get(f"{settings.url}/status")


class _Astray(Sound):
    def url_of(self, tile: TileId) -> str:
        return super().url_of(TileId(tile.z, tile.x ^ (tile.y == 11_280), tile.y))


class _Keyless(Sound):
    bears_key = False


class _Leaking(Sound):
    def get(self, url: str, tile: WantedTile) -> httpx.Response:
        answer = self._client.get(url)
        return self._client.get(answer.headers["Location"]) if "Location" in answer.headers else answer


class _Patient(Sound):
    """Takes a refusal for the tile's."""

    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code in (401, 403):
            return Unreachable(tile.id, "refused")
        return super().answered(tile, answer)


class _Hopeful(Sound):
    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code in (401, 403):
            raise DownloadError("the service refused the api key")
        return super().answered(tile, answer)


class _Vague(Sound):
    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code == 403:
            raise DownloadError("forbidden", hint="Ask somebody.", retryable=False)
        return super().answered(tile, answer)


class _OneTry(Sound):
    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code >= 500:
            return Unreachable(tile.id, f"the service answered {answer.status_code}")
        return super().answered(tile, answer)


class _Hammering(Sound):
    """Asks again and again, at once, before it lets anybody know."""

    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        for _ in range(30):
            if answer.status_code != 500:
                break
            answer = self.get(self.url_of(tile.id), tile)
        return super().answered(tile, answer)


class _Dismissive(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        for result in super().fetch(wanted):
            failed = isinstance(result, Unreachable) and "500" in result.reason
            yield Absent(result.id) if failed else result


class _Pushing(Sound):
    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code == 429 and answer.headers["Retry-After"].isdigit():
            time.sleep(0.45)
            return self.one(tile)
        return super().answered(tile, answer)


class _PoorReader(Sound):
    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code == 429:
            raise TryAgainError("busy", pause_s=float(answer.headers["Retry-After"]))
        return super().answered(tile, answer)


class _EachForItself(Sound):
    """Pauses once for each refusal."""

    _turn = threading.Lock()

    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code == 429:
            with self._turn:
                time.sleep(2 * (retry_after_s(answer.headers["Retry-After"]) or 0.0))
                return self.one(tile) if not self._context.cancelled.is_set() else Unreachable(tile.id, "given up")
        return super().answered(tile, answer)


class _Endless(Sound):
    timeout_s = None


class _Timeless(Sound):
    def __init__(self, settings: Any, context: RunContext) -> None:
        super().__init__(settings, RunContext(run_id="r", state_dir=context.state_dir, cancelled=context.cancelled))


class _Torn(Sound):
    def get(self, url: str, tile: WantedTile) -> httpx.Response:
        data = b""
        with self._client.stream("GET", url) as answer:
            try:
                for piece in answer.iter_bytes():
                    data += piece
            except httpx.RemoteProtocolError:
                pass
        plain = {k: v for k, v in answer.headers.items() if k != "content-length"}
        return httpx.Response(answer.status_code, headers=plain, content=data)


class _Trusting(Sound):
    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        if answer.status_code == 200 and answer.content.startswith(b"<"):
            return Absent(tile.id, "no picture")
        return super().answered(tile, answer)


class _Amnesic(Sound):
    def get(self, url: str, tile: WantedTile) -> httpx.Response:
        return self._client.get(url, headers={"If-None-Match": tile.etag} if tile.etag else {})

    def answered(self, tile: WantedTile, answer: httpx.Response) -> TileResult:
        return Absent(tile.id) if answer.status_code == 304 else super().answered(tile, answer)


class _Crowd(Sound):
    connections = 3 * CONNECTIONS


class _OneByOne(Sound):
    """Looks at the run between two tiles and not while it waits for one."""

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        given = self._context
        for tile in wanted:
            if given.cancelled.is_set():
                return
            yield from fetch_in_pool(self.one, iter([tile]), attempts=self.attempts, deadline=given.deadline)


class _Waiting(Sound):
    """Waits for what is under way when it is closed."""

    _under_way = 0

    def get(self, url: str, tile: WantedTile) -> httpx.Response:
        self._under_way += 1
        try:
            return super().get(url, tile)
        finally:
            self._under_way -= 1

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        results = super().fetch(wanted)
        try:
            yield from results
        except GeneratorExit:
            for _ in range(40):
                if self._under_way:
                    time.sleep(0.05)
            raise


class _Holding(Sound):
    """Leaves a thread that holds the process while the service is silent."""

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        results = super().fetch(wanted)
        try:
            yield from results
        except GeneratorExit:
            threading.Thread(target=self._ask_once_more).start()
            raise

    def _ask_once_more(self) -> None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(self.url_of(TileId(15, 1, 1)), timeout=60)


class _Crashing(Sound):
    def failed(self, tile: WantedTile, error: httpx.TransportError) -> TileResult:
        if "complete message body" in str(error):
            raise error
        return super().failed(tile, error)


EAGER = Twin(_Eager, Settings, fails="test_asks_nothing_before_it_is_asked")
ASTRAY = Twin(_Astray, Settings, fails="test_asks_for_the_right_tiles")
KEYLESS = Twin(_Keyless, Settings, fails="test_sends_its_key_with_each_tile")
LEAKING = Twin(_Leaking, Settings, fails="test_sends_its_key_to_its_own_service_alone")
PATIENT = Twin(_Patient, Settings, fails="test_says_that_the_key_is_refused")
HOPEFUL = Twin(_Hopeful, Settings, fails="test_says_that_the_key_is_refused")
VAGUE = Twin(_Vague, Settings, fails="test_says_that_the_key_is_refused")
ONE_TRY = Twin(_OneTry, Settings, fails="test_retries_a_failure_that_passes")
HAMMERING = Twin(_Hammering, Settings, fails="test_gives_up_a_service_that_keeps_failing")
DISMISSIVE = Twin(_Dismissive, Settings, fails="test_gives_up_a_service_that_keeps_failing")
PUSHING = Twin(_Pushing, Settings, fails="test_waits_as_long_as_it_is_asked_to")
POOR_READER = Twin(_PoorReader, Settings, fails="test_waits_as_long_as_it_is_asked_to")
EACH_FOR_ITSELF = Twin(_EachForItself, Settings, fails="test_waits_as_long_as_it_is_asked_to", slow=True)
ENDLESS = Twin(_Endless, Settings, fails="test_gives_up_a_silent_service", more={"gives_up_silence_within_s": 1.5})
CRASHING = Twin(_Crashing, Settings, fails="test_takes_no_torn_picture")
TIMELESS = Twin(_Timeless, Settings, fails="test_keeps_to_the_deadline")
TORN = Twin(_Torn, Settings, fails="test_takes_no_torn_picture")
TRUSTING = Twin(_Trusting, Settings, fails="test_takes_no_web_page_for_a_picture")
AMNESIC = Twin(_Amnesic, Settings, fails="test_keeps_what_is_unchanged")
CROWD = Twin(_Crowd, Settings, fails="test_asks_no_more_at_once_than_it_says")
ONE_BY_ONE = Twin(_OneByOne, Settings, fails="test_ends_when_given_up_while_the_service_is_silent")
WAITING = Twin(_Waiting, Settings, fails="test_ends_when_closed_while_the_service_is_silent", slow=True)
HOLDING = Twin(_Holding, Settings, fails="test_ends_when_closed_while_the_service_is_silent")
