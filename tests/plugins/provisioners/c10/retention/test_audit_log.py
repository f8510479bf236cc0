"""The companion's own log: one line an event, whatever was cut off before it, and never a reason to fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.agent.keeping import audit
from operator_tool_plugins.provisioners.c10.agent.keeping.audit import last_lines, note
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import ask, build_once, order_of, receive_once, request_of, supply_of, whole_way

from .conftest import Root


def lines(root: Path) -> list[dict[str, object]]:
    """Return every line, each of which must be JSON."""
    return [json.loads(line) for line in (root / "audit.jsonl").read_text("ascii").splitlines() if line]


def test_a_build_is_logged_with_whose_it_was(file: Path, tmp_path: Path) -> None:
    """Time, boot, run, operator, generation, number and signer."""
    root = tmp_path / "cache"
    report = whole_way(file, root, order_of(4), supply_of(4))
    line = lines(root)[-1]
    assert line["event"] == "build"
    assert (line["generation"], line["seq"], line["run_id"]) == (report["generation"], 1, "run-1")
    assert (line["operator"], line["signer"], line["previous_generation"]) == ("op@desk", "", None)
    assert len(str(line["boot_id"])) == 36
    assert str(line["time"]).endswith("Z")
    assert (root / "audit.jsonl").stat().st_mode & 0o022 == 0


def test_a_refused_build_is_logged_with_the_reason(file: Path, tmp_path: Path) -> None:
    """Another companion's order leaves a trace; that somebody else was building leaves none."""
    root = tmp_path / "cache"
    receive_once(file, root, order_of(4), supply_of(4))
    build_once(file, root, order_of(4), supply_of(4), companion_id="f" * 32)
    (line,) = (json.loads(text) for text in (root / "refused.jsonl").read_text("ascii").splitlines())
    assert not (root / "audit.jsonl").exists()
    assert (line["event"], line["outcome"], line["run_id"]) == ("build", "identity", "run-1")
    assert "is for companion" in str(line["problem"])


def test_a_torn_last_line_is_closed_off(root: Root) -> None:
    """A power cut took its end: what follows it is whole, and is found."""
    note(root.layout, "build", generation="a")
    path = root.path / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b'{"event": "gc", "remo')
    note(root.layout, "rollback", generation="b")
    assert path.read_bytes().count(b"\n") == 3
    assert [line["event"] for line in last_lines(root.layout, 9)] == ["build", "rollback"]


def test_what_a_text_holds_stays_within_its_line(root: Root) -> None:
    """Line ends, control characters and other alphabets are escaped; texts, lists and fields are bounded."""
    note(
        root.layout,
        "x\ny",
        operator="ä\x1b[2J\u202e\n{}",
        long="z" * 5000,
        many=list(range(100)),
        deep={"a": "b" * 999},
    )
    data = (root.path / "audit.jsonl").read_bytes()
    assert data.count(b"\n") == 1
    assert data.isascii()
    assert b"\x1b" not in data
    line = lines(root.path)[0]
    assert line["operator"] == "ä\x1b[2J\u202e\n{}"
    assert len(str(line["long"])) == 303
    assert line["many"] == [*range(20), "and 80 more"]
    assert len(data) < 2000
    note(root.layout, "many", **{f"f{number}": number for number in range(100)})
    assert len(lines(root.path)[1]) == 32 + 3


def test_it_is_rotated_and_only_once(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older log is kept beside it; of two that find it full, the second finds a new one."""
    monkeypatch.setattr(audit, "MAX_BYTES", 2000)
    for number in range(40):
        note(root.layout, "build", seq=number)
    older = [json.loads(line) for line in (root.path / "audit.jsonl.1").read_text().splitlines()]
    newer = lines(root.path)
    seqs = [line["seq"] for line in older + newer]
    assert seqs == list(range(40))[-len(seqs) :]
    assert len(older) > 5
    assert (root.path / "audit.jsonl").stat().st_size < 2300


def test_many_writers_lose_nothing(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is whole and there once, also where the log is rotated among them."""
    monkeypatch.setattr(audit, "MAX_BYTES", 8_000)

    def write(writer: int) -> None:
        for number in range(25):
            note(root.layout, "build", seq=writer * 100 + number)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    older = [json.loads(line) for line in (root.path / "audit.jsonl.1").read_text().splitlines()]
    seqs = [line["seq"] for line in older + lines(root.path)]
    assert sorted(seqs) == sorted({writer * 100 + number for writer in range(4) for number in range(25)})


@pytest.mark.parametrize("thing", ["folder", "link", "pipe", "nothing"])
def test_what_cannot_be_written_stops_nothing(root: Root, tmp_path: Path, thing: str) -> None:
    """No link is followed, no reader is waited for, and no root is made."""
    path = root.path / "audit.jsonl"
    layout = root.layout
    match thing:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(path)
        case "nothing":
            layout = Layout(str(tmp_path / "nowhere"))
    note(layout, "build")
    assert last_lines(layout, 5) == []
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "nowhere").exists()


def test_a_request_for_another_root_than_the_gates_leaves_no_trace_there(file: Path, tmp_path: Path) -> None:
    """Whoever is locked to one root can't write into another, not even that they were refused."""
    other = tmp_path / "other"
    whole_way(file, other, order_of(4), supply_of(4))
    before = (other / "audit.jsonl").read_bytes()
    request = json.dumps({**request_of(other, order_of(4)), "dry_run": False})
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(file), "gate", str(tmp_path / "mine")],
        input=request.encode() + b"\n",
        env={"SSH_ORIGINAL_COMMAND": "gc"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert json.loads(run.stdout.splitlines()[-1])["error"]["code"] == "refused"
    assert (other / "audit.jsonl").read_bytes() == before
    assert ask(file, "gc", other, order_of(4))["ok"]
