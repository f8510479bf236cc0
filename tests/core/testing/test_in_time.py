"""A plugin that does not come back fails its author's tests soon, and they say which method it was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.core.testing.kit_runs import run_kit
from tests.support.distributions import write_distribution

_PROVIDER = """
import threading
from operator_tool import api
from tests.core.testing.twins.tile_twins import Settings, Sound

class Provider(Sound):
    def {method}:
        {body}

@api.hookimpl.make_tile_provider
def make_tile_provider(context: api.RunContext) -> Provider:
    return Provider(Settings(), context)
"""
_WAITS = "threading.Event().wait(300)"
_LISTENER = """
import threading
from operator_tool import api

@api.hookimpl.on_event
def on_event(event: api.Event) -> None:
    threading.Event().wait(300)
"""
_TESTS = """
from pathlib import Path
import pytest
from operator_tool.testing import ListenerContract
from tests.core.testing.twins.contracts import TileTwins

class TestDescribing(TileTwins):
    plugin = "describing"
    fails = ""
    answers_within_s = 0.4

class TestClosing(TileTwins):
    plugin = "closing"
    fails = ""
    answers_within_s = 0.4

class TestFetching(TileTwins):
    plugin = "fetching"
    fails = ""
    ends_within_s = 1.0

class TestMisspelt(TileTwins):
    plugin = "misspelt"
    fails = ""

class TestBytes(TileTwins):
    plugin = "bytes"
    fails = ""

class TestHearing(ListenerContract):
    plugin = "hearing"
    fails = ""
    answers_within_s = 0.4
"""
_CHECKS = (
    "TestDescribing::test_describes_what_can_be",
    "TestDescribing::test_says_no_secret",
    "TestClosing::test_makes_an_object_of_its_role",
    "TestClosing::test_can_be_closed_at_any_time",
    "TestFetching::test_answers_each_wanted_tile_once",
    "TestMisspelt::test_makes_an_object_of_its_role",
    "TestMisspelt::test_describes_what_can_be",
    "TestBytes::test_says_what_it_lacks",
    "TestHearing::test_takes_every_kind_of_event",
    "TestHearing::test_is_quick",
)


@pytest.fixture
def outcomes(tmp_path: Path) -> dict[str, dict[str, str]]:
    """What the kit says of each; all together within seconds."""
    modules = {
        "in_time_describing": _PROVIDER.format(method="describe(self)", body=_WAITS),
        "in_time_closing": _PROVIDER.format(method="close(self)", body=_WAITS),
        "in_time_fetching": _PROVIDER.format(method="fetch(self, wanted)", body=_WAITS),
        "in_time_misspelt": _PROVIDER.format(method="close(self)", body="pass").replace("(Sound)", "")
        + "Provider.__init__ = lambda self, settings, context: None\nProvider.descrbe = Provider.fetch = Sound.fetch\n",
        "in_time_bytes": _PROVIDER.format(method="one(self, tile)", body="return b'x' * 10_000"),
    }
    named = {module.removeprefix("in_time_"): module for module in modules}
    site = tmp_path / "site"
    write_distribution(site, "in-time", entry_points={"tile_provider": named}, modules=modules)
    listener = {"listener": {"hearing": "in_time_hearing"}}
    write_distribution(site, "in-time-too", entry_points=listener, modules={"in_time_hearing": _LISTENER})
    began_s = time.monotonic()
    checks = [f"test_twins.py::{check}" for check in _CHECKS]
    found = run_kit(tmp_path, _TESTS, everything=True, site=site, checks=checks)
    assert time.monotonic() - began_s < 60
    return found


def test_the_method_that_does_not_come_back_is_named(outcomes: dict[str, dict[str, str]]) -> None:
    """Where it stands, too; what comes later is cut short, and says why; what is no provider is told in a line."""
    first, later = outcomes["TestDescribing"].values()
    assert "Provider.describe() (" in first
    assert "in_time_describing.py:8) had not come back after 0.4 s" in first
    assert "cut short" in later
    assert "Provider.describe() (" in later
    assert "Provider.close() (" in outcomes["TestClosing"]["test_makes_an_object_of_its_role"]
    assert "Provider.close() (" in outcomes["TestClosing"]["test_can_be_closed_at_any_time"]
    assert "Provider.fetch() (" in outcomes["TestFetching"]["test_answers_each_wanted_tile_once"]
    first, later = outcomes["TestHearing"].values()
    assert "on_event" in first
    assert "did not come back within 0.4 s" in first
    assert "did not come back within 0.4 s" in later
    for told in outcomes["TestMisspelt"].values():
        assert "not a TileProvider: it has no describe()" in told
        assert "During handling of the above" not in told
        assert told.count("not a TileProvider") <= 2  # the report has the words as its message, and below it
    assert "not a TileResult" in outcomes["TestBytes"]["test_says_what_it_lacks"]
    assert "x" * 100 not in outcomes["TestBytes"]["test_says_what_it_lacks"]
