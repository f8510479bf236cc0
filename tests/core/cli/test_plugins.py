"""``plugins list``, ``info`` and ``check``: whose is what, and in which state."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from operator_tool.api import CONTRACT, PluginError
from operator_tool.cli import operator_tool
from tests.support.distributions import write_distribution


def run(*arguments: str) -> Result:
    """Run the command in this process; what it raises comes out."""
    return CliRunner().invoke(operator_tool, ["plugins", *arguments], standalone_mode=False, catch_exceptions=False)


def rows(*arguments: str) -> dict[str, dict[str, str]]:
    """Return the rows of a command's JSON by name."""
    found: list[dict[str, str]] = json.loads(run(*arguments, "--json").output)
    return {row["name"]: row for row in found}


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with plugins that are broken in several ways."""
    modules = {
        "acme_raises": "raise ValueError('broken wing')",
        "acme_leaves": "raise SystemExit(0)",
        "acme_misspelt": "from operator_tool.api import hookimpl\n@hookimpl\ndef make_tile_provder(settings): ...",
        "acme_empty": "",
    }
    targets = {name.replace("_", "-"): name for name in modules} | {"UPPER": "acme_empty"}
    write_distribution(tmp_path / "site", "acme", entry_points={"tile_provider": targets}, modules=modules)
    monkeypatch.syspath_prepend(tmp_path / "site")


def test_list_names_each_plugin_with_its_distribution_version_and_state(broken: None) -> None:
    """A name that can't be selected says why; nothing was imported to know it."""
    listed = rows("list")
    assert (listed["xyz"]["distribution"], listed["xyz"]["state"]) == ("operator-tool", "ok")
    assert (listed["acme-raises"]["distribution"], listed["acme-raises"]["version"]) == ("acme", "1.0")
    assert "lower-case" in listed["UPPER"]["state"]
    assert "acme_raises" not in sys.modules
    table = run("list").output
    assert table.splitlines()[0].split() == ["ROLE", "NAME", "DISTRIBUTION", "VERSION", "STATE"]
    assert "acme-raises" in table


def test_check_imports_each_and_is_12_when_one_is_broken(broken: None) -> None:
    """Each failure is named beside its plugin, and disturbs none of the others."""
    result = run("check")
    assert result.return_value == 12
    installed = len(rows("list"))
    assert result.output.splitlines()[-1] == f"{installed} plugins: {installed - 5} can be used, 5 can't"
    states = {name: row["state"] for name, row in rows("check").items()}
    assert states["xyz"] == states["synthetic"] == states["c10"] == "ok"
    assert "ValueError: broken wing" in states["acme-raises"]
    assert "SystemExit" in states["acme-leaves"]
    assert "make_tile_provder" in states["acme-misspelt"]
    assert "implements no make_tile_provider" in states["acme-empty"]


def test_check_says_in_its_last_line_that_all_is_well() -> None:
    """And ends with 0."""
    result = run("check")
    assert result.output.splitlines()[-1] == f"{len(rows('list'))} plugins: all can be used"
    assert result.return_value == 0


def test_a_distribution_that_can_not_be_read_has_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plugins are unknown, so it has neither role nor name; it is a failure for check, and none for list."""
    write_distribution(tmp_path, "torn", version="7", entry_points={"tile_provider": {"sat": "sat"}})
    monkeypatch.syspath_prepend(tmp_path)
    with (tmp_path / "torn-7.dist-info" / "entry_points.txt").open("ab") as file:
        file.write(b"\xff")
    listed, checked = run("list"), run("check")
    row = listed.output.splitlines()[-1].split(maxsplit=4)
    assert row == ["-", "-", "torn", "7", "its entry_points.txt is not UTF-8: invalid start byte"]
    assert listed.return_value == 0
    assert checked.return_value == 12
    assert checked.output.endswith("all can be used; distributions whose plugins can't be told: 1\n")
    assert rows("list")[""]["distribution"] == "torn"


def test_check_is_0_when_the_broken_ones_are_shut_out(broken: None) -> None:
    """What was blocked is not a failure."""
    result = run("check", "--no-plugins")
    assert result.return_value == 0, result.output
    assert "acme" in result.output
    assert result.output.endswith(" can be used, 5 blocked\n")


def test_info_shows_each_setting_with_type_default_and_ways_to_set_it() -> None:
    """The same that the reference shows."""
    document: dict[str, Any] = json.loads(run("info", "xyz", "--json").output)
    settings = {setting["key"]: setting for setting in document["settings"]}
    assert (document["role"], document["distribution"]) == ("tile_provider", "operator-tool")
    assert settings["xyz.url"]["required"] is True
    assert settings["xyz.api_key"]["type"] == "secret"
    assert settings["xyz.url"]["environment"] == "OPERATOR_TOOL_XYZ_URL"
    text = run("info", "xyz").output
    assert "xyz.url" in text
    assert "OPERATOR_TOOL_XYZ_URL" in text
    assert "no settings" in run("info", "local").output


def test_info_shows_what_an_author_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the plugin says it is, the hooks that were found in it, and the contract that it asks for."""
    source = (
        '"""Pictures of the ``ACME`` fleet.\n\nMore."""\nfrom operator_tool import api\n'
        'requires_contract = ">=1.0,<2"\n'
        "@api.hookimpl.make_tile_provider\ndef anything(): ...\n@api.hookimpl.on_event\ndef told(event): ...\n"
    )
    modules = {"acme_pictures": source}
    write_distribution(tmp_path, "acme", entry_points={"tile_provider": {"pictures": "acme_pictures"}}, modules=modules)
    monkeypatch.syspath_prepend(tmp_path)
    assert run("info", "pictures").output.splitlines() == [
        "tile_provider pictures",
        "  what      Pictures of the ACME fleet.",
        "  from      acme 1.0 (acme_pictures)",
        "  hooks     make_tile_provider, on_event",
        f"  contract  {CONTRACT}; it asks for >=1.0,<2",
        "  no settings",
    ]


def test_info_of_an_unknown_name_says_what_is_installed() -> None:
    """And of a broken one, why it is broken."""
    with pytest.raises(PluginError, match=r"installed are .*synthetic"):
        run("info", "sat")


def test_info_of_a_broken_plugin_is_its_failure(broken: None) -> None:
    """Named with its distribution."""
    with pytest.raises(PluginError, match=r"acme 1\.0.*broken wing"):
        run("info", "acme-raises")
