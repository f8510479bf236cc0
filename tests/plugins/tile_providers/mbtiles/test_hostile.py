"""MBTiles files that were made to harm: bounded in time and memory, broken off at once, and closed in one piece."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from operator_tool.api import ConfigError, Corrupt, DownloadError, RunContext, Tile, TileId, WantedTile
from operator_tool_plugins.tile_providers import mbtiles
from operator_tool_plugins.tile_providers.mbtiles import database
from tests.plugins.tile_providers.mbtiles.files import Opener, fetch, make_file, picture


def _view(path: Path, data: str, rows: str = "grid", picture: bytes = b"a") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE grid (z, x, y, picture)")
        connection.execute("INSERT INTO grid VALUES (3, 1, 1, ?)", (picture,))
        connection.execute(
            f"CREATE VIEW tiles AS SELECT z AS zoom_level, x AS tile_column, y AS tile_row, {data} AS tile_data"
            f" FROM {rows}"
        )
    return path


def _doubling(times: int) -> str:
    rows = "SELECT z, x, y, picture AS a FROM grid"
    for _ in range(times):
        rows = f"SELECT z, x, y, {'||'.join('a' * 16)} AS a FROM ({rows})"
    return f"({rows})"


@pytest.mark.parametrize(
    "data",
    [
        "CAST(hex(zeroblob(450000000)) AS BLOB)",
        "CAST(printf('%.900000000c', 'x') AS BLOB)",
        "CASE WHEN printf('%.100000c', 'a') GLOB '*a*a*a*a*a*b' THEN x'00' ELSE x'ffd8ff00' END",
        "randomblob(900000000)",
        "picture || picture || picture",
        "min(picture, picture, picture)",
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)",
    ],
    ids=["hex", "printf", "glob", "randomblob", "joined", "many arguments", "recursive"],
)
@pytest.mark.timeout(20)
def test_a_view_that_is_a_program_is_refused_and_not_run(tmp_path: Path, provider: Opener, data: str) -> None:
    """By name, before any of it runs."""
    path = _view(tmp_path / "a.mbtiles", data)
    with pytest.raises(ConfigError, match="program"):
        provider(path).describe()


@pytest.mark.timeout(20)
def test_views_that_double_while_a_question_is_prepared_are_refused(tmp_path: Path, provider: Opener) -> None:
    """One within the other, or one of another's: SQLite bounds neither the time nor the memory of that."""
    nested = _view(tmp_path / "a.mbtiles", "a", _doubling(5))
    chained = tmp_path / "b.mbtiles"
    with closing(sqlite3.connect(chained)) as connection, connection:
        connection.execute("CREATE TABLE v0 (z, x, y, a)")
        connection.execute("INSERT INTO v0 VALUES (3, 1, 1, 'a')")
        for number in range(5):
            doubled = "||".join("a" * 16)
            connection.execute(f"CREATE VIEW v{number + 1} AS SELECT z, x, y, {doubled} AS a FROM v{number}")
        connection.execute(
            "CREATE VIEW tiles AS SELECT z AS zoom_level, x AS tile_column, y AS tile_row, a AS tile_data FROM v5"
        )
    for path in (nested, chained):
        with pytest.raises(ConfigError, match="program"):
            provider(path).describe()


def test_a_column_that_is_computed_is_refused(tmp_path: Path, provider: Opener) -> None:
    """Its functions are no view's, and nobody is asked about them."""
    path = tmp_path / "a.mbtiles"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE tiles (zoom_level, tile_column, tile_row, p, tile_data AS (p GLOB '*a*a*a*a*a*b'))"
        )
        connection.execute("INSERT INTO tiles VALUES (3, 1, 1, 'a')")
    with pytest.raises(ConfigError, match="computed"):
        provider(path).describe()


def test_a_tile_longer_than_any_value_that_is_read_is_one_gap(tmp_path: Path, provider: Opener) -> None:
    """The others come."""
    tiles = {(4, 7, 8): picture(1), (4, 7, 9): picture(2) + bytes(9 * 1024 * 1024)}
    made = provider(make_file(tmp_path / "a.mbtiles", tiles, {}))
    assert made.describe().max_zoom == 4
    assert [type(one) for one in fetch(made, TileId(4, 7, 7), TileId(4, 7, 6))] == [Tile, Corrupt]


