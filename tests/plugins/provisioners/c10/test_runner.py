"""The provisioner over the local transport: the whole way, the no-op, the delta, and what goes wrong on it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest

from operator_tool.api import (
    BuildLockHeldError,
    CompanionError,
    CompanionIdentity,
    CompanionSession,
    ConfigError,
    DownloadError,
    LinkError,
    NotReadyError,
    PhaseProgress,
    Provisioner,
    RemoteLine,
    RemoteRun,
    RunLimits,
    TileRecord,
    TransferError,
)
from operator_tool_plugins.provisioners import c10
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.settings import C10Settings
from operator_tool_plugins.transports.local import LocalTransport
from tests.support.c10_rig import (
    Supply,
    Told,
    build_cache,
    context_of,
    order_of,
    provisioner_of,
    snapshot,
    supply_of,
    tiles_in,
)


def test_the_plugin_gives_a_provisioner(tmp_path: Path) -> None:
    """Both hooks answer, and what they give meets the Protocol; its site is the cache root."""
    assert c10.plugin_settings() is C10Settings
    made = c10.make_provisioner(C10Settings(cache_root="/data/cache/"), context_of(tmp_path))
    assert isinstance(made, Provisioner)
    assert made.site == "/data/cache"


def test_the_whole_way(session: CompanionSession, tmp_path: Path) -> None:
    """From nothing to a switched generation whose tiles, metadata and manifest are the order's."""
    root, supply, told = tmp_path / "cache", supply_of(700), Told()
    summary, report = build_cache(session, root, supply, told=told)
    assert (summary.offered_tiles, summary.sent_tiles, summary.saved_bytes) == (700, 700, 0)
    assert summary.sent_bytes == report.bytes == 700 * 2000
    assert report.generation == f"00000001-{order_of(700).content_key[:12]}"
    assert report.previous_generation is None
    expected = {(r.id.z, r.id.x, r.id.y): supply.pictures[r.sha256] for r in supply.records}
    assert tiles_in(root / "current" / "tiles.mbtiles") == expected
    manifest = json.loads((root / "current" / "manifest.json").read_text())
    assert manifest["tiles_digest"] == summary.tiles_digest == report.tiles_digest
    assert manifest["inputs"]["takeoff_origin"]["lat_deg"] == 49.0
    assert (manifest["operator"], manifest["created_by"]) == ("op@desk", "operator-tool/test")
    progress = [event for event in told if isinstance(event, PhaseProgress)]
    assert {event.phase for event in progress} == {"transfer", "build"}
    assert progress[-1].done == progress[-1].total == 700
    assert any(isinstance(event, RemoteLine) and '"report":"build"' in event.text for event in told)


def test_the_metadata_of_the_file(session: CompanionSession, tmp_path: Path) -> None:
    """The rows that MBTiles asks for, and one database that sqlite3 opens as it is."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(5))
    with contextlib.closing(sqlite3.connect(root / "current" / "tiles.mbtiles")) as connection:
        metadata = dict(connection.execute("SELECT name, value FROM metadata"))
    assert metadata["bounds"] == "11.0000000,48.9000000,11.2000000,49.1000000"
    assert (metadata["format"], metadata["minzoom"], metadata["maxzoom"]) == ("jpg", "16", "16")
    assert (metadata["name"], metadata["attribution"], metadata["type"]) == ("Field 7", "nobody", "baselayer")


def test_case_138_the_same_again_is_up_to_date_and_writes_nothing(session: CompanionSession, tmp_path: Path) -> None:
    """The no-op is earned by reading every tile, and leaves every file as it was."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(60))
    before = snapshot(root)
    state = provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(60))
    assert state.up_to_date
    assert state.verified_tiles == 60
    assert snapshot(root) == before


