"""A file's content says which format it is; --flight-format says otherwise, and is told where that can't be."""

from __future__ import annotations

import io
import typing
import zipfile
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings, FormatName
from operator_tool_plugins.flight_sources.file.formats import FORMATS, Content, recognised
from operator_tool_plugins.flight_sources.file.sniffing import READS
from tests.plugins.flight_sources.samples import HOME, encoded, payload, plan, simple_item, waypoint, wpl, wpl_row

LINE = {"type": "LineString", "coordinates": [[11, 48], [12, 49]]}
KML = b"""<?xml version="1.0"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark>
<LineString><coordinates>11,48 12,49</coordinates></LineString></Placemark></kml>"""
GPX = b'<gpx version="1.1"><rte><rtept lat="48" lon="11"/><rtept lat="49" lon="12"/></rte></gpx>'
WAYLINES = b"""<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:wpml="http://www.dji.com/wpmz/1.0.6"><Document><Folder>
<wpml:executeHeightMode>relativeToStartPoint</wpml:executeHeightMode>
<Placemark><Point><coordinates>11,48</coordinates></Point><wpml:index>0</wpml:index>
<wpml:executeHeight>50</wpml:executeHeight></Placemark>
<Placemark><Point><coordinates>12,49</coordinates></Point><wpml:index>1</wpml:index>
<wpml:executeHeight>50</wpml:executeHeight></Placemark></Folder></Document></kml>"""
OLD_MISSION = {
    "version": "1.0",
    "plannedHomePosition": [48.0, 11.0, 500],
    "complexItems": [],
    "items": [simple_item(48, 11), simple_item(49, 12)],
}


def zipped(name: str, data: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, data)
    return archive.getvalue()


SAMPLES: dict[str, bytes] = {
    "flight-json": encoded(payload(waypoint(0, 48, 11), waypoint(1, 49, 12))),
    "qgc-plan": encoded(plan(simple_item(48, 11), simple_item(49, 12))),
    "qgc-mission": encoded(OLD_MISSION),
    "wpl": wpl(HOME, wpl_row(1, 48, 11), wpl_row(2, 49, 12)),
    "kml": KML,
    "kmz": zipped("doc.kml", KML),
    "dji-wpml": zipped("wpmz/waylines.wpml", WAYLINES),
    "gpx": GPX,
    "geojson": encoded({"type": "Feature", "properties": {}, "geometry": LINE}),
    "litchi-csv": b"latitude,longitude,altitude(m)\n48,11,50\n49,12,50\n",
}


def resolve(path: Path, data: bytes, format_name: Any = None) -> Any:
    path.write_bytes(data)
    return FileFlightSource(FileSettings(format=format_name)).resolve(str(path))


def test_the_setting_knows_every_format_and_the_help_names_them() -> None:
    """The names are written twice so that a setting's help imports no reader."""
    assert set(typing.get_args(FormatName)) == set(FORMATS) == set(SAMPLES)
    for word in (".plan", ".mission", "WPL", "KML", "KMZ", "DJI WPML", "GPX", "GeoJSON", "Litchi CSV", "flight JSON"):
        assert word in READS


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("kmz", "dji-wpml")])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_text_format_is_read_in_every_encoding_of_unicode(name: str, encoding: str, tmp_path: Path) -> None:
    """With its mark; UTF-16 without one too."""
    flight = resolve(tmp_path / "mission.dat", SAMPLES[name].decode().encode(encoding))
    assert [(one.lat_deg, one.lon_deg) for one in flight.waypoints] == [(48, 11), (49, 12)]


@pytest.mark.parametrize("name", SAMPLES)
def test_content_decides_and_not_the_names_ending(name: str, tmp_path: Path) -> None:
    """Each is read as what it is, whatever its file is called, and asked for by name too."""
    assert recognised(Content(SAMPLES[name], "test")) == name
    for asked in (None, name):
        flight = resolve(tmp_path / "mission.dat", SAMPLES[name], asked)
        assert [(one.lat_deg, one.lon_deg) for one in flight.waypoints] == [(48, 11), (49, 12)]
        assert flight.format
        assert flight.source == "file:mission.dat"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_that_is_asked_for_of_another_file_is_refused(name: str, tmp_path: Path) -> None:
    """The error says what was expected and what the file is; nothing else is read instead."""
    for asked in set(SAMPLES) - {name}:
        with pytest.raises(FlightFormatError) as caught:
            resolve(tmp_path / "mission.dat", SAMPLES[name], asked)
        assert caught.value.exit_code == 93
        assert f"expected {FORMATS[asked].title}, as was asked for; this is {FORMATS[name].title}" in (
            caught.value.message
        )
        assert "--flight-format" in caught.value.hint


def test_a_format_that_is_asked_for_wins_where_both_could_be_meant(tmp_path: Path) -> None:
    """A flight that is GeoJSON as well is the one that the operator says."""
    both = encoded({**payload(waypoint(0)), **LINE})
    assert len(resolve(tmp_path / "both.json", both).waypoints) == 1
    assert len(resolve(tmp_path / "both.json", both, "geojson").waypoints) == 2


def test_what_no_reader_knows_keeps_the_readers_own_words(tmp_path: Path) -> None:
    """Asked for by name, a broken file is told by its reader, which names the place."""
    with pytest.raises(FlightFormatError, match=r"mission\.dat: items: missing"):
        resolve(tmp_path / "mission.dat", b'{"version": "1.0"}', "qgc-mission")
    with pytest.raises(FlightFormatError, match="expected GPX, as was asked for; this is a PNG picture"):
        resolve(tmp_path / "mission.dat", b"\x89PNG\r\n\x1a\n", "gpx")
    with pytest.raises(NoRouteError):
        resolve(tmp_path / "mission.dat", b"<gpx/>", "gpx")


def test_bare_parts_of_archives_are_read_too(tmp_path: Path) -> None:
    """A waylines.wpml that was taken out of its archive is DJI's still, and not plain KML."""
    assert recognised(Content(WAYLINES, "test")) == "dji-wpml"
    assert len(resolve(tmp_path / "waylines.wpml", WAYLINES).waypoints) == 2
    assert recognised(Content(KML.decode().encode("utf-16"), "test")) == "kml"


def test_members_tell_json_apart() -> None:
    """A plan that names itself comes first; an object of another kind of QGroundControl file is told by its reader."""
    assert recognised(Content(encoded({**plan(), "waypoints": []}), "test")) == "qgc-plan"
    assert recognised(Content(b'{"fileType": "GeoFence"}', "test")) == "qgc-plan"
    assert recognised(Content(b'{"type": "Topology", "waypoints": []}', "test")) == "flight-json"
    for unknown in (b"[]", b"{}", b'{"type": "Topology"}', b'{"items": []}'):
        with pytest.raises(FlightFormatError, match="the document: "):
            recognised(Content(unknown, "test"))
