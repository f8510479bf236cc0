"""The plugins' objects that one run works with."""

from __future__ import annotations

from dataclasses import dataclass

from operator_tool.api.roles import CompanionTransport, FlightSource, Provisioner, TileProvider


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One object per role, made and ready; a rig or a test may put its own in."""

    flight_source: FlightSource
    providers: tuple[tuple[str, TileProvider], ...]
    transport_name: str = ""
    transport: CompanionTransport | None = None
    """None where no companion takes part."""
    provisioner: Provisioner | None = None
