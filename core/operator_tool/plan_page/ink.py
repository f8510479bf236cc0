"""The colours of the picture, chosen so that those who don't tell red from green tell them apart (after Okabe and Ito);
no colour stands alone: each has a pattern, a form or a word beside it."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#f3f5f8",
    "card": "#ffffff",
    "ink": "#17202b",
    "faint": "#57636f",
    "line": "#d5dbe2",
    "map": "#e9edf1",
    "grid": "#b9c3cd",
    "halo": "#ffffff",
    "ground": "#6b4fa0",
    "held": "#2f86c9",
    "missing": "#d55e00",
    "nowhere": "#4b4b4b",
    "route": "#111418",
    "takeoff": "#00855f",
    "home": "#8a5a00",
    "rally": "#b0458a",
    "area": "#8f7a00",
    "inclusion": "#007a57",
    "exclusion": "#c1121f",
    "loud": "#7a3b00",
    "loud-card": "#fff0d9",
}
"""On paper, on a light screen, and in the PNG."""

DARK: Mapping[str, str] = {
    "page": "#0f141a",
    "card": "#171e26",
    "ink": "#e7ecf2",
    "faint": "#a3afbc",
    "line": "#2d3742",
    "map": "#10161d",
    "grid": "#3b4754",
    "halo": "#0b0f14",
    "ground": "#b9a3ec",
    "held": "#4ea3e0",
    "missing": "#f0902e",
    "nowhere": "#c2c8ce",
    "route": "#f5f7fa",
    "takeoff": "#2fd09c",
    "home": "#e3b04b",
    "rally": "#e58cc4",
    "area": "#e6d24a",
    "inclusion": "#2fd09c",
    "exclusion": "#ff6b6b",
    "loud": "#ffd9a0",
    "loud-card": "#3b2a10",
}
"""On a dark screen."""


def css_variables(colours: Mapping[str, str]) -> str:
    """Return the colours as CSS declares them."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def rgb(name: str) -> tuple[int, int, int]:
    """Return a colour of the light set by its parts."""
    value = LIGHT[name]
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


def mixed(name: str, share: float, ground: str) -> tuple[int, int, int]:
    """Return a colour laid over another so thinly that its share shows."""
    over, under = rgb(name), rgb(ground)
    red, green, blue = (round(under[i] + (over[i] - under[i]) * share) for i in range(3))
    return red, green, blue
