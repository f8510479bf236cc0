"""Random values on lattices that cover the world, the same for whoever asks: all the rest grows from them."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from PIL import Image

_BLOCK = 64
"""Nodes along a side of what one hash gives; fewer where the whole world has fewer."""


def noise_patch(seed: str, octave: int, west: int, north: int, side: int) -> Image.Image:
    """Return ``side * side`` nodes of an octave from a node on, a byte each.

    Octave ``k`` has ``2**k`` nodes round the world, and goes on beyond the world's edges from the other side.
    """
    patch = Image.new("L", (side, side))
    nodes = 1 << octave
    size = min(_BLOCK, nodes)
    for row in range(north // size, (north + side - 1) // size + 1):
        for column in range(west // size, (west + side - 1) // size + 1):
            block = _block(seed, octave, size, column % (nodes // size), row % (nodes // size))
            patch.paste(block, (column * size - west, row * size - north))
    return patch


@lru_cache(maxsize=2048)
def _block(seed: str, octave: int, size: int, column: int, row: int) -> Image.Image:
    digest = hashlib.shake_128(f"{seed}/{octave}/{column}/{row}".encode(), usedforsecurity=False)
    return Image.frombytes("L", (size, size), digest.digest(size * size))
