"""The typed façade over the hooks: the only module that calls them, and the one that knows whose plugin answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import cast

import pluggy

from operator_tool.api import hookspecs
from operator_tool.api.context import RunContext
from operator_tool.api.errors import OperatorToolError, PluginError
from operator_tool.api.events import Event
from operator_tool.api.implementing import PROJECT_NAME
from operator_tool.api.roles import CompanionTransport, FlightSource, Provisioner, TileProvider
from operator_tool.api.settings import PluginSettings

from .discovery import PluginEntry, Role
from .protocols import meets
from .redacted_events import RedactedEvents

_log = logging.getLogger(__name__)

FACTORIES = {
    Role.FLIGHT_SOURCE: "make_flight_source",
    Role.TILE_PROVIDER: "make_tile_provider",
    Role.COMPANION_TRANSPORT: "make_companion_transport",
    Role.PROVISIONER: "make_provisioner",
}
"""The factory hook of each role that has one."""


class Hooks:
    """The registered plugins of one run."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT_NAME)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: dict[PluginEntry, object] = {}
        self._listeners: list[_Listener] = []
        self._emitting = threading.Lock()
        self._redacted = RedactedEvents()

    def register(self, entry: PluginEntry, plugin: object) -> None:
        """Take a loaded plugin in. Raises ``PluginError``: a misspelt hook, a wrong argument, no hook for its role."""
        try:
            hash(plugin)
            self._manager.register(plugin, name=f"{entry.role}:{entry.name}")
            self._manager.check_pending()
        except (Exception, SystemExit) as error:  # registration runs the plugin's own attributes
            if self._manager.has_plugin(f"{entry.role}:{entry.name}"):
                self._manager.unregister(name=f"{entry.role}:{entry.name}")
            message = str(error).partition("\n")[0] if isinstance(error, ValueError) else str(error)
            raise PluginError(f"{entry.owner} can't be registered: {type(error).__name__}: {message}") from error
        self._check_hooks(entry, plugin)
        self._plugins[entry] = plugin
        if entry.role == Role.LISTENER or self._listens(plugin):
            self._listeners.append(_Listener(entry))
        for listener in self._listeners:
            listener.on_event = self._caller("on_event", listener.entry)
            listener.stop_listening = self._caller("stop_listening", listener.entry)

    def settings_type(self, entry: PluginEntry) -> type[PluginSettings]:
        """Return the class of a plugin's settings. Raises ``PluginError`` when it names something else."""
        answer = self._ask(entry, "plugin_settings")
        if answer is None:
            return PluginSettings
        if not (isinstance(answer, type) and issubclass(answer, PluginSettings)):
            raise PluginError(f"{entry.owner}: plugin_settings gave {answer!r}, not a subclass of PluginSettings")
        return answer

    def make_flight_source(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> FlightSource:
        """Return the flight source of one selected plugin."""
        made = self._make(entry, settings, context)
        if not meets(made, FlightSource):
            raise _wrong_kind(entry, made, FlightSource)
        return cast("FlightSource", made)

    def make_tile_provider(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> TileProvider:
        """Return the tile provider of one selected plugin; the others of the chain are not asked."""
        made = self._make(entry, settings, context)
        if not meets(made, TileProvider):
            raise _wrong_kind(entry, made, TileProvider)
        return cast("TileProvider", made)

    def make_companion_transport(
        self, entry: PluginEntry, settings: PluginSettings, context: RunContext
    ) -> CompanionTransport:
        """Return the transport of one selected plugin, wrapped by whoever wraps this hook."""
        made = self._make(entry, settings, context)
        if not meets(made, CompanionTransport):
            raise _wrong_kind(entry, made, CompanionTransport)
        return cast("CompanionTransport", made)

    def make_provisioner(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> Provisioner:
        """Return the provisioner of one selected plugin."""
        made = self._make(entry, settings, context)
        if not meets(made, Provisioner):
            raise _wrong_kind(entry, made, Provisioner)
        return cast("Provisioner", made)

    def start_listening(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> None:
        """Give one listener its settings. Raises ``PluginError`` when it fails: it was asked for."""
        self._ask(entry, "start_listening", settings=settings, context=context)

    def emit(self, event: Event) -> None:
        """Tell the listeners, one by one in the order of their registration, redacted; any thread. Never raises."""
        with self._emitting:
            for redacted in self._redacted.of(event):
                for listener in self._listeners:
                    listener.tell(redacted)

    def stop_listening(self) -> None:
        """Tell the listeners that no event will follow. Never raises."""
        with self._emitting:
            for listener in self._listeners:
                listener.stop()

    def _make(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> object:
        return self._ask(entry, FACTORIES[Role(entry.role)], settings=settings, context=context)

    def _ask(self, entry: PluginEntry, hook: str, **arguments: object) -> object:
        try:
            return self._caller(hook, entry)(**arguments)
        except OperatorToolError:
            raise
        except (Exception, SystemExit) as error:  # a factory's failure is its plugin's, whatever it is
            raise PluginError(f"{entry.owner}: {hook} failed: {type(error).__name__}: {error}") from error

    def _caller(self, hook: str, entry: PluginEntry) -> Callable[..., object]:
        """Return a caller that asks this plugin alone, with the wrappers of the enabled listeners around it."""
        others = [
            plugin
            for other, plugin in self._plugins.items()
            if other != entry and (other.role != Role.LISTENER or hook not in FACTORIES.values())
        ]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def _listens(self, plugin: object) -> bool:
        """Tell whether a plugin of another role wants to be told of events, too."""
        return "on_event" in {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}

    def _check_hooks(self, entry: PluginEntry, plugin: object) -> None:
        wanted = FACTORIES.get(Role(entry.role), "on_event")
        callers = self._manager.get_hookcallers(plugin) or []
        if entry.role != Role.LISTENER and wanted not in {caller.name for caller in callers}:
            self._manager.unregister(plugin)
            raise PluginError(f"{entry.owner} implements no {wanted}, which its role needs")
        for implementation in _implementations(callers, plugin):
            if entry.role == Role.LISTENER and implementation.name in FACTORIES.values() and not implementation.wraps:
                self._manager.unregister(plugin)
                raise PluginError(f"{entry.owner} is a listener: it may only wrap {implementation.name}")


def _wrong_kind(entry: PluginEntry, made: object, wanted: type) -> PluginError:
    return PluginError(f"{entry.owner}: {FACTORIES[Role(entry.role)]} gave {made!r}, not a {wanted.__name__}")


class _Implementation:
    """One hook of one plugin: its name, and whether it wraps."""

    def __init__(self, name: str, *, wraps: bool) -> None:
        self.name = name
        self.wraps = wraps


def _implementations(callers: Iterable[pluggy.HookCaller], plugin: object) -> list[_Implementation]:
    return [
        _Implementation(caller.name, wraps=bool(found.wrapper or found.hookwrapper))
        for caller in callers
        for found in caller.get_hookimpls()
        if found.plugin is plugin
    ]


class _Listener:
    """One listener, which can't disturb the run: after three failures it is told nothing more."""

    _PATIENCE = 3

    def __init__(self, entry: PluginEntry) -> None:
        self.entry = entry
        # Callers that ask this listener alone; made anew with each registration: they leave out those known by then.
        self.on_event: Callable[..., object] = _say_nothing
        self.stop_listening: Callable[..., object] = _say_nothing
        self._failures = 0

    def tell(self, event: Event) -> None:
        """Tell of one event."""
        if self._failures < self._PATIENCE:
            self._guarded(self.on_event, event=event)

    def stop(self) -> None:
        """Tell that no event will follow."""
        self._guarded(self.stop_listening)

    def _guarded(self, call: Callable[..., object], **arguments: object) -> None:
        try:
            call(**arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a listener never disturbs the run, whatever it does
            self._failures += 1
            silenced = "; it is told nothing more" if self._failures == self._PATIENCE else ""
            _log.warning("%s failed: %s: %s%s", self.entry.owner, type(error).__name__, error, silenced)


def _say_nothing(**_arguments: object) -> None:
    """Stand in until the first registration is over."""
