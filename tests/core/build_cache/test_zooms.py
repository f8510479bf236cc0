"""Zooms from what was asked, from a camera, or as usual."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import (
    MAX_ZOOM,
    AltitudeFrame,
    BuildCacheRequest,
    Camera,
    Flight,
    PlanError,
    ProviderInfo,
)
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.build_cache.zooms import DEFAULT_ZOOMS, ZoomChoice, ZoomsFrom, choose_zooms
from operator_tool.geo.resolution import camera_gsd_m, tile_gsd_m
from tests.core.build_cache.test_heights import flight_at

CAMERA = Camera(
    name="Test",
    sensor_width_mm=13.2,
    sensor_height_mm=8.8,
    focal_length_mm=8.8,
    image_width_px=5472,
    image_height_px=3648,
)
TERRAIN = AltitudeFrame.TERRAIN
FLIGHT = flight_at((100.0, TERRAIN), (100.0, TERRAIN))
ALL_ZOOMS = ("x", ProviderInfo(dataset="d", max_zoom=22))
TO_18 = ("x", ProviderInfo(dataset="d", max_zoom=18))


def chosen(flight: Flight = FLIGHT, *providers: tuple[str, ProviderInfo], **asked: object) -> ZoomChoice:
    """Return the choice for a request."""
    request = msgspec.structs.replace(BuildCacheRequest(flight="f"), **asked)
    return choose_zooms(flight, request, providers or (ALL_ZOOMS,))


def test_without_a_camera_the_zooms_are_the_usual_ones() -> None:
    """15 to 18, and why is said."""
    choice = chosen()
    assert (choice.zooms, choice.zooms_from) == (DEFAULT_ZOOMS, ZoomsFrom.USUAL)
    assert "no camera is known" in choice.reason
    assert choice.footprint_m == 0.0


def test_near_the_equator_the_usual_zooms_are_one_more() -> None:
    """Zoom 18 has 0.59 m a pixel there, so 19 is taken too: where there is one, and where it is too coarse."""
    south = flight_at((100.0, TERRAIN))
    there = msgspec.structs.replace(south, waypoints=(msgspec.structs.replace(south.waypoints[0], lat_deg=10.0),))
    assert chosen(there).zooms == (15, 16, 17, 18, 19)
    assert "18 is coarser than 0.5 m a pixel here, so 19 too" in chosen(there).reason
    assert chosen(there, TO_18).zooms == DEFAULT_ZOOMS
    assert chosen(there, max_gsd_m=0.6).zooms == DEFAULT_ZOOMS
    assert chosen(there, ("x", ProviderInfo(dataset="d", max_zoom=22, tile_size_px=512))).zooms == DEFAULT_ZOOMS
    assert _plan(flight=there).inputs.max_gsd_m == 0.5


def test_a_camera_takes_zooms_whose_pixels_are_at_most_four_times_its_own() -> None:
    """At 100 m and latitude 48 its pixel is 2.74 cm: zoom 20 has 10 cm and is enough, zoom 19 has 20 cm and is not."""
    choice = chosen(camera=CAMERA)
    assert choice.zooms == (19, 20)
    assert choice.zooms_from is ZoomsFrom.CAMERA
    assert choice.heights_m == (100.0, 100.0)
    assert choice.footprint_m == 91.0
    assert choice.notes == ()
    assert all(part in choice.reason for part in ("Test", "100 m above the ground", "0.0274 m", "4 times"))


def test_coarser_zooms_shift_the_choice() -> None:
    """None coarser, and four coarser, are two finer and two coarser zooms than the usual two."""
    assert chosen(camera=CAMERA, coarser_zooms=0).zooms == (21, 22)
    assert chosen(camera=CAMERA, coarser_zooms=4).zooms == (17, 18)


def test_the_range_of_heights_is_the_range_of_zooms() -> None:
    """Four times as high is two zooms coarser at the coarse end."""
    flight = flight_at((100.0, TERRAIN), (400.0, TERRAIN))
    assert chosen(flight, camera=CAMERA).zooms == (17, 18, 19, 20)
    assert chosen(flight, camera=CAMERA).footprint_m == 361.0


def test_the_lowest_height_decides_on_the_finest_zoom_where_it_is_nearest_to_the_equator() -> None:
    """Each waypoint asks for a zoom by its own height and latitude."""
    low, high = flight_at((100.0, TERRAIN), (100.0, TERRAIN)).waypoints
    polar = msgspec.structs.replace(high, lat_deg=80.0)
    assert chosen(msgspec.structs.replace(FLIGHT, waypoints=(low, polar)), camera=CAMERA).zooms == (17, 18, 19, 20)


def test_the_flights_own_camera_counts_and_the_asked_one_is_stronger() -> None:
    """A plan's camera gives the zooms for free; --camera is another one."""
    flight = msgspec.structs.replace(FLIGHT, camera=CAMERA)
    assert chosen(flight).zooms == (19, 20)
    coarse = msgspec.structs.replace(CAMERA, name="Coarse", image_width_px=1368)
    assert chosen(flight, camera=coarse).zooms == (17, 18)