def test_only_what_changed_is_sent(session: CompanionSession, tmp_path: Path) -> None:
    """5 % other tiles: only these are read from the store and cross the link."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(400))
    changed = supply_of(400, changed=range(0, 400, 20))
    summary, report = build_cache(session, root, changed, lat_deg=50.0)
    assert (summary.sent_tiles, changed.read_tiles) == (20, 20)
    assert summary.saved_bytes == 380 * 2000
    assert report.previous_generation is not None


def test_a_damaged_cache_is_noted_and_mended(session: CompanionSession, tmp_path: Path) -> None:
    """Rot under the same key: not up to date, said so, and built anew from what is still sound."""
    root, supply = tmp_path / "cache", supply_of(50)
    build_cache(session, root, supply)
    database = (root / "current").resolve() / "tiles.mbtiles"
    data = database.read_bytes()
    at = data.index(supply.pictures[supply.records[3].sha256][:40])
    database.write_bytes(data[:at] + b"\0" + data[at + 1 :])
    state = provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(50))
    assert not state.up_to_date
    assert "damaged" in state.notes[0]
    summary, report = build_cache(session, root, supply)
    assert summary.sent_tiles == 1
    assert report.generation.startswith("00000002-")


def test_case_137_a_dry_run_puts_nothing(session: CompanionSession, tmp_path: Path) -> None:
    """Without the agent a dry run says where it would be put; with it, it asks."""
    root = tmp_path / "cache"
    provisioner = provisioner_of(root, context_of(tmp_path))
    state = provisioner.prepare(session, order_of(5, dry_run=True))
    assert state.agent_version == ""
    assert agent_bundle().name in state.notes[0]
    assert not root.exists()
    build_cache(session, root, supply_of(5))
    assert provisioner.prepare(session, order_of(5, dry_run=True)).up_to_date


def test_case_137_a_dry_run_notes_nothing(session: CompanionSession, tmp_path: Path) -> None:
    """A cache of another boot is read wholly, and not even that is written down; a build would."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(5))
    (root / "state" / "verified.json").unlink()
    before = snapshot(root)
    state = provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(5, dry_run=True))
    assert (state.up_to_date, state.facts["verified"]) == (True, "full")
    assert snapshot(root) == before
    provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(5))
    assert (root / "state" / "verified.json").exists()


def test_a_damaged_agent_is_replaced(session: CompanionSession, tmp_path: Path) -> None:
    """The agent tells its own hash, and one that can't run at all is put anew."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(5))
    agent = root / "agent" / agent_bundle().name
    for damage in (b"", b"print(1)", agent_bundle().data[:900], agent_bundle().data + b"\0"):
        agent.write_bytes(damage)
        assert provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(5)).up_to_date
        assert agent.read_bytes() == agent_bundle().data


@pytest.mark.parametrize(
    ("python", "words"), [("/nowhere/python3", "not installed or not executable"), ("/bin/false", "does not run")]
)
def test_case_081_a_companion_without_python(
    session: CompanionSession, tmp_path: Path, python: str, words: str
) -> None:
    """A Python that is not there, or is none, is told in one line with what to do."""
    with pytest.raises(CompanionError, match=words) as caught:
        provisioner_of(tmp_path / "cache", context_of(tmp_path), python=python).prepare(session, order_of(1))
    assert "Python" in caught.value.hint or "python" in caught.value.hint


def test_case_061_a_root_that_cannot_be_written(session: CompanionSession, tmp_path: Path) -> None:
    """A file in the way is named, and the error says that the companion is not ready."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotReadyError, match="can't be put there"):
        provisioner_of(tmp_path / "file" / "cache", context_of(tmp_path)).prepare(session, order_of(1))
    settings: dict[str, Any] = {"agent_dir": str(tmp_path / "agent")}
    with pytest.raises(NotReadyError, match="is not a folder"):
        provisioner_of(tmp_path / "file", context_of(tmp_path), **settings).prepare(session, order_of(1))


def test_case_061_too_little_space(session: CompanionSession, tmp_path: Path) -> None:
    """What is needed and what is free are both told; a cache that is there already needs no space."""
    root = tmp_path / "cache"
    with pytest.raises(NotReadyError, match=r"MB are free, .* MB are needed"):
        provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(1, expected_bytes=10**17))
    build_cache(session, root, supply_of(5))
    state = provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(5, expected_bytes=10**17))
    assert state.up_to_date


@pytest.mark.parametrize("root", ["~drone/cache", "/data/\x1b[2J", "a\nb"])
def test_paths_that_cannot_be_meant_are_refused(tmp_path: Path, root: str) -> None:
    """Another user's home and control characters mean different things to a program and a file transfer."""
    with pytest.raises(ConfigError, match="cache_root"):
        c10.make_provisioner(C10Settings(cache_root=root), context_of(tmp_path))


