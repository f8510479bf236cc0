"""The doors: the hooks that a plugin may implement.

A plugin is a module (or an object) that an entry point names; the entry point's group is its role, the entry point's
name is what an operator selects it by. Each role has one factory hook; the first answer that is not None counts, so a
hook wrapper (``@hookimpl(wrapper=True)``) of another plugin may wrap what the selected one returns.

A wrapper is of a listener's: it is enabled by name, before anything else is loaded. Of several, the listener that is
enabled last is outermost: it is asked first, and has the last word on what is returned.

A wrapper yields once. There it is given what was made further in, which meets the role's Protocol, or sees raised what
was raised there, and may let it pass; what it returns meets the Protocol, too, and is still a ``SimulatedTransport``
where it was one. Whatever else it does is the ``PluginError`` of its own plugin, and not of the one that it wraps.
"""

from __future__ import annotations

import pluggy

from .context import RunContext
from .events import Event
from .implementing import PROJECT_NAME
from .roles import CompanionTransport, FlightSource, Provisioner, TileProvider
from .settings import PluginSettings

hookspec = pluggy.HookspecMarker(PROJECT_NAME)


@hookspec(firstresult=True)
def plugin_settings() -> type[PluginSettings] | None:
    """Return the class of this plugin's settings; a plugin without the hook has none.

    Asked of each selected plugin by itself, before its factory.
    """


@hookspec(firstresult=True)
def make_flight_source(settings: PluginSettings, context: RunContext) -> FlightSource | None:
    """Return the flight source (group ``operator_tool.v1.flight_source``); opens nothing yet."""


@hookspec(firstresult=True)
def make_tile_provider(settings: PluginSettings, context: RunContext) -> TileProvider | None:
    """Return the tile provider (group ``operator_tool.v1.tile_provider``); opens nothing yet.

    Asked of each provider of the chain by itself, in the operator's order.
    """


@hookspec(firstresult=True)
def make_companion_transport(settings: PluginSettings, context: RunContext) -> CompanionTransport | None:
    """Return the transport (group ``operator_tool.v1.companion_transport``); connects nothing yet."""


@hookspec(firstresult=True)
def make_provisioner(settings: PluginSettings, context: RunContext) -> Provisioner | None:
    """Return the provisioner (group ``operator_tool.v1.provisioner``)."""


@hookspec
def start_listening(settings: PluginSettings, context: RunContext) -> None:
    """Give a listener (group ``operator_tool.v1.listener``) its settings before the first event of a run."""


@hookspec
def stop_listening() -> None:
    """Tell a listener that no event will follow, however the run ended; what it opened is to be closed."""


@hookspec
def on_event(event: Event) -> None:
    """Tell of what happens in a run: a listener, and any other plugin of the run that implements this.

    Called in a thread of the listener's own, while the run waits for it to come back. What it raises is logged and
    never disturbs the run: after three failures, or once it has not come back for 10 s, it is told nothing more.
    """
