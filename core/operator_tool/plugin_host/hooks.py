"""The typed façade over the hooks: the only module that calls them, and the one that knows whose plugin answered."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from typing import cast

import pluggy

from operator_tool.api import hookspecs
from operator_tool.api.context import RunContext
from operator_tool.api.errors import PluginError
from operator_tool.api.events import Event
from operator_tool.api.implementing import PROJECT_NAME, instead_of
from operator_tool.api.roles import CompanionTransport, FlightSource, Provisioner, TileProvider
from operator_tool.api.settings import PluginSettings

from .blame import brief, hint_for, no_such, note_made, words_of
from .calls import CALL_S, called
from .checked_events import checked_event
from .entry import PluginEntry, Role
from .factories import FACTORIES, PROTOCOLS
from .listening import Listener, is_told_here
from .protocols import meets
from .redacted_events import RedactedEvents
from .wrappers import watch_wrapper

_log = logging.getLogger(__name__)


# What pluggy says of a misspelt name.
_UNKNOWN_HOOK = re.compile(r"unknown hook '(\w+)'")
_HOOK = re.compile(r"for hook '(\w+)'")
_UNKNOWN_ARGUMENTS = re.compile(r"Argument\(s\) \{(.*?)\} are declared in the hookimpl but")
_NAME = re.compile(r"'(\w+)'")


class Hooks:
    """The registered plugins of one run. Each call of theirs may take ``call_s``."""

    def __init__(self, *, call_s: float = CALL_S) -> None:
        self._call_s = call_s
        self._manager = pluggy.PluginManager(PROJECT_NAME)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: dict[PluginEntry, object] = {}
        self._listeners: list[Listener] = []
        self._emitting = threading.Lock()
        self._redacted = RedactedEvents()

    def register(self, entry: PluginEntry, plugin: object) -> None:
        """Take a loaded plugin in. Raises ``PluginError``: a misspelt hook, a wrong argument, no hook for its role."""
        with called(entry, "registration", limit_s=self._call_s):
            self._register(entry, plugin)
            self._check_hooks(entry, plugin)
        self._plugins[entry] = plugin
        if entry.role == Role.LISTENER or self._listens(plugin):
            self._listeners.append(Listener(entry))
        for listener in self._listeners:
            listener.on_event = self._caller("on_event", listener.entry)
            listener.stop_listening = self._caller("stop_listening", listener.entry)

    def _register(self, entry: PluginEntry, plugin: object) -> None:
        name = f"{entry.role}:{entry.name}"
        try:
            hash(plugin)
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except BaseException as error:  # registration runs the plugin's own attributes
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            if not isinstance(error, Exception):
                raise
            raise PluginError(f"{entry.owner} can't be registered: {self._refusal(error)}") from error

    def _refusal(self, error: Exception) -> str:
        """Return why pluggy refuses a plugin, with the names that it could have used."""
        if isinstance(error, pluggy.PluginValidationError):
            words = str(error)
            if unknown := _UNKNOWN_HOOK.match(words):
                known = [one.name for one in vars(self._manager.hook).values() if getattr(one, "spec", None)]
                return f"unknown hook {unknown[1]!r}; {instead_of(unknown[1], known)}"
            hook, wrong = _HOOK.search(words), _UNKNOWN_ARGUMENTS.search(words)
            spec = getattr(self._manager.hook, hook[1]).spec if hook and wrong else None
            if hook and wrong and spec is not None:
                may = ", ".join(spec.argnames) or "nothing"
                return f"its {hook[1]} takes {', '.join(sorted(_NAME.findall(wrong[1])))}; {hook[1]} may take: {may}"
        # pluggy's errors list what it knows besides.
        return words_of(ValueError(str(error).partition("\n")[0]) if type(error) is ValueError else error)

    def implemented(self, entry: PluginEntry) -> tuple[str, ...]:
        """Return the names of the hooks that a registered plugin implements or wraps."""
        return tuple(sorted(caller.name for caller in self._manager.get_hookcallers(self._plugins[entry]) or ()))

    def settings_type(self, entry: PluginEntry) -> type[PluginSettings]:
        """Return the class of a plugin's settings. Raises ``PluginError`` when it names something else."""
        with called(entry, "plugin_settings", limit_s=self._call_s):
            answer = self._caller("plugin_settings", entry)()
            if answer is None:
                return PluginSettings
            if not (isinstance(answer, type) and issubclass(answer, PluginSettings)):
                raise PluginError(
                    f"{entry.owner}: plugin_settings gave {brief(answer)}, not a subclass of PluginSettings",
                    hint=hint_for(entry),
                )
            return answer

    def make(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> object:
        """Return what the factory of a plugin's role makes."""
        return self._make(entry, settings, context)

    def make_flight_source(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> FlightSource:
        """Return the flight source of one selected plugin."""
        return cast("FlightSource", self._make(entry, settings, context))

    def make_tile_provider(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> TileProvider:
        """Return the tile provider of one selected plugin; the others of the chain are not asked."""
        return cast("TileProvider", self._make(entry, settings, context))

    def make_companion_transport(
        self, entry: PluginEntry, settings: PluginSettings, context: RunContext
    ) -> CompanionTransport:
        """Return the transport of one selected plugin, wrapped by whoever wraps this hook."""
        return cast("CompanionTransport", self._make(entry, settings, context))

    def make_provisioner(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> Provisioner:
        """Return the provisioner of one selected plugin."""
        return cast("Provisioner", self._make(entry, settings, context))

    def start_listening(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> None:
        """Give one listener its settings. Raises ``PluginError`` when it fails: it was asked for."""
        with called(entry, "start_listening", limit_s=self._call_s):
            self._caller("start_listening", entry)(settings=settings, context=context)

    def emit(self, event: Event) -> None:
        """Tell the listeners, one by one in the order of their registration, redacted; any thread. Never raises.

        What is no event is not told, and neither is what a listener emits while it is being told of something: the next
        event waits until that one was told to all.
        """
        if is_told_here():
            _log.warning("a listener emitted an event while it was told of one: that is not told")
            return
        try:
            checked = checked_event(event)
        except TypeError as error:
            _log.warning("a plugin emitted what is no event, and is not told: %s", error)
            return
        with self._emitting:
            for redacted in self._redacted.of(checked):
                for listener in self._listeners:
                    listener.tell(redacted)

    def stop_listening(self) -> None:
        """Tell the listeners that no event will follow. Never raises."""
        with self._emitting:
            for listener in self._listeners:
                listener.stop()

    def _make(self, entry: PluginEntry, settings: PluginSettings, context: RunContext) -> object:
        role = Role(entry.role)
        hook, protocol = FACTORIES[role], PROTOCOLS[role]
        with called(entry, hook, limit_s=self._call_s):
            made = self._caller(hook, entry)(settings=settings, context=context)
            if not meets(made, protocol):
                raise PluginError(f"{entry.owner}: {hook} gave {no_such(made, protocol)}", hint=hint_for(entry))
            note_made(made, entry)
            return made

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
            if implementation.found.hookwrapper:
                self._manager.unregister(plugin)
                raise PluginError(f"{entry.owner} wraps {implementation.name} in pluggy's old way: say wrapper=True")
            if implementation.wraps and implementation.name in FACTORIES.values():
                watch_wrapper(entry, implementation.found, implementation.name)


class _Implementation:
    """One hook of one plugin: its name, and whether it wraps."""

    def __init__(self, name: str, found: pluggy.HookImpl) -> None:
        self.name = name
        self.found = found
        self.wraps = found.wrapper or found.hookwrapper


def _implementations(callers: Iterable[pluggy.HookCaller], plugin: object) -> list[_Implementation]:
    return [
        _Implementation(caller.name, found)
        for caller in callers
        for found in caller.get_hookimpls()
        if found.plugin is plugin
    ]
