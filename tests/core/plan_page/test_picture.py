"""The PNG: the same things at the same places, in colours that say what they mean."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image

from operator_tool.api import Fence, ProviderInfo
from operator_tool.geo.mercator import x_of, y_of
from operator_tool.plan_page.facts import facts_of
from operator_tool.plan_page.ink import rgb
from operator_tool.plan_page.paint import large_map, small_map
from operator_tool.plan_page.picture import picture_of, plain
from operator_tool.plan_page.scene import Scene, scene_of

from .plans import AT, EVERYTHING, LEG, NOTHING, estimate_of, flight_of, holding, plan_of

WIDTH = 1000


def mean_colour(image: Image.Image, x: float, y: float, around: int = 8) -> tuple[float, float, float]:
    """Return the mean colour about a place."""
    box = (round(x) - around, round(y) - around, round(x) + around, round(y) + around)
    red, green, blue = image.crop(box).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[misc]
    return float(red), float(green), float(blue)


def at(scene: Scene, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Return a place of the map."""
    return scene.frame.at(x_of(lon_deg), y_of(lat_deg))


def without_tiles(scene: Scene) -> Scene:
    """Return the scene without the tiles that hide what lies below."""
    replace = msgspec.structs.replace
    return replace(scene, layers=tuple(replace(one, large=replace(one.large, runs=())) for one in scene.layers))


def test_held_and_missing_tiles_have_their_colours_where_they_are() -> None:
    """West of a meridian all is held, east of it nothing."""
    middle = x_of(8.318)
    plan = plan_of(flight_of(*LEG), zooms=(18,))
    scene = scene_of(plan, holding(lambda tile: tile.x / 2**18 < middle))
    image = large_map(scene, WIDTH)
    red, _, blue = mean_colour(image, *at(scene, 47.0575, 8.3125))
    assert blue > red + 40
    red, _, blue = mean_colour(image, *at(scene, 47.0575, 8.3245))
    assert red > blue + 20
    small = small_map(scene, scene.layers[0].small, 400)
    red, _, blue = mean_colour(
        small, at(scene, 47.0575, 8.3125)[0] * 0.4, at(scene, 47.0575, 8.3125)[1] * 0.4, around=3
    )
    assert blue > red + 40


def test_beyond_the_tiles_there_is_nothing() -> None:
    """In a corner the map is empty."""
    scene = scene_of(plan_of(flight_of(*LEG), zooms=(18,)), NOTHING)
    assert mean_colour(large_map(scene, WIDTH), 120, 60) == rgb("map")


def test_the_route_is_drawn_where_it_goes_and_takeoff_where_it_begins() -> None:
    """Dark on its line, green at its start."""
    scene = scene_of(plan_of(flight_of(*LEG), zooms=(18,)), NOTHING)
    image = large_map(scene, WIDTH)
    x, y = at(scene, (47.058 + 47.0499) / 2 + 0.001, (8.3187 + 8.3223) / 2 - 0.00044)
    assert sum(mean_colour(image, x, y, around=1)) < 200
    red, green, _ = mean_colour(image, *at(scene, *LEG[0]), around=3)
    assert green > red + 80


def test_the_ground_ends_at_the_fence() -> None:
    """South of the fence nothing is tinted, north of it the ground."""
    fence = Fence(inclusion=True, polygon=((47.047, 8.29), (47.047, 8.34), (47.07, 8.34), (47.07, 8.29)))
    scene = without_tiles(scene_of(plan_of(flight_of(*LEG, fences=(fence,)), zooms=(18,)), NOTHING))
    image = large_map(scene, WIDTH)
    assert mean_colour(image, *at(scene, 47.0467, 8.3245), around=5) == rgb("map")
    assert mean_colour(image, *at(scene, 47.0473, 8.3245), around=5) != rgb("map")


@pytest.mark.parametrize("zooms", [(15,), tuple(range(23))])
def test_the_sheet_is_as_wide_as_it_says_and_as_high_as_it_needs(zooms: tuple[int, ...]) -> None:
    """With one zoom and with all of them; it is a PNG that opens."""
    plan = plan_of(flight_of(*LEG), zooms=zooms)
    scene = scene_of(plan, EVERYTHING)
    sheet = picture_of(scene, facts_of(plan, estimate_of(plan), scene), AT)
    file = io.BytesIO()
    sheet.save(file, format="PNG")
    opened = Image.open(io.BytesIO(file.getvalue()))
    opened.load()
    assert opened.width == 1600
    assert 1200 < opened.height < 4000


def test_synthetic_imagery_has_a_banner() -> None:
    """Its colour is nowhere else."""
    info = ProviderInfo(dataset="set", synthetic=True)
    counts = []
    for providers in ([("memory", info)], [("memory", ProviderInfo(dataset="set"))]):
        plan = plan_of(flight_of(*LEG), providers=providers)
        scene = scene_of(plan, NOTHING)
        sheet = picture_of(scene, facts_of(plan, estimate_of(plan), scene), AT)
        colours = {shade: number for number, shade in sheet.getcolors(sheet.width * sheet.height) or ()}
        counts.append(colours.get(rgb("loud-card"), 0))
    assert counts[0] > 10_000
    assert counts[1] == 0


def test_text_is_written_in_letters_that_the_font_has() -> None:
    """No empty boxes: accents are dropped, and other scripts are question marks."""
    assert plain("Zürich – 3 × 4 № אב 47°") == "Zurich - 3 x 4 No ?? 47°"


def test_a_name_without_an_end_is_broken_into_lines() -> None:
    """It neither leaves the sheet nor stops it."""
    plan = plan_of(flight_of(*LEG, name="x" * 5_000))
    scene = scene_of(plan, NOTHING)
    assert picture_of(scene, facts_of(plan, estimate_of(plan), scene), AT).height < 4000
