"""GPX, KML and DJI documents and archives of our own making."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from operator_tool.api import Flight
from operator_tool_plugins.flight_sources.file import read_flight

KML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
WPML_HEAD = (
    '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:wpml="http://www.dji.com/wpmz/1.0.{version}">'
    "<Document><wpml:missionConfig>{config}</wpml:missionConfig>"
)
LINE = "<LineString><coordinates>11,48 11.1,48.1</coordinates></LineString>"
SQUARE = "11,48 11.1,48 11.1,48.1 11,48.1 11,48"


def read(data: bytes | str) -> Flight:
    """Read a file as what its content is."""
    return read_flight(data.encode() if isinstance(data, str) else data, name="ridge", source="file:ridge")


def gpx(content: str, *, version: str | None = "1.1", more: str = "") -> str:
    """A GPX document."""
    shown = f' version="{version}"' if version else ""
    return f'<gpx{shown}{more} xmlns="http://www.topografix.com/GPX/1/1">{content}</gpx>'


def kml(*placemarks: str, head: str = KML_HEAD) -> str:
    """A KML document with a placemark around each of these."""
    return head + "".join(f"\n<Placemark>{inside}</Placemark>" for inside in placemarks) + "</Document></kml>"


def line(coordinates: str, mode: str = "") -> str:
    """A line string."""
    mode = f"<altitudeMode>{mode}</altitudeMode>" if mode else ""
    return f"<LineString>{mode}<coordinates>{coordinates}</coordinates></LineString>"


def polygon(outer: str, *inner: str) -> str:
    """A polygon with these rings."""
    holes = "".join(
        f"<innerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></innerBoundaryIs>"
        for ring in inner
    )
    return (
        f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{outer}</coordinates></LinearRing></outerBoundaryIs>"
        f"{holes}</Polygon>"
    )


def archive(files: Mapping[str, str | bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of these files, in this order."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return data.getvalue()


def flown(lon_lat: str, *, index: int | str | None = None, height: float | None = 80) -> str:
    """A placemark of waylines.wpml."""
    index = "" if index is None else f"<wpml:index>{index}</wpml:index>"
    shown = "" if height is None else f"<wpml:executeHeight>{height}</wpml:executeHeight>"
    return f"<Placemark><Point><coordinates>\n  {lon_lat}\n</coordinates></Point>{index}{shown}</Placemark>"


def waylines(*folders: str, mode: str = "relativeToStartPoint", config: str = "", version: int = 6) -> str:
    """A waylines.wpml with a folder around each of these."""
    head = WPML_HEAD.format(version=version, config=config)
    return (
        head
        + "".join(
            f"<Folder><wpml:executeHeightMode>{mode}</wpml:executeHeightMode><wpml:waylineId>{number}</wpml:waylineId>"
            f"{inside}</Folder>"
            for number, inside in enumerate(folders)
        )
        + "</Document></kml>"
    )


def template(inside: str, *, kind: str = "waypoint", mode: str = "relativeToStartPoint", config: str = "") -> str:
    """A template.kml with one folder."""
    return (
        WPML_HEAD.format(version=2, config=config) + f"<Folder><wpml:templateType>{kind}</wpml:templateType>"
        f"<wpml:waylineCoordinateSysParam><wpml:heightMode>{mode}</wpml:heightMode></wpml:waylineCoordinateSysParam>"
        f"<wpml:globalHeight>90</wpml:globalHeight>{inside}</Folder></Document></kml>"
    )
