"""Which matrices are the zooms of the web maps."""

from __future__ import annotations

from functools import partial

import pytest

from operator_tool_plugins.tile_providers.wmts.capabilities import MatrixSet, MatrixSetLink, read_capabilities
from operator_tool_plugins.tile_providers.wmts.matrix_set import Grid, grid_of
from tests.plugins.tile_providers.wmts.documents import WORLD_SCALE, document, layer, limits, matrix_set, web_matrix


def grid(described: str, within: str = "") -> Grid | str:
    """Return the grid of a described matrix set, for a layer with these limits in it."""
    found = read_capabilities(document(layer(limits=within), described))
    (one,) = found.matrix_sets.values()
    return grid_of(one, found.layers["photo"].links[0])


def zooms(described: str, within: str = "") -> dict[int, str]:
    """Return the matrix of each zoom by its name; empty where the set can't be used."""
    found = grid(described, within)
    return {zoom: matrix.name for zoom, matrix in found.zooms.items()} if isinstance(found, Grid) else {}


@pytest.mark.parametrize(
    "crs",
    [
        "urn:ogc:def:crs:EPSG::3857",
        "urn:ogc:def:crs:EPSG:3857",
        "urn:ogc:def:crs:EPSG:6.18.3:3857",
        "urn:ogc:def:crs:EPSG:6.18:3:3857",
        "urn:ogc:def:crs:EPSG::900913",
        "EPSG:900913",
        "EPSG:3857",
        "http://www.opengis.net/def/crs/EPSG/0/3857",
        "http://www.opengis.net/gml/srs/epsg.xml#3857",
        "urn:ogc:def:crs:ESRI::102100",
    ],
)
def test_web_mercator_is_known_by_all_its_names(crs: str) -> None:
    """Every way in which servers write it."""
    assert zooms(matrix_set(crs=crs)) == {zoom: f"{zoom:02}" for zoom in range(19)}


def test_the_well_known_scale_set_says_it_too() -> None:
    """Whatever the system is called there."""
    well_known = "<WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible</WellKnownScaleSet>"
    assert len(zooms(matrix_set(crs="urn:x", more=well_known))) == 19
    assert zooms(matrix_set(crs="urn:x")) == {}


def test_a_corner_as_northing_and_easting_is_the_same_corner_with_a_note() -> None:
    """ERDAS and Tianditu write it so; east of the world and south of it no top left corner can be."""
    found = grid(matrix_set(matrix=partial(web_matrix, corner="20037508.34 -20037508.34")))
    assert isinstance(found, Grid)
    assert sorted(found.zooms) == list(range(19))
    assert "northing" in found.note


def test_a_well_known_scale_set_does_not_outvote_another_system() -> None:
    """A set that contradicts itself shows other ground, by the one or the other."""
    well_known = "<WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible</WellKnownScaleSet>"
    assert isinstance(grid(matrix_set(crs="urn:ogc:def:crs:EPSG::3395", more=well_known)), str)


def test_the_operator_answers_for_a_sets_projection() -> None:
    """The corner and the scale must be those of the web maps all the same."""
    found = read_capabilities(document(layer(), matrix_set(crs="urn:x:odd")))
    (one,) = found.matrix_sets.values()
    (link,) = found.layers["photo"].links
    made = grid_of(one, link, projection="web-mercator")
    assert isinstance(made, Grid)
    assert "urn:x:odd" in made.note


def test_several_sets_of_one_link_are_all_seen_and_limits_are_of_the_one_before_them() -> None:
    """As some services write it."""
    links = (
        "<TileMatrixSetLink><TileMatrixSet>a</TileMatrixSet><TileMatrixSet>b</TileMatrixSet>"
        f"{limits(('03', 1, 2, 3, 4))}<TileMatrixSet>c</TileMatrixSet></TileMatrixSetLink>"
    )
    found = read_capabilities(document(layer(sets=[], more=links), matrix_set()))
    assert [(link.matrix_set, sorted(link.limits)) for link in found.layers["photo"].links] == [
        ("a", []),
        ("b", ["03"]),
        ("c", []),
    ]


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:25832", ""])
def test_another_system_is_named_in_the_reason(crs: str) -> None:
    """So the operator sees which."""
    reason = grid(matrix_set(crs=crs))
    assert isinstance(reason, str)
    assert (crs or "no system") in reason
    assert "EPSG:3857" in reason


def test_zooms_are_told_by_scale_whatever_the_matrices_are_called() -> None:
    """Names may count from another zoom, backwards, or not at all."""
    backwards = matrix_set(zooms=range(10, 15), matrix=lambda zoom: web_matrix(zoom, name=f"EPSG:3857:{20 - zoom}"))
    assert zooms(backwards) == {zoom: f"EPSG:3857:{20 - zoom}" for zoom in range(10, 15)}


