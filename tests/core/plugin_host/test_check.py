"""What ``plugins check`` says of a plugin, and that a run says nothing of what is deprecated."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from operator_tool.api import contract, hookspecs
from operator_tool.plugin_host import hooks as hooks_module
from operator_tool.plugin_host.check import CheckedPlugin, check_plugin
from operator_tool.plugin_host.discovery import Discovery
from operator_tool.plugin_host.entry import Role
from tests.support.command import Workstation
from tests.support.distributions import write_distribution

FLIGHT = Path(__file__).parents[3] / "docs" / "tutorial" / "first-flight.plan"
PLUGIN = """
from __future__ import annotations
from operator_tool import api

class Provider:
    def describe(self): return api.ProviderInfo(dataset="x")
    def fetch(self, wanted):
        for tile in wanted: yield api.Absent(tile.id)
    def close(self): ...

@api.hookimpl
def make_tile_provider(settings, context): return Provider()
"""
NEEDS_A_KEY = """
from typing import Annotated
class Settings(api.PluginSettings, frozen=True, kw_only=True):
    key: Annotated[str, api.Meta(description="From them.")]

@api.hookimpl
def plugin_settings(): return Settings
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, for distributions of a test's own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def checked(site: Path, module: str, source: str) -> CheckedPlugin:
    """Install a provider ``acme`` and return what is said of it."""
    write_distribution(
        site, "acme-maps", version="2.3", entry_points={"tile_provider": {"acme": module}}, modules={module: source}
    )
    try:
        return check_plugin(Discovery().find(Role.TILE_PROVIDER, "acme"))
    finally:
        sys.modules.pop(module, None)


@pytest.fixture
def older_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contract in which two names are deprecated."""
    for name, value in (("OldTile", contract.CONTRACT), ("OldZoom", 9)):
        deprecated = contract.DeprecatedName(value=value, since="1.4", use="Tile")
        monkeypatch.setitem(contract.DEPRECATED_NAMES, name, deprecated)


def test_a_plugin_without_fault_is_ok(site: Path) -> None:
    """And uses nothing that is deprecated: today nothing is."""
    assert checked(site, "acme_fine", PLUGIN) == CheckedPlugin(state="ok")
    assert contract.DEPRECATED_NAMES == {}


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("raise OSError('no wing')", "OSError: no wing"),
        (PLUGIN.replace("make_tile", "make_tiel"), "make_tiel_provider"),
        (PLUGIN + "\n@api.hookimpl\ndef plugin_settings(): return int", "not a subclass of PluginSettings"),
        (PLUGIN.replace("return Provider()", "return 'a map'"), "make_tile_provider gave 'a map', not a TileProvider"),
        (
            PLUGIN.replace("def describe", "def descrbe"),
            "gave an acme_wrong.Provider, not a TileProvider: it has no describe()",
        ),
        (PLUGIN.replace("return Provider()", "raise OSError('no map')"), "make_tile_provider failed: OSError: no map"),
        (PLUGIN.replace("def close(self): ...", "def close(self): 1/0"), "close failed: ZeroDivisionError"),
        (PLUGIN + "\nrequires_contract = '>=9'", "is made for contract >=9; this operator-tool speaks contract 1."),
    ],
)
def test_what_is_wrong_with_a_plugin_is_its_state(site: Path, source: str, state: str) -> None:
    """Import, registration, contract and settings, as a run would meet them."""
    found = checked(site, "acme_wrong", source)
    assert state in found.state
    assert not found.usable


def test_a_plugin_that_needs_a_setting_is_not_made(site: Path) -> None:
    """Nobody gave it: what its factory does without it says nothing."""
    source = PLUGIN.replace("return Provider()", "raise OSError('no key')") + NEEDS_A_KEY
    assert checked(site, "acme_keyed", source) == CheckedPlugin(state="ok")


def test_what_the_operator_has_to_put_right_is_not_the_plugins_failure(site: Path) -> None:
    """A factory that asks for something else than a setting, such as a file that has to be there."""
    source = PLUGIN.replace("return Provider()", "raise api.ConfigError('no such file')")
    assert checked(site, "acme_file", source).usable


def test_a_setting_without_a_description_is_named(site: Path) -> None:
    """An operator would see its name alone; the plugin can be used."""
    source = PLUGIN + NEEDS_A_KEY.replace("    key:", '    colour: str = "red"\n    key:')
    found = checked(site, "acme_bare", source)
    assert found == CheckedPlugin(state="ok", notices=("settings of which nothing is said: colour",))


def test_a_deprecated_name_is_told_with_its_place_and_what_to_use(site: Path, older_names: None) -> None:
    """Whether it is imported by name, or looked up where no import comes by."""
    source = PLUGIN + (
        "from operator_tool.api import OldTile\n"
        "def never_called() -> api.OldZoom:\n"
        "    return api.OldZoom\n"
        "OldZoom = 'its own'\n"
    )
    found = checked(site, "acme_older", source)
    assert found.state == "ok"
    assert found.deprecated == (
        "operator_tool.api.OldTile is deprecated since contract 1.4: use Tile (acme_older.py:13)",
        "operator_tool.api.OldZoom is deprecated since contract 1.4: use Tile (acme_older.py:14)",
        "operator_tool.api.OldZoom is deprecated since contract 1.4: use Tile (acme_older.py:15)",
    )


@pytest.fixture
def older_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contract with a hook that will go, and an argument of another."""
    of = contract.ContractDeprecationWarning.of
    older = types.ModuleType("older_hookspecs")
    vars(older).update({name: value for name, value in vars(hookspecs).items() if not name.startswith("__")})

    @hookspecs.hookspec(warn_on_impl=of("hook on_landing", since="1.4", use="on_event"))
    def on_landing() -> None: ...

    @hookspecs.hookspec(
        firstresult=True, warn_on_impl_args={"folder": of("argument folder", since="1.4", use="context")}
    )
    def make_tile_provider(settings: object, context: object, folder: object) -> object: ...

    vars(older).update(on_landing=on_landing, make_tile_provider=make_tile_provider)
    monkeypatch.setattr(hooks_module, "hookspecs", older)


