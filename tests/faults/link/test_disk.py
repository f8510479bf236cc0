"""A companion whose volume is full, of bytes or of inodes: said with what is free, and mended by making room."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.companion_trial import Imagery, Trial, wait_until
from tests.support.link_proxy import LinkProxy
from tests.support.namespaces import private_mounts
from tests.support.real_parts import real_sshd
from tests.support.tile_server import Answer, Asked, tile_server

pytestmark = [pytest.mark.real_parts, pytest.mark.own_mounts]


class OnVolume(Protocol):
    """Makes a trial whose cache root lies on a volume of its own."""

    def __call__(self, options: str) -> AbstractContextManager[Trial]:
        """``options`` are those of tmpfs."""
        ...


@pytest.fixture
def on_volume(tmp_path: Path, one_transport: str, imagery: Imagery, older: Path) -> OnVolume:
    """Only sshd and what it starts see the volume, which lies in memory; this process sees it through theirs."""

    @contextmanager
    def make(options: str) -> Iterator[Trial]:
        volume = tmp_path / "volume"
        volume.mkdir()
        through = private_mounts(f'mount -t tmpfs -o {options} tmpfs "$0"', str(volume))
        with real_sshd(tmp_path / "sshd", through=through) as server:
            seen = Path(f"/proc/{server.pid}/root")
            yield Trial(tmp_path / "operator", server, one_transport, imagery, older, root=volume / "cache", seen=seen)

    return make


def resize(trial: Trial, options: str) -> None:
    """Make the volume larger, or smaller."""
    volume = Path(trial.cache_root).parent
    subprocess.run(
        ["nsenter", "-t", str(trial.server.pid), "-m", "mount", "-o", f"remount,{options}", str(volume)],
        check=True,
        timeout=30,
    )


def test_case_071_the_disk_is_full_while_tiles_are_sent(on_volume: OnVolume) -> None:
    """22 with what is free; what was committed is kept, and sent no more once there is room."""
    with on_volume("size=5m") as trial:
        # Over a narrow link something is committed before the disk is full.
        with LinkProxy((trial.server.host, trial.server.port), up_mbit_per_s=16) as link:
            ended = trial.run("-o", "c10.keep_free_bytes=0", port=link.port)
        report = trial.assert_failed(ended, 22, "transfer", "disk", "MB are free")
        assert "Free space" in report["remediation"]
        kept_bytes = trial.kept_bytes()
        assert kept_bytes
        resize(trial, "size=64m")
        trial.assert_done_again(trial.run("-o", "c10.keep_free_bytes=0"), kept_bytes=kept_bytes)


def test_case_071_what_must_stay_free_stays_free(on_volume: OnVolume) -> None:
    """22 with what is free and what is needed, while there still is room."""
    with on_volume("size=12m") as trial:
        trial.assert_failed(
            trial.run("-o", "c10.keep_free_bytes=8000000"), 22, "transfer", "must stay free", "8.0 MB are needed"
        )
        kept_bytes = trial.kept_bytes()
        trial.assert_done_again(trial.run("-o", "c10.keep_free_bytes=0"), kept_bytes=kept_bytes)


def test_case_071_the_inodes_are_used_up_before_the_switch(on_volume: OnVolume) -> None:
    """All tiles have come, and nothing more can be named: no switch, and nothing is sent again afterwards."""
    last = threading.Event()

    with on_volume("size=64m,nr_inodes=200") as trial:

        def script(request: Asked) -> Answer:
            z, x, y = map(int, request.path.removesuffix(".jpg").strip("/").split("/"))
            tile = next(tile for tile in trial.imagery.tiles if (tile.z, tile.x, tile.y) == (z, x, y))
            held = tile == trial.imagery.tiles[-1]
            return Answer(body=trial.imagery.picture(tile), before=(lambda: last.wait(60)) if held else None)

        with tile_server(script) as tiles:
            provider = ["--provider", "xyz", "-o", f"xyz.url={tiles.template}"]
            small = ("-o", "c10.keep_free_bytes=0")
            try:
                with trial.start(*small, provider=provider) as build:
                    trial.staged_database()
                    use_up_inodes(trial.root.parent)
                    last.set()
                    ended = build.ended()
            finally:
                last.set()
            trial.assert_failed(ended, 21, "build", "space")
            kept_bytes = trial.kept_bytes()
            for path in trial.root.parent.glob("used-*"):
                path.unlink()
            trial.assert_done_again(trial.run(*small, provider=provider), kept_bytes=kept_bytes)


def use_up_inodes(folder: Path) -> None:
    """Make files until no more can be made."""
    made = 0

    def is_full() -> bool:
        nonlocal made
        try:
            (folder / f"used-{made}").touch()
        except OSError:
            return True
        made += 1
        return False

    wait_until(is_full, 30, "there are always more inodes")
    assert made
