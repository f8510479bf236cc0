"""The agent's ``build``: nothing is current before it is verified, committed and synced."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.c10_rig import (
    Agent,
    ask,
    build_once,
    manifest_of,
    order_of,
    receive_once,
    request_of,
    supply_of,
    whole_way,
)


def test_a_generation_is_an_mbtiles_file_and_a_manifest(tmp_path: Path, file: Path) -> None:
    """Two files and no journal; the manifest is the very text that was sent, current a relative link to it."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    receive_once(file, root, order, supply)
    report = build_once(file, root, order, supply)
    assert report["generation"] == f"00000001-{order.content_key[:12]}"
    assert os.readlink(root / "current") == f"generations/{report['generation']}"
    assert sorted(os.listdir(root / "current/")) == ["manifest.json", "tiles.mbtiles"]
    companion_id = json.loads((root / "current" / "manifest.json").read_text())["companion_id"]
    wanted = manifest_of(order, supply, seq=1, companion_id=companion_id)
    database = (root / "current" / "tiles.mbtiles").read_bytes()
    files = [{"path": "tiles.mbtiles", "sha256": hashlib.sha256(database).hexdigest(), "bytes": len(database)}]
    assert (root / "current" / "manifest.json").read_text() == json.dumps({**json.loads(wanted), "files": files})
    assert not list((root / "staging").iterdir())


