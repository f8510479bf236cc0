"""A flight source of the test's own: waits are noted and not waited, the clock stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from operator_tool.api import RunContext
from operator_tool_plugins.flight_sources.api import ApiSettings
from operator_tool_plugins.flight_sources.api.source import ApiFlightSource

NOW_S = 1_800_000_000.0
"""15 January 2027, 08:00 UTC."""


class Service:
    """The source under test and what it waited for."""

    def __init__(self, base_url: str, *, context: RunContext | None = None, **settings: Any) -> None:
        self.waits_s: list[float] = []
        self.source = ApiFlightSource(
            ApiSettings(base_url=base_url, **settings),
            context or RunContext(run_id="test", state_dir=Path("unused")),
            wait=self.waits_s.append,
            now=lambda: NOW_S,
        )