def test_no_value_is_longer_than_a_few_tiles(tmp_path: Path) -> None:
    """Whatever in a file would make one."""
    context = RunContext(run_id="r", state_dir=tmp_path)
    opened = database.Database(make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)}), context)
    with opened.reading() as connection:
        assert connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) <= 16 * 1024 * 1024
        assert connection.getlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH) <= 64 * 1024
    opened.close()


_SLOW = "many AS a, many AS b, many AS c WHERE a.i + b.i + c.i = -1"


def _slow(path: Path) -> Path:
    """Write a file that is quick to look at, and in which one tile takes for ever to find."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE many (i)")
        connection.executemany("INSERT INTO many VALUES (?)", [(i,) for i in range(10_000)])
        connection.execute("CREATE TABLE real (z, x, y, picture)")
        connection.execute("INSERT INTO real VALUES (3, 1, 1, ?)", (picture(1),))
        connection.execute(
            "CREATE VIEW tiles AS SELECT z AS zoom_level, x AS tile_column, y AS tile_row, picture AS tile_data"
            f" FROM real UNION ALL SELECT 3, a.i, 1, x'00' FROM {_SLOW}"
        )
    return path


@pytest.mark.timeout(30)
def test_a_question_without_end_ends_with_the_run(tmp_path: Path) -> None:
    """Within a second of a Ctrl-C, or of the deadline."""
    context = RunContext(run_id="r", state_dir=tmp_path)
    made = mbtiles.MbtilesProvider(mbtiles.MbtilesSettings(path=_slow(tmp_path / "a.mbtiles")), context)
    timer = threading.Timer(0.5, context.cancelled.set)
    began_s = time.monotonic()
    timer.start()
    with pytest.raises(DownloadError):
        list(made.fetch(iter([WantedTile(TileId(3, 5, 5))])))
    assert time.monotonic() - began_s < 5
    made.close()


@pytest.mark.timeout(60)
def test_closing_while_another_thread_asks_breaks_the_question_off_and_nothing_else(tmp_path: Path) -> None:
    """Many times over, in a process of its own: a crash would be one of the whole."""
    script = textwrap.dedent("""
        import sys, threading, time
        from pathlib import Path
        from operator_tool.api import DownloadError, RunContext, TileId, WantedTile
        from operator_tool_plugins.tile_providers import mbtiles
        path = Path(sys.argv[1])
        for number in range(40):
            made = mbtiles.MbtilesProvider(mbtiles.MbtilesSettings(path=path), RunContext(run_id="r", state_dir=path))
            ended = []
            def ask():
                try:
                    list(made.fetch(WantedTile(TileId(3, x % 8, 5)) for x in range(1000)))
                except DownloadError as error:
                    ended.append(error)
            thread = threading.Thread(target=ask)
            thread.start()
            time.sleep(0.002 * (number % 10))
            made.close()
            thread.join(10)
            assert ended and not thread.is_alive(), number
        print("whole")
    """)
    path = _slow(tmp_path / "a.mbtiles")
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=50)
    assert done.stdout.strip() == "whole", done.stderr[-2000:]
    assert done.returncode == 0


def test_a_log_that_can_t_be_taken_in_is_named_with_the_cure(
    tmp_path: Path, provider: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SQLite says it of a folder that may not be written, where it can make no file of its own."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})
    Path(f"{path}-wal").write_bytes(b"log")
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    monkeypatch.setattr(database, "check_schema", Mock(side_effect=error))
    with pytest.raises(ConfigError) as caught:
        provider(path).describe()
    assert "a.mbtiles-wal" in caught.value.message
    assert "a.mbtiles-wal" in caught.value.hint


def test_a_journal_of_a_writer_that_was_killed_is_named(tmp_path: Path, provider: Opener) -> None:
    """The file alone holds half of what was written."""
    path = make_file(tmp_path / "a.mbtiles", {(3, x, 0): picture(x) + bytes(5000) for x in range(8)})
    script = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 1'); c.execute('PRAGMA cache_spill = 1'); c.execute('BEGIN')\n"
        "c.execute('UPDATE tiles SET tile_data = zeroblob(9000)')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], timeout=20, check=False)
    assert Path(f"{path}-journal").stat().st_size > 0
    with pytest.raises(ConfigError, match=r"a\.mbtiles-journal"):
        provider(path).describe()
