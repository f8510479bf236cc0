"""The page: whole by itself, true to the counts, and deaf to what a flight's name would like to be."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from operator_tool.api import AreaKind, AreaRequest, ProviderInfo, Secret
from operator_tool.build_cache.foreseen import KnownTiles
from operator_tool.build_cache.plan import CachePlan
from operator_tool.geo.coverage import TileRange
from operator_tool.plan_page import facts
from operator_tool.plan_page.cells import Known
from operator_tool.plan_page.facts import facts_of
from operator_tool.plan_page.page import page_of
from operator_tool.plan_page.scene import scene_of
from operator_tool.redaction import Redactor

from .plans import AT, CHECKERED, EVERYTHING, LEG, NOTHING, estimate_of, flight_of, holding, plan_of

HOSTILE = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp.evil \u05d0\u05d1\u05d2 \x1b[31m"
VOID = {"meta", "input"}
_OWN_TEXT = {"style", "title"}


class Read(HTMLParser):
    """A page as a parser reads it: its elements, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in _OWN_TEXT:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_for(plan: CachePlan, held: Known = NOTHING) -> str:
    """Return the page of a plan."""
    scene = scene_of(plan, held)
    return page_of(scene, facts_of(plan, estimate_of(plan), scene), AT)


def test_a_page_is_well_formed_and_asks_for_nothing() -> None:
    """Every element is closed, every reference is to the page itself, and there is no script."""
    page = page_for(plan_of(flight_of(*LEG)))
    read = Read(page)
    assert {"script", "link", "img", "iframe", "object", "base"}.isdisjoint(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    references = [value for name, value in read.attributes if name in ("href", "src", "xlink:href", "action")]
    assert references
    assert all(value.startswith("#") for value in references)
    urls = set(re.findall(r"url\((.*?)\)", page))
    assert all(url.startswith("#") for url in urls)
    assert "@import" not in page
    assert ("lang", "en") in read.attributes


def test_every_name_that_is_used_is_given_once() -> None:
    """A pattern that isn't there leaves tiles without a sign."""
    page = page_for(plan_of(flight_of(*LEG)), holding(lambda tile: tile.x % 2 == 0))
    ids = [value for name, value in Read(page).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]*)\)", page)) | set(re.findall(r'href="#([^"]*)"', page))
    assert used <= set(ids)


def test_what_comes_from_outside_stays_text() -> None:
    """A flight's name, its source and notes, and a provider's words: no element, no control, no turned direction."""
    flight = flight_of(*LEG, name=HOSTILE, notes=(HOSTILE,), format=HOSTILE)
    info = ProviderInfo(dataset=HOSTILE, attribution=HOSTILE, version=HOSTILE)
    page = page_for(plan_of(flight, providers=[("memory", info)]))
    read = Read(page)
    assert {"script", "img"}.isdisjoint(read.tags)
    assert read.tags.count("title") == 1
    assert "<script>alert(1)</script>" in read.text
    assert "\\u202e" in read.text
    assert not [c for c in page if not c.isprintable() and c != "\n"]
    assert "\u05d0\u05d1\u05d2" in read.text


def test_a_secret_is_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where a provider says it itself."""
    redactor = Redactor()
    redactor.add(Secret("hunter-two-and-a-half"))
    monkeypatch.setattr(facts, "REDACTOR", redactor)
    info = ProviderInfo(dataset="set", attribution="key hunter-two-and-a-half")
    page = page_for(plan_of(flight_of(*LEG, name="hunter-two-and-a-half"), providers=[("memory", info)]))
    assert "key ***" in page
    assert "hunter-two" not in page


def test_counts_bytes_and_time_are_those_of_the_plan() -> None:
    """By zoom and in all, with what is held and what is missing."""
    plan = plan_of(flight_of(*LEG))
    page = Read(page_for(plan, holding(lambda tile: tile.z == 16))).text
    for zoom, count in plan.coverage.count_by_zoom.items():
        held = count if zoom == 16 else 0
        assert f"{zoom} {count:,} {held:,} {count - held:,}" in page
    assert "4.0 to 5.0 MB" in page
    assert "3.0 s to 3 min" in page
    assert plan.content_key in page
    assert "47.0553, 8.3104" in page


def test_synthetic_imagery_is_said_loudly() -> None:
    """And only then."""
    info = ProviderInfo(dataset="set", synthetic=True, attribution="made up")
    assert "SYNTHETIC" in Read(page_for(plan_of(flight_of(*LEG), providers=[("memory", info)]))).text
    assert "SYNTHETIC" not in page_for(plan_of(flight_of(*LEG)))


def test_what_no_provider_has_is_a_warning() -> None:
    """The operator learns of the gaps before the download."""
    plan = plan_of(flight_of(*LEG))

    def nowhere(tiles: TileRange, bits: int) -> KnownTiles:
        return KnownTiles([], [(x, 1) for x in range(tiles.x0, tiles.x1 + 1)] if bits == 0 else [])

    page = Read(page_for(plan, nowhere)).text
    assert f"{plan.coverage.count:,} tiles are known to be missing" in page
    assert "nobody has" in page
    assert "no provider has it" in page


def test_a_flight_that_can_hardly_be_meant_is_a_warning_once_it_is_accepted() -> None:
    """It stands above the map, and not among the notes."""
    page = page_for(plan_of(flight_of(*LEG, (0.0, 0.0), LEG[0]), zooms=(5,)))
    assert page.index("lies at 0, 0") < page.index('class="map"')


def test_many_notes_are_folded() -> None:
    """All are there, and the page stays readable."""
    page = page_for(plan_of(flight_of(*LEG, notes=tuple(f"note number {i}." for i in range(100)))))
    assert page.index("note number 7.") < page.index("<details>") < page.index("note number 8.")
    assert "note number 99." in page


def test_millions_of_tiles_full_of_holes_stay_below_two_megabytes() -> None:
    """Ten million tiles, of which every other cell is held, at twelve zooms."""
    box = AreaRequest(kind=AreaKind.BOX, metres=18_000)
    plan = plan_of(flight_of((48.0, 11.0), (48.9, 12.2)), area=box, zooms=tuple(range(8, 20)))
    assert plan.coverage.count > 8_000_000
    page = page_for(plan, CHECKERED)
    assert 300_000 < len(page.encode()) < 2_000_000


def test_everything_held_leaves_nothing_to_fetch() -> None:
    """In the captions too."""
    assert "all held" in Read(page_for(plan_of(flight_of(*LEG)), EVERYTHING)).text
