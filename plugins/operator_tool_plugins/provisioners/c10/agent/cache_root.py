"""The cache root as every verb needs it that brings something there: its folders, and the agent's own first notes."""

from __future__ import annotations

from .generations.state import begin_record
from .layout import Layout


def prepare_root(layout: Layout) -> None:
    """Make what is missing of the root, durably. Raises ``layout`` where something else stands in its place."""
    layout.make()
    begin_record(layout)
