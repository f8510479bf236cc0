"""The test classes that look at the twins of provisioners."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from operator_tool.testing import ProvisionerContract
from operator_tool.testing.making import Options
from tests.core.testing.twins.provisioner_twins import TWINS


class ProvisionerTwins(ProvisionerContract):
    """For twins that keep files."""

    @pytest.fixture
    def plugin_options(self, companion_folder: Path) -> Options:
        """The folder."""
        return {"folder": str(companion_folder)}

    @pytest.fixture
    def current_files(self, companion_folder: Path) -> Callable[[], Mapping[str, bytes]]:
        """The list, and the pictures in it."""

        def look() -> Mapping[str, bytes]:
            try:
                listed = (companion_folder / "current.json").read_bytes()
            except FileNotFoundError:
                return {}
            names = {tile[3] for tile in json.loads(listed)["tiles"]}
            return {"current.json": listed, **{name: (companion_folder / name).read_bytes() for name in names}}

        return look

    @pytest.fixture
    def damage(self, companion_folder: Path) -> Callable[[], None]:
        """Change the last byte of a picture."""

        def spoil() -> None:
            name = json.loads((companion_folder / "current.json").read_bytes())["tiles"][3][3]
            data = (companion_folder / name).read_bytes()
            (companion_folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

        return spoil


def classes(names: Sequence[str]) -> dict[str, type]:
    """Return a test class for each of these twins."""
    return {
        f"Test{name}": type(f"Test{name}", (ProvisionerTwins,), {"plugin": f"twin-{name}", "fails": TWINS[name].fails})
        for name in names
    }
