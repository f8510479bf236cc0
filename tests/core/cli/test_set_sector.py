"""``set-sector``: set, replace, list and remove."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from operator_tool.api import ConfigError, UsageError
from operator_tool.cli import operator_tool, set_sector
from operator_tool.places import Places
from operator_tool.sectors import SectorKind, load_sectors
from tests.support.command import Workstation


def run(folder: Path, *arguments: str) -> Result:
    """Run the command in this process; what it raises comes out."""
    return CliRunner().invoke(
        operator_tool,
        ["set-sector", *arguments, "--data-dir", str(folder)],
        standalone_mode=False,
        catch_exceptions=False,
    )


def listed(folder: Path) -> Any:
    return json.loads(run(folder, "--list", "--json").stdout)["sectors"]


def test_a_box_is_set_and_listed(tmp_path: Path) -> None:
    """Also one across the antimeridian, with west greater than east; the file is what a build loads."""
    told = run(tmp_path, "north bank", "--kind", "active_conflict", "--bbox", "179.5,-17,-179.5,-16")
    assert told.return_value == 0
    assert "north bank: active_conflict, box 179.5,-17,-179.5,-16, since 20" in told.stdout
    (one,) = listed(tmp_path)
    assert (one["name"], one["kind"], one["bounds_deg"]) == ("north bank", "active_conflict", [179.5, -17, -179.5, -16])
    (sector,) = load_sectors(Places.find(data_dir=tmp_path, config_file=None, env=os.environ))
    assert (sector.name, sector.kind) == ("north bank", SectorKind.ACTIVE_CONFLICT)


def test_an_area_comes_from_a_file(tmp_path: Path) -> None:
    """With its own box around it."""
    path = tmp_path / "area.geojson"
    ring = [[8, 47], [9, 47], [9, 48], [8, 47]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    told = run(tmp_path / "data", "rear", "--kind", "stable_rear", "--geojson", str(path))
    assert "rear: stable_rear, 1 polygons 8,47,9,48" in told.stdout
    path.write_text("{}")
    with pytest.raises(UsageError, match=r"area\.geojson"):
        run(tmp_path / "data", "other", "--kind", "stable_rear", "--geojson", str(path))
    assert len(listed(tmp_path / "data")) == 1


def test_a_sector_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    """One name, one sector."""
    run(tmp_path, "a", "--kind", "active_conflict", "--bbox", "1,2,3,4")
    run(tmp_path, "b", "--kind", "stable_rear", "--bbox", "1,2,3,4")
    run(tmp_path, "a", "--kind", "stable_rear", "--bbox", "5,6,7,8")
    assert [(one["name"], one["kind"]) for one in listed(tmp_path)] == [("b", "stable_rear"), ("a", "stable_rear")]


def test_a_sector_is_removed_by_its_name(tmp_path: Path) -> None:
    """One that isn't set is told, with those that are."""
    run(tmp_path, "a", "--kind", "active_conflict", "--bbox", "1,2,3,4")
    with pytest.raises(UsageError, match="no sector 'b'") as caught:
        run(tmp_path, "b", "--remove")
    assert "Set are: a." in caught.value.hint
    assert "no sectors are set" in run(tmp_path, "a", "--remove").stdout
    assert listed(tmp_path) == []


def test_listing_where_nothing_was_set_writes_nothing(tmp_path: Path) -> None:
    """No folder for a question."""
    assert "no sectors are set" in run(tmp_path / "data", "--list").stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a"],
        ["a", "--kind", "active_conflict"],
        ["a", "--bbox", "1,2,3,4"],
        ["a", "--kind", "quiet", "--bbox", "1,2,3,4"],
        ["a", "--kind", "stable_rear", "--bbox", "1,2,3,4", "--geojson", "x"],
        ["a", "--kind", "stable_rear", "--bbox", "1,4,3,2"],
        ["a", "--remove", "--kind", "stable_rear"],
        ["--remove"],
        ["a", "--list"],
        ["--list", "--remove"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    """Nothing is written."""
    with pytest.raises(click.UsageError):
        run(tmp_path / "data", *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "stable_rear", "a\nb", "x" * 65, " a"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """A kind's name would be taken for the kind by --sector."""
    with pytest.raises(UsageError):
        run(tmp_path / "data", name, "--kind", "stable_rear", "--bbox", "1,2,3,4")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_never_overwritten(tmp_path: Path) -> None:
    """What was set may still be read out of it by a person."""
    path = tmp_path / "sectors.json"
    path.write_text("{broken")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a file of sectors"):
        run(tmp_path, "a", "--kind", "stable_rear", "--bbox", "1,2,3,4")
    assert path.read_text() == "{broken"


def test_the_kinds_of_the_option_are_the_sectors() -> None:
    """They stand twice, so that a help text need not import them."""
    assert tuple(SectorKind) == set_sector._KINDS


def test_exit_codes_and_help(tmp_path: Path) -> None:
    """Over a shell: 0, 2 for the command line, 11 for a broken file."""
    workstation = Workstation(tmp_path)
    set_it = ("set-sector", "a", "--kind", "stable_rear", "--bbox", "-1.5,2,3,4")
    assert workstation.run(*set_it).code == 0
    assert workstation.run("set-sector", "a", "--bbox", "1,2,3,4").code == 2
    (workstation.data / "sectors.json").write_text("{broken")
    assert workstation.run(*set_it).code == 11
    assert "operator-tool set-sector" in workstation.run(*set_it).err
    assert "--geojson" in workstation.run("set-sector", "--help").out
