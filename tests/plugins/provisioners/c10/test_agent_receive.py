"""The agent's ``receive``: only what is lacking is asked for, each picture lies there once, nothing unchecked."""

from __future__ import annotations

import contextlib
import errno
import resource
import sqlite3
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CacheOrder
from operator_tool_plugins.provisioners.c10.agent.layout import Generation
from operator_tool_plugins.provisioners.c10.agent.receiving import seed
from operator_tool_plugins.provisioners.c10.wire import data_frame, offer_frame, seal_frame
from tests.support.c10_rig import (
    Agent,
    Supply,
    build_once,
    order_of,
    picture,
    receive_all,
    receive_once,
    request_of,
    supply_of,
    tiles_in,
    whole_way,
)


def staged(root: Path, order: CacheOrder) -> Path:
    """Return the staging database."""
    return root / "staging" / order.content_key / "tiles.mbtiles"


def test_what_is_built_is_what_was_sent(tmp_path: Path, file: Path) -> None:
    """Every tile lies at its place, and nothing else."""
    root, supply = tmp_path / "cache", supply_of(150)
    whole_way(file, root, order_of(150), supply)
    expected = {(r.id.z, r.id.x, r.id.y): supply.pictures[r.sha256] for r in supply.records}
    assert tiles_in(root / "current" / "tiles.mbtiles") == expected


def test_equal_pictures_are_sent_and_kept_once(tmp_path: Path, file: Path) -> None:
    """Tiles that show the same sea share one picture, within a batch and over batches."""
    root, order = tmp_path / "cache", order_of(40)
    supply = Supply([picture(i % 3) for i in range(40)], batch_tiles=7)
    sent, report = receive_once(file, root, order, supply)
    assert (sent, report["received_tiles"], report["tiles"]) == (3, 3, 40)
    with contextlib.closing(sqlite3.connect(staged(root, order))) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (3,)
    assert build_once(file, root, order, supply)["ok"]


def test_only_changed_tiles_cross_the_link(tmp_path: Path, file: Path) -> None:
    """Of another cache with 5 % other pictures only these are asked for."""
    root = tmp_path / "cache"
    whole_way(file, root, order_of(200), supply_of(200))
    changed = supply_of(200, changed=range(0, 200, 20))
    sent, report = receive_once(file, root, order_of(200, lat_deg=50.0), changed)
    assert (sent, report["received_tiles"], report["copied_tiles"]) == (10, 10, 190)
    assert build_once(file, root, order_of(200, lat_deg=50.0), changed)["ok"]


