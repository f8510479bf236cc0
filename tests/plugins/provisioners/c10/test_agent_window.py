"""What was verified is what becomes current: nothing that is written in between gets through, whoever writes it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.agent.building import publish
from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.generations import trust
from operator_tool_plugins.provisioners.c10.agent.generations.soundness import Proven, seal_of
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import Agent, ask, final_line, order_of, supply_of, whole_way
from tests.support.stage_bench import StageBench

Meddle = Callable[[Path], None]


def flip(path: Path) -> None:
    """Change one byte in the midst of a file, and set its times and permissions back."""
    was = path.stat()
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    path.chmod(was.st_mode & 0o777)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def swap(path: Path) -> None:
    """Put a file of other bytes in the place of a file, with its times and permissions."""
    other = path.with_name("other")
    shutil.copy2(path, other)
    flip(other)
    other.rename(path)


def swap_all(path: Path) -> None:
    """Put a copy in the place of the whole folder that a file lies in, with a manifest that knows the other bytes."""
    folder = path.parent
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


def touch_up(path: Path) -> None:
    """Write the very bytes that were there: nobody can tell that from others without reading."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes())
    path.chmod(0o444)


@pytest.fixture
def bench(tmp_path: Path, file: Path) -> StageBench:
    """A companion with a stage of its own, a cache, and another one received."""
    made = StageBench(tmp_path, file)
    made.older_cache()
    made.stage("open('made', 'w').write('by the stage')")
    made.receive()
    return made


def built(bench: StageBench, at: str, place: str, meddle: Meddle) -> dict[str, Any]:
    """Build, and meddle with a file when the agent waits for what answers the event ``at``; return the report."""
    begun, ordered = bench.begin()
    with begun as agent:
        for said in agent.lines():
            if said.get("event") == at:
                folder = next(path for path in bench.root.glob("*/*/" + place) if bench.current not in str(path))
                meddle(folder)
            answer(agent, said, ordered)
            report = said
    return report


def answer(agent: Agent, said: dict[str, Any], ordered: str) -> None:
    """Say what the agent waits for."""
    if said.get("event") == "made":
        agent.say(final_line(ordered, said["files"]))
    if said.get("event") == "ready":
        agent.say(b"commit\n")


