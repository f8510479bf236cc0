"""Whose build a generation is, from when, and what it lacks: what its manifest says for people and for other builds.

Nothing here decides whether a generation is whole. A field that is missing or of another type is left out.
"""

from __future__ import annotations

from typing import Dict, Optional

from ..faults import AgentError
from ..layout import Generation, Layout
from ..strict_json import parse_object
from .manifest import read_manifest_bytes

MAX_TEXT = 200
_MAX_NUMBER = 2**53 - 1
_MAX_ZOOM = 30


def origin_of(path: str) -> Dict[str, object]:
    """Return what the manifest in the folder ``path`` says; raises ``verify`` where it can't be read."""
    try:
        said: Dict[str, object] = parse_object(read_manifest_bytes(path))
    except ValueError as error:
        raise AgentError("verify", "the manifest can't be read: %s" % type(error).__name__) from None
    flight, inputs = _object(said.get("flight")), _object(said.get("inputs"))
    return {
        "flight_id": _text(flight.get("id")),
        "flight_name": _text(flight.get("name")),
        "operator": _text(said.get("operator")),
        "created_by": _text(said.get("created_by")),
        "run_id": _text(said.get("run_id")),
        "created_at": _number(said.get("created_at")),
        "tiles": _number(said.get("tiles")),
        "allow_gaps": _number(inputs.get("allow_gaps")),
        "gaps": _gaps(said.get("gaps")),
    }


def refuse_to_replace_another(layout: Layout, replaces: Optional[str], run_id: str) -> None:
    """Raise ``replaced`` where another generation is current than the one that the workstation agreed to replace.

    ``replaces`` is its name, empty for none, None where the request does not say. A generation of this very run may be
    replaced: its report was lost. To be asked while the lock is held.
    """
    current = layout.current()
    if replaces is None or replaces == (current.name if current is not None else ""):
        return
    origin = _origin_or_nothing(current)
    if current is not None and origin.get("run_id") == run_id:
        return
    now = current.name if current is not None else "none"
    raise AgentError(
        "replaced",
        "the current generation is %s now, and this build was to replace %s" % (now, replaces or "none"),
        {"current": {"name": now, **origin}},
    )


def _origin_or_nothing(current: Optional[Generation]) -> Dict[str, object]:
    try:
        return origin_of(current.path) if current is not None else {}
    except AgentError:
        return {}


def _gaps(value: object) -> Optional[Dict[str, object]]:
    said = _object(value)
    missing = _number(said.get("missing"))
    if missing is None:
        return None
    by_zoom = {
        zoom: number
        for zoom, number in _object(said.get("by_zoom")).items()
        if zoom.isdigit() and len(zoom) <= 2 and int(zoom) <= _MAX_ZOOM and _number(number) is not None
    }
    return {"missing": missing, "by_zoom": by_zoom, "nearest": _place(said.get("nearest"))}


def _place(value: object) -> Optional[Dict[str, object]]:
    said = _object(value)
    place = {name: _number(said.get(name)) for name in ("z", "x", "y", "route_m", "waypoint", "off_m")}
    return None if None in place.values() else dict(place)


def _object(value: object) -> Dict[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _number(value: object) -> Optional[int]:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MAX_NUMBER else None
