"""GPX becomes a route, or is refused with the line."""

from __future__ import annotations

import pytest

from operator_tool.api import FlightFormatError, NoRouteError
from tests.plugins.flight_sources.file.xml_documents import gpx, read
from tests.plugins.flight_sources.samples import positions

ROUTE = (
    '<rte><name>R</name><rtept lat="48.0000000001" lon="11"><ele>510.5</ele></rtept>'
    '<rtept lat="48.1" lon="11.1"/></rte>'
)
TRACK = '<trk><trkseg><trkpt lat="50" lon="7"/></trkseg><trkseg/><trkseg><trkpt lat="51" lon="8"/></trkseg></trk>'


def test_a_route_is_read_unrounded_with_heights_above_the_sea() -> None:
    """A point without a height has none."""
    flight = read(gpx(ROUTE))
    assert (flight.format, flight.name) == ("GPX 1.1", "R")
    assert positions(flight.waypoints) == [(48.0000000001, 11), (48.1, 11.1)]
    assert [(point.alt_m, str(point.alt_frame)) for point in flight.waypoints] == [(510.5, "amsl"), (None, "unknown")]
    assert [point.source for point in flight.waypoints] == ["line 1", "line 1"]
    assert flight.notes == ()


def test_the_segments_of_tracks_are_joined() -> None:
    """An empty segment is no line."""
    flight = read(gpx(TRACK + TRACK.replace("50", "52")))
    assert positions(flight.waypoints) == [(50, 7), (51, 8), (52, 7), (51, 8)]
    assert flight.notes == ("4 lines, joined in the file's order.",)


def test_a_route_and_another_track_are_never_mixed() -> None:
    """The route is what was planned; the track and single waypoints are counted as left out."""
    flight = read(gpx(f'<wpt lat="1" lon="2"/>{TRACK}{ROUTE}'))
    assert positions(flight.waypoints) == [(48.0000000001, 11), (48.1, 11.1)]
    assert flight.notes == (
        "1 track left out: the file has a route.",
        "1 single waypoint (<wpt>) left out: not part of a route or track.",
    )


def test_a_route_without_points_leaves_the_track() -> None:
    """Some exporters write both, one of them empty."""
    assert positions(read(gpx(f"<rte><name>x</name></rte>{TRACK}")).waypoints) == [(50, 7), (51, 8)]


@pytest.mark.parametrize(
    ("document", "format_name"),
    [
        (f'<gpx version="1.0" creator="x">{ROUTE}</gpx>', "GPX 1.0"),
        (f"<gpx>{ROUTE}</gpx>", "GPX"),
        (
            f'<g:gpx xmlns:g="urn:any" version="1.1">{ROUTE.replace("<", "<g:").replace("<g:/", "</g:")}</g:gpx>',
            "GPX 1.1",
        ),
        (f"\ufeff<?xml version='1.0'?>\n<gpx>{ROUTE}</gpx>", "GPX"),
    ],
)
def test_any_namespace_or_none_is_read(document: str, format_name: str) -> None:
    """Nor is a creator needed, though the format asks for one."""
    flight = read(document)
    assert (flight.format, len(flight.waypoints)) == (format_name, 2)


def test_an_unknown_version_is_said() -> None:
    """It is read as the newest that there is."""
    assert read(gpx(ROUTE, version="2.0")).notes == ("GPX version '2.0' is not known; read as 1.1.",)


def test_the_file_names_itself() -> None:
    """Its metadata come before the name of its only route; with two tracks the file's own name stands."""
    assert read(gpx(f"<metadata><name>Whole</name></metadata>{ROUTE}")).name == "Whole"
    assert read(gpx(f"<name>Old</name>{ROUTE}", version="1.0")).name == "Old"
    assert read(gpx(ROUTE + ROUTE)).name == "ridge"


def test_the_path_that_garmin_writes_between_two_points_is_part_of_the_route() -> None:
    """As ``gpxx:rpt`` in the first of the two; another point in there is left out, and kept with its place."""
    inside = '<extensions><g:x><g:rpt lat="48.02" lon="11.05"/><rtept lat="2" lon="3"/></g:x></extensions>'
    flight = read(gpx(ROUTE.replace("<ele>", f"{inside}<ele>")))
    assert positions(flight.waypoints) == [(48.0000000001, 11), (48.02, 11.05), (48.1, 11.1)]
    assert [one.places for one in flight.left_out] == [((2, 3),)]


COARSE = '<rte><rtept lat="48.1" lon="11.2"/><rtept lat="48.15" lon="11.2"/></rte>'
FINE = ((48.1001, 11.2), (48.125, 11.245), (48.1501, 11.2))


def track_of(*places: tuple[float, float]) -> str:
    """A track through these places."""
    points = "".join(f'<trkpt lat="{lat}" lon="{lon}"/>' for lat, lon in places)
    return f"<trk><name>T</name><trkseg>{points}</trkseg></trk>"


