"""The page of a plan in a real browser: it asks for nothing, says everything, and shows things where they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from operator_tool.geo.mercator import x_of, y_of
from operator_tool.plan_page.ink import DARK, LIGHT
from tests.support.browser import Page, chromium_page
from tests.support.command import Workstation

pytestmark = pytest.mark.real_parts

FLIGHT = Path(__file__).parents[2] / "docs" / "tutorial" / "first-flight.plan"
TAKEOFF = (47.0553187, 8.3104262)
HELD, MISSING, EMPTY = (47.0569, 8.3140), (47.0600, 8.3120), (47.0608, 8.3040)
"""A place near the route, where tiles are held; one at the corridor's rim; one where zoom 18 needs no tile, 15 does."""
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Drawn:
    """What the command drew of the tutorial's flight, with half of its tiles held."""

    page: Path
    said: str


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Fill the store for a narrow corridor, and draw the plan of a wide one."""
    folder = tmp_path_factory.mktemp("plan")
    workstation = Workstation(folder)
    flight = ("--flight-file", str(FLIGHT), "--provider", "synthetic", "-q")
    narrow = workstation.run("download", *flight, "--zoom", "15-18", "--corridor", "250")
    assert narrow.code == 0, narrow.all
    page = folder / "plan.html"
    done = workstation.run("plan", *flight, "--zoom", "15-18", "--page", str(page))
    assert done.code == 0, done.all
    return Drawn(page, done.out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all of these."""
    with chromium_page(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """The browser as a light screen that has asked for nothing and said nothing."""
    browser.resize(1280, 900)
    browser.media()
    browser.requests.clear()
    browser.said.clear()
    return browser


def at(page: Page, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Return where a place is on the screen, told from the map's own lines of latitude and longitude."""
    nodes = page.call("Accessibility.getFullAXTree")
    assert nodes
    html = page.call("DOM.getOuterHTML", nodeId=page.call("DOM.getDocument")["root"]["nodeId"])["outerHTML"]
    found = re.findall(r'class="degrees[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([\d.]+)°([NE])<', html)
    east = [(float(text), float(x)) for x, _, text, side in found if side == "E"]
    north = [(float(text), float(y) + 4.0) for _, y, text, side in found if side == "N"]
    (lon_a, x_a), (lon_b, x_b), (lat_a, y_a), (lat_b, y_b) = east[0], east[-1], north[0], north[-1]
    x = x_a + (x_b - x_a) * (x_of(lon_deg) - x_of(lon_a)) / (x_of(lon_b) - x_of(lon_a))
    y = y_a + (y_b - y_a) * (y_of(lat_deg) - y_of(lat_a)) / (y_of(lat_b) - y_of(lat_a))
    left, top, right, _ = page.box("svg.map")
    scale = (right - left) / 1000.0
    return left + x * scale, top + y * scale


def colour(image: Image.Image, x: float, y: float, around: int = 9) -> Colour:
    """Return the mean colour about a place of the screen."""
    box = (round(x) - around, round(y) - around, round(x) + around, round(y) + around)
    red, green, blue = image.crop(box).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[misc]
    return float(red), float(green), float(blue)


def hexed(value: str) -> Colour:
    """Return a colour's parts."""
    return float(int(value[1:3], 16)), float(int(value[3:5], 16)), float(int(value[5:7], 16))


@pytest.mark.parametrize("scripts", [True, False])
def test_the_page_asks_for_nothing_but_itself_and_complains_of_nothing(page: Page, drawn: Drawn, scripts: bool) -> None:
    """With scripts and without: it has none."""
    page.open(drawn.page, scripts=scripts)
    page.screenshot()
    assert page.requests == [drawn.page.as_uri()]
    assert page.said == []


def test_a_page_that_asks_for_more_would_be_noticed(page: Page, drawn: Drawn, tmp_path: Path) -> None:
    """The weakened twin: an image from elsewhere is refused by the page's policy, and is asked for without it."""
    document = drawn.page.read_text("utf-8").replace("</main>", '<img src="https://tiles.example/1.png"></main>')
    guarded, bare = tmp_path / "guarded.html", tmp_path / "bare.html"
    guarded.write_text(document, "utf-8")
    bare.write_text(document.replace("default-src 'none'; ", "").replace("http-equiv", "data-off"), "utf-8")
    page.open(guarded)
    assert any("Content Security Policy" in one for one in page.said)
    page.open(bare)
    assert "https://tiles.example/1.png" in page.requests


@pytest.mark.parametrize("width", [1280, 390])
def test_all_words_are_there_and_nothing_is_wider_than_the_screen(page: Page, drawn: Drawn, width: int) -> None:
    """On a desk and in a hand, with scripts off."""
    page.resize(width, 800)
    page.open(drawn.page, scripts=False)
    size = page.call("Page.getLayoutMetrics")["cssContentSize"]
    assert size["width"] == width
    words = " ".join(page.words())
    for word in ("first-flight", "SYNTHETIC", "47.0553187, 8.3104262", "corridor, 500 m", "held already", "missing"):
        assert word in words
    counts = re.findall(r"zoom 18 +(\d+) tiles, (\d+) of them held", drawn.said)
    assert len(counts) == 1
    assert f"{counts[0][0]} tiles, {counts[0][1]} held" in words
    assert "Map of the flight first-flight" in words


@pytest.mark.parametrize("dark", [False, True])
def test_held_and_missing_tiles_takeoff_and_route_are_where_they_should_be(
    page: Page, drawn: Drawn, dark: bool
) -> None:
    """By the colours at places that are reckoned from the map's own lines; light and dark."""
    page.media(dark=dark)
    page.open(drawn.page, scripts=False)
    image = page.screenshot()
    colours = DARK if dark else LIGHT
    assert colour(image, 4, 4, around=3) == hexed(colours["page"])
    for surface in ("page", "card", "map"):
        assert (sum(hexed(colours[surface])) < 150) if dark else (sum(hexed(colours[surface])) > 650)
    red, _, blue = colour(image, *at(page, *HELD))
    assert blue > red + 40
    red, _, blue = colour(image, *at(page, *MISSING))
    assert red > blue + 10
    assert colour(image, *at(page, *EMPTY), around=4) == pytest.approx(hexed(colours["map"]), abs=3)
    red, green, _ = colour(image, *at(page, *TAKEOFF), around=3)
    assert green > red + 60
    extreme = max if dark else min
    shades = [
        extreme(sum(image.getpixel((x + i, y + j))) for i in (-2, 0, 2) for j in (-2, 0, 2))  # type: ignore[arg-type]
        for x, y in along(page)
    ]
    assert all(shade > 600 if dark else shade < 150 for shade in shades)


def along(page: Page) -> list[tuple[int, int]]:
    """Return places on the second leg that no arrow and no waypoint lies on."""
    (x0, y0), (x1, y1) = at(page, 47.058, 8.3187), at(page, 47.0499, 8.3223)
    parts = [part / 100 for part in (*range(12, 38), *range(62, 88))]
    return [(round(x0 + (x1 - x0) * part), round(y0 + (y1 - y0) * part)) for part in parts]


def test_another_zoom_is_shown_by_a_click_without_a_script(page: Page, drawn: Drawn) -> None:
    """Where zoom 18 needs no tile, zoom 15 has one; and none can be chosen."""
    page.open(drawn.page, scripts=False)
    place = at(page, *EMPTY)
    nothing = hexed(LIGHT["map"])
    assert colour(page.screenshot(), *place, around=4) == pytest.approx(nothing, abs=3)
    page.click("label[for=z15]")
    assert colour(page.screenshot(), *place, around=9) != pytest.approx(nothing, abs=3)
    assert any("one tile of zoom 15" in one for one in page.words())
    page.click("label[for=none]")
    assert colour(page.screenshot(), *place, around=4) == pytest.approx(nothing, abs=3)


def test_it_prints_on_one_page(page: Page, drawn: Drawn) -> None:
    """A4, and dark screens print light."""
    page.media(kind="print", dark=True)
    page.open(drawn.page, scripts=False)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf())) == 1
    assert colour(page.screenshot(), 1270, 8, around=3) == (255, 255, 255)


