"""What heights look like: colours, and where fields, woods and roads may be."""

from __future__ import annotations

from collections.abc import Sequence

Colour = tuple[int, int, int]

SHORE = 96
"""The height, of 0 to 255, at which water ends."""
_BEACH, _MEADOW, _ROCK, _SNOW = 100, 156, 178, 204
"""The heights at which sand, fields, meadows and rock end."""

_GROUND: Sequence[tuple[int, Colour]] = (
    (0, (12, 32, 56)),
    (SHORE - 24, (24, 56, 82)),
    (SHORE - 1, (64, 108, 114)),
    (SHORE, (198, 186, 150)),
    (_BEACH, (176, 168, 124)),
    (_BEACH + 4, (122, 136, 80)),
    (_MEADOW, (108, 124, 72)),
    (_ROCK, (130, 124, 104)),
    (_SNOW - 8, (146, 140, 132)),
    (_SNOW + 8, (228, 233, 238)),
    (255, (250, 252, 255)),
)
_CROPS: Sequence[Colour] = (
    (126, 142, 74),
    (100, 126, 60),
    (164, 154, 94),
    (190, 174, 112),
    (88, 116, 56),
    (140, 118, 84),
    (118, 138, 82),
    (172, 164, 118),
)
WOOD: Colour = (54, 76, 46)
ROAD: Colour = (196, 190, 178)


def _ramp(*stops: tuple[int, float]) -> list[int]:
    """Return 256 values that go straight from stop to stop, and level before the first and after the last."""
    values = []
    for level in range(256):
        left = max((stop for stop in stops if stop[0] <= level), default=stops[0])
        right = min((stop for stop in stops if stop[0] >= level), default=stops[-1])
        share = (level - left[0]) / (right[0] - left[0]) if right[0] > left[0] else 0.0
        values.append(round(left[1] + share * (right[1] - left[1])))
    return values


def _woven(bands: Sequence[Sequence[int]]) -> bytes:
    return bytes(value for level in zip(*bands, strict=True) for value in level)


GROUND = _woven([_ramp(*((level, colour[band]) for level, colour in _GROUND)) for band in range(3)])
"""A palette: the colour of each height."""
CROPS = bytes(value for level in range(256) for value in _CROPS[level * len(_CROPS) // 256])
"""A palette: the colour of each field's number."""
FARMLAND: Colour = (137, 142, 85)
"""What fields look like from where single ones can't be told apart."""
MASKS = _woven(
    [
        _ramp((_BEACH, 0), (_BEACH + 3, 255), (_MEADOW - 12, 255), (_MEADOW, 0)),
        _ramp((_BEACH + 1, 0), (_BEACH + 4, 255), (_ROCK - 10, 255), (_ROCK, 0)),
        _ramp((_BEACH, 0), (_BEACH + 2, 255), (_ROCK, 255), (_ROCK + 14, 0)),
        _ramp((SHORE - 2, 220), (SHORE + 1, 0)),
    ]
)
"""A palette of four bands: where fields, woods and roads may be, and where the light is dim, for it is water."""
IS_WOOD = _ramp((138, 0), (144, 255))
"""How much of a wood grows at each moisture."""
IS_ROAD = _ramp((121, 0), (124, 255), (132, 255), (135, 0))
"""A road is where one level of moisture runs; the levels here are drawn apart."""
