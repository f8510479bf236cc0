"""A lock that is held and not used, and what one login may have the agent hold in memory or write to its logs."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.agent import idle
from operator_tool_plugins.provisioners.c10.agent.call import Request
from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.keeping.audit import note
from operator_tool_plugins.provisioners.c10.agent.keeping.refusals import last_refusals, note_failure
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.receiving.intake import Entry, Offer, Pictures, _Jobs
from operator_tool_plugins.provisioners.c10.agent.whence import note_whence, whence
from operator_tool_plugins.provisioners.c10.agent.wire import Inlet
from operator_tool_plugins.provisioners.c10.wire import offer_frame, ping_frame
from tests.support.c10_rig import Agent, ask, order_of, request_of, supply_of, whole_way

FILE = {"path": "artefacts/x", "sha256": "0" * 64, "bytes": 10}


def own_file(root: Path, **fields: object) -> None:
    """Write the companion's own file."""
    root.mkdir(exist_ok=True)
    path = root / "companion.json"
    path.write_text(json.dumps(fields))
    path.chmod(0o644)


@pytest.mark.parametrize("verb", ["receive", "artefacts"])
@pytest.mark.parametrize("says", ["pings", "nothing"])
def test_a_lock_that_gets_nothing_but_signs_of_life_is_given_back(
    tmp_path: Path, file: Path, verb: str, says: str
) -> None:
    """The call ends with a report, and the next one takes the lock at once."""
    root, order = tmp_path / "cache", order_of(5)
    own_file(root, lock_idle_s=1)
    with Agent(file, verb, request_of(root, order, artefacts=[FILE])) as agent:
        assert agent.until("begin")
        said: dict[str, Any] = {}
        reader = threading.Thread(target=lambda: said.update(agent.report()))
        reader.start()
        for _ in range(100):
            if not reader.is_alive():
                break
            if says == "pings":
                agent.say(ping_frame())
            time.sleep(0.1)
        reader.join(1)
        assert said["error"]["code"] == "idle"
    assert ask(file, "hello", root, order)["busy"] is None


