"""The marker of a plugin's functions, typed so that a type checker knows each hook's arguments and its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import pluggy

from .context import RunContext
from .events import Event
from .roles import CompanionTransport, FlightSource, Provisioner, TileProvider
from .settings import PluginSettings

PROJECT_NAME = "operator_tool"
"""The name under which pluggy knows these hooks."""

_Made = TypeVar("_Made", covariant=True)

# A plugin's own class of settings stands where Any does: its factory is given nothing else.


class _OfBoth(Protocol[_Made]):
    def __call__(self, settings: Any, context: RunContext) -> _Made: ...


class _OfContext(Protocol[_Made]):
    def __call__(self, context: RunContext) -> _Made: ...


class _OfSettings(Protocol[_Made]):
    def __call__(self, settings: Any) -> _Made: ...


class _OfEvent(Protocol):
    def __call__(self, event: Event) -> None: ...


_Function = TypeVar("_Function", bound=Callable[..., Any])
_Settings = TypeVar("_Settings", bound=Callable[[], type[PluginSettings] | None])
_FlightSource = TypeVar(
    "_FlightSource",
    bound=_OfBoth[FlightSource] | _OfContext[FlightSource] | _OfSettings[FlightSource] | Callable[[], FlightSource],
)
_TileProvider = TypeVar(
    "_TileProvider",
    bound=_OfBoth[TileProvider] | _OfContext[TileProvider] | _OfSettings[TileProvider] | Callable[[], TileProvider],
)
_Transport = TypeVar(
    "_Transport",
    bound=_OfBoth[CompanionTransport]
    | _OfContext[CompanionTransport]
    | _OfSettings[CompanionTransport]
    | Callable[[], CompanionTransport],
)
_Provisioner = TypeVar(
    "_Provisioner",
    bound=_OfBoth[Provisioner] | _OfContext[Provisioner] | _OfSettings[Provisioner] | Callable[[], Provisioner],
)
_Starting = TypeVar("_Starting", bound=_OfBoth[None] | _OfContext[None] | _OfSettings[None] | Callable[[], None])
_Telling = TypeVar("_Telling", bound=_OfEvent | Callable[[], None])
_Stopping = TypeVar("_Stopping", bound=Callable[[], None])


def instead_of(name: str, known: Sequence[str]) -> str:
    """Return what may have been meant by a name that is misspelt, or else all that there is."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


class HookImplementations:
    """Marks the functions of a plugin: ``@hookimpl.make_tile_provider`` over a function of any name.

    A hook's function may leave out arguments that it doesn't need; a wrong name is an error of the type checker, and of
    the registration. ``@hookimpl`` over a function that is named as its hook is the same without the checker's help,
    and ``@hookimpl(wrapper=True)`` makes a wrapper. The methods of a plugin that is an object are marked by
    ``@hookimpl``: the checker can't tell a wrong name from ``self``.
    """

    def __init__(self, marker: pluggy.HookimplMarker) -> None:
        self._marker = marker

    @overload
    def __call__(self, function: _Function) -> _Function: ...

    @overload
    def __call__(
        self, *, wrapper: bool = ..., tryfirst: bool = ..., trylast: bool = ..., specname: str | None = ...
    ) -> Callable[[_Function], _Function]: ...

    def __call__(self, function: Any = None, **options: Any) -> Any:
        """Mark a function by its own name, or with pluggy's options."""
        return self._marker(function, **options)

    def plugin_settings(self, function: _Settings) -> _Settings:
        """Mark the function that returns the class of the plugin's settings."""
        return self._marked(function, "plugin_settings")

    def make_flight_source(self, function: _FlightSource) -> _FlightSource:
        """Mark the function that makes the flight source."""
        return self._marked(function, "make_flight_source")

    def make_tile_provider(self, function: _TileProvider) -> _TileProvider:
        """Mark the function that makes the tile provider."""
        return self._marked(function, "make_tile_provider")

    def make_companion_transport(self, function: _Transport) -> _Transport:
        """Mark the function that makes the companion transport."""
        return self._marked(function, "make_companion_transport")

    def make_provisioner(self, function: _Provisioner) -> _Provisioner:
        """Mark the function that makes the provisioner."""
        return self._marked(function, "make_provisioner")

    def start_listening(self, function: _Starting) -> _Starting:
        """Mark the function that is given a listener's settings."""
        return self._marked(function, "start_listening")

    def stop_listening(self, function: _Stopping) -> _Stopping:
        """Mark the function that is told that no event will follow."""
        return self._marked(function, "stop_listening")

    def on_event(self, function: _Telling) -> _Telling:
        """Mark the function that is told of each event."""
        return self._marked(function, "on_event")

    if not TYPE_CHECKING:  # a checker names what is misspelt by itself

        def __getattr__(self, name: str) -> Any:
            known = sorted(hook for hook in vars(type(self)) if not hook.startswith("_"))
            raise AttributeError(f"hookimpl has no hook {name!r}; {instead_of(name, known)}")

    def _marked(self, function: _Function, hook: str) -> _Function:
        return self._marker(function, specname=hook)


hookimpl = HookImplementations(pluggy.HookimplMarker(PROJECT_NAME))
"""Marks a plugin's function as the implementation of a hook."""
