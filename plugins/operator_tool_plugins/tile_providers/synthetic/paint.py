"""From surfaces to a picture of water, sand, fields, woods, rock and snow, lit from the north-west."""

from __future__ import annotations

import io

from PIL import Image, ImageChops, ImageMath

from .noise import noise_patch
from .relief import Surface

SIZE_PX = 256
_DETAIL = 2
"""Octaves beyond a node each 8 pixels: one each 2 pixels."""
_SHORE, _BEACH, _MEADOW, _ROCK, _SNOW = 96, 99, 150, 176, 206
"""Heights, of 0 to 255, where water, sand, fields, meadows and rock end."""
_FIELD_OCTAVE = 18
"""Fields are cells of this lattice, turned: some 70 m wide at the equator."""
_ROAD_LEVEL = 24.0

Colour = tuple[int, int, int]
_RAMP: tuple[tuple[int, Colour], ...] = (
    (0, (14, 36, 62)),
    (_SHORE - 20, (28, 62, 88)),
    (_SHORE - 1, (62, 108, 116)),
    (_SHORE, (198, 186, 148)),
    (_BEACH, (176, 168, 122)),
    (_BEACH + 2, (120, 134, 78)),
    (_MEADOW, (104, 122, 68)),
    (_ROCK, (128, 122, 98)),
    (_SNOW - 8, (142, 136, 128)),
    (_SNOW + 8, (232, 236, 240)),
    (255, (250, 252, 255)),
)
_CROPS: tuple[Colour, ...] = (
    (126, 140, 74),
    (104, 128, 62),
    (158, 150, 92),
    (182, 168, 110),
    (90, 116, 58),
    (142, 122, 88),
    (116, 134, 80),
    (166, 160, 116),
)
_WOOD: Colour = (52, 74, 44)
_ROAD: Colour = (186, 180, 168)


def _ramp(stops: tuple[tuple[int, float], ...]) -> list[int]:
    """Return 256 values that go straight from stop to stop."""
    values = []
    for level in range(256):
        left = max((stop for stop in stops if stop[0] <= level), default=stops[0])
        right = min((stop for stop in stops if stop[0] >= level), default=stops[-1])
        share = (level - left[0]) / (right[0] - left[0]) if right[0] > left[0] else 0.0
        values.append(round(left[1] + share * (right[1] - left[1])))
    return values


