"""From surfaces to a picture of water, sand, fields, woods, rock and snow, lit from the north-west."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageChops, ImageMath

from . import palette
from .noise import noise_patch
from .relief import Surface

SIZE_PX = 256
_DETAIL_OCTAVES = 2
"""Beyond a node each 8 pixels: one each 2 pixels."""
_FIELD_OCTAVE = 17
"""Fields are cells of this lattice, turned and so smaller by the root of 5: 140 m wide at the equator."""
_FIELDS_FROM_ZOOM, _ROADS_FROM_ZOOM = 11, 13
"""Coarser than this they are smaller than a pixel."""
_LAND = 16.0
"""How much more land there is than water: the middle height is this far above 128."""
_ROAD_LEVEL, _ROAD_SHARPNESS = 6.0, 20.0


class Painter:
    """Paints the tiles of one world. Any thread."""

    def __init__(self, seed: int, quality: int) -> None:
        self._fields_seed = f"{seed}/fields"
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
        relief = self._height.pixels(z, x, y, finer=_DETAIL_OCTAVES, border_px=2)
        moisture = self._moisture.pixels(z, x, y, finer=0, border_px=0)
        height = _levels(relief.crop((2, 2, 2 + SIZE_PX, 2 + SIZE_PX)), -_LAND)
        may_be_field, may_be_wood, may_be_road, dim = _through(height, palette.MASKS, "RGBA").split()
        picture = _through(height, palette.GROUND, "RGB")
        if z >= _FIELDS_FROM_ZOOM:
            picture.paste(_through(self._fields(z, x, y), palette.CROPS, "RGB"), mask=may_be_field)
        else:
            picture.paste(palette.FARMLAND, mask=may_be_field)
        is_wood = _levels(moisture).point(palette.IS_WOOD)
        picture.paste(palette.WOOD, mask=ImageChops.multiply(may_be_wood, is_wood))
        if z >= _ROADS_FROM_ZOOM:
            is_road = _levels(moisture, _ROAD_LEVEL, _ROAD_SHARPNESS).point(palette.IS_ROAD)
            picture.paste(palette.ROAD, mask=ImageChops.multiply(may_be_road, is_road))
        light = _light(relief, z)
        light.paste(128, mask=dim)
        return ImageChops.add(picture, Image.merge("RGB", (light, light, light)), 1, -128)

    def _fields(self, z: int, x: int, y: int) -> Image.Image:
        """Return each pixel's field as a number.

        A point (u, v) of the world, in cells, is (2u + v, 2v - u) of the turned lattice: whole numbers, so that the
        lattice still closes round the world.
        """
        cells = 2.0 ** (_FIELD_OCTAVE - z)
        u, v = x * cells, y * cells
        west, north = math.floor(2 * u + v), math.floor(2 * v - u - cells)
        patch = noise_patch(self._fields_seed, _FIELD_OCTAVE, west, north, math.ceil(3 * cells) + 2)
        step = cells / SIZE_PX
        turn = (2 * step, step, 2 * u + v - west, -step, 2 * step, 2 * v - u - north)
        return patch.transform((SIZE_PX, SIZE_PX), Image.Transform.AFFINE, turn, Image.Resampling.NEAREST)


def _height_amplitude(octave: int) -> float:
    """Return the relief's: hills of a few kilometres are the highest, so that each flight sees all kinds of ground."""
    return 44.0 * (0.57 ** (octave - 14) if octave > 14 else 0.75 ** (14 - octave))


def _moisture_amplitude(octave: int) -> float:
    """Return the moisture's: woods are some hundred metres to a kilometre wide."""
    return 44.0 * (0.5 ** (octave - 15) if octave > 15 else 0.7 ** (15 - octave))


def _levels(surface: Image.Image, middle: float = 0.0, scale: float = 1.0) -> Image.Image:
    """Return a surface as bytes: its ``middle`` becomes 128."""
    return surface.point(lambda value: value * scale + (128.0 - middle * scale)).convert("L")


def _through(levels: Image.Image, colours: bytes, mode: str) -> Image.Image:
    """Return each level's colour in a palette."""
    coloured = levels.copy()
    coloured.putpalette(colours, mode)
    return coloured.convert(mode)


def _light(relief: Image.Image, z: int) -> Image.Image:
    """Return the light that slopes take from the north-west; 128 is that of level ground."""
    gain = 5.0 * 2.0 ** (z - 14)
    light: Image.Image = ImageMath.lambda_eval(
        lambda images: (images["down"] - images["up"]) * gain + 128.0,
        up=relief.crop((1, 1, 1 + SIZE_PX, 1 + SIZE_PX)),
        down=relief.crop((3, 3, 3 + SIZE_PX, 3 + SIZE_PX)),
    )
    return light.convert("L")