def test_what_gets_on_is_not_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each whole frame counts, and so does each part of a large one; a stopped machine's clock doesn't."""

    class Fed:
        seen = (0, 0)

        def progress(self) -> tuple[int, int]:
            return self.seen

    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(idle, "lock_idle_s", lambda _layout: 10.0)
    fed = Fed()
    watched = idle.Idle(Layout(str(tmp_path)), fed)  # type: ignore[arg-type]
    for step in range(60):
        now_s += 0.5
        if step % 15 == 0:
            fed.seen = (step, 0) if step % 2 else (fed.seen[0], step + 1)
        watched.look()
    now_s += 10_000
    watched.look()
    for _ in range(2):
        now_s += 0.5
        watched.look()
    now_s += 5
    watched.look()
    now_s += 5
    with pytest.raises(AgentError) as caught:
        watched.look()
    assert caught.value.code == "idle"


def test_pings_are_no_progress() -> None:
    """Other frames are, and a large one that is still coming in is, too."""
    read_end, write_end = os.pipe()
    inlet = Inlet(read_end)
    try:
        os.write(write_end, ping_frame() * 3 + struct.pack(">BI", 4, 0))
        before = inlet.progress()
        for _ in range(3):
            inlet.frame(lambda: None)
        assert inlet.progress() == before
        inlet.frame(lambda: None)
        assert inlet.progress() != before
        half = inlet.progress()
        os.write(write_end, struct.pack(">BI", 2, 300_000) + bytes(200_000))
        reader = threading.Thread(target=inlet.frame)
        reader.start()
        until_s = time.monotonic() + 10
        while inlet.progress() == half and time.monotonic() < until_s:
            time.sleep(0.01)
        assert inlet.progress() != half
    finally:
        os.close(write_end)
        reader.join(10)
        os.close(read_end)


def test_whose_lock_it_is_is_told_with_sshd_s_own_word(tmp_path: Path, file: Path) -> None:
    """A name is the client's to choose; the address that sshd saw is not."""
    root = tmp_path / "cache"
    root.mkdir()
    environment = {"HOME": "/", "SSH_ORIGINAL_COMMAND": "receive", "SSH_CONNECTION": "192.0.2.7 5000 192.0.2.1 22"}
    argv = [sys.executable, "-I", "-S", "-B", str(file), "gate", str(root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(json.dumps(request_of(root, order_of(1))).encode() + b"\n")
        agent.stdin.flush()
        agent.stdout.readline()
        until_s = time.monotonic() + 20
        while not (root / "lock.holder").exists() and time.monotonic() < until_s:
            time.sleep(0.02)
        holder = ask(file, "hello", root, order_of(1))["busy"]
        agent.kill()
    assert (holder["from"], holder["operator"]) == ("192.0.2.7", "op@desk")


@pytest.mark.parametrize("address", ["", "evil", "1.2.3.4;x", "\x1b[2J", "a" * 99])
def test_what_is_no_address_is_not_told(address: str) -> None:
    """The environment is believed as far as it looks like sshd's."""
    note_whence({"SSH_CONNECTION": f"{address} 1 2 3"})
    assert whence() == {}


@pytest.mark.parametrize("field", ["operator", "run_id", "mount_point"])
def test_a_text_that_is_far_too_long_is_refused(tmp_path: Path, file: Path, field: str) -> None:
    """Before anything is done with it; nothing of it is noted beside the lock."""
    root = tmp_path / "cache"
    report = ask(file, "receive", root, order_of(1), **{field: "\u202e" * 5000})
    assert report["error"]["code"] == "request"
    assert len(json.dumps(report)) < 1000
    assert not root.exists()


def test_a_request_that_would_become_a_mass_of_objects_is_refused() -> None:
    """A large text is fine, whatever stands in it; large lists, objects and numbers are no request's."""
    text = json.dumps({"manifest": json.dumps({"route": [[1.5, 2.5, None]] * 100_000, "x": '\\"{['})})
    assert Request(text.encode()).data("manifest")
    for bad in ("[[]," * 50_000, '{"a":' * 50_000, '{"a":[' + "1," * 100_000, '{"a":[' + '"",' * 100_000):
        with pytest.raises(AgentError) as caught:
            Request(bad.encode())
        assert caught.value.code == "request"
        assert "holds more" in caught.value.message


def test_what_waits_to_be_worked_off_is_bounded_by_its_bytes() -> None:
    """Pictures of the largest size wait two at a time, offers by what they take as objects; one always goes in."""
    for item, at_most in (
        (Pictures(0, [(b"", memoryview(bytes(4 * 1024 * 1024)))], False), 2),
        (Offer(0, [Entry(0, 0, 0, b"", 1, 1)] * 4096), 4),
        (Pictures(0, [(b"", memoryview(bytes(20 * 1024 * 1024)))], False), 1),
    ):
        jobs = _Jobs()
        put: list[int] = []

        def fill(jobs: _Jobs = jobs, item: Any = item, put: list[int] = put) -> None:
            for number in range(6):
                jobs.put(item)
                put.append(number)

        filler = threading.Thread(target=fill, daemon=True)
        filler.start()
        time.sleep(0.3)
        assert len(put) == at_most
        for _ in range(6):
            assert jobs.get(10) is item
        filler.join(10)
        assert len(put) == 6


def test_offers_without_pictures_are_bounded(tmp_path: Path, file: Path) -> None:
    """Whoever offers and never sends is told so, long before the memory is full."""
    with Agent(file, "receive", request_of(tmp_path / "cache", order_of(1))) as agent:
        said: dict[str, Any] = {}
        for batch in range(20):
            numbers = range(batch * 4096, batch * 4096 + 4096)
            entries = [struct.pack(">BII32sIB", 20, n % 2**20, 0, n.to_bytes(32, "big"), 9, 1) for n in numbers]
            body = struct.pack(">I", batch) + b"".join(entries)
            agent.say(struct.pack(">BI", 1, len(body)) + body)
            said = next(line for line in agent.lines() if line.get("event") == "lacks" or "report" in line)
            if "report" in said:
                break
    assert said["error"]["code"] == "protocol"
    assert batch in (16, 17)


def test_what_another_generation_holds_is_copied_one_by_one(tmp_path: Path, file: Path) -> None:
    """Sixty megabytes that one offer names are never in memory together."""
    root, supply = tmp_path / "cache", supply_of(600, size_bytes=100_000)
    supply._batch_tiles = 600
    whole_way(file, root, order_of(600), supply)
    (root / "state" / "verified.json").unlink()
    with Agent(file, "receive", request_of(root, order_of(600, lat_deg=50.0))) as agent:
        status = Path(f"/proc/{agent.process.pid}/status")
        (batch,) = supply.batches()
        agent.say(offer_frame(0, batch))
        answer = agent.until("lacks")
        peak_kb = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    assert answer is not None
    assert answer["count"] == 0
    assert peak_kb < 50_000


def refused(root: Path, operator: str = "mallory", message: str = "no") -> None:
    """Note one refused rollback."""
    request = Request(json.dumps({"root": str(root), "run_id": "r", "operator": operator}).encode())
    note_failure("rollback", request, AgentError("signature", message))


def test_refusals_cannot_push_out_what_was_done(tmp_path: Path) -> None:
    """However many, and however different: the log of what was done is another one's."""
    layout = Layout(str(tmp_path))
    note(layout, "rollback", run_id="the-crime", outcome="done")
    before = (tmp_path / "audit.jsonl").read_bytes()
    for number in range(60):
        refused(tmp_path, operator=f"{number}" + "\u202e" * 190, message="x" * 5000)
    assert (tmp_path / "audit.jsonl").read_bytes() == before
    lines = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert len(lines) == 10
    assert sum(line.get("others", 0) for line in lines) == 50
    assert (tmp_path / "refused.jsonl").stat().st_size < 30_000


def test_like_refusals_are_one_line_with_their_number(tmp_path: Path) -> None:
    """The first time and the last; another one begins a line of its own."""
    for _ in range(7):
        refused(tmp_path)
    refused(tmp_path, message="another")
    first, second = last_refusals(Layout(str(tmp_path)), 5)
    assert (first["times"], first["outcome"], first["operator"]) == (7, "signature", "mallory")
    assert "times" not in second
    assert second["problem"] == "another"


def test_the_status_tells_of_refusals_beside_what_was_done(tmp_path: Path, file: Path) -> None:
    """Neither hides the other."""
    root = tmp_path / "cache"
    whole_way(file, root, order_of(5), supply_of(5))
    for _ in range(8):
        refused(root)
    report = ask(file, "status", root, order_of(5))
    assert [line["event"] for line in report["audit"]] == ["build"]
    assert [line["times"] for line in report["refusals"]] == [8]
