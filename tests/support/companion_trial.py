"""A build that something happens to: an operator, a real sshd, a companion with an older cache, and what holds then.

Whatever happens: the older cache stays as it is, the locks are free, the one report says what and where, and the same
command, once the cause is gone, ends well and sends what was not kept, to the byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from operator_tool.api import AreaRequest, BuildCacheRequest, ProviderInfo, TileId
from operator_tool.build_cache.plan import make_plan
from tests.support.aftermath import Aftermath
from tests.support.aftermath import wait_until as wait_until
from tests.support.command import Ended, Workstation
from tests.support.memory import flight_of
from tests.support.pictures import real_jpeg
from tests.support.real_parts import RealSshd

_WAIT_S = 40.0
_ENDS_S = 45.0
"""No failure of these trials may take longer to be told."""


class Imagery:
    """A flight, and a folder with a picture of its own for each tile that it needs."""

    def __init__(self, folder: Path, *, picture_bytes: int, metres: float) -> None:
        places = ((47.05, 8.30), (47.08, 8.36))
        waypoints = [{"ordinal": i, "lat": lat, "lon": lon, "alt_m": 100} for i, (lat, lon) in enumerate(places)]
        folder.mkdir(parents=True, exist_ok=True)
        self.flight = folder / "flight.json"
        self.flight.write_text(json.dumps({"id": "F-7", "name": "link", "waypoints": waypoints}))
        self.folder = folder / "imagery"
        self._zoom, self._metres, self._picture_bytes = "17", str(metres), picture_bytes
        request = BuildCacheRequest(flight="x", zooms=(17,), area=AreaRequest(metres=metres))
        plan = make_plan(flight_of(*places), request, [("folder", ProviderInfo(dataset="x"))])
        self.tiles = list(plan.coverage.tiles())
        self.bytes = 0
        for tile in self.tiles:
            path = self.folder / str(tile.z) / str(tile.x) / f"{tile.y}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.bytes += path.write_bytes(self.picture(tile))

    def picture(self, tile: TileId) -> bytes:
        """Return what a tile's picture is."""
        return real_jpeg(hashlib.shake_128(str(tile).encode()).hexdigest(self._picture_bytes // 2 - 400))

    def arguments(self) -> list[str]:
        """Return what a command must be told to need it."""
        return ["--flight-file", str(self.flight), "--zoom", self._zoom, "--corridor", self._metres]

    def from_folder(self) -> list[str]:
        """Return what a command must be told to have it from the folder."""
        return ["--provider", "folder", "-o", f"folder.path={self.folder}"]


def older_cache(folder: Path, imagery: Imagery) -> Path:
    """Build a small cache of the same flight on this machine and return its root, to be copied for each trial."""
    folder.mkdir()
    workstation = Workstation(folder)
    ended = workstation.run(*workstation.build_arguments(imagery.flight, "--zoom", "14", "--json"))
    assert ended.code == 0, ended.all
    return workstation.cache_root


class Trial(Aftermath):
    """One operator, and one companion that is reached by one transport."""

    def __init__(
        self,
        folder: Path,
        server: RealSshd,
        transport: str,
        imagery: Imagery,
        older: Path | None,
        *,
        root: Path | None = None,
        seen: Path = Path("/"),
        through: Sequence[str] = (),
    ) -> None:
        """``root`` is the cache root as the companion names it, and lies below ``seen`` for this process."""
        folder.mkdir(parents=True, exist_ok=True)
        workstation = Workstation(folder, through)
        self.server, self.transport, self.imagery = server, transport, imagery
        self.cache_root = str(root or workstation.cache_root)
        if older is not None:
            shutil.copytree(older, seen / self.cache_root.lstrip("/"), symlinks=True)
        super().__init__(workstation, seen / self.cache_root.lstrip("/"))

    def command(
        self, *more: str, port: int | None = None, host: str | None = None, provider: Sequence[str] = ()
    ) -> list[str]:
        """Return the arguments of the build, over another way to the server perhaps, which is known there, too."""
        host, port = host or self.server.host, port or self.server.port
        known = self.workstation.folder / "known_hosts"
        known.write_text(f"[{host}]:{port} {self.server.host_key}\n")
        settings = {**self.server.options(), "host": host, "port": port, "known_hosts": known}
        options = [f"{self.transport}.{name}={_toml(value)}" for name, value in settings.items()]
        # Small volumes are made in memory.
        options += [f"c10.cache_root={self.cache_root}", "c10.allow_volatile_root=true"]
        arguments = ["build-cache", "--transport", self.transport, "--json", *self.imagery.arguments()]
        arguments += provider or self.imagery.from_folder()
        return [*arguments, *(word for option in options for word in ("-o", option)), *more]

    def run(
        self,
        *more: str,
        port: int | None = None,
        host: str | None = None,
        provider: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        ends_s: float = _ENDS_S,
    ) -> Ended:
        """Run the build to its end, which must come in time."""
        began_s = time.monotonic()
        ended = self.workstation.run(*self.command(*more, port=port, host=host, provider=provider), env=env)
        took_s = time.monotonic() - began_s
        assert took_s < ends_s, f"it took {took_s:.1f} s: {ended.all}"
        return ended

    def start(
        self,
        *more: str,
        port: int | None = None,
        provider: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Running:
        """Start the build; it is killed with the block if it has not ended."""
        return Running(self.workstation.start(*self.command(*more, port=port, provider=provider), env=env))

    def assert_done_again(self, ended: Ended, *, kept_bytes: int = 0) -> None:
        """Assert that the build was made, that every picture is there, and that no kept one was sent."""
        self.assert_built(ended)
        sent = ended.report["bytes"]["sent"]
        assert sent == self.imagery.bytes - kept_bytes, f"sent {sent}, kept {kept_bytes} of {self.imagery.bytes}"

    def assert_built(self, ended: Ended) -> None:
        """Assert that the build was made and that every picture is there; nobody holds a lock."""
        assert ended.code == 0, ended.all
        assert ended.report["outcome"] == "success"
        assert {tile: hashlib.sha256(data).digest() for tile, data in self.tiles().items()} == {
            tile: hashlib.sha256(self.imagery.picture(tile)).digest() for tile in self.imagery.tiles
        }
        wait_until(self.is_free, 5, "the companion's lock is held")
        self.assert_workstation_is_free()

    def tiles(self) -> dict[TileId, bytes]:
        """Return what the current cache holds, read as any tool reads it."""
        with _copy_of(self.root / "current" / "tiles.mbtiles", self.workstation.folder) as connection:
            rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
        return {TileId(z, x, (1 << z) - 1 - row): data for z, x, row, data in rows}

    def kept(self) -> dict[bytes, bytes]:
        """Return the pictures that are staged, by their hashes; what a killed agent had not committed is not."""
        wait_until(self.is_free, _WAIT_S, "the companion's lock is held")
        staged = list((self.root / "staging").glob("*/tiles.mbtiles"))
        if not staged:
            return {}
        with _copy_of(staged[0], self.workstation.folder) as connection:
            return dict(connection.execute("SELECT sha256, tile_data FROM images").fetchall())

    def kept_bytes(self) -> int:
        """Return how many bytes of pictures are staged."""
        return sum(map(len, self.kept().values()))

    def staged_database(self) -> Path:
        """Return the database that is being filled, waiting until there is one that something was committed to."""
        wait_until(lambda: self._staged() is not None, _WAIT_S, "nothing was staged")
        found = self._staged()
        assert found is not None
        return found

    def _staged(self) -> Path | None:
        found = list((self.root / "staging").glob("*/tiles.mbtiles"))
        return found[0] if found and found[0].stat().st_size > 1024 * 1024 else None


class Running:
    """A build that was started. A context manager that kills what has not ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def ended(self, within_s: float = _ENDS_S) -> Ended:
        """Return how it ended, which must be in time."""
        out, err = self.process.communicate(timeout=within_s)
        return Ended(self.process.returncode, out.decode(), err.decode("utf-8", "backslashreplace"))

    def kill(self) -> None:
        """End it as the kernel does when memory is short: it can do nothing about it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        # Its ssh may hold the other ends of the pipes a little longer.
        self.process.wait(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def rot(database: Path, picture: bytes) -> None:
    """Change one bit of one picture in a database that nobody has open, as a bad sector does."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        # Looking at it takes back what a killed agent had not committed.
        connection.execute("SELECT count(*) FROM images").fetchone()
    content = bytearray(database.read_bytes())
    # A page holds only the beginning of a picture, and all of these begin alike up to their comment.
    comment = picture.index(b"\xff\xfe") + 4
    content[content.index(picture[comment : comment + 64]) + 32] ^= 1
    database.write_bytes(content)


def signalled(pids: tuple[int, ...], number: signal.Signals) -> tuple[int, ...]:
    """Signal processes, some of which may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids


@contextlib.contextmanager
def _copy_of(database: Path, near: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy: opening would take back what is open in it, and SQLite mistakes paths into other namespaces."""
    with tempfile.TemporaryDirectory(dir=near) as folder:
        for path in database.parent.glob(f"{database.name}*"):
            shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(Path(folder) / database.name)) as connection:
            yield connection


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
