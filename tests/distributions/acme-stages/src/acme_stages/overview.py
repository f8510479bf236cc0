"""``acme-overview``: one JPEG of the coarsest zoom, each tile in its place, for whoever looks at a cache."""

import io
import sys

from PIL import Image

from . import lowest_zoom

MOST_PIXELS = 8192


def main() -> int:
    """Write overview.jpg into the working folder; a cache that would need a larger picture is shown smaller."""
    found = lowest_zoom()
    if not found:
        sys.exit("there is no tile to show")
    columns, rows = [column for _z, column, _row, _data in found], [row for _z, _column, row, _data in found]
    west, north = min(columns), min(rows)
    wide, high = max(columns) - west + 1, max(rows) - north + 1
    side = min(256, MOST_PIXELS // max(wide, high))
    if side < 1:
        sys.exit(f"{wide} by {high} tiles are too many for one picture")
    mosaic = Image.new("RGB", (wide * side, high * side))
    for _z, column, row, data in found:
        with Image.open(io.BytesIO(data)) as tile:
            picture = tile.convert("RGB").resize((side, side))
        mosaic.paste(picture, ((column - west) * side, (row - north) * side))
    mosaic.save("overview.jpg", quality=90)
    print(f"overview.jpg: {len(found)} tiles of zoom {found[0][0]}, {mosaic.width} by {mosaic.height} pixels")
    return 0
