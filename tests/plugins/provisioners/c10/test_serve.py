"""The agent's ``serve``: any number of calls on one standard input, and an end when nobody talks to it any more."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CacheOrder
from operator_tool_plugins.provisioners.c10.agent.wire import Inlet
from operator_tool_plugins.provisioners.c10.wire import (
    cancel_frame,
    data_frame,
    lacking,
    offer_frame,
    ping_frame,
    seal_frame,
)
from tests.support.c10_rig import Agent, Supply, final_line, manifest_of, order_of, request_of, supply_of, tiles_in

IMPATIENT = """
import sys
sys.path.insert(0, {file!r})
from c10_agent import guard
guard.UNHEARD_S = 1.0
from c10_agent.__main__ import main
sys.exit(main(sys.argv))
"""


def answer(agent: Agent) -> dict[str, Any]:
    """Return the report of the call at hand."""
    return next(said for said in agent.lines() if "report" in said)


def ask(agent: Agent, verb: str, root: Path, order: CacheOrder, **fields: object) -> None:
    """Make another request to the same process."""
    agent.say(json.dumps(request_of(root, order, verb=verb, **fields)).encode() + b"\n")


def send(agent: Agent, supply: Supply, *, damaged: bool = False) -> dict[str, Any]:
    """Serve one ``receive`` in one batch and return its report."""
    agent.say(offer_frame(0, supply.records))
    wanted = lacking(supply.records, (agent.until("lacks") or {})["bits"])
    pictures = [supply.pictures[record.sha256] for record in wanted]
    if damaged:
        pictures[3] = pictures[3][::-1]
    agent.say(ping_frame() + (data_frame(0, pictures) if pictures else b"") + ping_frame())
    agent.say(seal_frame(len(supply.records), sum(record.length_bytes for record in supply.records)))
    return answer(agent)


def test_one_process_goes_the_whole_way(tmp_path: Path, file: Path) -> None:
    """Greeting, receiving and building are three calls of one process, which ends with 0 at the end of its input."""
    root, order, supply = tmp_path / "cache", order_of(40), supply_of(40)
    with Agent(file, "serve", request_of(root, order, verb="hello")) as agent:
        greeting = answer(agent)
        agent.say(b"\n\n")
        ask(agent, "receive", root, order)
        assert send(agent, supply)["received_tiles"] == 40
        manifest = manifest_of(order, supply, seq=1, companion_id=greeting["companion_id"])
        ask(agent, "build", root, order, manifest=manifest)
        agent.complete(manifest)
        agent.say(b"\n\ncommit\n")
        assert answer(agent)["ok"]
        agent.hang_up()
        assert agent.process.wait(10) == 0
    assert len(tiles_in(root / "current" / "tiles.mbtiles")) == 40


def test_a_build_follows_the_tiles_without_waiting(tmp_path: Path, file: Path) -> None:
    """Its request may be sent behind the seal; the process ends by itself after it."""
    root, order, supply = tmp_path / "cache", order_of(40), supply_of(40)
    with Agent(file, "serve", request_of(root, order, verb="hello")) as agent:
        manifest = manifest_of(order, supply, seq=1, companion_id=answer(agent)["companion_id"])
        build = request_of(root, order, verb="build", manifest=manifest, follows_receive=True, last=True)
        ask(agent, "receive", root, order)
        agent.say(offer_frame(0, supply.records))
        agent.until("lacks")
        agent.say(data_frame(0, list(supply.pictures.values())))
        agent.say(seal_frame(40, sum(record.length_bytes for record in supply.records)))
        agent.say(json.dumps(build).encode() + b"\n")
        assert answer(agent)["report"] == "receive"
        agent.complete(manifest)
        agent.say(b"commit\n")
        assert [(said["report"], said["ok"]) for said in agent.lines() if "report" in said] == [("build", True)]
        assert agent.process.wait(10) == 0
    assert len(tiles_in(root / "current" / "tiles.mbtiles")) == 40


def test_a_build_behind_tiles_that_did_not_arrive_means_nothing(tmp_path: Path, file: Path) -> None:
    """The same process then takes the tiles again, and nothing was built meanwhile."""
    root, order, supply = tmp_path / "cache", order_of(40), supply_of(40)
    with Agent(file, "serve", request_of(root, order, verb="hello")) as agent:
        manifest = manifest_of(order, supply, seq=1, companion_id=answer(agent)["companion_id"])
        build = request_of(root, order, verb="build", manifest=manifest, follows_receive=True)
        agent.say(json.dumps(build).encode() + b"\n")
        ask(agent, "receive", root, order)
        assert send(agent, supply, damaged=True)["error"]["code"] == "hash"
        agent.say(json.dumps(build).encode() + b"\n")
        ask(agent, "receive", root, order)
        assert send(agent, supply)["ok"]
    assert not (root / "current").exists()
    assert list((root / "generations").iterdir()) == []


def test_the_exit_status_is_the_failure_s(tmp_path: Path, file: Path) -> None:
    """After a call that failed nothing is taken any more, and the exit status says so, too."""
    order = order_of(1)
    requests: list[dict[str, object]] = [
        request_of(tmp_path, order, verb="verify"),
        request_of(tmp_path, order),
        {"verb": "fly"},
    ]
    for request in requests:
        with Agent(file, "serve", request) as agent:
            assert not answer(agent)["ok"]
            assert agent.process.wait(10) == 1


def test_a_greeting_can_be_the_last_call(tmp_path: Path, file: Path) -> None:
    """Where the cache is there and verified, the process ends by itself: the no-op costs no further round trip."""
    root, order, supply = tmp_path / "cache", order_of(5), supply_of(5)
    with Agent(file, "serve", request_of(root, order, verb="receive")) as agent:
        send(agent, supply)
        ask(agent, "hello", root, order, end_if_verified=True)
        greeting = answer(agent)
        assert not greeting["last"]
        manifest = manifest_of(order, supply, seq=1, companion_id=greeting["companion_id"])
        ask(agent, "build", root, order, manifest=manifest)
        agent.complete(manifest)
        agent.say(b"commit\n")
        assert answer(agent)["ok"]
        ask(agent, "hello", root, order, end_if_verified=True)
        assert answer(agent)["last"]
        assert agent.process.wait(10) == 0


def test_case_072_after_a_flipped_bit_the_same_process_takes_it_again(tmp_path: Path, file: Path) -> None:
    """What was under way is skipped, up to the seal or to the sign that there will be none."""
    root, order, supply = tmp_path / "cache", order_of(40), supply_of(40)
    with Agent(file, "serve", request_of(root, order, verb="receive")) as agent:
        assert send(agent, supply, damaged=True)["error"]["code"] == "hash"
        ask(agent, "receive", root, order)
        agent.say(offer_frame(0, supply.records))
        wanted = lacking(supply.records, (agent.until("lacks") or {})["bits"])
        agent.say(data_frame(0, [b"x" * record.length_bytes for record in wanted]))
        assert answer(agent)["error"]["code"] == "hash"
        agent.say(data_frame(0, [b"y" * 9]) + cancel_frame() + b"\n")
        ask(agent, "receive", root, order)
        assert send(agent, supply)["ok"]
        agent.hang_up()
        assert agent.process.wait(10) == 0, "in the end all of it came"


@pytest.mark.parametrize("doing", ["nothing", "receive", "build"])
def test_case_078_an_agent_that_hears_nothing_ends_and_frees_the_lock(tmp_path: Path, file: Path, doing: str) -> None:
    """Its input stays open, as where sshd never notices that the link is gone; what was committed is kept."""
    impatient = tmp_path / "impatient.py"
    impatient.write_text(IMPATIENT.format(file=str(file)))
    root, order, supply = tmp_path / "cache", order_of(40), supply_of(40)
    with Agent(impatient, "serve", request_of(root, order, verb="hello")) as agent:
        companion_id = answer(agent)["companion_id"]
        if doing != "nothing":
            ask(agent, "receive", root, order)
        if doing == "receive":
            agent.say(offer_frame(0, supply.records))
            wanted = lacking(supply.records, (agent.until("lacks") or {})["bits"])
            agent.say(data_frame(0, [supply.pictures[record.sha256] for record in wanted]))
            agent.until("stored")
        elif doing == "build":
            assert send(agent, supply)["ok"]
            manifest = manifest_of(order, supply, seq=1, companion_id=companion_id)
            ask(agent, "build", root, order, manifest=manifest)
            agent.complete(manifest)
        assert agent.process.wait(10) == 75
    if doing != "nothing":
        with Agent(file, "serve", request_of(root, order, verb="receive", lock_wait_s=0)) as agent:
            assert send(agent, supply)["received_tiles"] == 0


@pytest.mark.parametrize("ear", ["pipe", "socket"])
def test_an_agent_that_hears_empty_lines_stays(tmp_path: Path, file: Path, ear: str) -> None:
    """While a build works nobody reads them: that something came is enough, over a pipe as over sshd's socket."""
    impatient = tmp_path / "impatient.py"
    impatient.write_text(IMPATIENT.format(file=str(file)))
    root, order, supply = tmp_path / "cache", order_of(40), supply_of(40)
    with Agent(file, "serve", request_of(root, order, verb="receive")) as agent:
        assert send(agent, supply)["ok"]
        ask(agent, "hello", root, order)
        companion_id = answer(agent)["companion_id"]
    ours, theirs = socket.socketpair() if ear == "socket" else (None, None)
    read_end, write_end = os.pipe()
    manifest = manifest_of(order, supply, seq=1, companion_id=companion_id)
    request = json.dumps(request_of(root, order, verb="build", manifest=manifest)).encode() + b"\n"
    process = subprocess.Popen(
        [Agent.python, "-I", "-S", "-B", str(impatient), "serve"],
        stdin=theirs.fileno() if theirs else read_end,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None

        def say(data: bytes) -> None:
            if ours:
                ours.sendall(data)
            else:
                os.write(write_end, data)

        say(request)
        while (said := json.loads(process.stdout.readline())).get("event") != "made":
            pass
        say(final_line(manifest, said["files"]))
        while b"ready" not in process.stdout.readline():
            pass
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < 2.5:
            say(b"\n")
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
        say(b"commit\n")
        reports = (json.loads(line) for line in process.stdout)
        assert next(said for said in reports if "report" in said)["ok"]
    finally:
        process.kill()
        process.wait()
        process.stdout and process.stdout.close()
        for end in (ours, theirs):
            if end:
                end.close()
        os.close(read_end)
        os.close(write_end)


def test_bytes_that_wait_unread_count_as_heard() -> None:
    """An agent that is slow to take what was sent is not one that nobody talks to; a few words are no such thing."""
    read_end, write_end = os.pipe()
    try:
        inlet = Inlet(read_end)
        before = inlet.heard()
        os.write(write_end, b"\n" * 100)
        assert inlet.heard() != before, "words that nobody reads are heard all the same"
        assert not inlet.is_behind()
        os.write(write_end, bytes(5000))
        assert inlet.is_behind()
    finally:
        os.close(read_end)
        os.close(write_end)
