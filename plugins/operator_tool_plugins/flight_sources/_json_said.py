"""What the members of a JSON object say of the positions beside them."""

from __future__ import annotations

from collections.abc import Collection

from ._json_node import Node
from ._qualifiers import Said, qualifiers_among


def said_in(node: Node | None, *, but: Collection[str] = ()) -> tuple[Said, ...]:
    """Return what an object's texts and numbers say; ``but``: members that are read as something else."""
    if node is None or not isinstance(node.value, dict) or not node.value:
        return ()
    return tuple(
        Said(qualifier, f"{value}", node.at(None, name).place, is_vague=name.lower() in ("unit", "units"))
        for name, qualifier in qualifiers_among(tuple(node.value))
        if name not in but and isinstance(value := node.value[name], str | int | float) and not isinstance(value, bool)
    )
