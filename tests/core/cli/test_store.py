"""``store info``, ``verify``, ``prune`` and ``export``, as an operator calls them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from operator_tool.api import ConfigError, PictureFormat, Tile, TileId, UsageError
from operator_tool.cli import operator_tool, store_progress
from operator_tool.cli.store_prune import Size
from tests.support.command import Workstation
from tests.support.stores import LENGTH, fill, fill_at, flip, held, open_store, packs_of, picture, state


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    """The folder of the stores of a data folder."""
    return tmp_path / "data" / "stores"


def run(stores: Path, *arguments: str) -> Result:
    """Run the command in this process; what it raises comes out."""
    return CliRunner().invoke(
        operator_tool,
        ["store", *arguments, "--data-dir", str(stores.parent)],
        standalone_mode=False,
        catch_exceptions=False,
    )


def document(stores: Path, *arguments: str) -> Any:
    return json.loads(run(stores, *arguments, "--json").stdout)


def test_info_shows_every_store_and_the_disk(stores: Path) -> None:
    """As a document, and as text with the same numbers."""
    folder = fill(stores, range(1_234), provider="xyz", dataset="https://a.example/{z}")
    fill(stores, range(2), provider="wmts")
    found = document(stores, "info")
    assert found["folder"] == str(stores)
    assert 0 < found["disk"]["free_bytes"] < found["disk"]["total_bytes"]
    one = next(one for one in found["stores"] if one["provider"] == "xyz")
    assert (one["name"], one["dataset"], one["tiles"]) == (folder.name, "https://a.example/{z}", 1_234)
    assert one["tiles_by_zoom"] == {"12": 1_234}
    assert one["pack_bytes"] == one["referred_bytes"] == 1_234 * LENGTH
    text = run(stores, "info").stdout
    assert "tiles    1,234 (zoom 12: 1,234)" in text
    assert folder.name in text
    assert "free of" in text


def test_info_writes_nothing(stores: Path) -> None:
    """Not where there are stores, and not where there is nothing at all."""
    assert "no stores" in run(stores, "info").stdout
    assert not stores.parent.exists()
    fill(stores, range(3))
    before = state(stores.parent)
    run(stores, "info")
    assert state(stores.parent) == before


def test_info_of_one_provider(stores: Path) -> None:
    """The others are left out."""
    fill(stores, range(1), provider="xyz")
    fill(stores, range(1), provider="wmts")
    assert [one["provider"] for one in document(stores, "info", "--provider", "wmts")["stores"]] == ["wmts"]
    assert document(stores, "info", "--dataset", "nothing")["stores"] == []


def test_what_strangers_named_can_not_steer_the_terminal(stores: Path) -> None:
    """Control characters of a data set are shown as such."""
    fill(stores, range(1), dataset="a\x1b[2Jb")
    assert "\x1b" not in run(stores, "info").stdout


def test_verify_is_0_when_all_is_well_and_20_when_something_was_forgotten(stores: Path) -> None:
    """The damaged tiles are named, and the next verification is well."""
    folder = fill(stores, range(10))
    assert run(stores, "verify").return_value == 0
    flip(packs_of(folder)[0], 4)
    dry = run(stores, "verify", "--dry-run")
    assert dry.return_value == 20
    assert "1 tiles show them" in dry.stdout
    assert held_count(stores) == 10
    found = document(stores, "verify")
    (one,) = found["stores"]
    assert (one["damaged_contents"], one["damaged_tiles"], one["first_tiles"]) == (1, 1, ["12/4/0"])
    assert held(stores) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    well = run(stores, "verify")
    assert well.return_value == 0
    assert "9 pictures" in well.stdout
    assert "all well" in well.stdout


def test_verify_names_the_first_tiles_and_counts_the_others(stores: Path) -> None:
    """Twenty names are enough."""
    folder = fill(stores, range(50))
    packs_of(folder)[0].unlink()
    told = run(stores, "verify")
    assert told.return_value == 20
    assert "50 tiles showed them and were forgotten" in told.stdout
    assert "12/19/0 and 30 more" in told.stdout


def test_a_store_that_can_not_be_read_is_20_and_the_others_are_verified(stores: Path) -> None:
    """One broken index hides nothing."""
    fill(stores, range(3), provider="xyz")
    broken = fill(stores, range(3), provider="wmts")
    (broken / "index.sqlite").write_bytes(b"not a database, whatever it is " * 100)
    told = run(stores, "verify")
    assert told.return_value == 20
    assert "all well" in told.stdout
    assert "can't be read" in told.stdout


def test_prune_drops_what_is_older_and_says_so(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First dry, which changes nothing; then really."""
    fill_at(monkeypatch, 1, stores, range(50))
    fill(stores, range(50, 60))
    before = state(stores)
    dry = run(stores, "prune", "--older-than", "30", "--dry-run")
    assert "50 tiles and 0 absences would be dropped" in dry.stdout
    assert state(stores) == before
    done = run(stores, "prune", "--older-than", "30")
    assert done.return_value == 0
    assert "50 tiles and 0 absences dropped" in done.stdout
    assert held(stores) == list(range(50, 60))


