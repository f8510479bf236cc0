"""Loads the plugins of one run, each with its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operator_tool.api.build import PluginRecord
from operator_tool.api.context import RunContext
from operator_tool.api.errors import PluginError
from operator_tool.api.events import Event
from operator_tool.api.roles import CompanionTransport, FlightSource, Provisioner, TileProvider
from operator_tool.api.settings import PluginSettings
from operator_tool.settings import SettingsSources

from .calls import called, load_plugin
from .discovery import Discovery
from .entry import PluginEntry, Role
from .hooks import Hooks


@dataclass(frozen=True)
class _Loaded:
    entry: PluginEntry
    settings: PluginSettings


class PluginHost:
    """The plugins that were selected for one run: loaded in the order asked for, and nothing else is imported.

    ``context_for`` gives the run's context for a plugin's name; it is asked when the plugin is made.
    """

    def __init__(
        self, discovery: Discovery, sources: SettingsSources, context_for: Callable[[str], RunContext]
    ) -> None:
        self._discovery = discovery
        self._sources = sources
        self._context_for = context_for
        self._call_s = sources.core().plugin_call_s
        self._hooks = Hooks(call_s=self._call_s)
        self._by_name: dict[str, PluginEntry] = {}
        self._notices: list[str] = []

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Every plugin that was loaded, in order."""
        return tuple(
            PluginRecord(role=e.role, name=e.name, distribution=e.distribution, version=e.version)
            for e in self._by_name.values()
        )

    def take_notices(self) -> tuple[str, ...]:
        """Return what the operator should know of the plugins that were loaded, once."""
        taken, self._notices = tuple(self._notices), []
        return taken

    def start_listeners(self, names: Sequence[str]) -> None:
        """Load the listeners in the order in which they will be told; before the other roles, so that they may wrap."""
        for name in names:
            loaded = self._load(Role.LISTENER, name)
            self._hooks.start_listening(loaded.entry, loaded.settings, self._context_for(name))

    def stop_listeners(self) -> None:
        """Tell the listeners that no event will follow."""
        self._hooks.stop_listening()

    def emit(self, event: Event) -> None:
        """Tell the listeners of an event."""
        self._hooks.emit(event)

    def flight_source(self, name: str, sources: SettingsSources | None = None) -> FlightSource:
        """Load and make a flight source, with settings of its own perhaps."""
        loaded = self._load(Role.FLIGHT_SOURCE, name, sources)
        return self._hooks.make_flight_source(loaded.entry, loaded.settings, self._context_for(name))

    def tile_providers(self, names: Sequence[str]) -> tuple[tuple[str, TileProvider], ...]:
        """Load and make the chain of providers, in the operator's order."""
        chain = [self._load(Role.TILE_PROVIDER, name) for name in dict.fromkeys(names)]
        return tuple(
            (loaded.entry.name, self._hooks.make_tile_provider(loaded.entry, loaded.settings, self._context_for(name)))
            for name, loaded in zip(dict.fromkeys(names), chain, strict=True)
        )

    def companion_transport(
        self, name: str, sources: SettingsSources | None = None, context: RunContext | None = None
    ) -> CompanionTransport:
        """Load and make the transport, again for each companion, with that companion's sources and context."""
        loaded = self._load(Role.COMPANION_TRANSPORT, name, sources)
        return self._hooks.make_companion_transport(loaded.entry, loaded.settings, context or self._context_for(name))

    def provisioner(
        self, name: str, sources: SettingsSources | None = None, context: RunContext | None = None
    ) -> Provisioner:
        """Load and make the provisioner, again for each companion, with that companion's sources and context."""
        loaded = self._load(Role.PROVISIONER, name, sources)
        return self._hooks.make_provisioner(loaded.entry, loaded.settings, context or self._context_for(name))

    def _load(self, role: Role, name: str, sources: SettingsSources | None = None) -> _Loaded:
        entry = self._discovery.find(role, name)
        if (other := self._by_name.get(name)) is None:
            self._hooks.register(entry, load_plugin(entry, limit_s=self._call_s))
            self._by_name[name] = entry
            for other in self._discovery.passed_over(entry):
                self._notices.append(f"{other.owner} is not used: {other.problem}")
        elif other != entry:
            raise PluginError(
                f"{entry.owner} and {other.owner} have one name, so their settings can't be told apart",
                hint="Select a plugin of another name for one of the two roles.",
            )
        settings_type = self._hooks.settings_type(entry)
        # A secret may be asked for, so it takes the time that it takes.
        with called(entry, "settings", limit_s=None):
            settings = (sources or self._sources).for_plugin(name, settings_type)
        return _Loaded(entry, settings)