def test_all_zooms_that_there_are_print_on_one_page_too(page: Page, tmp_path: Path) -> None:
    """Then they are printed smaller; on a page of nine hundred more lines the count would be more than one."""
    target = tmp_path / "plan.html"
    arguments = ("--flight-file", str(FLIGHT), "--provider", "synthetic", "--samples", "0", "--zoom", "0-20")
    done = Workstation(tmp_path).run("plan", *arguments, "--page", str(target))
    assert done.code == 0, done.all
    page.media(kind="print")
    page.open(target)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf())) == 1
    target.write_text(target.read_text("utf-8").replace("</footer>", "<p>more</p>" * 900 + "</footer>"), "utf-8")
    page.open(target)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf())) > 1


def test_a_hostile_name_is_text(page: Page, tmp_path: Path) -> None:
    """It runs nothing, asks for nothing, and is read as it is written."""
    script = "<script>document.title='owned'</script>"
    name = f"</title>{script}\"'><img src=https://tiles.example/2.png onerror=alert(1)>\u202e\u05d0"
    waypoints = [{"ordinal": i, "lat": 47.0 + i / 100, "lon": 8.0, "alt_m": 10} for i in range(2)]
    flight = tmp_path / "hostile.json"
    flight.write_text(json.dumps({"id": "F-1", "name": name, "waypoints": waypoints}))
    target = tmp_path / "plan.html"
    done = Workstation(tmp_path).run(
        "plan", "--flight-file", str(flight), "--provider", "synthetic", "--samples", "0", "--page", str(target)
    )
    assert done.code == 0, done.all
    page.open(target)
    assert page.requests == [target.as_uri()]
    assert page.said == []
    assert any(script in one for one in page.words())
    assert page.call("Runtime.evaluate", expression="document.title")["result"]["value"] != "owned"