def test_zooms_that_were_asked_for_are_taken_and_the_camera_still_widens_the_area() -> None:
    """--zoom decides on the zooms alone."""
    choice = chosen(camera=CAMERA, zooms=(17, 16))
    assert (choice.zooms, choice.zooms_from, choice.footprint_m) == ((16, 17), ZoomsFrom.ASKED, 91.0)


def test_a_given_height_replaces_the_altitudes() -> None:
    """--height 400 is two zooms coarser than 100."""
    assert chosen(camera=CAMERA, height_m=400.0).zooms == (17, 18)
    assert chosen(camera=CAMERA, height_m=400.0).heights_m == (400.0, 400.0)


@pytest.mark.parametrize("zooms", [(), (15, 16)])
def test_an_asked_camera_without_a_known_height_is_refused(zooms: tuple[int, ...]) -> None:
    """The hint names --height; what the camera sees is never guessed."""
    flight = flight_at((100.0, AltitudeFrame.UNKNOWN))
    with pytest.raises(PlanError, match="what altitudes are measured from is not said") as caught:
        chosen(flight, camera=CAMERA, zooms=zooms)
    assert "--height METRES" in caught.value.hint


def test_the_flights_own_camera_without_a_known_height_falls_back() -> None:
    """The usual zooms, no footprint, and a note that says why."""
    flight = msgspec.structs.replace(flight_at((None, TERRAIN)), camera=CAMERA)
    choice = chosen(flight)
    assert (choice.zooms, choice.zooms_from, choice.footprint_m) == (DEFAULT_ZOOMS, ZoomsFrom.USUAL, 0.0)
    assert "the height of Test is not known" in choice.reason
    assert "they have no altitude" in choice.notes[0]


@pytest.mark.parametrize("asked", [{"height_m": 100.0}, {"coarser_zooms": 3}])
def test_what_is_about_a_camera_is_refused_without_one(asked: dict[str, Any]) -> None:
    """It would change nothing, and the operator expects that it does."""
    with pytest.raises(PlanError, match="no camera is known") as caught:
        chosen(**asked)
    assert "--camera NAME" in caught.value.hint


@pytest.mark.parametrize("height_m", [0.0, -5.0, math.nan, math.inf, 1e9])
def test_a_height_that_makes_no_sense_is_refused(height_m: float) -> None:
    """Nothing, less, no number and beyond the air are refused."""
    with pytest.raises(PlanError, match="above the ground: it must be"):
        chosen(camera=CAMERA, height_m=height_m)


@pytest.mark.parametrize("changes", [{"focal_length_mm": 0.0}, {"sensor_width_mm": math.nan}, {"image_width_px": 0}])
def test_a_camera_without_a_size(changes: dict[str, float]) -> None:
    """The flight's own is left out with a note, an asked one is refused."""
    broken = msgspec.structs.replace(CAMERA, **changes)
    choice = chosen(msgspec.structs.replace(FLIGHT, camera=broken))
    assert choice.zooms == DEFAULT_ZOOMS
    assert "is left out" in choice.notes[0]
    with pytest.raises(PlanError):
        chosen(camera=broken)


def test_what_no_provider_has_is_left_out_with_a_note() -> None:
    """Two zooms remain, and how much coarser the imagery is than the camera is said."""
    choice = chosen(FLIGHT, TO_18, camera=CAMERA)
    assert choice.zooms == (17, 18)
    (note,) = choice.notes
    assert note.startswith("The camera asks for zooms 19 to 20; x has zooms 0 to 18: at zoom 18 a pixel is 14.6 times")


def test_of_a_chain_the_zooms_of_all_are_to_be_had() -> None:
    """The second provider has the fine ones."""
    fine = ("y", ProviderInfo(dataset="e", min_zoom=20, max_zoom=20))
    assert chosen(FLIGHT, TO_18, fine, camera=CAMERA).zooms == (18, 20)


def test_finer_zooms_than_asked_for_are_taken_where_there_are_no_others() -> None:
    """A provider that begins at zoom 21 gives its two coarsest."""
    assert chosen(FLIGHT, ("x", ProviderInfo(dataset="d", min_zoom=21, max_zoom=22)), camera=CAMERA).zooms == (21, 22)
    assert chosen(FLIGHT, ("x", ProviderInfo(dataset="d", min_zoom=12, max_zoom=12)), camera=CAMERA).zooms == (12,)


