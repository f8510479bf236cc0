"""The agent killed at any moment: what it had acknowledged is not sent again, and current is old or new, whole."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.wire import data_frame, lacking, offer_frame
from tests.support.c10_rig import (
    Agent,
    Supply,
    ask,
    build_once,
    manifest_of,
    order_of,
    receive_once,
    request_of,
    supply_of,
    whole_way,
)

TILES = 600
SIZE_BYTES = 60_000
"""36 MB, so that several batches of 8 MiB are committed on the way."""


@pytest.fixture(scope="module")
def supply() -> Supply:
    """Tiles enough for several commits."""
    return supply_of(TILES, size_bytes=SIZE_BYTES)


def send_until_killed(agent: Agent, supply: Supply, killed: threading.Event) -> int:
    """Send without waiting for what is stored; return how many pictures had been acknowledged at the end."""
    acknowledged = 0
    answers: list[dict[str, Any]] = []
    ended = threading.Event()
    came = threading.Condition()

    def listen() -> None:
        nonlocal acknowledged
        with contextlib.suppress(ValueError):  # the last line may be cut
            for said in agent.lines():
                if said.get("event") == "stored":
                    acknowledged = said["received"]
                elif said.get("event") == "lacks":
                    with came:
                        answers.append(said)
                        came.notify()
        ended.set()
        with came:
            came.notify()

    listener = threading.Thread(target=listen)
    listener.start()
    batches = list(supply.batches())
    for number, batch in enumerate(batches):
        agent.say(offer_frame(number, batch))
    for number, batch in enumerate(batches):
        with came:
            came.wait_for(lambda number=number: len(answers) > number or ended.is_set(), timeout=30)  # type: ignore[misc]
        if ended.is_set():
            break
        wanted = lacking(batch, answers[number]["bits"])
        for start in range(0, len(wanted), 8):
            agent.say(data_frame(number, [supply.pictures[r.sha256] for r in wanted[start : start + 8]]))
    killed.wait(30)
    listener.join(30)
    return acknowledged


def test_case_067_kill_at_random_moments_of_receive(tmp_path: Path, file: Path, supply: Supply) -> None:
    """Wherever it is killed, the agent never asks again for a picture that it had acknowledged."""
    order = order_of(TILES)
    moments = random.Random(7)
    seen = []
    for attempt in range(8):
        root = tmp_path / str(attempt)
        killed = threading.Event()
        with Agent(file, "receive", request_of(root, order)) as agent:

            def kill(agent: Agent = agent, killed: threading.Event = killed) -> None:
                agent.process.kill()
                killed.set()

            # Later and later: a busy machine takes its time until the first pictures are acknowledged.
            timer = threading.Timer(moments.uniform(0.05, 0.3) * (1 + attempt), kill)
            timer.start()
            acknowledged = send_until_killed(agent, supply, killed)
            timer.join()
        sent, report = receive_once(file, root, order, supply)
        assert report["ok"], report
        assert sent <= TILES - acknowledged
        assert build_once(file, root, order, supply)["ok"]
        seen.append(acknowledged)
        shutil.rmtree(root)
    assert any(seen), "no kill came after an acknowledgement"


def test_case_085_kill_at_random_moments_of_build(tmp_path: Path, file: Path) -> None:
    """Killed anywhere between the request and the report, current is the old or the new cache, whole each time."""
    root, old = tmp_path / "cache", order_of(50)
    whole_way(file, root, old, supply_of(50))
    order, supply = order_of(300, lat_deg=50.0), supply_of(300, first_seed=1000, size_bytes=8000)
    moments = random.Random(3)
    outcomes = set()
    for attempt in range(16):
        receive_once(file, root, order, supply)
        greeting = ask(file, "hello", root, order)
        seq = greeting["highest_seq"] + 1
        manifest = manifest_of(order, supply, seq=seq, companion_id=greeting["companion_id"])
        with Agent(file, "build", request_of(root, order, manifest=manifest)) as agent:
            agent.until("begin")
            # The later half is killed around the commit, where it counts.
            if attempt >= 8:
                agent.complete(manifest)
                agent.say(b"commit\n")
                time.sleep(moments.uniform(0.0, 0.004))
            else:
                time.sleep(moments.uniform(0.0, 0.06))
            agent.process.kill()
            agent.process.wait()
        current = ask(file, "verify", root, order)
        assert current["ok"], current
        outcomes.add(current["generations"][0]["content_key"])
        if current["generations"][0]["content_key"] == order.content_key:
            # Back to the old cache, for the next attempt to have something to switch from.
            whole_way(file, root, old, supply_of(50))
    assert old.content_key in outcomes
    assert receive_once(file, root, order, supply)[0] == 0
    assert build_once(file, root, order, supply)["ok"]


STEPS = ("unlink", "rename", "replace", "fsync", "symlink")


@pytest.mark.parametrize("step", STEPS)
def test_case_085_kill_before_each_step_of_the_switch(tmp_path: Path, file: Path, step: str) -> None:
    """Ended at the n-th call of each kind, for every n there is, current verifies and a rerun sends nothing."""
    old_root, old = tmp_path / "old", order_of(20)
    whole_way(file, old_root, old, supply_of(20))
    order, supply = order_of(40, lat_deg=50.0), supply_of(40, first_seed=1000)
    receive_once(file, old_root, order, supply)
    companion_id = ask(file, "hello", old_root, order)["companion_id"]
    manifest = manifest_of(order, supply, seq=2, companion_id=companion_id)
    for nth in range(1, 30):
        root = tmp_path / f"{step}-{nth}"
        shutil.copytree(old_root, root, symlinks=True)
        with Agent(
            failing_agent(tmp_path, file, step, nth), "build", request_of(root, order, manifest=manifest)
        ) as agent:
            if agent.complete(manifest):
                agent.say(b"commit\n")
            reported = agent.report().get("ok")
            ended = agent.process.returncode
        assert ask(file, "verify", root, order)["ok"]
        if ended == 0:
            assert reported
            assert nth > 1, f"the build never called {step}"
            return
        assert ended == 137
        assert not reported, "success was told before the last step"
        if ask(file, "verify", root, order)["generations"][0]["content_key"] == old.content_key:
            assert receive_once(file, root, order, supply)[0] == 0
            assert build_once(file, root, order, supply)["ok"]
    pytest.fail(f"the build calls {step} more often than this test looks")


def failing_agent(tmp_path: Path, file: Path, step: str, nth: int) -> Path:
    """Return a program that is the agent, but ends as if killed instead of its ``nth`` call of ``os.<step>``."""
    program = tmp_path / f"failing-{step}-{nth}.py"
    program.write_text(
        f"""
