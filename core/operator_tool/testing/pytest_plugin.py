"""What pytest loads in every run: it makes the contracts' assertions speak, and says that the kit is there."""

from __future__ import annotations

import pytest

import operator_tool

# Before any of them is imported: pytest then shows the values of what failed.
pytest.register_assert_rewrite(
    "operator_tool.testing.flight_asking",
    "operator_tool.testing.flight_contract",
    "operator_tool.testing.flight_promises",
    "operator_tool.testing.flight_web_contract",
    "operator_tool.testing.listener_contract",
    "operator_tool.testing.plugin_contract",
    "operator_tool.testing.provisioner_contract",
    "operator_tool.testing.tile_asking",
    "operator_tool.testing.tile_contract",
    "operator_tool.testing.tile_web_contract",
    "operator_tool.testing.tile_web_silence",
    "operator_tool.testing.transport_contract",
)


def pytest_report_header() -> str:
    """Return the line that pytest's header says of the kit."""
    return f"operator-tool: {operator_tool.__version__}, conformance kit operator_tool.testing"
