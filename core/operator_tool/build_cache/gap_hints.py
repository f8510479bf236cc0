"""What to do next about tiles that are missing: told from why they are, and never "accept the gaps" for all of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from operator_tool.api.build import GapCause

TELLING = (
    GapCause.UNREACHABLE,
    GapCause.CORRUPT,
    GapCause.REFUSED,
    GapCause.PLACEHOLDER,
    GapCause.TOO_OLD,
    GapCause.ABSENT,
    GapCause.TOO_COARSE,
    GapCause.OUT_OF_BOUNDS,
)
"""Where several providers lack a tile, the cause that there is most to be done about names the gap."""

_NOTHING_CAME = {
    GapCause.UNREACHABLE: "Check the connection to the provider, and run the same command again.",
    GapCause.CORRUPT: "What came is no whole picture: check the provider's settings, such as its url, or its file.",
    GapCause.REFUSED: "Check the provider's key and what it allows, or select another --provider.",
    GapCause.PLACEHOLDER: "The provider shows nothing of this ground: ask for other zooms with --zoom, or select"
    " another --provider.",
    GapCause.TOO_OLD: "Select another --provider, or change what set-sector says of this ground.",
    GapCause.ABSENT: "Check that the provider has this ground at these zooms, and its settings; or select another"
    " --provider.",
    GapCause.TOO_COARSE: "Ask for coarser zooms with --zoom, or select another --provider.",
    GapCause.OUT_OF_BOUNDS: "Select a --provider that has this ground at these zooms.",
}


class WrongSize(NamedTuple):
    """A provider whose pictures have another size than it says."""

    name: str
    size_px: int


def size_hint(wrong: WrongSize) -> str:
    """Return what to do where pictures come in another size than the provider says."""
    return (
        f"The pictures of {wrong.name} have {wrong.size_px} pixels: set {wrong.name}.tile_size to {wrong.size_px},"
        " where it has that setting, or select another --provider."
    )


def gaps_hint(
    causes: Collection[GapCause],
    *,
    missing: int,
    wanted: int,
    wrong_size: WrongSize | None = None,
    perhaps_more: bool = False,
) -> str:
    """Return what to do about so many missing tiles; ``perhaps_more`` where they are only those that are known of."""
    if wrong_size is not None:
        return size_hint(wrong_size)
    if missing >= wanted:
        return _NOTHING_CAME[min(causes, key=TELLING.index, default=GapCause.ABSENT)]
    if perhaps_more:
        return "Add a second --provider, or accept the gaps with --allow-gaps: the download says how many there are."
    return f"Add a second --provider, or accept the gaps with --allow-gaps {missing}."
