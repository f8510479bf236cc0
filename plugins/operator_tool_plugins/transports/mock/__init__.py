"""Transport ``mock``: a companion for rehearsals, whose real programs run on this machine behind a scripted link.

Nothing of it reaches a drone, so only ``--transport mock`` on the command line selects it.
"""

from __future__ import annotations

from operator_tool.api import CompanionTransport, Event, PluginSettings, RunContext, hookimpl

from .hearing import Runs
from .settings import MockSettings

_runs = Runs()


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of ``[mock]``."""
    return MockSettings


@hookimpl.make_companion_transport
def make_companion_transport(settings: MockSettings, context: RunContext) -> CompanionTransport:
    """Return the transport; its script is read now, so that a wrong one is told at once."""
    from .reading import read_script
    from .script import Script
    from .transport import MockTransport

    script = Script() if settings.script is None else read_script(settings.script.expanduser())
    return MockTransport(settings, script, _runs.of(context.run_id), context)


@hookimpl.on_event
def on_event(event: Event) -> None:
    """Hear which phase the run is in."""
    _runs.hear(event)
