"""The workstation's tile store: what was downloaded once is never downloaded again.

One store per provider and data set: pack files that are only ever appended to, and a small SQLite index over them.
The one invariant: *nothing refers to what is not yet durable*.
"""

from .damaged import DamagedTileError
from .records import StoredTile
from .store import TileStore

__all__ = ["DamagedTileError", "StoredTile", "TileStore"]
