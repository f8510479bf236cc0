"""Transports behind which there is no drone: what may select one, and how nobody overlooks it.

A cache that was built in a rehearsal lies on no drone. So a simulated companion is there only for the command line that
asks for it, it says so before anything is done, however quiet the command is to be, and every report and log names it.
"""

from __future__ import annotations

from typing import cast

from operator_tool.api.context import RunContext
from operator_tool.api.errors import ConfigError
from operator_tool.api.escaping import escape_controls
from operator_tool.api.events import Notice
from operator_tool.api.roles import CompanionTransport, SimulatedTransport
from operator_tool.plugin_host.protocols import meets
from operator_tool.redaction import REDACTOR

from .exits import say

_UNTOLD = "its plugin does not say by what"


def announced_simulation(
    transport: CompanionTransport, *, name: str, companion: str, asked: bool, context: RunContext
) -> str:
    """Return what stands in for the companion, having told the operator; empty where the companion is a real one.

    ``name`` is the transport's, ``companion`` the inventory's or empty; ``asked`` says that the command line named the
    transport. Raises ``ConfigError`` where it didn't.
    """
    if not meets(transport, SimulatedTransport):
        return ""
    told = str(cast("SimulatedTransport", transport).simulation)
    simulation = REDACTOR.text(escape_controls(" ".join(told.split()))) or _UNTOLD
    if not asked:
        whose = f"[companions.{companion}]: " if companion else ""
        raise ConfigError(
            f"{whose}the transport {name} reaches no drone but a simulated companion ({simulation}); only --transport"
            " on the command line may select it, and no configuration",
            hint=f"Give --transport {name} for a rehearsal. For the drone itself, configure how it is reached, such as"
            ' transport = "ssh".',
        )
    address = REDACTOR.text(escape_controls(transport.address))
    which = f"{companion} ({address})" if companion else address
    say(f"SIMULATED COMPANION {which}: {simulation}; nothing reaches a drone", err=True)
    context.emit(Notice(text=f"no drone takes part: {which} is simulated"))
    return simulation


def with_simulation(address: str, simulation: str) -> str:
    """Return an address as people read it: a simulated companion's says that it is one."""
    return f"{address} (SIMULATED: {simulation})" if simulation else address
