"""The real parts, once for all trials of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.real_parts import RealNginx, real_nginx


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNginx]:
    """A real nginx that serves the folder ``root`` of it."""
    folder = tmp_path_factory.mktemp("nginx")
    with real_nginx(folder / "own", folder / "root") as server:
        yield server
