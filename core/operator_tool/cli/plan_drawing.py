"""The options of ``operator-tool plan`` that draw it, and what they do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from operator_tool.build_cache.estimate import Estimate
    from operator_tool.build_cache.plan import CachePlan


class Drawing:
    """Which files a plan is to be drawn into; none where none is named."""

    def __init__(self, given: dict[str, Any]) -> None:
        """Take the two options out of what was given. Raises ``UsageError`` for a file that can't be one."""
        self._page: Path | None = given.pop("page")
        self._picture: Path | None = given.pop("picture")
        if self._page or self._picture:
            from operator_tool.plan_page import check_targets

            check_targets(self._page, self._picture)

    def draw(self, plan: CachePlan, estimate: Estimate, stores_dir: Path, max_age_s: float | None) -> None:
        """Draw the plan. Raises ``ConfigError`` for a file that can't be written."""
        if self._page or self._picture:
            from datetime import UTC, datetime

            from operator_tool.plan_page import draw_plan

            targets = {"page": self._page, "picture": self._picture}
            draw_plan(plan, estimate, stores_dir, **targets, at=datetime.now(UTC), max_age_s=max_age_s)


drawing_options = (
    click.option("--page", type=click.Path(path_type=Path), metavar="PATH", help="Draw it into this HTML page."),
    click.option("--picture", type=click.Path(path_type=Path), metavar="PATH", help="Draw it into this PNG."),
)
