"""Each check of how a plugin is found, imported and registered fails on one that is weak in that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.testing.kit_runs import run_kit
from tests.support.distributions import write_distribution

_SOUND = """
from operator_tool import api
from tests.core.testing.twins.tile_twins import Settings, Sound

@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    return Settings

@api.hookimpl.make_tile_provider
def make_tile_provider(settings: Settings, context: api.RunContext) -> Sound:
    return Sound(settings, context)
"""
_TESTS = "from tests.core.testing.twins.contracts import TileTwins\n"
_CLASS = """
class Test{name}(TileTwins):
    plugin = "{plugin}"
    fails = "{fails}"
    {more}
"""

WEAK = {
    "slow": ("test_imports_within_its_budget", "import time\ntime.sleep(0.7)\n" + _SOUND, "import_budget_s = 0.6"),
    "core": ("test_imports_the_api_alone", "import operator_tool.settings\n" + _SOUND, ""),
    "another": ("test_imports_the_api_alone", "import operator_tool_plugins.tile_providers.folder\n" + _SOUND, ""),
    "third": ("test_imports_the_api_alone", "import weak_slow_dist\n" + _SOUND, ""),
    "loud": ("test_says_and_starts_nothing_at_import", "print('hello')\n" + _SOUND, ""),
    "busy": (
        "test_says_and_starts_nothing_at_import",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n" + _SOUND,
        "",
    ),
    "misnamed": (
        "test_implements_the_hooks_of_its_role",
        _SOUND.replace("(settings: Settings, context:", "(settings: Settings, contxt:").replace(
            ", context)", ", contxt)"
        ),
        "",
    ),
    "misspelt": (
        "test_implements_the_hooks_of_its_role",
        _SOUND.replace(
            "@api.hookimpl.make_tile_provider\ndef make_tile_provider", "@api.hookimpl\ndef make_tile_provder"
        ),
        "",
    ),
    "unmarked": ("test_implements_the_hooks_of_its_role", _SOUND.replace("@api.hookimpl.make_tile_provider\n", ""), ""),
    "needy": (
        "test_takes_the_options_of_this_test",
        _SOUND.replace("Settings, Sound\n", "NeedySettings as Settings, Sound\n"),
        "",
    ),
    "failing": ("test_imports_within_its_budget", "raise ValueError('no')\n" + _SOUND, ""),
}
"""By plugin: the check that it fails, its module, and what else its test class says."""

PREREQUISITES = ("misnamed", "misspelt", "unmarked", "needy", "failing")
"""Of these no object can be made, so that most other checks fail too."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of the path with the weak ones, each a distribution of its own."""
    site = tmp_path / "site"
    for name, (_fails, source, _more) in {"sound": ("", _SOUND, ""), **WEAK}.items():
        module = f"weak_{name}_dist"
        entry_points = {"tile_provider": {f"weak-{name}": module}}
        write_distribution(site, f"weak-{name}", entry_points=entry_points, modules={module: source})
    for name, version in (("unversioned", "0.0.0"), ("claimed", "1.0"), ("claimed-too", "1.0")):
        plugin = name.removesuffix("-too")
        write_distribution(
            site, f"weak-{name}", version=version, entry_points={"tile_provider": {f"weak-{plugin}": "weak_sound_dist"}}
        )
    return site


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_each_check_fails_on_its_twin(tmp_path: Path, site: Path, everything: bool) -> None:
    """What is weak in one thing fails the check of that, and where an object can be made no other."""
    looked_at = {"sound": ("", _SOUND, ""), **WEAK}
    for name in ("unversioned", "claimed", "missing"):
        looked_at[name] = ("test_is_found_by_its_name", "", "")
    classes = [
        _CLASS.format(name=name.title(), plugin=f"weak-{name}", fails=fails, more=more or "pass")
        for name, (fails, _source, more) in looked_at.items()
    ]
    own = [
        f"test_twins.py::Test{name.title()}::{fails}" for name, (fails, _source, _more) in looked_at.items() if fails
    ]
    outcomes = run_kit(
        tmp_path,
        _TESTS + "".join(classes),
        everything=everything,
        site=site,
        checks=["test_twins.py"] if everything else own,
    )
    for name, (fails, _source, _more) in looked_at.items():
        failed = {check for check, problem in outcomes.get(f"Test{name.title()}", {}).items() if problem}
        if name in (*PREREQUISITES, "claimed", "missing"):
            assert fails in failed, (name, failed)
        else:
            assert failed == ({fails} if fails else set()), (name, failed)
    # The kit's user has never seen our code: a failure names what is wrong, and says what to do.
    problem = outcomes["TestMisnamed"]["test_implements_the_hooks_of_its_role"]
    for said in ("takes contxt", "weak-misnamed 1.0", "@hookimpl.make_tile_provider", "may take: settings, context"):
        assert said in problem
