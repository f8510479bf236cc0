"""Smooth random surfaces over the whole world: octave upon octave of noise, each half as wide as the one before.

A surface at octave ``k`` is the one at ``k - 1``, twice as fine, and new noise on top. So a tile and its four children
are cut from the same surface, and so are neighbours: nothing has to be matched at their seams.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageMath

from .noise import noise_patch

NODES = 32
"""Nodes along a tile's side at the octave that is kept of it: one each 8 pixels."""
MARGIN = 8
"""Nodes around a tile's own that its surface knows. Half of them serve the next octave; bicubic reaches two further."""
_FINER_MARGIN = 4

Amplitude = Callable[[int], float]
"""How high the noise of an octave may be, either way."""


class Surface:
    """One surface; ``seed`` names its noise. Any thread."""

    def __init__(self, seed: str, amplitude: Amplitude) -> None:
        self._seed = seed
        self._amplitude = amplitude
        # Neighbours share their ancestors: with these at hand a tile costs one octave and not all of them.
        self.patch = lru_cache(maxsize=1024)(self._patch)

    def pixels(self, z: int, x: int, y: int, *, finer: int, border_px: int, size_px: int = 256) -> Image.Image:
        """Return the surface over a tile and a border around it, in floating point, around 0.

        The surface has ``z + 5 + finer`` octaves: nodes ``8 / 2**finer`` pixels apart.
        """
        patch, margin, side = self.patch(z, x, y), MARGIN, NODES
        for step in range(1, finer + 1):
            box = _box(margin, side, _FINER_MARGIN / 2)
            side *= 2
            patch = self._finer(patch, box, z + 5 + step, x * side, y * side, side, _FINER_MARGIN)
            margin = _FINER_MARGIN
        border = border_px * side / size_px
        whole = size_px + 2 * border_px
        return patch.resize((whole, whole), Image.Resampling.BICUBIC, box=_box(margin, side, border))

    def _patch(self, z: int, x: int, y: int) -> Image.Image:
        """Return the surface at octave ``z + 5`` over a tile, a node a pixel, with the margin around it."""
        octave = z + 5
        if z == 0:
            side = NODES + 2 * MARGIN
            flat = Image.new("F", (side, side))
            return self._add(flat, noise_patch(self._seed, octave, -MARGIN, -MARGIN, side), octave)
        parent = self.patch(z - 1, x // 2, y // 2)
        west, north = (MARGIN + (x % 2) * NODES / 2, MARGIN + (y % 2) * NODES / 2)
        reach = MARGIN / 2
        box = (west - reach, north - reach, west + NODES / 2 + reach, north + NODES / 2 + reach)
        return self._finer(parent, box, octave, x * NODES, y * NODES, NODES, MARGIN)

    def _finer(
        self,
        coarse: Image.Image,
        box: tuple[float, float, float, float],
        octave: int,
        west: int,
        north: int,
        side: int,
        margin: int,
    ) -> Image.Image:
        whole = side + 2 * margin
        smooth = coarse.resize((whole, whole), Image.Resampling.BICUBIC, box=box)
        return self._add(smooth, noise_patch(self._seed, octave, west - margin, north - margin, whole), octave)

    def _add(self, surface: Image.Image, noise: Image.Image, octave: int) -> Image.Image:
        height = self._amplitude(octave)
        added: Image.Image = ImageMath.lambda_eval(
            lambda images: images["surface"] + images["noise"] * (height / 127.5) - height,
            surface=surface,
            noise=noise.convert("F"),
        )
        return added


def _box(margin: float, side: float, border: float) -> tuple[float, float, float, float]:
    return margin - border, margin - border, margin + side + border, margin + side + border
