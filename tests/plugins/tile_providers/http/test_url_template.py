"""The template of a tile's URL: what it becomes, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import ConfigError, TileId
from operator_tool_plugins.tile_providers._http.url_template import parse_url_template, quadkey

TILE = TileId(3, 3, 5)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://t.example/{z}/{x}/{y}.jpg", "https://t.example/3/3/5.jpg"),
        ("https://t.example/{z}/{y}/{x}?v=2", "https://t.example/3/5/3?v=2"),
        ("https://t.example/{z}/{x}/{-y}.png", "https://t.example/3/3/2.png"),
        ("https://t.example/a{q}.jpeg?g=1", "https://t.example/a213.jpeg?g=1"),
        ("https://{s}.t.example/{z}/{x}/{y}", "https://a.t.example/3/3/5"),
        ("https://t.example/{z}/{x}/{y}?key={api_key}", "https://t.example/3/3/5?key=k%2F%26%20y"),
    ],
)
def test_each_placeholder_is_filled_in(text: str, url: str) -> None:
    """Also rows from the south, quadkeys (the example of Bing's own page), subdomains and the encoded key."""
    template = parse_url_template(text, setting="xyz.url", subdomains=("a", "b"))
    assert template.url(TILE, "k%2F%26%20y") == url


def test_neighbours_take_turns_among_the_subdomains_and_a_tile_keeps_its_own() -> None:
    """So that caches between here and there know a tile again."""
    template = parse_url_template("https://{s}.e.example/{z}/{x}/{y}", setting="xyz.url", subdomains=("a", "b", "c"))
    assert [template.url(TileId(4, x, 0))[8] for x in (0, 1, 2, 3, 0)] == ["a", "b", "c", "a", "a"]


@given(st.integers(0, 22).flatmap(lambda z: st.tuples(st.just(z), *[st.integers(0, 2**z - 1)] * 2)))
def test_a_quadkey_has_a_digit_a_zoom_and_names_one_tile(numbers: tuple[int, int, int]) -> None:
    """The digits give x and y back."""
    z, x, y = numbers
    digits = quadkey(TileId(z, x, y))
    assert len(digits) == z
    assert int("0" + "".join(str(int(d) & 1) for d in digits), 2) == x
    assert int("0" + "".join(str(int(d) >> 1) for d in digits), 2) == y


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("https://t.example/{z}/{x}.jpg", "does not name a tile"),
        ("https://t.example/tile.jpg", "does not name a tile"),
        ("https://t.example/{z}/{x}/{y}/{time}", "{time}"),
        ("https://t.example/{z}/{x}/{y}/{", "brace"),
        ("https://t.example/{{z}/{x}/{y}", "brace"),
        ("https://t.example/{z!r}/{x}/{y}", "{z!r}"),
        ("file:///etc/{z}/{x}/{y}", "'file'"),
        ("ftp://t.example/{z}/{x}/{y}", "'ftp'"),
        ("t.example/{z}/{x}/{y}", "only http and https"),
        ("https:///{z}/{x}/{y}", "no host"),
        ("https://[::1/{z}/{x}/{y}", "not a URL"),
        ("https://t.example:port/{z}/{x}/{y}", "not a URL"),
        ("https://{z}.example/{x}/{y}", "in its host"),
        ("https://t.example/{z}/{x}/{y}#a", "fragment"),
        ("https://t.example/{z}/{x}/{y} ", "space"),
        ("https://t.example/{z}/{x}/{y}\r\nHost: a", "control character"),
        ("https://{s}.t.example/{z}/{x}/{y}", "no subdomains"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused_with_the_reason(text: str, says: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError, match=r"xyz\.url") as caught:
        parse_url_template(text, setting="xyz.url")
    assert says in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2secret@t.example/{z}/{x}/{y}",
        "https://hunter2secret@t.example/{z}/{x}/{y}",
        "https://t.example/{z}/{x}/{y}?key=hunter2secret",
        "https://t.example/{z}/{x}/{y}?v=1&Access_Token=hunter2secret",
        "https://hunter2secret@t.example:bad/{z}/{x}/{y}",
        "https://t.example/{z}/{x}/{y}?key=hunter2secret{api_key}",
    ],
)
def test_case_121_a_credential_in_the_url_is_refused_and_not_repeated(text: str) -> None:
    """The URL is in logs and in the cache's key, so the key has a setting of its own."""
    with pytest.raises(ConfigError) as caught:
        parse_url_template(text, setting="xyz.url")
    assert "hunter2secret" not in caught.value.message + caught.value.hint
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("subdomain", ["evil.example/", "a b", "", "a:80", "@"])
def test_a_subdomain_that_is_no_part_of_a_name_is_refused(subdomain: str) -> None:
    """It could change the host that the key goes to."""
    with pytest.raises(ConfigError):
        parse_url_template("https://{s}.e.example/{z}/{x}/{y}", setting="xyz.url", subdomains=("a", subdomain))


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("https://t.example/${z}/${x}/${y}.png", "{z}"),
        ("https://t.example/{zoom}/{x}/{y}.png", "{z}"),
        ("https://t.example/{level}/{row}/{col}.png", "{y}"),
        ("https://{switch:a,b,c}.t.example/{z}/{x}/{y}.png", "subdomains"),
        ("https://t.example/{quadkey}.png", "{q}"),
        ("https://t.example/{z}/{x}/{y}{r}.png", "tile_size"),
        ("https://t.example/{z}/{x}/{y}.png?apikey={accessToken}", "{api_key}"),
        ("https://t.example/{TileMatrix}/{TileRow}/{TileCol}.png", "{z}"),
        ("https://t.example/wms?bbox={bbox-epsg-3857}", "wmts"),
        ("tms[3,18]:https://t.example/{z}/{x}/{y}.png", "https://"),
    ],
)
def test_spellings_of_other_programs_are_explained(text: str, ours: str) -> None:
    """The hint says what to write."""
    with pytest.raises(ConfigError) as caught:
        parse_url_template(text, setting="xyz.url")
    assert ours in caught.value.hint


@pytest.mark.parametrize("text", ["https://t.example/{z}/{x}/{y}{ratio}.jpg", "https://t.example/${z}/{col}/{row}.jpg"])
def test_spellings_of_other_programs_are_translated_in_a_servers_document(text: str) -> None:
    """Where they can only mean one thing."""
    assert parse_url_template(text, setting="x", from_server=True).url(TILE) == "https://t.example/3/3/5.jpg"
