"""operator-tool's conformance kit on {{name}}, with a folder of this machine in the companion's place."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from operator_tool.testing import ProvisionerContract


class TestProvisioner(ProvisionerContract):
    """Whole caches, links that break, rot, and a run that is given up."""

    plugin = "{{name}}"

    @pytest.fixture
    def plugin_options(self, companion_folder: Path) -> dict[str, Any]:
        """Settings as an operator gives them; the caches lie on what the kit watches."""
        return {"root": str(companion_folder / "maps")}

    @pytest.fixture
    def current_files(self, companion_folder: Path) -> Callable[[], Mapping[str, bytes]]:
        """What a consumer opens."""
        current = companion_folder / "maps" / "current"
        return lambda: {
            str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*") if path.is_file()
        }

    @pytest.fixture
    def damage(self, companion_folder: Path) -> Callable[[], None]:
        """Changes one byte of a picture, as a bad disk does."""

        def spoil() -> None:
            picture = min((companion_folder / "maps" / "current").glob("*/*/*.*"))
            data = bytearray(picture.read_bytes())
            data[len(data) // 2] ^= 1
            picture.write_bytes(data)

        return spoil