@pytest.mark.parametrize(("wanted_tiles", "copied_one_by_one"), [(200, 0), (90, 190), (0, 190)])
def test_a_cache_that_is_mostly_held_begins_as_a_copy(
    tmp_path: Path, file: Path, wanted_tiles: int, copied_one_by_one: int
) -> None:
    """Where 5 % changed the kernel copies the database as a whole, unless much of it would have to be dropped."""
    root, order = tmp_path / "cache", order_of(200, lat_deg=50.0)
    whole_way(file, root, order_of(200), supply_of(200))
    changed = supply_of(200, changed=range(0, 200, 20))
    with Agent(file, "receive", request_of(root, order, wanted_tiles=wanted_tiles)) as agent:
        sent, report = receive_all(agent, changed)
    assert (sent, report["received_tiles"], report["copied_tiles"]) == (10, 10, copied_one_by_one)
    assert build_once(file, root, order, changed)["ok"]
    expected = {(r.id.z, r.id.x, r.id.y): changed.pictures[r.sha256] for r in changed.records}
    assert tiles_in(root / "current" / "tiles.mbtiles") == expected
    with contextlib.closing(sqlite3.connect(root / "current" / "tiles.mbtiles")) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (200,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_cache_that_has_little_in_common_is_not_copied(tmp_path: Path, file: Path) -> None:
    """Where the first offer names other pictures, the current database is left alone."""
    root, order = tmp_path / "cache", order_of(200, lat_deg=50.0)
    whole_way(file, root, order_of(200), supply_of(200))
    other = supply_of(200, changed=range(160))
    with Agent(file, "receive", request_of(root, order, wanted_tiles=200)) as agent:
        sent, report = receive_all(agent, other)
    assert (sent, report["copied_tiles"]) == (160, 40)


def test_a_first_offer_of_a_few_new_tiles_does_not_decide(tmp_path: Path, file: Path) -> None:
    """What was downloaded first is often what nobody holds; a moment later comes what is held."""
    root, order = tmp_path / "cache", order_of(60, lat_deg=50.0)
    whole_way(file, root, order_of(60), supply_of(60))
    new, held = supply_of(60, changed=range(4)), supply_of(60)
    with Agent(file, "receive", request_of(root, order, wanted_tiles=60)) as agent:
        agent.say(offer_frame(0, new.records[:4]) + offer_frame(1, held.records[4:]))
        assert [agent.until("lacks")["count"] for _ in range(2)] == [4, 0]  # type: ignore[index]
        agent.say(data_frame(0, [new.pictures[record.sha256] for record in new.records[:4]]))
        agent.say(seal_frame(60, sum(record.length_bytes for record in new.records)))
        assert agent.report()["copied_tiles"] == 0, "they lie in the copy already"


def test_case_097_a_database_that_was_touched_is_not_copied_whole(tmp_path: Path, file: Path) -> None:
    """Only what was verified since boot, untouched, is believed: else each picture is hashed before it is copied."""
    root, order, supply = tmp_path / "cache", order_of(50, lat_deg=50.0), supply_of(50)
    whole_way(file, root, order_of(50), supply)
    database = (root / "current").resolve() / "tiles.mbtiles"
    data = database.read_bytes()
    at = data.index(supply.pictures[supply.records[9].sha256][:64])
    with database.open("r+b") as raw:
        raw.seek(at + 9)
        raw.write(bytes([data[at + 9] ^ 1]))
    with Agent(file, "receive", request_of(root, order, wanted_tiles=50)) as agent:
        sent, report = receive_all(agent, supply)
    assert (sent, report["copied_tiles"]) == (1, 49)


def test_case_094_rot_in_a_copy_is_found_by_reading_back(tmp_path: Path, file: Path) -> None:
    """The copy is believed while tiles come in, and hashed before it becomes current; then the one is taken anew."""
    root, order, supply = tmp_path / "cache", order_of(50, lat_deg=50.0), supply_of(50)
    whole_way(file, root, order_of(50), supply)
    request = request_of(root, order, wanted_tiles=50)
    with Agent(file, "receive", request) as agent:
        assert receive_all(agent, supply)[0] == 0
    data = staged(root, order).read_bytes()
    at = data.index(supply.pictures[supply.records[9].sha256][:64])
    staged(root, order).write_bytes(data[: at + 9] + bytes([data[at + 9] ^ 1]) + data[at + 10 :])
    assert build_once(file, root, order, supply)["error"]["code"] == "verify"
    with Agent(file, "receive", request) as agent:
        sent, report = receive_all(agent, supply)
    assert (sent, report["copied_tiles"]) == (0, 1)
    assert build_once(file, root, order, supply)["ok"]


@pytest.mark.parametrize("kernel", ["with copy_file_range", "without"])
def test_the_kernel_copies_a_database_whole(tmp_path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a kernel or a file system that knows no copy_file_range, and byte by byte the same."""
    if kernel == "without":
        monkeypatch.setattr("os.copy_file_range", not_implemented)
    monkeypatch.setattr(seed, "_STEP_BYTES", 1000)
    generation = Generation("g", str(tmp_path / "g"), 1, "k")
    (tmp_path / "g").mkdir()
    data = picture(1, 123_456)
    (tmp_path / "g" / "tiles.mbtiles").write_bytes(data)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "tiles.mbtiles").write_bytes(b"empty")
    seed.copy_database(generation, lambda: None, str(tmp_path / "s" / "tiles.mbtiles"))
    assert (tmp_path / "s" / "tiles.mbtiles").read_bytes() == data
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["tiles.mbtiles"]


def test_case_071_a_copy_that_does_not_fit_leaves_nothing_lying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills while the kernel copies is told, and the half copy is gone."""

    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.copy_file_range", full)
    for name in ("g", "s"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiles.mbtiles").write_bytes(name.encode())
    generation = Generation("g", str(tmp_path / "g"), 1, "k")
    with pytest.raises(OSError, match="No space left"):
        seed.copy_database(generation, lambda: None, str(tmp_path / "s" / "tiles.mbtiles"))
    assert [path.read_bytes() for path in (tmp_path / "s").iterdir()] == [b"s"]


def not_implemented(*_arguments: object) -> int:
    """Answer as a kernel does that lacks a system call."""
    raise OSError(errno.ENOSYS, "Function not implemented")


def test_case_097_a_rotten_picture_is_not_copied(tmp_path: Path, file: Path) -> None:
    """A picture of the current generation that is not its hash's is asked for again."""
    root = tmp_path / "cache"
    supply = supply_of(50)
    whole_way(file, root, order_of(50), supply)
    database = (root / "current").resolve() / "tiles.mbtiles"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE images SET tile_data = x'00' WHERE tile_id = 9")
        connection.commit()
    sent, _report = receive_once(file, root, order_of(50, lat_deg=50.0), supply)
    assert sent == 1


def test_a_damaged_current_generation_only_costs_sending(tmp_path: Path, file: Path) -> None:
    """A current database that is garbage holds nothing, and stops nothing."""
    root = tmp_path / "cache"
    whole_way(file, root, order_of(30), supply_of(30))
    ((root / "current").resolve() / "tiles.mbtiles").write_bytes(b"\xa5" * 40_000)
    sent, report = receive_once(file, root, order_of(30, lat_deg=50.0), supply_of(30))
    assert (sent, report["ok"]) == (30, True)


def test_case_067_the_end_of_input_keeps_what_came(tmp_path: Path, file: Path) -> None:
    """Without a seal the report says so, and a rerun asks for nothing of it."""
    root, order, supply = tmp_path / "cache", order_of(60), supply_of(60)
    with Agent(file, "receive", request_of(root, order)) as agent:
        sent, report = receive_all(agent, supply, seal=False)
        assert agent.process.returncode == 1
    assert sent == 60
    assert (report["ok"], report["error"]["code"]) == (False, "eof")
    assert receive_once(file, root, order, supply)[0] == 0


def test_tiles_that_are_offered_no_more_are_not_built(tmp_path: Path, file: Path) -> None:
    """What an earlier, broken-off run brought and this one doesn't offer is not part of the cache."""
    root, order = tmp_path / "cache", order_of(40)
    receive_once(file, root, order, supply_of(40))
    fewer = supply_of(25)
    receive_once(file, root, order, fewer)
    report = build_once(file, root, order, fewer)
    assert (report["ok"], report["tiles"]) == (True, 25)
    with contextlib.closing(sqlite3.connect((root / "current").resolve() / "tiles.mbtiles")) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (25,)


def test_case_068_after_a_reboot_every_picture_is_hashed_again(tmp_path: Path, file: Path) -> None:
    """Staging of another boot is not believed: torn pictures are dropped and asked for."""
    root, order, supply = tmp_path / "cache", order_of(50), supply_of(50)
    receive_once(file, root, order, supply)
    (staged(root, order).parent / "boot_id").write_text("another boot")
    with contextlib.closing(sqlite3.connect(staged(root, order))) as connection:
        connection.execute("UPDATE images SET tile_data = zeroblob(2000) WHERE tile_id IN (4, 5)")
        connection.commit()
    assert receive_once(file, root, order, supply)[0] == 2
    assert build_once(file, root, order, supply)["ok"]


def test_case_068_a_malformed_staging_database_is_begun_anew(tmp_path: Path, file: Path) -> None:
    """Where a power cut left no database at all, everything is asked for."""
    root, order, supply = tmp_path / "cache", order_of(50), supply_of(50)
    receive_once(file, root, order, supply)
    database = staged(root, order)
    data = bytearray(database.read_bytes())
    data[4096 : 4096 * 8] = bytes(4096 * 7)
    database.write_bytes(data)
    (database.parent / "boot_id").write_text("another boot")
    assert receive_once(file, root, order, supply)[0] == 50
    assert build_once(file, root, order, supply)["ok"]


def test_case_072_a_flipped_bit_is_refused(tmp_path: Path, file: Path) -> None:
    """A picture that arrives with other bytes than its hash's ends the sending and is not kept."""
    root, order, supply = tmp_path / "cache", order_of(10), supply_of(10)
    with Agent(file, "receive", request_of(root, order)) as agent:
        agent.say(offer_frame(0, supply.records))
        agent.until("lacks")
        pictures = [supply.pictures[record.sha256] for record in supply.records]
        pictures[6] = pictures[6][:-1] + bytes([pictures[6][-1] ^ 1])
        agent.say(data_frame(0, pictures))
        report = agent.report()
    assert report["error"]["code"] == "hash"
    assert receive_once(file, root, order, supply)[0] >= 1


def test_case_077_a_second_build_is_told_who_holds_the_lock(tmp_path: Path, file: Path) -> None:
    """The second of two workstations gets busy with the first one's operator and run id."""
    root, order = tmp_path / "cache", order_of(10)
    with Agent(file, "receive", request_of(root, order)) as first:
        first.say(offer_frame(0, supply_of(10).records))
        first.until("lacks")
        with Agent(file, "receive", request_of(root, order, run_id="run-2", lock_wait_s=0)) as second:
            report = second.report()
    assert report["error"]["code"] == "busy"
    assert report["error"]["holder"]["operator"] == "op@desk"
    assert report["error"]["holder"]["run_id"] == "run-1"


def test_case_078_a_waiting_agent_gets_the_lock_of_one_that_ends(tmp_path: Path, file: Path) -> None:
    """An orphan that loses its standard input frees the lock for the one that waits."""
    root, order, supply = tmp_path / "cache", order_of(10), supply_of(10)
    with Agent(file, "receive", request_of(root, order)) as first:
        first.say(offer_frame(0, supply.records))
        first.until("lacks")
        with Agent(file, "receive", request_of(root, order, lock_wait_s=30)) as second:
            assert second.until("begin")
            first.hang_up()
            assert receive_all(second, supply)[1]["ok"]


@pytest.mark.parametrize("where", ["staging", "lock", "generations"])
def test_case_076_planted_links_are_not_followed(tmp_path: Path, file: Path, where: str) -> None:
    """A link where the agent would write leads nowhere: what it points to stays as it was."""
    root, order, supply = tmp_path / "cache", order_of(5), supply_of(5)
    victim = tmp_path / "victim"
    victim.mkdir()
    link = {"lock": root / "lock", "staging": staged(root, order).parent, "generations": root / "generations"}[where]
    link.parent.mkdir(parents=True)
    link.symlink_to(victim / "new" if where == "lock" else victim)
    assert not receive_once(file, root, order, supply)[1]["ok"]
    assert not list(victim.iterdir())


def test_case_076_a_planted_database_is_not_written(tmp_path: Path, file: Path) -> None:
    """A link to a sound database of another cache is replaced, and that database stays as it was."""
    root, order, supply = tmp_path / "cache", order_of(5), supply_of(5)
    receive_once(file, tmp_path / "other", order, supply)
    victim = staged(tmp_path / "other", order)
    before = victim.read_bytes()
    staged(root, order).parent.mkdir(parents=True)
    staged(root, order).symlink_to(victim)
    (staged(root, order).parent / "boot_id").write_bytes((victim.parent / "boot_id").read_bytes())
    sent, report = receive_once(file, root, order, supply_of(5, first_seed=100))
    assert (sent, report["ok"]) == (5, True)
    assert victim.read_bytes() == before


def frame(kind: int, payload: bytes) -> bytes:
    """Return any frame."""
    return struct.pack(">BI", kind, len(payload)) + payload


def entry(z: int = 3, x: int = 1, y: int = 1, length: int = 10, picture_format: int = 1) -> bytes:
    """Return an offer of one tile."""
    return struct.pack(">IBII32sIB", 0, z, x, y, b"h" * 32, length, picture_format)


HOSTILE: dict[str, bytes] = {
    "no such type": frame(9, b""),
    "too long": struct.pack(">BI", 2, 2**32 - 1),
    "empty offer": frame(1, struct.pack(">I", 0)),
    "no batch": frame(1, b"\0"),
    "half an entry": frame(1, entry()[:-1]),
    "batch out of turn": frame(1, struct.pack(">I", 7) + entry()[4:]),
    "too many tiles": frame(1, entry() + entry()[4:] * 4096),
    "x out of range": frame(1, entry(x=8)),
    "y out of range": frame(1, entry(y=8)),
    "zoom out of range": frame(1, entry(z=255)),
    "no length": frame(1, entry(length=0)),
    "huge picture": frame(1, entry(length=2**31)),
    "no such format": frame(1, entry(picture_format=9)),
    "unasked picture": frame(2, struct.pack(">II", 0, 3) + b"abc"),
    "other length": frame(1, entry()) + frame(2, struct.pack(">II", 0, 3) + b"abc"),
    "cut picture": frame(1, entry()) + frame(2, struct.pack(">II", 0, 10) + b"abc"),
    "seal of another count": frame(3, struct.pack(">QQ", 1, 0)),
    "malformed seal": frame(3, b"abc"),
    "seal with an open batch": frame(1, entry()) + seal_frame(1, 10),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_frames_are_refused(tmp_path: Path, file: Path, name: str) -> None:
    """Every frame that breaks the protocol ends the call with a report, and no tile is taken in."""
    root, order = tmp_path / "cache", order_of(1)
    with Agent(file, "receive", request_of(root, order)) as agent:
        agent.say(HOSTILE[name])
        report = agent.report()
        assert agent.process.returncode == 1
    assert report["error"]["code"] == "protocol", report
    with contextlib.closing(sqlite3.connect(staged(root, order))) as connection:
        assert connection.execute("SELECT count(*) FROM map").fetchone() == (0,)


def test_the_same_place_twice_is_refused(tmp_path: Path, file: Path) -> None:
    """Two pictures for one place can't both be the cache."""
    supply = supply_of(2)
    twice = Supply([picture(0), picture(1)])
    twice.records = [
        supply.records[0],
        *[type(r)(supply.records[0].id, r.sha256, r.length_bytes, r.format) for r in supply.records[1:]],
    ]
    assert receive_once(file, tmp_path / "cache", order_of(2), twice)[1]["error"]["code"] == "protocol"


def limit_file_size() -> tuple[str, ...]:
    """Return a command that runs another one with files of at most 512 KiB."""
    return ("bash", "-c", 'ulimit -f 512; exec "$0" "$@"')


def test_case_071_a_disk_that_fails_is_told_with_what_is_free(tmp_path: Path, file: Path) -> None:
    """A write that fails is code disk with the free bytes; the old generation stays whole."""
    root = tmp_path / "cache"
    old = order_of(20)
    whole_way(file, root, old, supply_of(20))
    order, supply = order_of(400, lat_deg=50.0), supply_of(400, first_seed=1000)
    with Agent(file, "receive", request_of(root, order), through=limit_file_size()) as agent:
        report = receive_until_it_fails(agent, supply)
    assert report["error"]["code"] == "disk"
    assert report["error"]["free_bytes"] > 0
    with Agent(file, "verify", request_of(root, old)) as agent:
        assert agent.report()["ok"]
    assert receive_once(file, root, order, supply)[1]["ok"]
    assert build_once(file, root, order, supply)["ok"]


@pytest.mark.own_mounts
def test_case_071_a_full_volume_is_told_with_what_is_free(tmp_path: Path, file: Path) -> None:
    """On a volume of 1 MB the disk is full at some call: code disk, and almost nothing is free."""
    volume = tmp_path / "volume"
    volume.mkdir()
    through = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(volume))
    if subprocess.run([*through, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a volume of its own needs a mount namespace, and this user may make none")
    with Agent(file, "receive", request_of(volume / "cache", order_of(900)), through=through) as agent:
        report = receive_until_it_fails(agent, supply_of(900))
    assert report["error"]["code"] == "disk"
    assert report["error"]["free_bytes"] <= 2**20


def test_what_must_stay_free_stays_free(tmp_path: Path, file: Path) -> None:
    """Below the bytes that must stay free no more is taken in, and both numbers are told."""
    request = request_of(tmp_path / "cache", order_of(10), keep_free_bytes=2**52)
    with Agent(file, "receive", request) as agent:
        report = receive_all(agent, supply_of(10))[1]
    assert report["error"]["code"] == "disk"
    assert report["error"]["needed_bytes"] == 2**52


def receive_until_it_fails(agent: Agent, supply: Supply) -> dict[str, Any]:
    """Offer and send until the report comes."""
    _sent, report = receive_all(agent, supply)
    return report or agent.report()


def test_the_rig_limits_what_it_says() -> None:
    """The command that limits a file's size does so; else the disk's test would prove nothing."""
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)[0])"
    said = subprocess.run([*limit_file_size(), "python3", "-c", script], capture_output=True, check=True)
    assert int(said.stdout) == 512 * 1024 != resource.RLIM_INFINITY
