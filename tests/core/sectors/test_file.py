"""The file of the sectors: whole or not at all, ours alone, and told by its place when it is wrong."""

from __future__ import annotations

import os
import threading
from datetime import date
from pathlib import Path

import pytest

from operator_tool.api import ConfigError
from operator_tool.places import Places
from operator_tool.sectors import Sector, SectorKind, change_sectors, load_sectors, save_sectors
from operator_tool.sectors import file as module

BOX = Sector(
    name="north", kind=SectorKind.ACTIVE_CONFLICT, bounds_deg=(179.0, 47.0, -179.5, 48.0), since=date(2026, 3, 1)
)
RING = ((8.0, 47.0), (9.0, 47.0), (9.0, 48.0), (8.0, 47.0))
AREA = Sector(name="süd ☂", kind=SectorKind.STABLE_REAR, bounds_deg=(8.0, 47.0, 9.0, 48.0), polygons_deg=((RING,),))
GOOD = '{"sectors": [{"name": "a", "kind": "stable_rear", "bounds_deg": [1, 2, 3, 4]}]}'


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.find(data_dir=tmp_path / "data", config_file=tmp_path / "config.toml", env={})


def write(places: Places, text: str, mode: int = 0o600) -> Path:
    path = places.make(places.data_dir) / "sectors.json"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_what_was_saved_is_loaded(places: Places) -> None:
    """To the last bit; nothing set is no sectors and no file."""
    assert load_sectors(places) == ()
    assert not places.data_dir.exists()
    save_sectors(places, [BOX, AREA])
    assert load_sectors(places) == (BOX, AREA)
    assert places.sectors_file == places.data_dir / "sectors.json"
    assert os.listdir(places.data_dir) == ["sectors.json"]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_file_is_ours_alone_whatever_the_umask(places: Places, umask: int) -> None:
    """From its first moment on."""
    before = os.umask(umask)
    try:
        save_sectors(places, [BOX])
    finally:
        os.umask(before)
    assert places.sectors_file.stat().st_mode & 0o7777 == 0o600
    assert load_sectors(places) == (BOX,)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_sectors_as_they_were(
    places: Places, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """And no other file."""
    save_sectors(places, [BOX])

    def refuse(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, refuse)
    with pytest.raises(ConfigError, match="No space left"):
        save_sectors(places, [AREA])
    monkeypatch.undo()
    assert load_sectors(places) == (BOX,)
    assert os.listdir(places.data_dir) == ["sectors.json"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ("{}", "sectors"),
        ('{"sectors": [1]}', r"\$\.sectors\[0\]"),
        (GOOD.replace("stable_rear", "quiet"), r"\$\.sectors\[0\]\.kind"),
        (GOOD.replace("[1, 2, 3, 4]", "[1, 2, 3]"), r"\$\.sectors\[0\]\.bounds_deg"),
        (GOOD.replace("[1, 2, 3, 4]", "[1, 2, 3, NaN]"), "invalid character"),
        (GOOD.replace("[1, 2, 3, 4]", "[1, 2, 3, 1e999]"), r"number out of range|sectors\[0\]"),
        (GOOD.replace("[1, 2, 3, 4]", "[1, 4, 3, 2]"), r"sectors\[0\].*not bounds"),
        (GOOD.replace("[1, 2, 3, 4]", "[1, 2, 1, 4]"), r"sectors\[0\].*not bounds"),
        (GOOD.replace("[1, 2, 3, 4]", "[1, 2, 181, 4]"), r"sectors\[0\].*not bounds"),
        (GOOD.replace('"a"', '""'), r"sectors\[0\].*can't name"),
        (GOOD.replace('"a"', '"a\\u001b[2J"'), r"sectors\[0\].*can't name"),
        (GOOD.replace('"a"', '"stable_rear"'), r"sectors\[0\].*is a kind"),
        (GOOD.replace('"a"', '"a", "colour": "red"'), "colour"),
        (GOOD[:-2] + "," + GOOD[13:], r"sectors\[1\].*second sector"),
        ('{"sectors": [], "version": 2}', "version 2"),
        ("[" * 100_000, "sectors.json"),
        ('{"sectors": ' + "[" * 100_000, "sectors.json"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(places: Places, text: str, place: str) -> None:
    """And the way out; a build never goes on as if nothing were set."""
    path = write(places, text)
    with pytest.raises(ConfigError, match=place) as caught:
        load_sectors(places)
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_case_052_a_file_that_others_may_change_is_refused(places: Places, mode: int) -> None:
    """It decides what imagery is good enough."""
    write(places, GOOD, mode)
    with pytest.raises(ConfigError, match="others than you") as caught:
        load_sectors(places)
    assert "chmod go-w" in caught.value.hint
    write(places, GOOD, 0o644)
    assert len(load_sectors(places)) == 1


def test_a_pipe_a_folder_and_a_huge_file_are_refused_at_once(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for, and no more is read than the cap."""
    path = places.make(places.data_dir) / "sectors.json"
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="not a file"):
        load_sectors(places)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="not a file"):
        load_sectors(places)
    path.rmdir()
    monkeypatch.setattr(module, "_MAX_BYTES", 10)
    write(places, GOOD)
    with pytest.raises(ConfigError, match="longer than"):
        load_sectors(places)


def test_changes_at_once_all_count(places: Places) -> None:
    """Each reads what the one before wrote."""

    def add(number: int) -> None:
        new = Sector(name=f"s{number}", kind=SectorKind.STABLE_REAR, bounds_deg=(1.0, 2.0, 3.0, 4.0))
        change_sectors(places, lambda before: [*before, new])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(sector.name for sector in load_sectors(places)) == sorted(f"s{number}" for number in range(12))


def test_too_many_sectors_are_refused_before_they_are_written(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be loaded again is not saved."""
    monkeypatch.setattr(module, "MAX_SECTORS", 1)
    with pytest.raises(ConfigError, match="more than 1 sectors"):
        save_sectors(places, [BOX, AREA])
    assert load_sectors(places) == ()