def test_tiles_of_512_pixels_need_one_zoom_less() -> None:
    """They are as sharp as the next zoom's of 256."""
    large = ("x", ProviderInfo(dataset="d", max_zoom=22, tile_size_px=512))
    assert chosen(FLIGHT, large, camera=CAMERA).zooms == (18, 19)
    assert chosen(FLIGHT, large, ALL_ZOOMS, camera=CAMERA).zooms == (19, 20)


@pytest.mark.parametrize("coarser", [-1, 9])
def test_a_number_of_coarser_zooms_that_makes_no_sense_is_refused(coarser: int) -> None:
    """It goes from 0 to 8."""
    with pytest.raises(PlanError, match="zooms coarser"):
        chosen(camera=CAMERA, coarser_zooms=coarser)


@given(
    st.lists(st.tuples(st.floats(0.5, 20_000.0), st.floats(-85.0, 85.0)), min_size=1, max_size=8),
    st.integers(0, 8),
)
def test_imagery_is_never_coarser_than_was_allowed(places: list[tuple[float, float]], coarser: int) -> None:
    """At each counted waypoint the finest zoom's pixels are at most 2 ** coarser times the camera's, and one zoom less
    would not do for all; the coarsest zoom is one coarser than what the farthest waypoint needs."""
    flight = flight_at(*((height_m, TERRAIN) for height_m, _ in places))
    moved = tuple(
        msgspec.structs.replace(waypoint, lat_deg=lat_deg)
        for waypoint, (_, lat_deg) in zip(flight.waypoints, places, strict=True)
    )
    zooms = chosen(msgspec.structs.replace(flight, waypoints=moved), camera=CAMERA, coarser_zooms=coarser).zooms
    greatest_m = max(height_m for height_m, _ in places)
    counted = [(height_m, lat_deg) for height_m, lat_deg in places if height_m >= greatest_m / 4.0]

    def enough(zoom: int) -> list[bool]:
        return [
            tile_gsd_m(zoom, lat_deg) <= camera_gsd_m(CAMERA, height_m) * 2.0**coarser * (1.0 + 1e-9)
            for height_m, lat_deg in counted
        ]

    assert zooms == tuple(range(zooms[0], zooms[-1] + 1))
    assert len(zooms) >= 2
    if zooms[-1] < MAX_ZOOM:
        assert all(enough(zooms[-1]))
    if zooms[-1] > 1:
        assert not all(enough(zooms[-1] - 1)) or zooms[-1] == 1
        assert zooms[0] == 0 or not any(enough(zooms[0])) or zooms[-1] == MAX_ZOOM


def _plan(provider: tuple[str, ProviderInfo] = ALL_ZOOMS, flight: Flight = FLIGHT, **asked: object) -> CachePlan:
    request = msgspec.structs.replace(BuildCacheRequest(flight="f", max_tiles=10_000_000), **asked)
    return make_plan(flight, request, [provider])


def test_a_plan_has_the_cameras_zooms_and_its_footprint() -> None:
    """Both are in the inputs, so that another camera is another cache; the ground is as much wider."""
    plan = _plan(camera=CAMERA)
    assert plan.inputs.zooms == plan.zooms == (19, 20)
    assert plan.inputs.area.footprint_m == plan.area.footprint_m == 91.0
    assert (plan.camera, plan.heights_m, plan.zooms_from) == (CAMERA, (100.0, 100.0), ZoomsFrom.CAMERA)
    without = _plan(zooms=(19, 20))
    assert plan.coverage.count > without.coverage.count
    assert plan.content_key != without.content_key


def test_two_cameras_that_come_to_the_same_are_the_same_cache() -> None:
    """What decides is zooms and footprint, not what the camera is called."""
    renamed = msgspec.structs.replace(CAMERA, name="Other")
    assert _plan(camera=renamed).content_key == _plan(camera=CAMERA).content_key


def test_half_a_metre_is_asked_for_only_where_nobody_said_how_sharp() -> None:
    """The usual zooms are refused where they are coarser than 0.5 m; asked zooms and a camera's are not."""
    coarse = ("x", ProviderInfo(dataset="d", max_zoom=17, min_zoom=10))
    wide = ("x", ProviderInfo(dataset="d", max_zoom=18))
    near_equator = msgspec.structs.replace(
        FLIGHT,
        waypoints=tuple(msgspec.structs.replace(one, lat_deg=10.0 + one.lat_deg / 1000.0) for one in FLIGHT.waypoints),
    )
    with pytest.raises(PlanError, match=r"coarser than 0\.5 m"):
        _plan(wide, near_equator)
    assert _plan(coarse, near_equator, zooms=(16, 17)).inputs.max_gsd_m is None
    assert _plan(coarse, near_equator, camera=CAMERA).inputs.max_gsd_m is None
    assert _plan(max_gsd_m=0.7).inputs.max_gsd_m == 0.7
    assert _plan().inputs.max_gsd_m == 0.5
