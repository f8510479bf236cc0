"""What is installed, and the import of what was selected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from operator_tool.api import PluginError
from operator_tool.plugin_host.discovery import RESERVED, Blocking, Discovery, load
from operator_tool.plugin_host.entry import Role
from tests.support.distributions import write_distribution


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, for distributions of a test's own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_every_builtin_is_found_with_its_distribution_and_version() -> None:
    """The built-ins come in by entry points, as anybody else's."""
    entries = {(e.role, e.name): e for e in Discovery().entries if e.builtin}

    assert set(entries) >= {
        ("flight_source", "api"),
        ("flight_source", "file"),
        ("tile_provider", "synthetic"),
        ("tile_provider", "mbtiles"),
        ("tile_provider", "xyz"),
        ("companion_transport", "local"),
        ("companion_transport", "ssh"),
        ("provisioner", "c10"),
        ("listener", "progress"),
    }
    assert {(e.distribution, e.version, e.problem) for e in entries.values()} == {("operator-tool", "0.1.0", "")}


def test_listing_imports_no_plugin_and_loading_imports_one(site: Path) -> None:
    """A module that was not selected is never imported, however it would behave."""
    write_distribution(
        site,
        "acme-maps",
        entry_points={"tile_provider": {"acme": "acme_ok", "bomb": "acme_bomb"}},
        modules={"acme_ok": "here = 1", "acme_bomb": "raise SystemExit(0)"},
    )
    discovery = Discovery()

    assert {"acme", "bomb"} <= set(discovery.names(Role.TILE_PROVIDER))
    assert "acme_ok" not in sys.modules
    plugin = load(discovery.find(Role.TILE_PROVIDER, "acme"))
    assert plugin is sys.modules.pop("acme_ok")
    assert "acme_bomb" not in sys.modules


@pytest.mark.parametrize(
    "source",
    ["raise ValueError('broken wing')", "raise SystemExit(0)", "import no_such_module", "assert False", "def ("],
)
def test_case_122_and_123_whatever_an_import_does_becomes_a_plugin_error(site: Path, source: str) -> None:
    """The error names the plugin, its distribution and its version; SystemExit is never success."""
    write_distribution(
        site,
        "acme-maps",
        version="2.3",
        entry_points={"tile_provider": {"acme": "acme_bad"}},
        modules={"acme_bad": source},
    )

    with pytest.raises(PluginError, match=r"'acme' \(acme-maps 2\.3\) failed at import") as caught:
        load(Discovery().find(Role.TILE_PROVIDER, "acme"))
    assert caught.value.exit_code == 12


def test_case_124_a_name_claimed_twice_is_refused_before_import(site: Path) -> None:
    """Both distributions are named, and neither is imported."""
    for name in ("acme-maps", "other-maps"):
        module = f"claims_{name.partition('-')[0]}"
        write_distribution(
            site, name, entry_points={"tile_provider": {"sat": module}}, modules={module: "raise RuntimeError"}
        )

    with pytest.raises(PluginError, match=r"acme-maps 1\.0.*other-maps 1\.0"):
        Discovery().find(Role.TILE_PROVIDER, "sat")


def test_a_builtin_name_can_not_be_taken_over(site: Path) -> None:
    """A stranger's ``xyz`` is told of, and the tool's own is what ``xyz`` selects, from whichever comes first."""
    write_distribution(site, "shadow", entry_points={"tile_provider": {"xyz": "shadow_xyz"}})
    discovery = Discovery()

    found = discovery.find(Role.TILE_PROVIDER, "xyz")
    assert found.distribution == "operator-tool"
    (other,) = discovery.passed_over(found)
    assert (other.distribution, other.problem) == ("shadow", RESERVED)
    shut_out = Discovery(Blocking.parse(no_plugins=False, block=("tile_provider:xyz",)))
    with pytest.raises(PluginError, match=r"operator-tool.*blocked.*shadow.*blocked"):
        shut_out.find(Role.TILE_PROVIDER, "xyz")


def test_case_125_a_plugin_of_another_contract_is_named_as_such(site: Path) -> None:
    """The major number is in the group, so nothing is imported to know it."""
    write_distribution(site, "next-gen", entry_points={"operator_tool.v2.tile_provider": {"next": "next_gen"}})

    with pytest.raises(PluginError, match="made for contract 2; this operator-tool speaks contract 1"):
        Discovery().find(Role.TILE_PROVIDER, "next")


