"""What the signs of the picture mean: only those that are in it."""

from __future__ import annotations

from .cells import CellState
from .scene import Scene

_CELLS = {
    CellState.HELD: "held already",
    CellState.PART: "held in part",
    CellState.MISSING: "missing, to be fetched",
    CellState.NOWHERE: "no provider has it",
}


def legend_of(scene: Scene) -> list[tuple[str, str]]:
    """Return the kind of each sign, and its meaning."""
    there = {run.state for layers in scene.layers for layer in (layers.large, layers.small) for run in layer.runs}
    signs = [(state.value, text) for state, text in _CELLS.items() if state in there]
    one_place = len(scene.route) < 2 or len(set(scene.route)) == 1
    signs.append(("ground", "ground that is needed"))
    if not one_place:
        signs.append(("route", "route, numbered by waypoint"))
    signs.append(("takeoff", "takeoff"))
    for kind, text, present in (
        ("home", "home", scene.home is not None),
        ("homeleg", "way from and to home", bool(scene.home_legs)),
        ("circle", "circles that are flown", bool(scene.circles)),
        ("area", "area", bool(scene.areas)),
        ("inclusion", "fence to stay inside", any(fence.inclusion for fence in scene.fences)),
        ("exclusion", "fence to keep out of", any(not fence.inclusion for fence in scene.fences)),
        ("rally", "rally point", bool(scene.rally_points)),
    ):
        if present:
            signs.append((kind, text))
    return signs
