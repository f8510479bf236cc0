"""Weak tile providers that hold their tiles in memory, one for each check of what every provider keeps to."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from operator_tool.api import (
    Absent,
    ConfigError,
    Meta,
    Notice,
    PictureFormat,
    PluginSettings,
    ProviderInfo,
    RunContext,
    Secret,
    Tile,
    TileId,
    TileResult,
    Unreachable,
    WantedTile,
)
from tests.core.testing.twins.twin import Twin
from tests.support.pictures import real_jpeg

TILES = tuple(TileId(10, 500 + x, 300) for x in range(4))
LACKED = TileId(10, 600, 300)
_numbers = itertools.count()


class Settings(PluginSettings, frozen=True, kw_only=True):
    """The settings of every twin that has no weakness in them."""

    key: Annotated[Secret | None, Meta(description="A secret.")] = None
    pace: Annotated[int, Meta(ge=0, le=9, description="A number.")] = 0


class NeedySettings(Settings, frozen=True, kw_only=True):
    """Settings that must be given."""

    folder: Annotated[str, Meta(description="Needed.")]


class Sound:
    """Keeps to everything."""

    info = ProviderInfo(dataset="twins", max_zoom=12, formats=(PictureFormat.JPEG,))

    def __init__(self, settings: Any, context: RunContext) -> None:
        self._settings = settings
        self._context = context

    def describe(self) -> ProviderInfo:
        return self.info

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        for tile in wanted:
            if self._context.cancelled.is_set():
                return
            yield self.one(tile.id)

    def one(self, tile: TileId) -> TileResult:
        return Tile(tile, self.picture(tile)) if tile in TILES else self.lacking(tile)

    def picture(self, tile: TileId) -> bytes:
        return real_jpeg(str(tile))

    def lacking(self, tile: TileId) -> TileResult:
        return Absent(tile)

    def close(self) -> None:
        pass

    @property
    def secret(self) -> str:
        return self._settings.key.reveal() if self._settings.key else ""


SOUND = Twin(Sound, Settings, fails="")


class _UndescribedSettings(Settings, frozen=True, kw_only=True):
    folder: str = ""


class _OpenSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=False):
    pass


class _UnboundedSettings(Settings, frozen=True, kw_only=True):
    scale: Annotated[float, Meta(description="From 1 to 4.")] = 1.0


class _AnySettings(Settings, frozen=True, kw_only=True):
    extra: Annotated[Any, Meta(description="Whatever.")] = None


class _WrongDefaultSettings(Settings, frozen=True, kw_only=True):
    threads: Annotated[int, Meta(ge=1, le=8, description="How many.")] = 0


UNDESCRIBED = Twin(Sound, _UndescribedSettings, fails="test_describes_each_setting")
OPEN = Twin(Sound, _OpenSettings, fails="test_refuses_unknown_settings")
UNBOUNDED = Twin(Sound, _UnboundedSettings, fails="test_bounds_its_numbers")
ANY = Twin(Sound, _AnySettings, fails="test_refuses_settings_of_the_wrong_type")
WRONG_DEFAULT = Twin(Sound, _WrongDefaultSettings, fails="test_its_defaults_are_valid")


class _InRepr(Sound):
    def __repr__(self) -> str:
        return f"Provider(key={self.secret})"


class _InLog(Sound):
    def describe(self) -> ProviderInfo:
        logging.getLogger("twin").debug("asking with %s", self.secret)
        return self.info


class _InLoggedError(Sound):
    def describe(self) -> ProviderInfo:
        try:
            int(self.secret or "0")
        except ValueError:
            logging.getLogger("twin").info("failed", exc_info=True)
        return self.info


class _InOutput(Sound):
    def describe(self) -> ProviderInfo:
        sys.stdout.write(self.secret)
        return self.info


class _InWarning(Sound):
    def close(self) -> None:
        if self.secret:
            warnings.warn(f"not closed: {self.secret}", stacklevel=1)


class _InEvent(Sound):
    def describe(self) -> ProviderInfo:
        self._context.emit(Notice(text=f"asking with {self.secret}"))
        return self.info


class _InError(Sound):
    def describe(self) -> ProviderInfo:
        if self.secret:
            raise ConfigError(f"{self.secret} was refused")
        return self.info


class _InHint(Sound):
    def describe(self) -> ProviderInfo:
        if self.secret:
            raise ConfigError("refused", hint=f"curl -H {self.secret}")
        return self.info


class _InCause(Sound):
    def describe(self) -> ProviderInfo:
        if self.secret:
            try:
                int(self.secret)
            except ValueError as error:
                raise ConfigError("refused") from error
        return self.info


IN_REPR = Twin(_InRepr, Settings, fails="test_says_no_secret")
IN_LOG = Twin(_InLog, Settings, fails="test_says_no_secret")
IN_LOGGED_ERROR = Twin(_InLoggedError, Settings, fails="test_says_no_secret")
IN_OUTPUT = Twin(_InOutput, Settings, fails="test_says_no_secret")
IN_WARNING = Twin(_InWarning, Settings, fails="test_says_no_secret")
IN_EVENT = Twin(_InEvent, Settings, fails="test_says_no_secret")
IN_ERROR = Twin(_InError, Settings, fails="test_says_no_secret")
IN_HINT = Twin(_InHint, Settings, fails="test_says_no_secret")
IN_CAUSE = Twin(_InCause, Settings, fails="test_says_no_secret")

_shared: dict[str, Sound] = {}


def _same(settings: Any, context: RunContext) -> Sound:
    made = _shared.setdefault("it", Sound(settings, context))
    made._context = context
    return made


class _OtherName(Sound):
    def fetch(self, tiles: Iterator[WantedTile]) -> Iterator[TileResult]:
        return super().fetch(tiles)


class _ExtraArgument(Sound):
    def fetch(self, wanted: Iterator[WantedTile], retries: int = 3, *, again: bool = False) -> Iterator[TileResult]:
        return super().fetch(wanted)


SAME_OBJECT = Twin(_same, Settings, fails="test_makes_an_object_of_its_role")
OTHER_NAME = Twin(_OtherName, Settings, fails="test_its_methods_take_the_arguments_of_the_protocol")
EXTRA_ARGUMENT = Twin(_ExtraArgument, Settings, fails="")


class _Forgetful(Sound):
    def __init__(self, settings: Any, context: RunContext) -> None:
        super().__init__(settings, context)
        self.info = ProviderInfo(dataset=f"twins-{next(_numbers)}")


class _TooDeep(Sound):
    info = ProviderInfo(dataset="twins", max_zoom=40)


class _Nameless(Sound):
    info = ProviderInfo(dataset="", max_zoom=12)


class _OtherFormat(Sound):
    info = ProviderInfo(dataset="twins", max_zoom=12, formats=(PictureFormat.PNG,))


class _OtherSize(Sound):
    info = ProviderInfo(dataset="twins", max_zoom=12, tile_size_px=512)


class _Changing(Sound):
    _fetches = 0

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        self._fetches += 1
        return super().fetch(wanted)

    def picture(self, tile: TileId) -> bytes:
        return real_jpeg(f"{tile}, {self._fetches}")


class _Twice(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        for number, result in enumerate(super().fetch(wanted)):
            yield result
            if number == 300:
                yield result


class _Skipping(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        return (result for number, result in enumerate(super().fetch(wanted)) if number != 300)


class _Ashamed(Sound):
    def lacking(self, tile: TileId) -> TileResult:
        return Unreachable(tile, "no idea")


class _Greedy(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        while batch := list(itertools.islice(wanted, 400)):
            yield from super().fetch(iter(batch))
            if self._context.cancelled.is_set():
                return


class _Deaf(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        for tile in wanted:
            time.sleep(0.001)
            yield self.one(tile.id)


class _Lingering(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        try:
            yield from super().fetch(wanted)
        except GeneratorExit:
            if next(wanted, None) is not None:
                time.sleep(1.2)
            raise


class _LeavesThread(Sound):
    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        try:
            yield from super().fetch(wanted)
        except GeneratorExit:
            threading.Thread(target=time.sleep, args=(5,), name="left-behind", daemon=True).start()
            raise


class _ClosedOnce(Sound):
    _open = True

    def close(self) -> None:
        if not self._open:
            raise RuntimeError("closed already")
        self._open = False


class _Shared(Sound):
    at_hand: TileId = TILES[0]

    def one(self, tile: TileId) -> TileResult:
        _Shared.at_hand = tile
        if tile in TILES:
            time.sleep(0.001)
        return Tile(tile, self.picture(_Shared.at_hand)) if tile in TILES else Absent(tile)


class _Opening(Sound):
    def describe(self) -> ProviderInfo:
        self._file = Path(__file__).open("rb")  # noqa: SIM115 - that is its weakness
        return self.info


class _Talking(Sound):
    def describe(self) -> ProviderInfo:
        sys.stdout.write("describing\n")
        return self.info


OPENING = Twin(_Opening, Settings, fails="test_leaves_nothing_open")
TALKING = Twin(_Talking, Settings, fails="test_writes_nothing_to_standard_output")
FORGETFUL = Twin(_Forgetful, Settings, fails="test_describes_itself_the_same_each_time")
TOO_DEEP = Twin(_TooDeep, Settings, fails="test_describes_what_can_be")
NAMELESS = Twin(_Nameless, Settings, fails="test_describes_what_can_be")
OTHER_FORMAT = Twin(_OtherFormat, Settings, fails="test_gives_pictures_as_described")
OTHER_SIZE = Twin(_OtherSize, Settings, fails="test_gives_pictures_as_described")
CHANGING = Twin(_Changing, Settings, fails="test_gives_the_same_bytes_twice")
TWICE = Twin(_Twice, Settings, fails="test_answers_each_wanted_tile_once")
SKIPPING = Twin(_Skipping, Settings, fails="test_answers_each_wanted_tile_once")
ASHAMED = Twin(_Ashamed, Settings, fails="test_says_what_it_lacks")
GREEDY = Twin(_Greedy, Settings, fails="test_pulls_only_what_it_works_on")
DEAF = Twin(_Deaf, Settings, fails="test_ends_when_the_run_is_given_up")
LINGERING = Twin(_Lingering, Settings, fails="test_ends_when_its_results_are_closed")
LEAVES_THREAD = Twin(_LeavesThread, Settings, fails="test_ends_when_its_results_are_closed")
CLOSED_ONCE = Twin(_ClosedOnce, Settings, fails="test_can_be_closed_at_any_time")
SHARED = Twin(_Shared, Settings, fails="test_serves_32_side_by_side")
