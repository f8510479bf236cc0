"""operator-tool's conformance kit on {{name}}, with a folder of this machine in the companion's place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from operator_tool.testing import ProvisionerContract


class TestProvisioner(ProvisionerContract):
    """Whole caches, links that break, rot, and an order for a dry run."""

    plugin = "{{name}}"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> dict[str, Any]:
        """Settings as an operator gives them."""
        return {"root": str(tmp_path / "companion")}

    @pytest.fixture
    def damage(self, tmp_path: Path) -> Callable[[], None]:
        """Spoils a byte of what lies on the companion."""

        def spoil() -> None:
            picture = min((tmp_path / "companion").glob("current/*/*/*.*"))
            data = bytearray(picture.read_bytes())
            data[len(data) // 2] ^= 1
            picture.write_bytes(data)

        return spoil
