"""How the provider learns in which form, and about how many tiles, an inventory may be asked."""

from __future__ import annotations

from typing import Any

import pytest

from operator_tool.api import DownloadError, Tile
from tests.plugins.tile_providers.satellite.asking import body_of, counts, fetch, forms, provider, wanted
from tests.support.satellite_service import Answer, SatelliteService, problem


def none_held(service: SatelliteService, numbers: range, **settings: Any) -> None:
    """Ask about tiles that the service does not have: every one must come back so."""
    service.holds = lambda _tile: False
    results = fetch(service, numbers, **settings)
    assert sorted(result.id.x for result in results) == list(numbers)


def test_the_newer_form_is_tried_first_and_kept(service: SatelliteService) -> None:
    """At most 1,000 tiles a call."""
    none_held(service, range(2_500))
    assert counts(service) == [1_000, 1_000, 500]
    assert set(forms(service)) == {"z"}


def test_the_older_form_is_learnt_from_a_refusal_and_takes_more_at_once(service: SatelliteService) -> None:
    """The same tiles are asked about again; the next calls are of the older form, and of up to 5,000."""
    service.form, service.limit = "older", 5_000
    none_held(service, range(12_000))
    assert counts(service) == [1_000, 1_000, 5_000, 5_000, 1_000]
    assert forms(service) == ["z", *["tileZoom"] * 4]
    assert body_of(service.inventory_calls[1])["tiles"][3] == {"tileZoom": 18, "tileX": 3, "tileY": 7}


def test_an_older_service_that_passes_over_what_it_does_not_know_is_not_believed(service: SatelliteService) -> None:
    """It answers for tiles of zeros: that would make every tile absent."""
    service.form, service.limit = "lax", 5_000
    assert [type(result) for result in fetch(service, range(20))] == [Tile] * 20
    assert forms(service) == ["z", "tileZoom"]


@pytest.mark.parametrize("form", ["newer", "older"])
@pytest.mark.parametrize(("limit", "number"), [(1, 40), (7, 1_500), (300, 1_500), (999, 1_500)])
def test_the_number_of_tiles_is_halved_until_it_is_taken(
    service: SatelliteService, form: str, limit: int, number: int
) -> None:
    """In either form; what was learnt is not tried again."""
    service.form, service.limit = form, limit
    none_held(service, range(number))
    taken = [count for count in counts(service) if count <= limit]
    refused = [count for count in counts(service) if count > limit]
    assert limit / 2 - 1 < taken[-2] <= limit
    assert len(refused) <= 20
    assert counts(service)[: len(refused)] == refused


def test_a_limit_below_that_of_the_form_is_learnt_after_the_form(service: SatelliteService) -> None:
    """The older form's 5,000 are only tried; half of them are taken."""
    service.form, service.limit = "older", 3_000
    none_held(service, range(9_000))
    assert counts(service) == [1_000, 1_000, 5_000, 2_500, 2_500, 2_500, 500]


def test_what_was_learnt_is_kept_for_the_provider_s_life(service: SatelliteService) -> None:
    """A second stream begins where the first one ended."""
    service.form, service.limit, service.holds = "older", 5_000, lambda _tile: False
    asking = provider(service)
    list(asking.fetch(wanted(range(1_000))))
    service.asked.clear()
    list(asking.fetch(wanted(range(6_000))))
    assert counts(service) == [5_000, 1_000]
    assert set(forms(service)) == {"tileZoom"}


def test_a_body_that_is_too_large_is_halved_in_the_same_form(service: SatelliteService) -> None:
    """A 413 says which of the two it is."""
    service.instead = lambda asked: (
        Answer(status=413) if asked.method == "POST" and len(body_of(asked)["tiles"]) > 400 else None
    )
    none_held(service, range(1_000))
    assert counts(service) == [1_000, 500, 250, 250, 250, 250]
    assert set(forms(service)) == {"z"}