def test_case_125_a_group_without_a_contract_is_named_as_such(site: Path) -> None:
    """The author learns what the group is to be called; nothing is imported."""
    write_distribution(site, "forgot", entry_points={"operator_tool.tile_provider": {"forgot": "forgot"}})

    with pytest.raises(PluginError, match="says no contract; this operator-tool looks in") as caught:
        Discovery().find(Role.TILE_PROVIDER, "forgot")
    assert "operator_tool.v1.tile_provider" in str(caught.value)
    assert "--block" not in caught.value.hint


@pytest.mark.parametrize(
    "group",
    ["operator_tool.v1.tile_providers", "operator_tool.v1.tile-provider", "operator-tool.v1.tile_provider"],
)
def test_case_125_a_misspelt_group_is_named_with_the_one_that_is_meant(site: Path, group: str) -> None:
    """By whoever selects the plugin and by whoever lists the plugins; no other plugin is suggested in its place."""
    write_distribution(site, "acme-tiles", entry_points={group: {"acme": "acme_tiles"}})
    discovery = Discovery()

    with pytest.raises(PluginError, match=r"acme-tiles 1\.0.*belongs into operator_tool\.v1\.tile_provider$") as caught:
        discovery.find(Role.TILE_PROVIDER, "acme")
    assert "mean" not in caught.value.hint
    (entry,) = (entry for entry in discovery.entries if entry.distribution == "acme-tiles")
    assert entry.problem.startswith("its group operator")


def test_case_125_a_group_that_is_like_no_role_is_named_with_the_roles(site: Path) -> None:
    """Nothing is guessed."""
    write_distribution(site, "acme-tiles", entry_points={"operator_tool.v1.sensor": {"acme": "acme_tiles"}})
    with pytest.raises(PluginError, match="the roles are flight_source, tile_provider"):
        Discovery().find(Role.TILE_PROVIDER, "acme")


def test_case_122_what_an_import_says_is_told_in_one_line_that_ends(site: Path) -> None:
    """However much a library writes into its error."""
    modules = {"acme_wordy": "raise ImportError('no such\\nlibrary ' * 500)"}
    write_distribution(site, "wordy", entry_points={"tile_provider": {"wordy": "acme_wordy"}}, modules=modules)
    with pytest.raises(PluginError, match="failed at import: ImportError: no such library") as caught:
        load(Discovery().find(Role.TILE_PROVIDER, "wordy"))
    assert len(caught.value.message) < 700
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("target", ["", "acme maps", "acme-maps", "acme:", "acme:x:y"])
def test_a_target_that_names_no_module_is_told_before_it_is_imported(site: Path, target: str) -> None:
    """An author's slip is named as what it is."""
    write_distribution(site, "slip", entry_points={"tile_provider": {"slip": target}})

    with pytest.raises(PluginError, match="is not MODULE or MODULE:NAME"):
        Discovery().find(Role.TILE_PROVIDER, "slip")


@pytest.mark.parametrize("name", ["../up", "\x1b[31mred", "UPPER", "a" * 65])
def test_case_131_a_name_that_is_not_plain_is_refused(site: Path, name: str) -> None:
    """A plugin's name is shown and selected, so it is of a plain alphabet."""
    write_distribution(site, "odd-names", entry_points={"tile_provider": {name: "odd"}})

    with pytest.raises(PluginError, match="lower-case letters"):
        Discovery().find(Role.TILE_PROVIDER, name)


def test_an_unknown_name_says_what_is_installed_and_what_is_near() -> None:
    """The operator sees the choice."""
    with pytest.raises(PluginError, match=r"installed are .*synthetic") as caught:
        Discovery().find(Role.TILE_PROVIDER, "sinthetic")
    assert "'synthetic'" in caught.value.hint


def test_block_shuts_one_plugin_out_and_says_so() -> None:
    """A blocked plugin is found, and refused for that reason."""
    discovery = Discovery(Blocking.parse(no_plugins=False, block=("tile_provider:xyz",)))

    with pytest.raises(PluginError, match="blocked by --block"):
        discovery.find(Role.TILE_PROVIDER, "xyz")


@pytest.mark.parametrize("text", ["xyz", "tile_provider", "pilot:xyz"])
def test_a_block_of_another_form_is_refused(text: str) -> None:
    """A misspelt --block must not silently block nothing."""
    with pytest.raises(PluginError, match="expected ROLE:NAME"):
        Blocking.parse(no_plugins=False, block=(text,))


def test_discovery_imports_none_of_the_heavy_libraries() -> None:
    """Listing costs the metadata and nothing else."""
    script = (
        "import sys; from operator_tool.plugin_host.discovery import Discovery; Discovery().entries;"
        "heavy = ('pluggy', 'stevedore', 'msgspec', 'httpx', 'paramiko', 'operator_tool_plugins');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
