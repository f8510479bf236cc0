"""The test classes that look at the twins of listeners."""

from __future__ import annotations

from pathlib import Path

import pytest

from operator_tool.testing import ListenerContract
from operator_tool.testing.making import Options
from tests.core.testing.twins.listener_twins import TWINS


class ListenerTwins(ListenerContract):
    """For twins that write to a file."""

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """Where the file is."""
        return {"path": tmp_path / "events"}

    @pytest.fixture
    def unwritable_options(self, tmp_path: Path) -> Options:
        """A file in no folder."""
        return {"path": tmp_path / "no" / "events"}


def classes() -> dict[str, type]:
    """Return a test class for each twin."""
    return {
        f"Test{name}": type(
            f"Test{name}", (ListenerTwins,), {"plugin": f"twin-{name}", "fails": twin.fails, **twin.limits}
        )
        for name, twin in TWINS.items()
    }