def test_the_database_is_mbtiles(tmp_path: Path, file: Path) -> None:
    """Application id, page integrity, metadata and the view that every GIS tool reads."""
    root, order = tmp_path / "cache", order_of(30)
    whole_way(file, root, order, supply_of(30))
    with contextlib.closing(sqlite3.connect(root / "current" / "tiles.mbtiles")) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (0x4D504258,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT value FROM metadata WHERE name = 'name'").fetchone() == ("n",)
        assert connection.execute("SELECT count(*) FROM tiles").fetchone() == (30,)


def test_the_next_generation_follows_and_the_previous_stays(tmp_path: Path, file: Path) -> None:
    """Each switch raises seq by one and names the generation before it, which is still whole."""
    root = tmp_path / "cache"
    first = whole_way(file, root, order_of(10), supply_of(10))
    second = whole_way(file, root, order_of(10, lat_deg=50.0), supply_of(10))
    assert (first["seq"], second["seq"]) == (1, 2)
    assert (first["previous_generation"], second["previous_generation"]) == (None, first["generation"])
    assert (root / "generations" / first["generation"] / "tiles.mbtiles").stat().st_size > 20_000
    assert json.loads((root / "state" / "generations.json").read_text())["highest_seq"] == 2


def test_case_082_without_the_commit_nothing_is_switched(tmp_path: Path, file: Path) -> None:
    """Input that ends before the commit leaves the old cache current, and a rerun sends nothing."""
    root, old = tmp_path / "cache", order_of(10)
    before = whole_way(file, root, old, supply_of(10))
    order, supply = order_of(40, lat_deg=50.0), supply_of(40, first_seed=500)
    receive_once(file, root, order, supply)
    assert build_once(file, root, order, supply, commit=False).get("ok") is not True
    assert ask(file, "verify", root, old)["generation"] == before["generation"]
    assert receive_once(file, root, order, supply)[0] == 0
    assert build_once(file, root, order, supply)["previous_generation"] == before["generation"]
    assert len(list((root / "generations").iterdir())) == 2, "what was never switched to is not left lying"


def test_an_older_generation_of_the_same_cache_is_copied_from_not_taken(tmp_path: Path, file: Path) -> None:
    """What was once current stays where a rollback looks for it; its pictures need not be sent again."""
    root, order, supply = tmp_path / "cache", order_of(10), supply_of(10)
    first = whole_way(file, root, order, supply)
    whole_way(file, root, order_of(10, lat_deg=50.0), supply_of(10, first_seed=500))
    sent, _report = receive_once(file, root, order, supply)
    assert sent == 0
    assert build_once(file, root, order, supply)["seq"] == 3
    assert (root / "generations" / first["generation"] / "tiles.mbtiles").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tiles": 29}, "verify"),
        ({"bytes": 1}, "verify"),
        ({"tiles_digest": "0" * 64}, "verify"),
        ({"companion_id": "somebody else"}, "identity"),
        ({"run_id": "run-9"}, "request"),
        ({"content_key": "0" * 64}, "request"),
        ({"seq": 0}, "seq"),
        ({"seq": 1002}, "seq"),
        ({"seq": "1"}, "verify"),
        ({"tiles": None}, "verify"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tmp_path: Path, file: Path, changes: dict[str, Any], code: str
) -> None:
    """Whatever of the manifest is not so ends the build before anything is current, and staging is kept."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    receive_once(file, root, order, supply)
    report = build_once(file, root, order, supply, **changes)
    assert (report["ok"], report["error"]["code"]) == (False, code)
    assert not (root / "current").exists()
    assert not list((root / "generations").iterdir())
    assert build_once(file, root, order, supply)["ok"]


def test_case_077_a_build_in_between_takes_the_number(tmp_path: Path, file: Path) -> None:
    """Who was greeted before another build switched is refused: its seq is taken."""
    root, order, supply = tmp_path / "cache", order_of(10), supply_of(10)
    receive_once(file, root, order, supply)
    whole_way(file, root, order_of(10, lat_deg=50.0), supply_of(10))
    assert build_once(file, root, order, supply, seq=1)["error"]["code"] == "seq"


@pytest.mark.parametrize("damage", ["picture", "row"])
def test_case_094_what_does_not_verify_never_becomes_current(tmp_path: Path, file: Path, damage: str) -> None:
    """Rot in staging is found by reading back; a rotten picture is dropped, so the rerun asks for it alone."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    receive_once(file, root, order, supply)
    database = root / "staging" / order.content_key / "tiles.mbtiles"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        if damage == "picture":
            connection.execute("UPDATE images SET tile_data = zeroblob(2000) WHERE tile_id = 8")
        else:
            connection.execute("DELETE FROM map WHERE tile_id = 8")
        connection.commit()
    report = build_once(file, root, order, supply)
    assert (report["ok"], report["error"]["code"]) == (False, "verify")
    assert not (root / "current").exists()
    assert receive_once(file, root, order, supply)[0] == 1
    assert build_once(file, root, order, supply)["ok"]


def test_a_build_of_what_was_never_received_is_refused(tmp_path: Path, file: Path) -> None:
    """There is nothing to build, and nothing is made."""
    report = build_once(file, tmp_path / "cache", order_of(3), supply_of(3))
    assert report["error"]["code"] == "staging"
    assert not (tmp_path / "cache").exists()


def test_another_word_than_commit_does_not_switch(tmp_path: Path, file: Path) -> None:
    """Only the one word counts."""
    root, order, supply = tmp_path / "cache", order_of(10), supply_of(10)
    receive_once(file, root, order, supply)
    manifest = manifest_of(order, supply, seq=1, companion_id=ask(file, "hello", root, order)["companion_id"])
    with Agent(file, "build", request_of(root, order, manifest=manifest)) as agent:
        agent.complete(manifest)
        agent.say(b"comit\n")
        assert agent.report()["error"]["code"] == "not_committed"
    assert not (root / "current").exists()


def test_a_lock_that_was_replaced_before_the_switch_is_not_trusted(tmp_path: Path, file: Path) -> None:
    """Case 23 on the companion: a lock file that is not the one held means that another may hold "the" lock."""
    root, order, supply = tmp_path / "cache", order_of(10), supply_of(10)
    receive_once(file, root, order, supply)
    manifest = manifest_of(order, supply, seq=1, companion_id=ask(file, "hello", root, order)["companion_id"])
    with Agent(file, "build", request_of(root, order, manifest=manifest)) as agent:
        agent.complete(manifest)
        (root / "lock").unlink()
        (root / "lock").touch()
        agent.say(b"commit\n")
        assert agent.report()["error"]["code"] == "busy"
    assert not (root / "current").exists()
