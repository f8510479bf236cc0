"""What the settings must say, and what is plain without them."""

from __future__ import annotations

from typing import Any

import pytest

from operator_tool.api import ConfigError, PictureFormat, Secret
from operator_tool_plugins.tile_providers.wmts.capabilities import read_capabilities
from operator_tool_plugins.tile_providers.wmts.choice import Choice, choose
from operator_tool_plugins.tile_providers.wmts.server_words import ServerWords
from operator_tool_plugins.tile_providers.wmts.settings import WmtsSettings
from tests.plugins.tile_providers.wmts.documents import arcgis, document, geoserver, layer, matrix_set, web_matrix

DEGREES = matrix_set("degrees", crs="urn:ogc:def:crs:EPSG::4326")
TIME = "<Dimension><ows:Identifier>Time</ows:Identifier>{}</Dimension>"


def choice(capabilities: bytes, **settings: Any) -> Choice:
    """Return what is chosen of a document with these settings."""
    chosen = WmtsSettings(url="https://t.example/wmts", **settings)
    return choose(read_capabilities(capabilities), chosen, host="t.example", words=ServerWords(chosen.api_key))


def refusal(capabilities: bytes, **settings: Any) -> str:
    """Return the message of the error with which it is refused."""
    with pytest.raises(ConfigError) as caught:
        choice(capabilities, **settings)
    assert caught.value.message.isprintable()
    return caught.value.message


def test_where_there_is_one_of_each_nothing_need_be_set() -> None:
    """Layer, style, matrix set and format are those that there are."""
    found = choice(document(layer(), matrix_set()))
    assert (found.layer.name, found.style, found.grid.name, found.media_type) == (
        "photo",
        "default",
        "webmercator",
        "image/jpeg",
    )
    assert found.picture_formats == (PictureFormat.JPEG,)


def test_the_choices_are_listed_where_the_settings_must_say_more() -> None:
    """By the setting's name, and each choice as it is to be written."""
    two = document(layer("b"), layer("a"), matrix_set())
    assert refusal(two) == "t.example has 2 layers, and wmts.layer is not set; there are: 'b', 'a'"
    assert refusal(two, layer="c") == "t.example has no layer 'c'; there are: 'b', 'a'"
    assert choice(two, layer="a").layer.name == "a"


def test_a_layer_that_is_no_imagery_in_web_mercator_is_no_choice() -> None:
    """Vector tiles, and other systems; what is left alone is taken."""
    services = document(
        layer("vectors", formats=["application/vnd.mapbox-vector-tile"]),
        layer("degrees", sets=["degrees"]),
        layer("photo"),
        matrix_set(),
        DEGREES,
    )
    assert choice(services).layer.name == "photo"
    assert "has no jpg, png or webp pictures, but 'application/vnd.mapbox-vector-tile'" in refusal(
        services, layer="vectors"
    )


def test_a_service_without_a_usable_layer_says_why() -> None:
    """None at all, none in Web Mercator, or the one that there is by its own fault."""
    assert refusal(document()) == "t.example announces no layer of tiles"
    assert "none of the 2 layers" in refusal(document(layer("a", sets=["degrees"]), layer("b", sets=[]), DEGREES))
    assert (
        "'degrees' is in urn:ogc:def:crs:EPSG::4326, not in Web Mercator (EPSG:3857); 'lost' is not described"
        in refusal(document(layer(sets=["degrees", "lost"]), DEGREES))
    )
    assert "names no matrix set" in refusal(document(layer(sets=[]), DEGREES))


def test_the_matrix_set_is_the_only_one_in_web_mercator_or_the_one_that_is_set() -> None:
    """With their zooms, which is what they differ in; one that can't be used is refused with its reason."""
    both = document(layer(sets=["webmercator", "degrees"]), matrix_set(), DEGREES)
    assert choice(both).grid.name == "webmercator"
    assert "can't be asked for tiles of the web maps: 'degrees' is in" in refusal(both, matrix_set="degrees")
    assert refusal(arcgis("https://t.example")) == (
        "t.example has 2 matrix sets, and wmts.matrix_set is not set; there are:"
        " 'default028mm' (zooms 0 to 20), 'GoogleMapsCompatible' (zooms 0 to 18)"
    )
    assert choice(arcgis("https://t.example"), matrix_set="default028mm").grid.zooms.keys() == set(range(21))
    assert "no matrix set 'nope'; there are: 'webmercator' (zooms 0 to 18)" in refusal(both, matrix_set="nope")


def test_a_matrix_set_that_is_set_wrongly_where_none_can_be_used_has_all_reasons() -> None:
    """The operator's next try is then not another guess."""
    assert "'degrees' is in urn" in refusal(document(layer(sets=["degrees"]), DEGREES), matrix_set="nope")


def test_the_style_is_the_default_or_the_only_one_or_the_one_that_is_set() -> None:
    """A style may have an empty name, and a layer no style at all."""
    true = '<Style isDefault="true"><ows:Identifier>{}</ows:Identifier></Style>'
    plain = "<Style><ows:Identifier>{}</ows:Identifier></Style>"

    def style(styles: str, **settings: Any) -> str:
        return choice(document(layer(styles=styles), matrix_set()), **settings).style

    assert style(plain.format("a") + true.format("b")) == "b"
    assert style(plain.format("a") + true.format("b"), style="a") == "a"
    assert style(plain.format("a")) == "a"
    assert style(true.format("")) == ""
    assert style("") == "default"
    assert "2 styles, and wmts.style is not set; there are: 'a', 'b'" in refusal(
        document(layer(styles=plain.format("a") + plain.format("b")), matrix_set())
    )