import os, runpy, sys
real, count = os.{step}, [0]
def counted(*arguments, **options):
    count[0] += 1
    if count[0] == {nth}:
        os._exit(137)
    return real(*arguments, **options)
os.{step} = counted
sys.path.insert(0, {str(file)!r})
runpy.run_module("c10_agent", run_name="__main__")
"""
    )
    return program


@pytest.mark.parametrize("verb", ["hello", "build", "receive"])
def test_case_078_no_agent_outlives_its_standard_input(tmp_path: Path, file: Path, verb: str) -> None:
    """Whatever it is doing or waiting for, the agent ends when nobody holds its input open any more."""
    root, order = tmp_path / "cache", order_of(20)
    whole_way(file, root, order, supply_of(20))
    # A holder of the lock makes those that write wait, and hello with them.
    holder = subprocess.Popen(
        ["flock", str(root / "lock"), "sh", "-c", "echo held; exec sleep 60"], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        if verb == "build":
            (root / "staging" / order.content_key).mkdir()
        manifest = manifest_of(
            order, supply_of(20), seq=2, companion_id=ask(file, "status", root, order)["companion_id"]
        )
        request = request_of(root, order, lock_wait_s=60, manifest=manifest)
        with Agent(file, verb, request) as agent:
            agent.until("begin")
            agent.hang_up()
            agent.process.wait(10)
            assert agent.process.returncode == 75
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