def test_case_077_the_lock_is_held_by_another(session: CompanionSession, tmp_path: Path) -> None:
    """Both the greeting and the sending raise the one error for contention, naming the holder."""
    root, supply = tmp_path / "cache", supply_of(5)
    build_cache(session, root, supply)
    order = msgspec.structs.replace(order_of(5, lat_deg=50.0), operator="other@desk")
    provisioner = provisioner_of(root, context_of(tmp_path), lock_wait_s=0.0)
    with subprocess.Popen(
        ["flock", str(root / "lock"), "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            with pytest.raises(BuildLockHeldError) as caught:
                provisioner.prepare(session, order)
            assert "op@desk" in str(caught.value.holder)
            with pytest.raises(BuildLockHeldError, match="op@desk"):
                provisioner.transfer(session, order, supply)
        finally:
            holder.kill()


def test_a_supply_that_fails_passes_through_and_what_was_sent_is_kept(
    session: CompanionSession, tmp_path: Path
) -> None:
    """The download's own error comes out unchanged; the rerun sends the rest alone."""
    root, order, supply = tmp_path / "cache", order_of(300), supply_of(300)

    class Failing(Supply):
        def batches(self) -> Iterator[Sequence[TileRecord]]:
            yield from list(super().batches())[:90]
            raise DownloadError("the provider is gone")

    provisioner = provisioner_of(root, context_of(tmp_path))
    provisioner.prepare(session, order)
    with pytest.raises(DownloadError, match="the provider is gone"):
        provisioner.transfer(session, order, Failing(list(supply.pictures.values()), batch_tiles=3))
    # 64 batches may be on their way; those before them were answered, sent and kept.
    provisioner.transfer(session, order, supply)
    assert supply.read_tiles <= 300 - 3 * 20


def test_the_lines_are_logged_at_debug(
    session: CompanionSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each raw line goes to c10.remote.progress, and to the listeners."""
    told = Told()
    with caplog.at_level(logging.DEBUG, "c10.remote.progress"):
        build_cache(session, tmp_path / "cache", supply_of(5), told=told)
    logged = [record for record in caplog.records if record.name == "c10.remote.progress"]
    assert {record.levelno for record in logged} == {logging.DEBUG}
    assert [record.getMessage() for record in logged] == [e.text for e in told if isinstance(e, RemoteLine)]
    assert any('"report":"receive"' in record.getMessage() for record in logged)


def test_a_cancelled_run_stops_within_a_second(session: CompanionSession, tmp_path: Path) -> None:
    """While the supply has nothing, giving up ends the sending and the agent."""
    context = context_of(tmp_path)
    with LocalTransport(context).connect() as own:
        provisioner = provisioner_of(tmp_path / "cache", context)
        order = order_of(200)
        provisioner.prepare(own, order)

        class Waiting(Supply):
            def batches(self) -> Iterator[Sequence[TileRecord]]:
                yield self.records[:100]
                threading.Timer(0.1, context.cancelled.set).start()
                context.cancelled.wait(30)

        started_s = time.monotonic()
        with pytest.raises(TransferError):
            provisioner.transfer(own, order, Waiting(list(supply_of(200).pictures.values())))
        assert time.monotonic() - started_s < 3


class BrokenSession:
    """A session whose runs break in the middle of the lines."""

    identity = CompanionIdentity(address="ssh://drone")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def run(self, argv: Sequence[str], *, stdin: Any = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start nothing."""
        return BrokenRun()

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Break."""
        raise LinkError("the link broke")

    def get(self, path: str, *, max_bytes: int = 1) -> bytes:
        """Break."""
        raise LinkError("the link broke")

    def close(self) -> None:
        """Nothing is open."""


class BrokenRun:
    """A run that says one line and breaks."""

    exit_status = None
    stderr_tail = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"event":"begin","protocol":1,"run_id":"run-1"}'
        raise LinkError("the link broke")


def test_a_broken_link_passes_through(session: CompanionSession, tmp_path: Path) -> None:
    """Asking, sending, building: the core is to connect again and go on."""
    order, supply = order_of(5), supply_of(5)
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path))
    provisioner.prepare(session, order)
    summary = provisioner.transfer(session, order, supply)
    broken = BrokenSession()
    calls: tuple[Callable[[], object], ...] = (
        lambda: provisioner.prepare(broken, order),
        lambda: provisioner.transfer(broken, order, supply),
        lambda: provisioner.build(broken, order, summary),
    )
    for call in calls:
        with pytest.raises(LinkError, match="the link broke") as caught:
            call()
        assert caught.value.retryable


def test_paths_over_a_link_are_the_login_s(tmp_path: Path) -> None:
    """Neither the remote Python nor the file transfer expands ~/, so it becomes a relative path."""
    from operator_tool_plugins.provisioners.c10.place import place_for

    place = place_for(BrokenSession(), C10Settings(cache_root="~/maps/cache"))
    assert place.root == "maps/cache"
    assert place.agent == f"maps/cache/agent/{agent_bundle().name}"
    assert place.python == "python3"
    with LocalTransport(context_of(tmp_path)).connect() as local:
        assert place_for(local, C10Settings(cache_root="maps")).root == f"{os.getcwd()}/maps"
        assert place_for(local, C10Settings(cache_root="maps")).python == sys.executable
