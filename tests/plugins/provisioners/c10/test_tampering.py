"""Any one byte changed, in tiles, manifest, signature, pointer or the agent's memory, is found, with its code."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from operator_tool.api import CompanionSession
from operator_tool_plugins.provisioners.c10.agent.generations.soundness import FULL, find_problem
from operator_tool_plugins.provisioners.c10.agent.generations.verify import memory_problems
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import ask, build_cache, order_of, supply_of
from tests.support.real_parts import make_key, require

TILES = 30


class Cache(NamedTuple):
    """A companion whose current cache is its third; the first is there still."""

    root: Path
    layout: Layout
    signed: bool

    @property
    def generation(self) -> Path:
        """The folder of the current one."""
        return (self.root / "current").resolve()

    def memory_codes(self) -> list[str]:
        """Return what the agent finds of its own memory, by code."""
        return [str(problem["code"]) for problem in memory_problems(self.layout)]

    def codes(self) -> list[str]:
        """Return what the agent finds now, by code."""
        found = self.memory_codes()
        current = self.layout.current()
        problem = find_problem(self.layout, current, FULL) if current else None
        return found + ([problem.code] if problem else [])


@pytest.fixture(params=["signed", "unsigned"])
def cache(request: pytest.FixtureRequest, session: CompanionSession, tmp_path: Path) -> Cache:
    """Three builds, the last two of the same inputs, so that their names differ by one digit."""
    root, signed = tmp_path / "cache", request.param == "signed"
    settings: dict[str, Any] = {}
    if signed:
        require("ssh-keygen")
        make_key(tmp_path / "key", "ed25519")
        settings = {"signing_key": str(tmp_path / "key")}
        root.mkdir(mode=0o755)
        words = " ".join((tmp_path / "key.pub").read_text().split()[:2])
        (root / "allowed_signers").write_text(f"op {words}\n")
        (root / "allowed_signers").chmod(0o644)
    build_cache(session, root, supply_of(TILES), **settings)
    build_cache(session, root, supply_of(TILES), lat_deg=50.0, **settings)
    build_cache(session, root, supply_of(TILES), **settings)
    made = Cache(root, Layout(str(root)), signed)
    assert made.codes() == []
    return made


def flipped(path: Path, at: int, bit: int, codes: Callable[[], list[str]]) -> list[str]:
    """Return what is found while one bit of a file is another one, with its times set back."""
    times = path.stat()
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    try:
        return codes()
    finally:
        data[at] ^= 1 << bit
        path.write_bytes(data)
        path.chmod(times.st_mode & 0o777)


def test_any_byte_of_the_database(cache: Cache) -> None:
    """Pictures, indexes, SQLite's own head, pages that nothing uses."""
    database = cache.generation / "tiles.mbtiles"
    size, chosen = database.stat().st_size, random.Random(5)
    for at in [*range(100), size - 1, *(chosen.randrange(size) for _ in range(200))]:
        assert flipped(database, at, chosen.randrange(8), cache.codes) == ["verify"], at


def test_every_byte_of_the_manifest(cache: Cache) -> None:
    """A digit of a count as well as a blank: the signature finds it, or the agent's own note."""
    manifest, chosen = cache.generation / "manifest.json", random.Random(6)
    size = manifest.stat().st_size
    places = range(size) if not cache.signed else sorted(chosen.sample(range(size), 150))
    for at in places:
        found = flipped(manifest, at, chosen.randrange(8), cache.codes)
        assert found == (["signature"] if cache.signed else ["verify"]), at


def test_every_byte_of_the_signature(cache: Cache) -> None:
    """Also those that another reader would pass over: line ends, padding, the comment lines of the armour."""
    if not cache.signed:
        assert not (cache.generation / "manifest.json.sig").exists()
        return
    signature, chosen = cache.generation / "manifest.json.sig", random.Random(7)
    for at in range(signature.stat().st_size):
        assert flipped(signature, at, chosen.randrange(7), cache.codes) == ["signature"], at


def test_every_byte_of_the_pointer(cache: Cache) -> None:
    """Most lead nowhere; one leads to an older cache that is whole: that is found, too."""
    link = cache.root / "current"
    target = os.readlink(link)
    elsewhere = []
    for at in range(len(target)):
        for letter in "0123456789abcdefgs/._":
            changed = target[:at] + letter + target[at + 1 :]
            if changed == target:
                continue
            link.unlink()
            link.symlink_to(changed)
            assert cache.codes()[:1] == ["pointer"], changed
            elsewhere += [changed] if cache.layout.current() else []
    link.unlink()
    link.symlink_to(target)
    assert len(elsewhere) == 1, "the first generation differs in one digit alone"
    assert cache.codes() == []


def test_every_byte_of_the_agents_memory(cache: Cache) -> None:
    """Each of its files carries its own sum; a file of fields that are the same but for a blank is another one."""
    chosen = random.Random(8)
    files = sorted((cache.root / "state").glob("*.json"))
    assert {"generations.json", "verified.json"} <= {path.name for path in files}
    for path in files:
        for at in range(path.stat().st_size):
            assert flipped(path, at, chosen.randrange(8), cache.memory_codes)[:1] == ["state"], (path.name, at)


def test_a_file_more_or_less_is_found(cache: Cache) -> None:
    """Whatever the manifest doesn't know is an error, be it empty, hidden, a link or a folder's content."""
    stray = cache.generation / "extra"
    hidden = cache.generation / ".hidden"
    strays: list[tuple[Callable[[], None], Path]] = [
        (stray.touch, stray),
        (lambda: stray.symlink_to("tiles.mbtiles"), stray),
        (lambda: os.mkfifo(stray), stray),
        (hidden.touch, hidden),
    ]
    for make, path in strays:
        make()
        assert cache.codes() == ["verify"]
        path.unlink()
    assert cache.codes() == []
    database = cache.generation / "tiles.mbtiles"
    database.rename(stray)
    assert cache.codes() == ["verify"]
    stray.rename(database)
    assert cache.codes() == []


def test_a_forged_view_is_not_what_was_built(cache: Cache) -> None:
    """A consumer reads tiles through SQLite's own text of a view: another text shows other ground."""
    database = cache.generation / "tiles.mbtiles"
    database.chmod(0o644)
    connection = sqlite3.connect(database)
    connection.execute("DROP VIEW tiles")
    connection.execute(
        "CREATE VIEW tiles AS SELECT zoom_level, tile_column + 1 AS tile_column, tile_row, tile_data"
        " FROM map JOIN images USING (tile_id)"
    )
    connection.commit()
    connection.close()
    assert cache.codes() == ["verify"]


def test_what_is_found_in_process_is_what_the_program_reports(cache: Cache, file: Path) -> None:
    """The verb itself: its code, and the greeting's word that this is no no-op any more."""
    assert ask(file, "verify", cache.root, order_of(TILES))["ok"]
    database = cache.generation / "tiles.mbtiles"
    size = database.stat().st_size

    def verb() -> list[str]:
        error = ask(file, "verify", cache.root, order_of(TILES))["error"]
        greeting = ask(file, "hello", cache.root, order_of(TILES))
        assert greeting["verified"]["ok"] is False
        return [error["code"], error["problems"][0]["problems"][0]["path"]]

    assert flipped(database, size // 2, 0, verb) == ["verify", "tiles.mbtiles"]
