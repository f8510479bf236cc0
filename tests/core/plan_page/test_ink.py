"""The colours: read by everybody, on a light screen and on a dark one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest

from operator_tool.plan_page.ink import DARK, LIGHT, mixed, rgb

# How those see who lack one kind of cones: after Viénot, Brettel and Mollon, 1999, in linear light.
_BLIND = {
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


def linear(colour: str) -> list[float]:
    """Return a colour in linear light."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 has it."""
    light, dark = sorted(
        (0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(linear, (one, other))), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_stands_out_from_what_it_is_written_on(colours: Mapping[str, str]) -> None:
    """At least 4.5 to 1, which is WCAG's AA; lines and signs at least 3 to 1 from the map."""
    for text, ground in (("ink", "page"), ("ink", "card"), ("faint", "card"), ("faint", "page"), ("loud", "loud-card")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for sign in ("route", "held", "missing", "ground", "takeoff", "inclusion", "exclusion", "home", "rally", "nowhere"):
        assert contrast(colours[sign], colours["map"]) >= 3.0, sign


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize("kind", list(_BLIND))
def test_held_missing_and_nowhere_differ_for_the_colour_blind(colours: Mapping[str, str], kind: str) -> None:
    """Beside their patterns."""
    seen = [
        [sum(weight * part for weight, part in zip(row, linear(colours[name]), strict=True)) for row in _BLIND[kind]]
        for name in ("held", "missing", "nowhere")
    ]
    for one, other in itertools.combinations(seen, 2):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.1


def test_the_same_names_have_a_colour_in_both() -> None:
    """A name that is missing in the dark would be drawn in black on black."""
    assert LIGHT.keys() == DARK.keys()
    assert mixed("held", 1.0, "map") == rgb("held")
    assert mixed("held", 0.0, "map") == rgb("map")
