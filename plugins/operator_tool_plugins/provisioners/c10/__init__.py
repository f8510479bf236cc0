"""Provisioner ``c10``: its agent on the companion takes in the tiles, verifies them and switches to them atomically.

On the workstation ``runner`` drives one verb of the agent after the other over whatever transport was selected; on the
companion ``agent/`` does the work. What they say to each other is documented in ``docs/reference/agent-protocol.md``.
"""

from __future__ import annotations

from operator_tool.api import PluginSettings, Provisioner, RunContext, hookimpl

from .settings import C10Settings


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of ``[c10]``."""
    return C10Settings


@hookimpl.make_provisioner
def make_provisioner(settings: PluginSettings, context: RunContext) -> Provisioner:
    """Return the runner of the companion's agent."""
    from .runner import C10Provisioner

    assert isinstance(settings, C10Settings)
    return C10Provisioner(settings, context)
