"""The agent's ``hello``: it writes nothing, believes no link, and earns a no-op by reading every byte."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import CacheOrder
from tests.support.c10_rig import ask, order_of, snapshot, supply_of, whole_way


def test_hello_writes_nothing(tmp_path: Path, file: Path) -> None:
    """A companion that was never built answers, and not even the cache root is made."""
    report = ask(file, "hello", tmp_path / "deep" / "cache", order_of(1))
    assert report["ok"]
    assert report["reasons"] == []
    assert report["current"] is None
    assert report["highest_seq"] == 0
    assert report["free_bytes"] > 0
    assert not (tmp_path / "deep").exists()


def test_hello_over_a_cache_changes_no_file(tmp_path: Path, file: Path) -> None:
    """Also a full verification leaves every inode and time of change as it was."""
    root, order = tmp_path / "cache", order_of(30)
    whole_way(file, root, order, supply_of(30))
    before = snapshot(root)
    report = ask(file, "hello", root, order)
    verified = report["verified"]
    assert (verified["ok"], verified["problem"], verified["tiles"]) == (True, "", 30)
    assert re.fullmatch("[0-9a-f]{64}", verified["tiles_digest"])
    assert snapshot(root) == before


def test_hello_is_stable_about_who_it_is(tmp_path: Path, file: Path) -> None:
    """The companion's id is the same for every call, and is not the machine id itself."""
    ids = {ask(file, verb, tmp_path / "a", order_of(1))["companion_id"] for verb in ("hello", "status")}
    assert len(ids) == 1
    machine_id = Path("/etc/machine-id")
    assert not machine_id.exists() or machine_id.read_text().strip() not in ids


def test_another_cache_is_not_verified(tmp_path: Path, file: Path) -> None:
    """Only a current generation with the very content key is read."""
    root = tmp_path / "cache"
    whole_way(file, root, order_of(5), supply_of(5))
    report = ask(file, "hello", root, order_of(5, lat_deg=50.0))
    assert report["verified"] is None
    assert report["current"]["seq"] == report["highest_seq"] == 1


@pytest.mark.parametrize("link", ["missing", "dangling", "outside", "absolute", "folder"])
def test_case_096_a_stray_current_is_no_cache(tmp_path: Path, file: Path, link: str) -> None:
    """A current that is missing, dangling or leads elsewhere is treated as none, and never followed."""
    root, order = tmp_path / "cache", order_of(5)
    generation = whole_way(file, root, order, supply_of(5))["generation"]
    current = root / "current"
    current.unlink()
    elsewhere = tmp_path / generation
    shutil.copytree(root / "generations" / generation, elsewhere)
    if link == "dangling":
        shutil.rmtree(root / "generations" / generation)
    match link:
        case "dangling":
            current.symlink_to(f"generations/{generation}")
        case "outside":
            current.symlink_to(f"../{generation}")
        case "absolute":
            current.symlink_to(elsewhere)
        case "folder":
            current.mkdir()
    report = ask(file, "hello", root, order)
    assert report["ok"]
    assert report["current"] is None
    assert report["verified"] is None


@pytest.mark.parametrize("damage", ["picture", "row", "manifest", "garbage", "gone"])
def test_case_097_a_rotten_cache_is_no_no_op(tmp_path: Path, file: Path, damage: str) -> None:
    """Whatever of the current generation is not as it was, hello finds it and says what."""
    root, order = tmp_path / "cache", order_of(20)
    generation = root / "generations" / whole_way(file, root, order, supply_of(20))["generation"]
    database, manifest = generation / "tiles.mbtiles", generation / "manifest.json"
    match damage:
        case "picture":
            data = database.read_bytes()
            at = data.index(supply_of(20).pictures[supply_of(20).records[7].sha256][:64])
            database.write_bytes(data[: at + 9] + bytes([data[at + 9] ^ 1]) + data[at + 10 :])
        case "row":
            connection = sqlite3.connect(database)
            connection.execute("UPDATE map SET tile_column = tile_column + 100 WHERE tile_id = 3")
            connection.commit()
            connection.close()
        case "manifest":
            manifest.write_text(manifest.read_text().replace('"tiles": 20', '"tiles": 21'))
        case "garbage":
            database.write_bytes(os.urandom(50_000))
        case "gone":
            database.unlink()
    report = ask(file, "hello", root, order)
    assert report["ok"]
    assert report["verified"]["ok"] is False
    assert report["verified"]["problem"]


def test_status_and_verify_tell_of_the_current_generation(tmp_path: Path, file: Path) -> None:
    """``status`` answers as hello does, ``verify`` with the manifest's own counts."""
    root, order = tmp_path / "cache", order_of(12)
    built = whole_way(file, root, order, supply_of(12))
    assert ask(file, "status", root, order)["current"]["name"] == built["generation"]
    verified = ask(file, "verify", root, order)
    assert verified["ok"]
    (generation,) = verified["generations"]
    assert verified["generation"] == generation["name"] == built["generation"]
    assert (generation["tiles"], generation["tiles_digest"]) == (12, built["tiles_digest"])


