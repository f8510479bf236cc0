"""The transport ``mock`` is held to what any transport must do, over a far link and over a perfect one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from operator_tool.api import LinkError
from operator_tool.testing import LinkedTransportContract
from operator_tool.testing.making import Options
from operator_tool_plugins.transports.mock import transport as mock
from operator_tool_plugins.transports.mock.link import Link


class OverMock(LinkedTransportContract):
    """The simulated companion."""

    plugin = "mock"
    scratch_dir: ClassVar[str] = "."
    """Below its home, where alone it writes."""

    @pytest.fixture(autouse=True)
    def links(self, monkeypatch: pytest.MonkeyPatch) -> list[Link]:
        """Every link that is opened from now on."""
        opened: list[Link] = []

        def open_link(*arguments: Any) -> Link:
            opened.append(Link(*arguments))
            return opened[-1]

        monkeypatch.setattr(mock, "Link", open_link)
        return opened

    @pytest.fixture
    def break_link(self, links: list[Link]) -> Callable[[], None]:
        """Break what is open, as a fault of the script does."""

        def break_all() -> None:
            for link in tuple(links):
                link._end(LinkError("the link to the companion broke"), kill=False)
            links.clear()

        return break_all


@pytest.mark.nightly
class TestMock(OverMock):
    """Nothing takes any time, as in most tests of the mock."""


class TestFarMock(OverMock):
    """Latency, jitter and a rate, each way."""

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """A script with a link and nothing else."""
        script = tmp_path / "far.toml"
        script.write_text(
            "[link]\nlatency_s = 0.005\njitter_s = 0.01\nup_bytes_per_s = 30_000_000\ndown_bytes_per_s = 30_000_000\n"
        )
        return {"script": script}
