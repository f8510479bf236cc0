"""Providers that go wrong in one of their methods, or hooks that do; each a function over what is whole."""

import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from operator_tool import api

BILLION = 10**9


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    """A key, for who wants one."""

    api_key: api.Secret | None = None


class Tiles:
    """A provider without a tile, which may be given another ``fetch`` or ``describe``."""

    def __init__(self, settings: Settings, fetch: Callable[..., Any] | None, describe: Callable[[], Any] | None) -> None:
        self._settings = settings
        self._fetch, self._describe = fetch, describe

    def describe(self) -> Any:
        return self._describe() if self._describe else api.ProviderInfo(dataset="acme-broken", max_zoom=22)

    def fetch(self, wanted: Iterator[api.WantedTile]) -> Any:
        if self._fetch is not None:
            return self._fetch(wanted)
        return (api.Absent(tile.id) for tile in wanted)

    def close(self) -> None: ...


class Plugin:
    """An object with hooks, which an entry point names."""

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        vars(self).update({name: api.hookimpl(function, specname=name) for name, function in hooks.items()})


def plugin(
    fetch: Callable[..., Any] | None = None,
    describe: Callable[[], Any] | None = None,
    make: Callable[..., Any] | None = None,
    **hooks: Callable[..., Any],
) -> Plugin:
    """Return a plugin that is whole, but for what is given."""

    def make_tile_provider(settings: Settings, context: api.RunContext) -> Any:
        return make() if make is not None else Tiles(settings, fetch, describe)

    return Plugin(**{"plugin_settings": lambda: Settings, "make_tile_provider": make_tile_provider, **hooks})


def raising(error: BaseException, *_given: object) -> Any:
    raise error


def sleeping(*_given: object) -> Any:
    threading.Event().wait()


def lazily(error: BaseException, _wanted: object) -> Iterator[Any]:
    yield from ()
    raise error


def yielding(result: object) -> Callable[..., Any]:
    return lambda _wanted: iter([result])


def ends_in_thread(_wanted: object) -> Iterator[Any]:
    yield from ()
    os._exit(0)


def forks(wanted: Iterator[api.WantedTile]) -> Iterator[api.TileResult]:
    """Forks a child that ends as children do; nothing is wrong with that."""
    child = os.fork()
    if child == 0:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    yield from (api.Absent(tile.id) for tile in wanted)


def never_ending(wanted: Iterator[api.WantedTile]) -> Iterator[api.TileResult]:
    """Answers each tile, and goes on with the first of them for ever."""
    first = next(wanted)
    yield from (api.Absent(tile.id) for tile in (first, *wanted))
    while True:
        yield api.Absent(first.id)


def closing(close: Callable[[], Any]) -> Plugin:
    """Return a plugin that is whole but for its end."""

    def make_tile_provider(settings: Settings, context: api.RunContext) -> Tiles:
        made = Tiles(settings, None, None)
        vars(made)["close"] = close
        return made

    return plugin(make_tile_provider=make_tile_provider)


def prints(settings: Settings) -> None:
    """Print the key in every way that Python has for it."""
    assert settings.api_key is not None
    key = settings.api_key.reveal()
    print("stdout", key)
    print("stderr", key, file=sys.stderr)
    sys.__stdout__.write(f"__stdout__ {key}\n")
    sys.__stderr__.write(f"__stderr__ {key}\n")
    sys.stdout.buffer.write(f"buffer {key}\n".encode())
    for character in f"one by one {key}\n":
        print(character, end="", flush=True, file=sys.stderr)
    print(key[:9], flush=True)
    print(key[9:], flush=True)
    os.write(1, b"descriptor\n")
    os.system("echo child")


class Printing(Tiles):
    def fetch(self, wanted: Iterator[api.WantedTile]) -> Any:
        prints(self._settings)
        return (api.Absent(tile.id) for tile in wanted)


def make_printing(settings: Settings, context: api.RunContext) -> Printing:
    prints(settings)
    return Printing(settings, None, None)


misspelt = plugin()
vars(misspelt)["make_tile_provder"] = api.hookimpl(lambda settings: None, specname="make_tile_provder")
unknown_argument = Plugin(make_tile_provider=lambda setings: None)
no_hook = Plugin()
leaves = plugin(make=functools.partial(raising, SystemExit(0)))
interrupts = plugin(make=functools.partial(raising, KeyboardInterrupt()))
ends = plugin(make=lambda: os._exit(0))
sleeps = plugin(make=sleeping)
settings_sleep = plugin(plugin_settings=sleeping)
settings_odd = plugin(plugin_settings=lambda: dict)
makes_nothing = plugin(make=lambda: None)
makes_a_list = plugin(make=lambda: [0] * 10**6)

describes_text = plugin(describe=lambda: "a map of everything")
describes_lazily = plugin(describe=lambda: api.ProviderInfo(dataset="x", formats=itertools.repeat("jpeg")))  # type: ignore[arg-type]
describes_sleeping = plugin(describe=sleeping)
describes_ending = plugin(describe=lambda: os._exit(0))
fetches_nothing = plugin(fetch=lambda _wanted: None)
raises_in_fetch = plugin(fetch=functools.partial(lazily, ValueError("the wing fell off")))
fails_in_fetch = plugin(fetch=functools.partial(lazily, api.DownloadError("the satellite fell down")))
leaves_in_fetch = plugin(fetch=functools.partial(lazily, SystemExit(0)))
interrupts_in_fetch = plugin(fetch=functools.partial(lazily, KeyboardInterrupt()))
ends_in_fetch = plugin(fetch=ends_in_thread)
gives_text = plugin(fetch=yielding("tile"))
gives_unasked = plugin(fetch=yielding(api.Absent(api.TileId(1, 0, 0))))
gives_a_billion = plugin(fetch=lambda _wanted: (api.Absent(api.TileId(22, x % 4_000_000, 0)) for x in range(BILLION)))
goes_on = plugin(fetch=never_ending)
forks_well = plugin(fetch=forks)
emits_nonsense = plugin(
    make_tile_provider=lambda settings, context: (
        context.emit("not an event"),
        context.emit(api.Notice(text=7)),  # type: ignore[arg-type]
        context.emit(api.Notice(text="long" * 10**6)),
        Tiles(settings, None, None),
    )[-1]
)
leaves_at_close = closing(functools.partial(raising, SystemExit(0)))
raises_at_close = closing(functools.partial(raising, ValueError("the wing is stuck")))
sleeps_at_close = closing(sleeping)
prints_its_key = plugin(make_tile_provider=make_printing)