@pytest.mark.parametrize(
    ("at", "place", "meddle"),
    [
        ("made", "tiles.mbtiles", flip),
        ("made", "stages/it/made", swap),
        ("ready", "tiles.mbtiles", touch_up),
        ("ready", "tiles.mbtiles", swap),
        ("ready", "stages/it/made", flip),
        ("ready", "manifest.json", flip),
        ("ready", "manifest.json", swap_all),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_written_while_the_agent_waits_is_not_published(
    bench: StageBench, at: str, place: str, meddle: Meddle
) -> None:
    """The old cache stays current and sound; the next build makes a sound one of what was received."""
    old = bench.current
    report = built(bench, at, place, meddle)
    assert (report["ok"], report["error"]["code"]) == (False, "verify")
    assert bench.current == old
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"]
    bench.receive()
    assert bench.build()["ok"]
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"]
    assert bench.hello()["verified"]["how"] == "since boot"


def test_an_artefact_that_is_written_while_the_agent_waits_is_not_published(bench: StageBench) -> None:
    """It was hashed before the stages ran; what lies there afterwards is held against that very look."""
    data = b"a calibration" * 100
    path = bench.root / "staging" / bench.order.content_key / "artefacts" / "camera.yaml"
    path.parent.mkdir()
    path.write_bytes(data)
    entry = {"path": "artefacts/camera.yaml", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    begun, ordered = bench.begin(artefacts=[entry])
    with begun as agent:
        for said in agent.lines():
            if said.get("event") == "made":
                flip(path)
            answer(agent, said, ordered)
            report = said
    assert (report["ok"], report["error"]["code"]) == (False, "verify")
    assert bench.build(artefacts=[entry])["error"]["code"] == "verify", "it is dropped, and asked for again"
    assert not path.exists()


def test_a_folder_that_is_filled_is_the_agents_alone(bench: StageBench) -> None:
    """Nobody else can open what is not verified yet; a generation is opened to all only by its rename."""
    staging = bench.root / "staging"
    modes = [path.stat().st_mode & 0o777 for path in (staging, staging / bench.order.content_key)]
    assert modes == [0o700, 0o700]
    begun, ordered = bench.begin()
    with begun as agent:
        ready = agent.complete(ordered)
        assert ready is not None
        assert (bench.root / "generations" / ready["generation"]).stat().st_mode & 0o777 == 0o755


def test_what_is_written_between_verification_and_the_way_back_is_not_switched_to(tmp_path: Path, file: Path) -> None:
    """The vehicle is asked a second time after the verification; what happens meanwhile is seen."""
    root, order = tmp_path / "cache", order_of(4)
    first = whole_way(file, root, order, supply_of(4))["generation"]
    second = whole_way(file, root, order_of(4, lat_deg=50.0), supply_of(4))["generation"]
    database = root / "generations" / first / "tiles.mbtiles"
    asked = tmp_path / "asked"
    script = tmp_path / "is-armed"
    script.write_text(f"#!/bin/sh\n[ -e {asked} ] && chmod u+w {database} && printf x >> {database}\n: > {asked}\n")
    script.chmod(0o755)
    (root / "companion.json").write_text(json.dumps({"armed_command": [str(script)]}))
    report = ask(file, "rollback", root, order, to=1)
    assert (report["ok"], report["error"]["code"]) == (False, "verify")
    assert os.readlink(root / "current") == f"generations/{second}"
    assert ask(file, "verify", root, order)["ok"]


def test_only_the_look_that_was_verified_is_switched_to(tmp_path: Path, file: Path) -> None:
    """The one rename asks for it itself, whoever calls it; nothing is noted where it refuses."""
    root, order = tmp_path / "cache", order_of(4)
    first = whole_way(file, root, order, supply_of(4))["generation"]
    whole_way(file, root, order_of(4, lat_deg=50.0), supply_of(4))
    layout = Layout(str(root))
    generation = next(one for one in layout.all_generations() if one.name == first)
    proven = Proven(generation, trust.look(generation.path), seal_of(generation))
    flip(root / "generations" / first / "tiles.mbtiles")
    before = (root / "state" / "generations.json").read_bytes()
    for stale in (proven, proven._replace(seen=None)):
        with pytest.raises(AgentError, match="verified"):
            publish.switch_to(layout, stale)
    assert (root / "state" / "generations.json").read_bytes() == before


def test_a_look_is_younger_than_all_that_is_written_after_it(tmp_path: Path) -> None:
    """The kernel's clock for files stands still for milliseconds: a look waits for it to go on."""
    path = tmp_path / "one"
    for _ in range(30):
        path.write_bytes(b"before")
        seen = trust.look(str(tmp_path))
        path.write_bytes(b"after!")
        assert trust.look(str(tmp_path)) != seen


def test_a_look_waits_until_the_kernels_clock_has_gone_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a file system counts whole seconds: until the second is over."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    for written_ns, times in (
        (1_000_000_007, [7, 7, 8]),
        (2_000_000_000, [1_500_000_000, 2_000_000_000, 2_000_000_001]),
    ):
        clock = iter([1_000_000_000 + passed for passed in times])
        monkeypatch.setattr(trust, "_kernels_time_ns", lambda clock=clock: next(clock))
        trust.wait_for_a_later_tick([[0, 0, 0, 0, written_ns, 0]])
    assert len(slept) == 4


def test_a_file_of_another_time_is_not_waited_for(tmp_path: Path) -> None:
    """Whether the clock was set back or the file is old."""
    now_ns = time.time_ns()
    begun_s = time.monotonic()
    trust.wait_for_a_later_tick([[0, 0, 0, 0, now_ns + offset_s * 10**9, 0] for offset_s in (-5, 3600)])
    trust.wait_for_a_later_tick([])
    assert time.monotonic() - begun_s < 0.5


def test_every_look_at_a_folder_waits_for_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever compares with a look relies on it."""
    waited: list[object] = []
    monkeypatch.setattr(trust, "wait_for_a_later_tick", lambda looks: waited.extend(looks))
    (tmp_path / "one").write_bytes(b"1")
    seen = trust.look(str(tmp_path))
    assert seen is not None
    assert waited == list(seen.values())
