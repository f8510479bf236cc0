"""The plugins' objects that one run works with."""

from __future__ import annotations

from dataclasses import dataclass

from operator_tool.api.context import RunContext
from operator_tool.api.roles import CompanionTransport, FlightSource, Provisioner, TileProvider


@dataclass(frozen=True, kw_only=True)
class CompanionParts:
    """How one companion is reached and built."""

    transport_name: str
    transport: CompanionTransport
    provisioner: Provisioner
    context: RunContext
    """The run as this companion's part of it is told: its events name the companion where there are several."""
    name: str = ""
    """Its name in the inventory; empty where it was named by its address."""
    simulation: str = ""
    """What stands in for the companion; empty where it is a real one."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One object per role, made and ready; a rig or a test may put its own in."""

    flight_source: FlightSource
    providers: tuple[tuple[str, TileProvider], ...]
    companions: tuple[CompanionParts, ...] = ()
    """None of them where no companion takes part."""
