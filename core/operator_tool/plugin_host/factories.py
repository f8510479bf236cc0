"""The factory hook of each role that has one, and what it makes."""

from __future__ import annotations

from operator_tool.api.roles import CompanionTransport, FlightSource, Provisioner, TileProvider

from .entry import Role

PROTOCOLS: dict[Role, type] = {
    Role.FLIGHT_SOURCE: FlightSource,
    Role.TILE_PROVIDER: TileProvider,
    Role.COMPANION_TRANSPORT: CompanionTransport,
    Role.PROVISIONER: Provisioner,
}
"""What a plugin of a role makes."""

FACTORIES = {role: f"make_{role}" for role in PROTOCOLS}
"""The hook that makes it."""

MADE_BY = {FACTORIES[role]: protocol for role, protocol in PROTOCOLS.items()}
"""What each of these hooks makes."""