def test_a_deprecated_hook_and_argument_are_told(site: Path, older_hooks: None) -> None:
    """By the hook's specification, which pluggy reads at registration."""
    source = PLUGIN.replace("(settings, context)", "(settings, folder)") + "@api.hookimpl\ndef on_landing(): ...\n"
    source += NEEDS_A_KEY  # nobody gives it a folder
    found = checked(site, "acme_hooks", source)
    assert found.state == "ok"
    assert set(found.deprecated) == {
        "argument folder is deprecated since contract 1.4: use context (acme_hooks.py:11)",
        "hook on_landing is deprecated since contract 1.4: use on_event (acme_hooks.py:13)",
    }
    write_distribution(
        site, "new-maps", entry_points={"tile_provider": {"new": "acme_newer"}}, modules={"acme_newer": PLUGIN}
    )
    assert check_plugin(Discovery().find(Role.TILE_PROVIDER, "new")).deprecated == ()


SELF_DEPRECATING = f"""{PLUGIN}
import warnings
from operator_tool.api.contract import DEPRECATED_NAMES, DeprecatedName
DEPRECATED_NAMES["OldTile"] = DeprecatedName(value=api.Tile, since="1.4", use="Tile")
api.OldTile
warnings.warn("a library is getting old", DeprecationWarning)
"""


def test_check_and_info_tell_a_setting_without_description_and_a_misspelt_group(tmp_path: Path) -> None:
    """Check under the plugin's row; info says what the group should be, as a run does."""
    site = tmp_path / "site"
    bare = PLUGIN + NEEDS_A_KEY.replace("    key:", '    colour: str = "red"\n    key:')
    write_distribution(
        site,
        "acme-maps",
        entry_points={"tile_provider": {"acme": "acme_bare"}, "operator_tool.v1.tile_providers": {"odd": "acme_bare"}},
        modules={"acme_bare": bare},
    )
    workstation = Workstation(tmp_path)
    environment = {"PYTHONPATH": str(site)}

    checked = workstation.run("plugins", "check", env=environment)
    told = workstation.run("plugins", "info", "odd", env=environment)

    assert "\n  settings of which nothing is said: colour\n" in checked.out
    assert checked.out.endswith("1 can't, 1 with something to mend\n")
    assert told.code == checked.code == 12
    assert "its group operator_tool.v1.tile_providers is no role's" in told.err


@pytest.mark.parametrize("setting", ["error", "default"])
def test_a_run_neither_shows_what_is_deprecated_nor_fails_for_it(tmp_path: Path, setting: str) -> None:
    """However Python's warnings are set; ``plugins check`` shows it, and is content."""
    site = tmp_path / "site"
    modules = {"acme_older": SELF_DEPRECATING}
    write_distribution(site, "acme-maps", entry_points={"tile_provider": {"acme": "acme_older"}}, modules=modules)
    workstation = Workstation(tmp_path)
    environment = {"PYTHONPATH": str(site), "PYTHONWARNINGS": setting}

    plan = ["plan", "--flight-file", str(FLIGHT), "--provider", "acme", "--samples", "0", "--json"]
    planned = workstation.run(*plan, env=environment)
    checked = workstation.run("plugins", "check", env=environment)

    assert planned.code == 0, planned.err
    assert '"acme"' in planned.out
    assert "deprecated" not in planned.err
    assert "getting old" not in planned.err
    assert checked.code == 0, checked.all
    assert "operator_tool.api.OldTile is deprecated since contract 1.4: use Tile (acme_older.py:" in checked.out
    assert checked.out.endswith("all can be used, 1 with something deprecated\n")
