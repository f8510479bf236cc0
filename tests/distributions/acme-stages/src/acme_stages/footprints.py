"""``acme-footprints``: where each tile of a cache lies on the ground, as a table and as GeoJSON."""

import csv
import hashlib
import json
import math

from . import tiles

NAMES = ("z", "x", "y", "west", "south", "east", "north", "sha256")


def main() -> int:
    """Write footprints.csv and footprints.geojson into the working folder."""
    features = []
    with open("footprints.csv", "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(NAMES)
        for z, x, y, data in tiles():
            west, east = _longitude_deg(z, x), _longitude_deg(z, x + 1)
            north, south = _latitude_deg(z, y), _latitude_deg(z, y + 1)
            sha256 = hashlib.sha256(data).hexdigest()
            row = (z, x, y, west, south, east, north, sha256)
            writer.writerow(row)
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            features.append(
                {
                    "type": "Feature",
                    "geometry": {"type": "Polygon", "coordinates": [ring]},
                    "properties": {"z": z, "x": x, "y": y, "sha256": sha256},
                }
            )
    with open("footprints.geojson", "w") as collection:
        json.dump({"type": "FeatureCollection", "features": features}, collection)
    print(f"footprints of {len(features)} tiles")
    return 0


def _longitude_deg(z: int, x: int) -> float:
    return round(x / (1 << z) * 360.0 - 180.0, 9)


def _latitude_deg(z: int, y: int) -> float:
    """The Web Mercator's inverse: https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames."""
    return round(math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / (1 << z))))), 9)