@pytest.mark.parametrize(
    ("media_type", "formats"),
    [
        ("image/jpeg", (PictureFormat.JPEG,)),
        ("image/png", (PictureFormat.PNG,)),
        ("image/png; mode=8bit", (PictureFormat.PNG,)),
        ("Image/WebP", (PictureFormat.WEBP,)),
        ("image/jpgpng", (PictureFormat.JPEG, PictureFormat.PNG)),
        ("image/vnd.jpeg-png", (PictureFormat.JPEG, PictureFormat.PNG)),
    ],
)
def test_picture_formats_are_told_by_their_media_types(media_type: str, formats: tuple[PictureFormat, ...]) -> None:
    """Also those in which a server mixes; the service is asked in its own words."""
    found = choice(document(layer(formats=["image/tiff", media_type]), matrix_set()))
    assert (found.media_type, found.picture_formats) == (media_type, formats)


def test_the_format_may_be_set_by_its_short_name() -> None:
    """As an operator would write it."""
    both = document(layer(formats=["image/jpeg", "image/png"]), matrix_set())
    assert choice(both, format="png").media_type == "image/png"
    assert choice(both, format="image/JPEG").media_type == "image/jpeg"
    assert "2 formats, and wmts.format is not set" in refusal(both)
    assert "no format 'webp'" in refusal(both, format="webp")


def test_dimensions_have_their_defaults_unless_they_are_set() -> None:
    """By name, whatever the case; the only value stands for a default."""

    def dimensions(text: str, **given: str) -> dict[str, str]:
        return choice(document(layer(more=TIME.format(text)), matrix_set()), dimensions=given).dimensions

    assert dimensions("<Default>2024</Default><Value>2023</Value><Value>2024</Value>") == {"Time": "2024"}
    assert dimensions("<Default>2024</Default>", TIME="2023") == {"Time": "2023"}
    assert dimensions("<Value>2022</Value>") == {"Time": "2022"}


def test_a_dimension_without_a_default_must_be_set_and_one_that_is_not_there_may_not() -> None:
    """Else the service would choose, or be asked for nonsense."""
    open_ended = document(layer(more=TIME.format("<Value>2023</Value><Value>2024</Value>")), matrix_set())
    assert "no default for its dimension 'Time', but '2023', '2024'" in refusal(open_ended)
    assert "wmts.dimensions has 'elevation', and the layer 'photo' of t.example has 'Time'" in refusal(
        open_ended, dimensions={"time": "2023", "Elevation": "0"}
    )


def test_geoserver_is_taken_as_it_is() -> None:
    """Style without a name, matrices with the set's name, limits for each of them."""
    found = choice(geoserver("https://t.example"))
    assert (found.layer.name, found.style, found.grid.name) == ("topp:photo", "", "EPSG:900913")
    assert found.grid.zooms.keys() == set(range(8, 15))
    assert found.grid.zooms[9].name == "EPSG:900913:9"
    assert found.grid.zooms[9].has(260, 180)
    assert not found.grid.zooms[9].has(263, 180)


def test_what_a_server_writes_is_shown_short_and_harmless() -> None:
    """Names that move the cursor, turn the direction or have no end; more of them than anybody reads; the key."""
    key = "canary-key"
    names = ["a\u202e", "b" * 200, f"c-{key}-d", *(f"layer{n}" for n in range(1_000))]
    said = refusal(document(*map(layer, names), matrix_set()), api_key=Secret(key))
    assert "'a\\u202e'" in said
    assert "bbb…'" in said
    assert "'c-***-d'" in said
    assert said.endswith("and 983 more")
    assert len(said) < 1_000
    sets = [f"set{n}" for n in range(500)]
    crs = document(layer(sets=sets), *(matrix_set(name, crs=f"\u202e{'x' * 9_000}", zooms=[]) for name in sets))
    assert len(refusal(crs)) < 1_000


def test_a_set_with_gaps_has_the_zooms_that_it_has() -> None:
    """From the first to the last of them."""
    gaps = matrix_set(zooms=[3, 9], matrix=lambda zoom: web_matrix(zoom))
    assert choice(document(layer(), gaps)).grid.zooms.keys() == {3, 9}


@pytest.mark.parametrize(
    ("announced", "wanted", "media_type"),
    [
        (["image/jpg"], None, "image/jpg"),
        (["image/jpeg", "image/jpg"], None, "image/jpeg"),
        (["image/png", "image/jpeg"], "jpg", "image/jpeg"),
        (["image/png", "Image/JPG"], "image/jpeg", "Image/JPG"),
        (["image/x-png"], None, "image/x-png"),
        (["image/png; mode=8bit"], None, "image/png; mode=8bit"),
        (["image/png", "image/png; mode=8bit"], "png", "image/png"),
        (["image/png", "image/png; mode=8bit"], "image/png;mode=8bit", "image/png; mode=8bit"),
        (["image/pjpeg"], "jpeg", "image/pjpeg"),
    ],
)
def test_names_of_one_media_type_are_one(announced: list[str], wanted: str | None, media_type: str) -> None:
    """``jpg`` is ``jpeg``, in any case; with other parameters it is another choice."""
    assert choice(document(layer(formats=announced), matrix_set()), format=wanted).media_type == media_type