def test_verify_without_a_cache_is_an_error(tmp_path: Path, file: Path) -> None:
    """Nothing there is not a sound cache."""
    assert ask(file, "verify", tmp_path / "cache", order_of(1))["error"]["code"] == "no_cache"


def test_hello_says_who_holds_the_lock(tmp_path: Path, file: Path) -> None:
    """While a build runs, hello is busy and passes on what the holder noted."""
    root, order = tmp_path / "cache", order_of(5)
    whole_way(file, root, order, supply_of(5))
    with (root / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ask(file, "hello", root, order)["busy"]["operator"] == "op@desk"
    assert ask(file, "hello", root, order)["busy"] is None


@pytest.mark.parametrize("root", ["file", "file/below"])
def test_case_061_a_root_that_cannot_be_made_is_named(tmp_path: Path, file: Path, root: str) -> None:
    """A file where a folder must be is a reason, not a failure."""
    (tmp_path / "file").write_text("x")
    report = ask(file, "hello", tmp_path / root, order_of(1))
    assert report["ok"]
    assert "is not a folder" in report["reasons"][0]


def test_case_061_a_read_only_volume_is_named(file: Path) -> None:
    """A volume that is mounted read-only is told without trying to write; /proc/sys stands in where root may all."""
    report = ask(file, "hello", Path("/proc/self/cache"), order_of(1))
    assert report["reasons"]


def test_a_wrong_request_is_reported(tmp_path: Path, file: Path) -> None:
    """A field of another type is named, and another protocol is refused."""
    order = order_of(1)
    report = ask(file, "hello", tmp_path, order, content_key="../../x")
    assert (report["ok"], report["error"]["code"]) == (False, "request")
    report = ask(file, "hello", tmp_path, order, protocol=1)
    assert report["error"]["code"] == "protocol"


def how_verified(file: Path, root: Path, order: CacheOrder) -> str:
    """Return how hello knows that the cache is sound."""
    verified = ask(file, "hello", root, order)["verified"]
    assert verified["ok"], verified
    return str(verified["how"])


def forget_boot(_database: Path, note: Path) -> None:
    """Make the note another boot's."""
    note.write_text(note.read_text().replace('"boot_id": "', '"boot_id": "x'))


def touch(database: Path, _note: Path) -> None:
    """Set the times to what they were: only the ctime tells."""
    found = database.stat()
    os.utime(database, ns=(found.st_atime_ns, found.st_mtime_ns))


def replace(database: Path, _note: Path) -> None:
    """Put an equal file with equal times in its place."""
    copy = database.with_suffix(".copy")
    shutil.copy2(database, copy)
    copy.replace(database)


def replace_manifest(database: Path, note: Path) -> None:
    """Put an equal manifest in its place."""
    replace(database.with_name("manifest.json"), note)


def garble(_database: Path, note: Path) -> None:
    """Make the note no note."""
    note.write_text("[" * 100_000)


def lose(_database: Path, note: Path) -> None:
    """Remove the note."""
    note.unlink()


@pytest.mark.parametrize("change", [forget_boot, touch, replace, replace_manifest, garble, lose])
def test_case_097_what_was_touched_since_it_was_verified_is_read_again(
    tmp_path: Path, file: Path, change: Callable[[Path, Path], None]
) -> None:
    """A build and a full verification are relied on until another boot, or until anybody touches a file."""
    root, order = tmp_path / "cache", order_of(20)
    generation = root / "generations" / whole_way(file, root, order, supply_of(20))["generation"]
    assert how_verified(file, root, order) == "since boot"
    change(generation / "tiles.mbtiles", root / "state" / "verified.json")
    assert how_verified(file, root, order) == "full"
    assert how_verified(file, root, order) == "since boot"


def test_case_097_a_flipped_bit_under_old_times_is_found(tmp_path: Path, file: Path) -> None:
    """Who writes and then sets the times back can't set the ctime back."""
    root, order = tmp_path / "cache", order_of(20)
    database = root / "generations" / whole_way(file, root, order, supply_of(20))["generation"] / "tiles.mbtiles"
    found = database.stat()
    with database.open("r+b") as data:
        data.seek(found.st_size // 2)
        byte = data.read(1)
        data.seek(found.st_size // 2)
        data.write(bytes([byte[0] ^ 1]))
    os.utime(database, ns=(found.st_atime_ns, found.st_mtime_ns))
    verified = ask(file, "hello", root, order)["verified"]
    assert (verified["ok"], verified["how"]) == (False, "full")
    assert ask(file, "hello", root, order)["verified"]["how"] == "full", "what is rotten is never noted as sound"