def test_tiles_of_512_pixels_have_the_zoom_of_the_ground_that_they_cover() -> None:
    """A 512-pixel tile z/x/y covers what the 256-pixel tile of that name does, with finer pixels."""
    found = grid(matrix_set(matrix=partial(web_matrix, size_px=512)))
    assert isinstance(found, Grid)
    assert found.tile_size_px == 512
    assert {zoom: matrix.name for zoom, matrix in found.zooms.items()} == {zoom: f"{zoom:02}" for zoom in range(19)}


def test_tiles_of_another_size_than_the_first_are_left_out() -> None:
    """A provider has one size."""
    mixed = matrix_set(matrix=lambda zoom: web_matrix(zoom, size_px=512 if zoom in (0, 7) else 256), zooms=range(1, 9))
    assert 7 not in zooms(mixed)
    assert len(zooms(mixed)) == 7


@pytest.mark.parametrize("corner", ["-20037508.34 20037508.34", "-2.003750834E7 2.0037508E7", "-20037508 20037508"])
def test_corners_and_scales_may_be_rounded(corner: str) -> None:
    """As servers do; the tiles are no others for it."""
    rounded = matrix_set(matrix=lambda zoom: web_matrix(zoom, corner=corner, scale=f"{WORLD_SCALE / 2**zoom:.2f}"))
    assert len(zooms(rounded)) == 19


@pytest.mark.parametrize(
    "matrix",
    [
        partial(web_matrix, corner="-20037700 30241100"),
        partial(web_matrix, corner="20037508.34 20037508.34"),
        partial(web_matrix, corner="-20037508.34 -20037508.34"),
        partial(web_matrix, corner="20037700 -20037508.34"),
        partial(web_matrix, corner="-20037505 20037508"),
        partial(web_matrix, scale=591_657_527.59 / 8),
        partial(web_matrix, scale=WORLD_SCALE / 8 * 1.001),
        partial(web_matrix, scale=0),
        partial(web_matrix, scale=-1),
        partial(web_matrix, scale=1e-320),
        partial(web_matrix, scale=1e300),
        partial(web_matrix, scale=WORLD_SCALE / 2**23),
        partial(web_matrix, size_px=32),
        partial(web_matrix, size_px=0),
        partial(web_matrix, size_px=100_000),
    ],
)
def test_matrices_of_other_tiles_are_left_out(matrix: partial[str]) -> None:
    """Another corner, another scale, another size: the same numbers would be other ground."""
    assert zooms(matrix_set(zooms=[3], matrix=matrix)) == {}
    beside = matrix_set(zooms=[3, 4], matrix=lambda zoom: matrix(zoom) if zoom == 3 else web_matrix(4))
    assert zooms(beside) == {4: "04"}


def test_a_matrix_that_is_not_as_wide_as_the_world_ends_where_it_ends() -> None:
    """ArcGIS counts the columns and rows up to the edge of its map only."""
    found = grid(matrix_set(zooms=[10], matrix=partial(web_matrix, columns=600, rows=400)))
    assert isinstance(found, Grid)
    matrix = found.zooms[10]
    assert matrix.has(599, 399)
    assert not matrix.has(600, 399)
    assert not matrix.has(599, 400)


def test_limits_hold_both_ends_included() -> None:
    """Zoom by zoom, and never beyond the matrix."""
    found = grid(matrix_set(zooms=[9, 10]), limits(("09", 5, 6, 7, 8), ("10", -3, 5_000, 0, 0)))
    assert isinstance(found, Grid)
    corners = [(5, 7), (6, 8), (4, 7), (7, 7), (5, 6), (5, 9)]
    assert [found.zooms[9].has(*one) for one in corners] == [True, True, False, False, False, False]
    assert [found.zooms[10].has(column, 0) for column in (-1, 0, 1023, 1024)] == [False, True, True, False]


def test_a_layer_with_limits_has_only_the_zooms_that_are_among_them() -> None:
    """Each zoom of a layer is in its limits, if there are any; some servers write the set's name there, some don't."""
    assert zooms(matrix_set(), limits(("07", 0, 1, 0, 1), ("webmercator:08", 0, 1, 0, 1))) == {7: "07", 8: "08"}
    assert isinstance(grid(matrix_set(), limits(("nope", 0, 1, 0, 1))), str)


def test_a_zoom_that_comes_twice_is_the_first() -> None:
    """Nothing says which is better."""
    twice = matrix_set(zooms=[5], matrix=lambda zoom: web_matrix(zoom, name="a") + web_matrix(zoom, name="b"))
    assert zooms(twice) == {5: "a"}


def test_a_set_without_matrices_has_a_reason() -> None:
    """And no error of another kind."""
    reason = grid_of(MatrixSet("x", "EPSG:3857", "", ()), MatrixSetLink("x", {}))
    assert isinstance(reason, str)
    assert "no matrix" in reason
