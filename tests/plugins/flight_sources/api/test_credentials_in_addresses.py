"""A credential in the flights service's address is refused, and not repeated."""

from __future__ import annotations

import pytest

from operator_tool.api import ConfigError
from operator_tool_plugins.flight_sources.api.address import check_base_url, check_path


@pytest.mark.parametrize("path", ["/flights/{id}?token=hunter2secret", "/key/hunter2secret/flights/{id}"])
def test_a_credential_in_the_path_is_refused(path: str) -> None:
    """The path stands in messages."""
    with pytest.raises(ConfigError) as caught:
        check_path("path", path)
    assert "hunter2secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("url", ["htps://t.example/?token=hunter2secret", "https://t.example/token/hunter2secret"])
def test_a_credential_in_the_address_is_not_repeated(url: str) -> None:
    """Neither where the address is wrong otherwise."""
    with pytest.raises(ConfigError) as caught:
        check_base_url(url, with_token=False)
    assert "hunter2secret" not in caught.value.message + caught.value.hint
