"""One installed plugin, as it is known without being imported."""

from __future__ import annotations

import enum
from dataclasses import dataclass

CONTRACT_MAJOR = 1
OWN_DISTRIBUTION = "operator-tool"


class Role(enum.StrEnum):
    """What a plugin does; its entry-point group is ``operator_tool.v1.<role>``."""

    FLIGHT_SOURCE = "flight_source"
    TILE_PROVIDER = "tile_provider"
    COMPANION_TRANSPORT = "companion_transport"
    PROVISIONER = "provisioner"
    LISTENER = "listener"


@dataclass(frozen=True, kw_only=True)
class PluginEntry:
    """One installed plugin, as its distribution's metadata names it."""

    role: str
    name: str
    contract: int | None
    """The major number in its group; None where the group has none."""
    distribution: str
    version: str
    target: str
    problem: str = ""
    """Why it can't be selected: blocked, an unusable name, another contract, a duplicate; empty when it can."""

    @property
    def module(self) -> str:
        """The name of the module that selecting it imports."""
        return self.target.partition(":")[0].partition("[")[0].strip()

    @property
    def builtin(self) -> bool:
        """True for a plugin of operator-tool's own distribution."""
        return self.distribution == OWN_DISTRIBUTION

    @property
    def owner(self) -> str:
        """Whose it is, for messages: ``name (distribution version)``."""
        return f"{self.role} {self.name!r} ({self.distribution} {self.version})"
