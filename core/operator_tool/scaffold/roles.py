"""What a project of each role needs besides its templates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoleOfProject:
    """One role."""

    words: str
    """How a person calls it."""
    description: str
    """What a plugin of the role does, as its template is."""
    dependencies: tuple[str, ...] = ()
    """What the plugin imports besides operator-tool."""


ROLES = {
    "flight_source": RoleOfProject(
        "flight source", "Flights of an HTTP service for operator-tool.", ("httpx>=0.27", "msgspec>=0.19")
    ),
    "tile_provider": RoleOfProject(
        "tile provider", "Map tiles of an HTTP service for operator-tool.", ("httpx>=0.27",)
    ),
    "companion_transport": RoleOfProject(
        "companion transport", "Reaches a drone's companion computer by a command, for operator-tool."
    ),
    "provisioner": RoleOfProject("provisioner", "Map tiles as files in a folder of a drone, by operator-tool."),
    "listener": RoleOfProject("listener", "Posts what operator-tool does to an address.", ("msgspec>=0.19",)),
}
"""By the role's name in the entry points; a test holds them equal to the roles that there are."""