def test_prune_without_a_rule_drops_no_tile(stores: Path) -> None:
    """It only tidies."""
    fill(stores, range(10))
    assert document(stores, "prune")["stores"][0]["tiles"] == 0
    assert held(stores) == list(range(10))


def test_prune_older_than_0_of_a_provider_empties_it_and_no_other(stores: Path) -> None:
    """That is how a data set that is no longer used goes."""
    fill(stores, range(10), provider="xyz", dataset="version 1")
    fill(stores, range(10), provider="xyz", dataset="version 2")
    fill(stores, range(10), dataset="set")
    told = run(stores, "prune", "--provider", "xyz", "--dataset", "version 1", "--older-than", "0")
    assert "removed as nothing is left" in told.stdout
    assert sorted(one["dataset"] for one in document(stores, "info")["stores"]) == ["set", "version 2"]
    assert held(stores) == list(range(10))


def test_prune_to_a_size(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first."""
    fill_at(monkeypatch, 1, stores, range(100))
    fill_at(monkeypatch, 2, stores, range(100, 140))
    run(stores, "prune", "--max-bytes", "60k")
    assert held(stores) == list(range(100, 140))


def test_prune_leaves_a_store_that_a_run_uses(stores: Path) -> None:
    """And says so; that is no failure."""
    fill(stores, range(10))
    with open_store(stores):
        told = run(stores, "prune", "--older-than", "0")
    assert told.return_value == 0
    assert "a run is using it; left as it is" in told.stdout
    assert held(stores) == list(range(10))


def test_prune_is_20_when_a_store_can_not_be_pruned(stores: Path) -> None:
    """The problem is named."""
    fill(stores, range(3)).chmod(0o777)
    told = run(stores, "prune")
    assert told.return_value == 20
    assert "others may write" in told.stdout


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("1500", 1500), ("500M", 500_000_000), ("20g", 20 * 10**9), ("3 TB", None)]
)
def test_sizes(text: str, size: int | None) -> None:
    """A thousand to the next; nothing is guessed."""
    if size is None:
        with pytest.raises(click.BadParameter, match="expected a size"):
            Size().convert(text, None, None)
    else:
        assert Size().convert(text, None, None) == size


def test_export_writes_the_store_that_is_named(stores: Path, tmp_path: Path) -> None:
    """By its name, or as the only one of its provider."""
    folder = fill(stores, range(10), provider="xyz")
    fill(stores, range(3), provider="wmts")
    out = tmp_path / "a.mbtiles"
    told = run(stores, "export", folder.name, str(out))
    assert told.return_value == 0
    assert "10 tiles, zooms 12 to 12" in told.stdout
    found = document(stores, "export", "--provider", "wmts", str(tmp_path / "b.mbtiles"), "--attribution", "© me")
    assert (found["tiles"], found["format"], found["min_zoom"]) == (3, "png", 12)
    with closing(sqlite3.connect(tmp_path / "b.mbtiles")) as connection:
        rows = connection.execute("SELECT value FROM metadata WHERE name = 'attribution'").fetchall()
    assert rows == [("© me",)]


def test_export_takes_zooms_a_box_and_a_format(stores: Path, tmp_path: Path) -> None:
    """A box across the antimeridian is one with west greater than east."""
    with open_store(stores) as store:
        for z, x, picture_format in ((5, 0, "png"), (5, 31, "png"), (5, 16, "png"), (6, 0, "png"), (5, 31, "jpg")):
            tile = Tile(TileId(z, x, 15 if picture_format == "png" else 14), picture(z * 100 + x))
            store.put(tile, PictureFormat(picture_format))
        store.commit()
    out = tmp_path / "a.mbtiles"
    found = document(
        stores, "export", str(out), "--bbox", "170,-10,-170,20", "--zoom", "5", "--format", "png", "--provider", "test"
    )
    assert (found["tiles"], found["min_zoom"], found["max_zoom"]) == (2, 5, 5)
    with pytest.raises(UsageError, match="there already"):
        run(stores, "export", str(out), "--zoom", "6")
    assert document(stores, "export", str(out), "--zoom", "6", "--force")["tiles"] == 1


def test_export_wants_one_store(stores: Path, tmp_path: Path) -> None:
    """The hint names those that there are."""
    out = str(tmp_path / "a.mbtiles")
    with pytest.raises(UsageError, match="no stores are asked for") as caught:
        run(stores, "export", out)
    first, second = fill(stores, range(1), provider="xyz"), fill(stores, range(1), provider="wmts")
    with pytest.raises(UsageError, match="2 stores") as caught:
        run(stores, "export", out)
    assert first.name in caught.value.hint
    assert second.name in caught.value.hint
    with pytest.raises(UsageError, match="no store 'nothing'"):
        run(stores, "export", "nothing", out)
    first.chmod(0o777)
    with pytest.raises(ConfigError, match="others may write"):
        run(stores, "export", first.name, out)
    with pytest.raises(click.UsageError, match="at most a store and a file"):
        run(stores, "export", "a", "b", "c")


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "1,2,3,nan", "1,4,3,2", "181,1,2,2", "1,1,1,2", "1,-91,2,2"])
def test_a_box_that_is_none_is_a_usage_error(stores: Path, tmp_path: Path, box: str) -> None:
    """Before anything is looked at."""
    with pytest.raises(click.BadParameter):
        run(stores, "export", str(tmp_path / "a.mbtiles"), "--bbox", box)


def test_the_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    """And what is shown goes to standard output alone; without a terminal there is no progress."""
    workstation = Workstation(tmp_path)
    folder = fill(workstation.data / "stores", range(5))
    ended = workstation.run("store", "verify", "--json")
    assert (ended.code, ended.err, ended.report["stores"][0]["well"]) == (0, "", True)
    flip(packs_of(folder)[0], 2)
    assert workstation.run("store", "verify").code == 20
    refused = workstation.run("store", "export", "nothing", "out.mbtiles")
    assert refused.code == 2
    assert "error: no store 'nothing'" in refused.err
    assert "next: Name one of them" in refused.err


def test_a_terminal_sees_the_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error; it takes what it is told in any portions."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with store_progress.progress("verifying", 1_000) as tell:
        for _ in range(200):
            tell(5)
    assert "verifying" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["store", "--help"], *(["store", name, "--help"] for name in ("info", "verify", "prune", "export"))]
)
def test_help_imports_click_alone(arguments: list[str]) -> None:
    """Neither a plugin nor a heavy library."""
    script = (
        f"import sys; sys.argv = ['operator-tool', *{arguments!r}]\n"
        "from operator_tool.cli import operator_tool\n"
        "operator_tool.main(standalone_mode=False)\n"
        "print([name for name in ('msgspec', 'sqlite3', 'rich', 'operator_tool.api') if name in sys.modules])"
    )
    # Measuring the coverage of a process takes a database.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def held_count(stores: Path) -> int:
    with open_store(stores) as store:
        return store.count()