def test_of_one_path_that_is_drawn_twice_the_finer_is_taken() -> None:
    """OsmAnd writes the clicked points as a route, and the path through them as a track; the coarse one is kept as left
    out. A track of another path counts for nothing, nor does a coarser one."""
    flight = read(gpx(track_of((48.1, 11.2), (48.12, 11.2), (48.2, 11.2)) + track_of(*FINE) + COARSE))
    assert positions(flight.waypoints) == list(FINE)
    assert [(one.is_line, one.places) for one in flight.left_out] == [
        (True, ((48.1, 11.2), (48.15, 11.2))),
        (True, ((48.1, 11.2), (48.12, 11.2), (48.2, 11.2))),
    ]
    coarser = read(
        gpx(COARSE.replace("<rtept", '<rtept lat="48.1" lon="11.2"/><rtept', 1) + track_of(FINE[0], FINE[2]))
    )
    assert positions(coarser.waypoints) == [(48.1, 11.2), (48.1, 11.2), (48.15, 11.2)]


def test_a_track_that_ends_elsewhere_or_passes_a_point_by_is_another_path() -> None:
    """It is left out, and the plan says whether it lies outside of the ground."""
    three = COARSE.replace("</rte>", '<rtept lat="48.2" lon="11.2"/></rte>')
    for route, track in (
        (COARSE, (*FINE, (48.16, 11.2))),
        (COARSE, FINE[::-1]),
        (three, (*FINE[:2], (48.16, 11.22), (48.2, 11.2))),
    ):
        flight = read(gpx(track_of(*track) + route))
        assert len(flight.waypoints) == route.count("<rtept")
        assert [one.places for one in flight.left_out] == [track]


@pytest.mark.parametrize(
    ("attributes", "lat_deg"),
    [
        ('lat="33.9" latRef="S"', -33.9),
        ('lat="33.9S"', -33.9),
        ('lat="-33.9" latRef="S"', -33.9),
        ('lat="+33.9N"', 33.9),
    ],
)
def test_the_letter_of_a_hemisphere_is_read(attributes: str, lat_deg: float) -> None:
    """Beside the number or in an attribute of its own."""
    assert read(gpx(f'<rte><rtept {attributes} lon="18.4"/></rte>')).waypoints[0].lat_deg == lat_deg


def test_single_waypoints_alone_are_no_route() -> None:
    """Their order says nothing of how they are flown."""
    with pytest.raises(NoRouteError) as caught:
        read(gpx('<wpt lat="48" lon="11"/><wpt lat="48" lon="12"/>'))
    assert "2 single waypoints (<wpt>), and no route" in caught.value.message
    with pytest.raises(NoRouteError, match="no route"):
        read(gpx("<trk><trkseg/></trk>"))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ('lat="undefined" lon="1"', "line 2, <trkpt>: lat: 'undefined', expected a number"),
        ('lat="1"', "line 2, <trkpt>: lon: missing, expected degrees"),
        ('lat="" lon="1"', "line 2, <trkpt>: lat: '', expected a number"),
        ('lat="nan" lon="1"', "line 2, <trkpt>: lat: 'nan', expected a number"),
        ('lat="1" lon="Infinity"', "line 2, <trkpt>: lon: 'Infinity', expected a number"),
        ('lat="1" lon="1e999"', "line 2, <trkpt>: lon: '1e999' is beyond any number"),
        ('lat="1_0" lon="1"', "line 2, <trkpt>: lat: '1_0', expected a number"),
        ('lat="48,1" lon="1"', "line 2, <trkpt>: lat: '48,1', expected a number"),
        ('lat="90.1" lon="200"', "line 2, <trkpt>: lat: latitude 90.1, expected -90 to 90"),
        ('lat="1" lon="541"', "line 2, <trkpt>: lon: longitude 541, expected -180 to 180"),
    ],
)
def test_a_position_that_cannot_be_is_refused_with_the_line(attributes: str, message: str) -> None:
    """And with what stands there."""
    with pytest.raises(FlightFormatError) as caught:
        read(gpx(f"<trk><trkseg>\n<trkpt {attributes}/></trkseg></trk>"))
    assert caught.value.message == message


def test_a_height_is_a_number_or_empty() -> None:
    """An empty one is met; one that is no number is refused."""
    assert read(gpx(ROUTE.replace("510.5", ""))).waypoints[0].alt_m is None
    with pytest.raises(FlightFormatError, match="line 1, <ele>: 'NaN', expected a number"):
        read(gpx(ROUTE.replace("510.5", "NaN")))


def test_swapped_attributes_are_said_so() -> None:
    """The hint names the attributes, not an order."""
    with pytest.raises(FlightFormatError) as caught:
        read(gpx('<rte><rtept lat="139.7" lon="35.6"/></rte>'))
    assert "lat and lon look swapped" in caught.value.hint


def test_decimal_commas_are_said_so() -> None:
    """A spreadsheet in German writes them."""
    with pytest.raises(FlightFormatError) as caught:
        read(gpx('<rte><rtept lat="48,1" lon="11,5"/></rte>'))
    assert "decimal commas" in caught.value.hint


def test_more_points_than_a_mission_holds_are_refused() -> None:
    """65,535 are read, one more is not."""
    most = '<rtept lat="48" lon="11"/>' * 65_535
    assert len(read(gpx(f"<rte>{most}</rte>")).waypoints) == 65_535
    with pytest.raises(FlightFormatError, match="more than 65,535 waypoints"):
        read(gpx(f'<rte>{most}\n<rtept lat="48" lon="11"/></rte>'))
