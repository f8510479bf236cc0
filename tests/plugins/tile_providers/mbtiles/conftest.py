"""What the tests of the provider ``mbtiles`` have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plugins.tile_providers.mbtiles.files import Opener


@pytest.fixture
def provider() -> Iterator[Opener]:
    """Makes providers, and closes them at the end."""
    opener = Opener()
    yield opener
    for made in opener.made:
        made.close()
