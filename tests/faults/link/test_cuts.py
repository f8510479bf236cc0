"""Links that are cut: the run takes them up again by itself, and sends no more than what was not kept."""

from __future__ import annotations

import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.link.conftest import ssh_by_day
from tests.support.companion_trial import Imagery, Trial, wait_until
from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import RealSshd, real_sshd
from tests.support.tile_server import Answer, Asked, tile_server

pytestmark = pytest.mark.real_parts
MB = 1_000_000
BATCH_BYTES = 8 * 1024 * 1024
"""What may be open, and so be lost with the link."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Imagery:
    """More than ten batches."""
    return Imagery(tmp_path_factory.mktemp("large"), picture_bytes=64_000, metres=4000)


def cuts_of(imagery: Imagery, number: int, seed: int) -> list[int]:
    """Return random places of the stream; without anything kept, cuts there would cost more than is allowed."""
    chance = random.Random(seed)
    cuts = sorted(chance.randrange(MB, imagery.bytes) for _ in range(number))
    assert imagery.bytes + cuts[-1] > allowed(imagery, number), "a companion that keeps nothing would pass: more data"
    return cuts


def allowed(imagery: Imagery, cuts: int) -> float:
    """Return how many bytes may be sent."""
    return 1.02 * imagery.bytes + cuts * BATCH_BYTES


@ssh_by_day
@pytest.mark.parametrize(
    "filled", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["while downloading", "from the store"]
)
def test_case_067_a_link_that_is_cut_ten_times(
    tmp_path: Path, server: RealSshd, large: Imagery, older: Path, transport: str, filled: bool
) -> None:
    """One run, one success: as many links as cuts and one, and at most a batch sent again for each."""
    trial = Trial(tmp_path / "operator", server, transport, large, older)
    if filled:
        download = trial.workstation.run("download", *large.arguments(), *large.from_folder())
        assert download.code == 0, download.all
    cuts = cuts_of(large, 10, seed=67)
    with LinkProxy((server.host, server.port), cut_at_bytes=cuts) as link:
        ended = trial.run(port=link.port, ends_s=60)
        assert (link.cuts, link.opened) == (10, 11)
    trial.assert_built(ended)
    assert ended.report["companion"]["reconnects"] == 10
    assert large.bytes <= ended.report["bytes"]["sent"] <= allowed(large, 10)


def test_case_067_a_link_that_is_cut_while_tiles_still_come(trial: Trial, imagery: Imagery) -> None:
    """What was committed before is not sent again, and not fetched again either."""
    cut = threading.Event()
    half = len(imagery.tiles) // 2
    asked: list[str] = []

    def script(request: Asked) -> Answer:
        asked.append(request.path)
        z, x, y = map(int, request.path.removesuffix(".jpg").strip("/").split("/"))
        picture = next(imagery.picture(tile) for tile in imagery.tiles if (tile.z, tile.x, tile.y) == (z, x, y))
        return Answer(body=picture, before=(lambda: cut.wait(60)) if len(asked) > half else None)

    with tile_server(script) as tiles, LinkProxy((trial.server.host, trial.server.port)) as link:
        provider = ["--provider", "xyz", "-o", f"xyz.url={tiles.template}"]
        try:
            with trial.start(port=link.port, provider=provider) as build:
                database = trial.staged_database()
                wait_until(lambda: is_settled(database, half * 25_000), 30, "the first half was not committed")
                link.cut()
                cut.set()
                ended = build.ended()
        finally:
            cut.set()
        assert link.opened == 2
    trial.assert_done_again(ended)
    assert ended.report["companion"]["reconnects"] == 1
    assert sorted(asked) == sorted(set(asked))


def is_settled(database: Path, at_least_bytes: int) -> bool:
    """Tell whether so much was committed, and nothing is open."""
    journal = database.with_name(database.name + "-journal")
    return database.stat().st_size >= at_least_bytes and (not journal.exists() or journal.stat().st_size == 0)


@pytest.fixture
def dropping(tmp_path: Path) -> Callable[[int], str]:
    """Return what makes sshd drop the link instead of running the first programs that are asked for."""
    left = tmp_path / "left"
    script = tmp_path / "drop"
    script.write_text(
        f"""#!/bin/sh
        left=$(cat {left})
        if [ "$left" -gt 0 ]; then
          echo $((left - 1)) > {left}
          kill -9 $PPID
          sleep 10
        fi
        exec sh -c "$SSH_ORIGINAL_COMMAND"
        """
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def extra(times: int) -> str:
        left.write_text(str(times))
        return f"ForceCommand {script}\n"

    return extra


@pytest.mark.parametrize("drops", [2, 3])
def test_case_065_a_link_that_drops_while_asking(
    trial: Trial, tmp_path: Path, dropping: Callable[[int], str], drops: int
) -> None:
    """Tried three times in all, each over a link of its own."""
    with real_sshd(tmp_path / "dropping", extra=dropping(drops)) as server:
        trial.server = server
        ended = trial.run()
        if drops < 3:
            assert ended.report["companion"]["reconnects"] == drops
        else:
            trial.assert_failed(ended, 30, "companion", retryable=True)
            ended = trial.run()
        trial.assert_done_again(ended)


def test_case_072_a_bit_that_changes_on_its_way_breaks_the_link_and_nothing_else(trial: Trial) -> None:
    """Whoever hears it notices by SSH's own code; the link is taken up again, and every picture arrives whole."""
    with LinkProxy((trial.server.host, trial.server.port)) as link:
        link.up.flip_at_bytes = [MB, 3 * MB]
        ended = trial.run(port=link.port)
        assert link.opened == 3
    trial.assert_built(ended)
    assert ended.report["companion"]["reconnects"] == 2
