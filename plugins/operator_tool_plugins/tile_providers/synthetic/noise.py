"""Random values on lattices that cover the world, the same for whoever asks: the ground that all the rest grows from."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from PIL import Image

BLOCK = 32
"""Nodes along a side of what one hash gives. Octave ``k`` has ``2**k`` nodes round the world, so that a tile of zoom
``k - 5`` is one block."""


def noise_patch(seed: str, octave: int, west: int, north: int, side: int) -> Image.Image:
    """Return ``side * side`` nodes of an octave from a node on, a byte each; the world goes on beyond its edges."""
    patch = Image.new("L", (side, side))
    blocks = 1 << (octave - 5)
    for row in range(north // BLOCK, (north + side - 1) // BLOCK + 1):
        for column in range(west // BLOCK, (west + side - 1) // BLOCK + 1):
            block = _block(seed, octave, column % blocks, row % blocks)
            patch.paste(block, (column * BLOCK - west, row * BLOCK - north))
    return patch


@lru_cache(maxsize=8192)
def _block(seed: str, octave: int, column: int, row: int) -> Image.Image:
    digest = hashlib.shake_128(f"{seed}/{octave}/{column}/{row}".encode(), usedforsecurity=False)
    return Image.frombytes("L", (BLOCK, BLOCK), digest.digest(BLOCK * BLOCK))
