"""Real pictures: whole 256 x 256 JPEGs, all different, of the sizes that imagery has or many small ones."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

SIDE_PX = 256
_SMALL_BASES = 200


def imagery_jpegs(count: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield JPEGs of 8 to 25 kB: coloured noise, coarse and fine, at quality 60."""
    from PIL import Image

    source = random.Random(seed)
    for _ in range(count):
        grains = source.randint(18, 125)  # the finer the grain, the longer the file
        noise = Image.frombytes("RGB", (grains, grains), source.randbytes(grains * grains * 3))
        out = io.BytesIO()
        noise.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(out, "JPEG", quality=60)
        yield out.getvalue()


class SmallJpegs:
    """JPEGs of about 5 kB, as many as are asked for: some hundred real ones, each with a comment of its own.

    Shorter ones would be decoded, to see whether they are of one colour; most imagery isn't.
    """

    def __init__(self, *, seed: int = 2) -> None:
        from PIL import Image

        source = random.Random(seed)
        self._halves = []
        for _ in range(_SMALL_BASES):
            noise = Image.frombytes("L", (16, 16), source.randbytes(16 * 16)).resize((SIDE_PX, SIDE_PX))
            out = io.BytesIO()
            noise.save(out, "JPEG", quality=40)
            data = out.getvalue()
            own = 4 + int.from_bytes(data[4:6], "big")  # JFIF wants its own segment to be the first
            self._halves.append((data[:own], data[own:]))

    def numbered(self, number: int) -> bytes:
        """Return one picture; no other number has the same."""
        head, tail = self._halves[number % _SMALL_BASES]
        return b"%b\xff\xfe\x00\x12%016d%b" % (head, number, tail)
