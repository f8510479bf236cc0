"""One cache, one size of tiles: a chain whose providers differ is refused, or those of the chosen size are asked."""

from __future__ import annotations

from collections.abc import Sequence

from operator_tool.api.errors import PlanError
from operator_tool.api.tiles import ProviderInfo

Chain = Sequence[tuple[str, ProviderInfo]]


def of_one_size(providers: Chain, size_px: int | None) -> tuple[Chain, tuple[str, ...]]:
    """Return the providers whose tiles have the chosen size, or all where they agree; and who was left out, in words.

    Raises ``PlanError`` where they differ and no size is chosen, and where no provider has the chosen one.
    """
    sizes = sorted({info.tile_size_px for _, info in providers})
    if size_px is None:
        if len(sizes) < 2:
            return providers, ()
        raise PlanError(
            f"the tiles of the chain differ in size: {_listed(providers)}",
            hint=f"Choose one with --tile-size {' or '.join(map(str, sizes))}: providers of another size are left out.",
        )
    chosen = [(name, info) for name, info in providers if info.tile_size_px == size_px]
    if not chosen:
        raise PlanError(
            f"no provider has tiles of {size_px} pixels: {_listed(providers)}",
            hint=f"Give --tile-size {' or '.join(map(str, sizes))}, or leave it out.",
        )
    others = [(name, info) for name, info in providers if info.tile_size_px != size_px]
    notes = [f"{_listed([one])} is left out: tiles of {size_px} px were chosen" for one in others]
    return chosen, tuple(notes)


def _listed(providers: Chain) -> str:
    return ", ".join(f"{name} has {info.tile_size_px} px" for name, info in providers)
