"""A workstation on which the distributions that are broken in each way are installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tests.support import wheels
from tests.support.command import Ended, Workstation

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
SMALL = ("--zoom", "13", "--json")
IMPATIENT = """
import atexit, os, pathlib, sys
if "MODULES" in os.environ:
    atexit.register(lambda: pathlib.Path(os.environ["MODULES"]).write_text(chr(10).join(sorted(sys.modules))))
from operator_tool import overdue
from operator_tool.plugin_host import calls, listening
calls.UNWIND_S, overdue._DUMP_AFTER_S, listening.HANG_S = 0.5, 0.5, 0.5
from operator_tool.cli import main
main()
"""
SOON = ("-o", "operator-tool.plugin_call_s=0.3", "-o", "operator-tool.plugin_answer_s=0.3")


class Rig(Workstation):
    """A workstation on which all the broken distributions are installed."""

    def __init__(self, folder: Path, site: Path) -> None:
        super().__init__(folder)
        self.site = site

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of its commands."""
        return super().environment({**wheels.path_with(self.site), **(more or {})})

    def build(
        self, *more: str, provider: str = "synthetic", env: Mapping[str, str] | None = None, timeout_s: float = 60.0
    ) -> Ended:
        """Run a small build, whose patience with plugins is short."""
        return self.run(*self.build_arguments(FLIGHT, *SMALL, *more, provider=provider), env=env, timeout_s=timeout_s)

    def assert_all_is_free(self) -> None:
        """Nobody holds a lock, and nobody is said to."""
        assert not list(self.data.glob("locks/*.holder.json"))
        for path in self.data.glob("locks/*.lock"):
            try:
                FileLock(path, timeout=0).acquire().lock.release()
            except Timeout:
                pytest.fail(f"{path} is held")

    def assert_it_works_without(self) -> None:
        """The same command with a provider that is whole builds the cache."""
        again = self.build()
        assert (again.code, again.report["outcome"]) == (0, "success"), again.all


def named(ended: Ended, role: str, name: str, words: str) -> None:
    """Assert that a plugin is told as what failed, in one document and without a traceback."""
    assert ended.code == 12, ended.all
    report = ended.report
    assert report["exit_code"] == 12
    assert f"{role} '{name}' (acme-broken 1.4.0)" in report["message"], report["message"]
    assert re.search(words, report["message"]), report["message"]
    assert "Traceback" not in ended.err
