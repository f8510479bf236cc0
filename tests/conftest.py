"""What every test stands on: folders of its own, and no skip that nobody notices."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

MAY_SKIP = {"shared_missions", "old_python", "own_mounts", "own_network"}
"""Markers of tests that need something that the project does not install."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their length: an archive holds the time at which it was made, and each worker makes its own."""
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 16 else None


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's own configuration, data and environment."""
    for name in [name for name in os.environ if name.startswith("OPERATOR_TOOL_") and "REQUIRE" not in name]:
        monkeypatch.delenv(name)
    if _lies_in_memory(str(tmp_path)):
        # A developer's folder for temporary files may; what is built there by the commands is refused else.
        monkeypatch.setenv("OPERATOR_TOOL_C10_ALLOW_VOLATILE_ROOT", "true")
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home" / variable.lower()))


def _lies_in_memory(path: str) -> bool:
    from operator_tool_plugins.provisioners.c10.agent.in_memory import why_in_memory
    from operator_tool_plugins.provisioners.c10.agent.mounts import read_mounts

    mounts = read_mounts()
    return mounts is not None and bool(why_in_memory(path, mounts))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where every test is required, unless it needs what can't be installed."""
    report = yield
    required = os.environ.get("OPERATOR_TOOL_REQUIRE_ALL_TESTS") == "1"
    excused = any(item.get_closest_marker(name) for name in MAY_SKIP)
    if required and report.skipped and not excused and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where every test must run: {report.longrepr}"
    return report
