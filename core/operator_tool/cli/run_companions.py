"""The parts of each companion that a run is for; a link that can open while the rest is made opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from operator_tool.api.context import RunContext
from operator_tool.api.roles import EagerTransport
from operator_tool.build_cache.parts import CompanionParts
from operator_tool.plugin_host.calls import let_close
from operator_tool.plugin_host.host import PluginHost
from operator_tool.plugin_host.protocols import meets

from .companion_choice import ChosenCompanion
from .options import RunOptions


def is_for_several(options: RunOptions) -> bool:
    """Tell whether a run gives one report for each companion."""
    return options.all_companions or len(options.companion) > 1


def connecting_parts(
    host: PluginHost, chosen: ChosenCompanion, context_for: Callable[[str], RunContext], *, named: bool
) -> CompanionParts:
    """Return a companion's parts; a transport that can begin to connect has begun."""
    transport, transport_context, simulation = chosen.make_transport(host, context_for, named=named)
    if meets(transport, EagerTransport):
        cast("EagerTransport", transport).begin()
    return CompanionParts(
        name=chosen.name,
        transport_name=chosen.transport,
        transport=transport,
        provisioner=host.provisioner(
            chosen.provisioner, chosen.sources, chosen.context(context_for(chosen.provisioner), named=named)
        ),
        context=transport_context,
        simulation=simulation,
    )


def let_go(parts: CompanionParts) -> None:
    """Let a transport drop what it began and nobody took."""
    if meets(parts.transport, EagerTransport):
        let_close(parts.transport, cast("EagerTransport", parts.transport).close, "the transport")
