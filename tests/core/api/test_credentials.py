"""Credentials in URLs are found by their names and by their shape, and what is none is left alone."""

from __future__ import annotations

import pytest

from operator_tool.api import credential_in_url

CANARY = "hunter2secret"


@pytest.mark.parametrize(
    "url",
    [
        "https://t.example/?tk=0123456789abcdef",
        *(
            f"https://t.example/?v=1&{name}=hunter2secret"
            for name in (
                "access-token",
                "Access_Token",
                "accessToken",
                "appid",
                "rapidapi-key",
                "ak",
                "sig",
                "session",
                "X-Amz-Credential",
                "X-Goog-Signature",
                "subscriptionKey",
                "a%63cess_token",
            )
        ),
        "https://t.example/?v=2;sig=hunter2secret",
        "https://t.example/a;jsessionid=hunter2secret/b",
        "https://t.example/token/hunter2secret/b",
        "https://t.example/?key=hunter2secret{api_key}",
        "https://user:hunter2secret@t.example/",
        "https://t.example/#access_token=hunter2secret",
        "https://t.example/?url=https%3A%2F%2Fb.example%2Fx.tif%3FX-Amz-Signature%3Dhunter2secret",
    ],
)
def test_a_credential_is_found_by_its_name_and_not_repeated(url: str) -> None:
    """In queries, paths, fragments and URLs inside; also where the operator says that the rest is public."""
    found = credential_in_url(url, by_shape=False)
    assert found is not None
    assert CANARY not in found


@pytest.mark.parametrize(
    "url",
    [
        "https://t.example/?foo=0123456789abcdef",
        "https://t.example/?8f14e45fceea167a5a36dedd4bea2543",
        "https://t.example/wmts/8f14e45fceea167a5a36dedd4bea2543/{z}",
        "https://t.example/pk.eyJ1IjoiZm9vYmFyIiwiYSI6/{z}",
        "https://t.example/ogc/6d8a5b1e-3c8d-4a52-9a0f-0d1f3c1b2a77",
    ],
)
def test_a_token_is_found_by_its_shape_under_any_name(url: str) -> None:
    """Long values that make no words."""
    assert credential_in_url(url) is not None
    assert credential_in_url(url, by_shape=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://t.example/{z}/{x}/{y}.jpg?key={api_key}&v=2",
        "https://t.example/ArcGIS/rest/services/World_Imagery/MapServer/tile/{z}/{y}/{x}",
        "https://t.example/planet-tiles/global_monthly_2022_05_mosaic/gmap/{z}/{x}/{y}.png",
        "https://t.example/styles/v1/mapbox/satellite-streets-v12/tiles/512/{z}/{x}/{y}@2x",
        "https://t.example/?TIME=20230101T000000Z&layers=orthophoto2023berlin",
        "https://t.example/MODIS_Terra_CorrectedReflectance_TrueColor/GoogleMapsCompatible_Level9/{z}",
        "https://t.example/?bbox=1,2,3,4&number=1234567890123456",
    ],
)
def test_addresses_as_they_are_written_hold_none(url: str) -> None:
    """Names of layers, moments, numbers and the placeholder of the key."""
    assert credential_in_url(url) is None