_GROUND = [_ramp(tuple((level, float(colour[band])) for level, colour in _RAMP)) for band in range(3)]
_FIELD = [[_CROPS[level * len(_CROPS) // 256][band] for level in range(256)] for band in range(3)]
_WHERE_FIELDS = _ramp(((_BEACH, 0), (_BEACH + 4, 255), (_MEADOW - 14, 255), (_MEADOW, 0)))
_WHERE_WOODS = _ramp(((_BEACH + 1, 0), (_BEACH + 5, 255), (_ROCK - 12, 255), (_ROCK + 4, 0)))
_WHERE_ROADS = _ramp(((_BEACH, 0), (_BEACH + 3, 255), (_ROCK, 255), (_ROCK + 20, 0)))
_IS_WOOD = _ramp(((140, 0), (148, 255)))
_SHADED = _ramp(((_SHORE - 2, 0.15 * 255), (_SHORE + 1, 255)))


class Painter:
    """Paints tiles of one world. Any thread."""

    def __init__(self, seed: int, quality: int) -> None:
        self._seed = str(seed)
        self._quality = quality
        self._height = Surface(f"{seed}/height", _height_amplitude)
        self._moisture = Surface(f"{seed}/moisture", _moisture_amplitude)

    def jpeg(self, z: int, x: int, y: int) -> bytes:
        """Return a tile as JPEG."""
        data = io.BytesIO()
        self.picture(z, x, y).save(data, "JPEG", quality=self._quality)
        return data.getvalue()

    def picture(self, z: int, x: int, y: int) -> Image.Image:
        """Return a tile as RGB."""
        relief = self._height.pixels(z, x, y, finer=_DETAIL, border_px=2)
        height = _levels(relief.crop((2, 2, 2 + SIZE_PX, 2 + SIZE_PX)), 1.0)
        moisture = self._moisture.pixels(z, x, y, finer=0, border_px=0)
        wet = _levels(moisture, 1.0)
        bands = [height.point(table) for table in _GROUND]
        if z >= 11:
            fields = height.point(_WHERE_FIELDS)
            cells = self._fields(z, x, y)
            bands = [Image.composite(cells.point(t), b, fields) for t, b in zip(_FIELD, bands, strict=True)]
        woods = ImageChops.multiply(height.point(_WHERE_WOODS), wet.point(_IS_WOOD))
        _cover(bands, _WOOD, woods)
        if z >= 13:
            roads = ImageChops.multiply(height.point(_WHERE_ROADS), _near_level(moisture, z))
            _cover(bands, _ROAD, roads)
        light = _light(relief, z)
        lit = [ImageChops.add(band, light, 1, -128) for band in bands]
        shaded = height.point(_SHADED)
        return Image.merge("RGB", [Image.composite(a, b, shaded) for a, b in zip(lit, bands, strict=True)])

    def _fields(self, z: int, x: int, y: int) -> Image.Image:
        """Return the cells of a lattice that is turned by atan(1/2); whole numbers keep it whole round the world."""
        cells_a_tile = 2.0 ** (_FIELD_OCTAVE - z)
        west, north = x * cells_a_tile, y * cells_a_tile
        # A point (u, v) of the world, in cells, is the point (2u + v, 2v - u) of the turned lattice.
        first_column, first_row = int(2 * west + north // 1), int(2 * north - west - cells_a_tile) - 1
        side = int(3 * cells_a_tile) + 4
        patch = noise_patch(f"{self._seed}/fields", _FIELD_OCTAVE, first_column, first_row, side)
        step = cells_a_tile / SIZE_PX
        return patch.transform(
            (SIZE_PX, SIZE_PX),
            Image.Transform.AFFINE,
            (
                2 * step,
                step,
                2 * west + north - first_column,
                -step,
                2 * step,
                2 * north - west - first_row,
            ),
            Image.Resampling.NEAREST,
        )


def _height_amplitude(octave: int) -> float:
    """Return the relief's: hills of some kilometres are the highest, so that each flight sees all kinds of ground."""
    return 26.0 if octave <= 14 else 26.0 * 0.56 ** (octave - 14)


def _moisture_amplitude(octave: int) -> float:
    return 30.0 if octave <= 15 else 30.0 * 0.5 ** (octave - 15)


def _levels(surface: Image.Image, scale: float) -> Image.Image:
    """Return a surface as bytes, 0 at level 128."""
    return surface.point(lambda value: value * scale + 128).convert("L")






def _light(relief: Image.Image, z: int) -> Image.Image:
    gain = 3.0 * 2.0 ** (z - 14)
    a = relief.crop((1, 1, 1 + SIZE_PX, 1 + SIZE_PX))
    b = relief.crop((3, 3, 3 + SIZE_PX, 3 + SIZE_PX))
    light: Image.Image = ImageMath.lambda_eval(lambda i: (i["b"] - i["a"]) * gain + 128.0, a=a, b=b)
    return light.convert("L")


def _cover(bands: list[Image.Image], colour: Colour, mask: Image.Image) -> None:
    for band, value in zip(bands, colour, strict=True):
        band.paste(value, mask=mask)


def _near_level(surface: Image.Image, z: int) -> Image.Image:
    return surface.point(lambda value: value * 16.0 + (128.0 - 16.0 * _ROAD_LEVEL)).convert("L").point(_IS_ROAD)


_IS_ROAD = _ramp(((121, 0), (124, 255), (132, 255), (135, 0)))