@pytest.mark.parametrize("name", ["limit", "maxItems"])
def test_a_limit_that_the_refusal_names_is_used(service: SatelliteService, name: str) -> None:
    """At once, and in the same form."""
    service.limit = 321
    service.instead = lambda asked: (
        problem(422, "Too many", "", **{name: 321}) if len(body_of(asked)["tiles"]) > 321 else None
    )
    none_held(service, range(700))
    assert counts(service) == [700, 321, 321, 58]
    assert set(forms(service)) == {"z"}


@pytest.mark.parametrize("odd", [0, -5, 10**30, 1_000, "7", 7.5, None, [7]])
def test_a_limit_that_makes_no_sense_is_passed_over(service: SatelliteService, odd: object) -> None:
    """Then it is found by halving, as without one."""
    service.limit = 400
    service.instead = lambda asked: (
        problem(422, "Too many", "", limit=odd) if len(body_of(asked)["tiles"]) > 400 else None
    )
    none_held(service, range(700))
    assert counts(service) == [700, 700, 350, 350]


def test_an_inventory_that_refuses_even_one_tile_ends_the_run_with_its_reasons(service: SatelliteService) -> None:
    """Both forms' reasons, harmless and short; after few calls."""
    service.instead = lambda asked: problem(
        422, "No \x1b[31mway", ("z: " if "z" in body_of(asked)["tiles"][0] else "tileZoom: ") + "no, " * 1_000
    )
    with pytest.raises(DownloadError, match=r"even one tile.*\\x1b\[31mway.*z: no.*older form.*tileZoom: no") as caught:
        fetch(service, range(1_000))
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600
    assert not caught.value.retryable
    assert "satellite.inventory_path" in caught.value.hint
    assert len(service.asked) <= 20


def test_a_refusal_without_words_is_told_of_by_its_status(service: SatelliteService) -> None:
    """Nothing in the body, or no problem document."""
    for body in (b"", b"<html>", b"[1]", b'{"title": 7, "detail": null}', b"\xff"):
        service.instead = lambda _asked, body=body: Answer(status=400, body=body)  # type: ignore[misc]
        with pytest.raises(DownloadError, match=r"even one tile: HTTP 400; in the older form: HTTP 400$"):
            fetch(service)


def test_a_word_of_a_refusal_is_shown_whole_or_not_at_all(service: SatelliteService) -> None:
    """Half a key would not be recognised where texts are redacted."""
    for length in range(100, 300, 7):
        service.instead = lambda _asked, n=length: problem(400, "x" * n, "canary-key-7f3a")  # type: ignore[misc]
        with pytest.raises(DownloadError) as caught:
            fetch(service)
        rest = caught.value.message.replace("canary-key-7f3a", "")
        assert "canary" not in rest


def test_a_refusal_once_the_form_is_known_is_of_the_number(service: SatelliteService) -> None:
    """The other form is not tried any more, and a single tile that is refused ends the run."""
    service.holds = lambda _tile: False
    service.instead = lambda asked: problem(400, "Broken", "since then") if len(service.inventory_calls) > 1 else None
    stream = provider(service).fetch(wanted(range(2_000)))
    got = [next(stream) for _ in range(1_000)]
    with pytest.raises(DownloadError, match=r"even one tile: HTTP 400: Broken: since then$"):
        next(stream)
    assert sorted(result.id.x for result in got) == list(range(1_000))
    assert set(forms(service)) == {"z"}
    assert counts(service) == [1_000, 1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1]


def test_20_000_tiles_need_few_calls(service: SatelliteService) -> None:
    """One for each 1,000 of the newer form, and the pictures of those that are there."""
    service.holds = lambda tile: tile.x % 100 == 0
    results = fetch(service, range(20_000))
    assert len(results) == 20_000
    assert sum(isinstance(result, Tile) for result in results) == len(service.tile_calls) == 200
    assert counts(service) == [1_000] * 20


def test_20_000_tiles_need_fewer_calls_of_the_older_form(service: SatelliteService) -> None:
    """One is refused, one learns the form, four are for the rest."""
    service.form, service.limit = "older", 5_000
    none_held(service, range(20_000))
    assert counts(service) == [1_000, 1_000, 5_000, 5_000, 5_000, 4_000]
