"""The agent's ``artefacts``: files beside the tiles, sent once, continued after a drop, covered by the manifest."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.wire import artefact_frame, ping_frame, seal_frame
from tests.support.c10_rig import Agent, ask, order_of, request_of
from tests.support.stage_bench import StageBench

PIECE = 100_000


def _data(seed: int, size_bytes: int = 250_000) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def _listed(files: dict[str, bytes]) -> list[dict[str, object]]:
    return [
        {"path": f"artefacts/{name}", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in files.items()
    ]


def _send(
    bench: StageBench, files: dict[str, bytes], *, up_to: int | None = None, **fields: object
) -> tuple[list[list[int]], dict[str, Any]]:
    """Serve one ``artefacts``; return what was wanted, and the report. ``up_to``: hang up after so many bytes."""
    request = request_of(bench.root, bench.order, artefacts=_listed(files), **fields)
    contents = list(files.values())
    with Agent(bench.file, "artefacts", request) as agent:
        said = next(line for line in agent.lines() if line.get("event") == "wants" or "report" in line)
        if "report" in said:
            return [], said
        left = 10**12 if up_to is None else up_to
        for place, offset in said["files"]:
            data = contents[place][:left] if up_to is not None else contents[place]
            for start in range(offset, len(data), PIECE):
                agent.say(ping_frame() + artefact_frame(place, data[start : start + PIECE]))
            left -= len(data)
        if up_to is None:
            agent.say(seal_frame(0, 0))
        else:
            agent.hang_up()
        return said["files"], agent.report()


def _staged(bench: StageBench) -> Path:
    return bench.root / "staging" / bench.order.content_key / "artefacts"


def _build(bench: StageBench, files: dict[str, bytes]) -> dict[str, Any]:
    return bench.build(artefacts=_listed(files))


def test_artefacts_are_part_of_the_generation(bench: StageBench) -> None:
    """They lie in it read-only under their names, are named in its manifest, and verified with the rest."""
    files = {"cam.yaml": b"fx: 1\n", "model.onnx": _data(1)}
    wanted, report = _send(bench, files)
    assert wanted == [[0, 0], [1, 0]]
    assert (report["files"], report["received_bytes"], report["copied_bytes"]) == (2, 250_006, 0)
    bench.receive()
    assert _build(bench, files)["ok"]
    for name, data in files.items():
        path = bench.root / "current" / "artefacts" / name
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"]
    cam = bench.root / "current" / "artefacts" / "cam.yaml"
    cam.chmod(0o644)
    cam.write_bytes(b"fx: 2\n")
    report = ask(bench.file, "verify", bench.root, bench.order)
    assert "artefacts/cam.yaml" in report["error"]["message"]


def test_what_was_cut_off_is_continued(bench: StageBench) -> None:
    """The next attempt asks from the byte after the last one that came."""
    files = {"a": _data(1), "b": _data(2)}
    _wanted, report = _send(bench, files, up_to=300_000)
    assert report["error"]["code"] == "eof"
    wanted, report = _send(bench, files)
    assert wanted == [[1, 50_000]]
    assert report["received_bytes"] == 200_000
    assert sorted(os.listdir(_staged(bench))) == ["a", "b"]


@pytest.mark.parametrize("how", ["rotten", "longer", "link", "other name"])
def test_what_can_not_be_continued_is_begun_anew(bench: StageBench, how: str) -> None:
    """A beginning that rotted is found by the hash of the whole; what is no beginning of ours is never written to."""
    files = {"a": _data(1)}
    _send(bench, files, up_to=120_000)
    (part,) = _staged(bench).iterdir()
    outside = bench.folder / "outside"
    outside.write_bytes(b"mine")
    if how == "rotten":
        part.write_bytes(bytes(120_000))
    elif how == "longer":
        part.write_bytes(bytes(300_000))
    else:
        part.unlink()
        part.symlink_to(outside) if how == "link" else part.hardlink_to(outside)
    wanted, report = _send(bench, files)
    if how == "rotten":
        assert (wanted, report["error"]["code"]) == ([[0, 120_000]], "hash")
        wanted, report = _send(bench, files)
    assert wanted == [[0, 0]]
    assert report["ok"]
    assert outside.read_bytes() == b"mine"
    assert (_staged(bench) / "a").read_bytes() == files["a"]


def test_what_lies_on_the_companion_is_not_sent(bench: StageBench) -> None:
    """What is staged already, what the current cache has under any name, and the second of two files that are equal."""
    files = {"a": _data(1), "twin": _data(1), "b": b"2"}
    wanted, _report = _send(bench, files)
    assert wanted == [[0, 0], [2, 0]]
    assert _send(bench, files)[0] == []
    bench.receive()
    assert _build(bench, files)["ok"]
    bench.order = order_of(12, lat_deg=50.0)
    wanted, report = _send(bench, {"renamed": _data(1), "c": b"3"})
    assert wanted == [[1, 0]]
    assert report["copied_bytes"] == 250_000
    assert (_staged(bench) / "renamed").read_bytes() == _data(1)


def test_a_rotten_file_of_the_current_cache_is_not_copied(bench: StageBench) -> None:
    """It is hashed while it is copied; then it is sent."""
    files = {"a": _data(1)}
    _send(bench, files)
    bench.receive()
    _build(bench, files)
    held = bench.root / "current" / "artefacts" / "a"
    held.chmod(0o644)
    held.write_bytes(bytes(250_000))
    bench.order = order_of(12, lat_deg=50.0)
    wanted, report = _send(bench, files)
    assert wanted == [[0, 0]]
    assert report["ok"]


def test_what_is_not_listed_any_more_goes(bench: StageBench) -> None:
    """From the list of the next attempt on; and where a cache is to have none, all of it goes with the build."""
    _send(bench, {"a": b"1", "b": b"2"})
    (_staged(bench) / "folder").mkdir()
    (_staged(bench) / "link").symlink_to("/etc/passwd")
    _send(bench, {"a": b"1"})
    assert os.listdir(_staged(bench)) == ["a"]
    bench.receive()
    assert _build(bench, {})["ok"]
    assert sorted(os.listdir(bench.root / "current/")) == ["manifest.json", "tiles.mbtiles"]


@pytest.mark.parametrize("how", ["missing", "rotten"])
def test_a_build_without_what_its_order_lists_is_refused(bench: StageBench, how: str) -> None:
    """The file is named, nothing is current, and the next attempt sends that file alone."""
    files = {"a": b"1", "b": b"2"}
    _send(bench, files)
    bench.receive()
    (_staged(bench) / "b").unlink()
    if how == "rotten":
        (_staged(bench) / "b").write_bytes(b"3")
    report = _build(bench, files)
    assert report["error"]["code"] == "verify"
    assert "artefacts/b" in report["error"]["message"]
    assert not (bench.root / "current").exists()
    assert _send(bench, files)[0] == [[1, 0]]
    assert _build(bench, files)["ok"]


def test_other_artefacts_than_the_caches_make_it_no_no_op(bench: StageBench) -> None:
    """One more, one fewer, one changed; where the request does not speak of any, they are not compared."""
    files = {"a": b"1"}
    _send(bench, files)
    bench.receive()
    _build(bench, files)
    assert bench.hello(artefacts=_listed(files))["verified"]["ok"]
    assert bench.hello()["verified"]["ok"]
    for others in ({}, {"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b"1"}):
        greeting = bench.hello(artefacts=_listed(others))
        assert greeting["verified"] is None
        assert "artefacts" in greeting["current"]["differs"]


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "artefacts/../x"},
        {"path": "artefacts/.part-x"},
        {"path": "artefacts/a/b"},
        {"path": "stages/a"},
        {"path": "artefacts/" + "a" * 65},
        {"path": "artefacts/a\n"},
        {"path": 1},
        {"sha256": "0" * 63},
        {"sha256": None},
        {"bytes": 0},
        {"bytes": 4 * 1024**3 + 1},
        {"bytes": True},
    ],
)
def test_case_076_a_list_that_can_not_be_is_refused(bench: StageBench, changes: dict[str, object]) -> None:
    """Names that lead elsewhere, and sizes and hashes that none has: before anything is written."""
    listed = [{**_listed({"a": b"1"})[0], **changes}]
    report = ask(bench.file, "artefacts", bench.root, bench.order, artefacts=listed)
    assert report["error"]["code"] == "request"
    assert not bench.root.exists()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (artefact_frame(1, b"22"), "protocol"),
        (artefact_frame(0, b"1" * 11), "protocol"),
        (artefact_frame(0, b""), "protocol"),
        (artefact_frame(0, b"1" * 9) + seal_frame(0, 0), "protocol"),
        (artefact_frame(0, b"0" * 10) + seal_frame(0, 0), "hash"),
        (struct.pack(">BI", 2, 5) + b"12345", "protocol"),
        (struct.pack(">BI", 5, 600_000) + bytes(600_000), "protocol"),
        (artefact_frame(0, b"1" * 10) + artefact_frame(0, b"1"), "protocol"),
    ],
)
def test_frames_that_do_not_fit_are_refused(bench: StageBench, frames: bytes, code: str) -> None:
    """Out of turn, too long, too short, of another type, with other bytes: no file gets its name by it."""
    request = request_of(bench.root, bench.order, artefacts=_listed({"a": b"1" * 10, "b": b"22"}))
    with Agent(bench.file, "artefacts", request) as agent:
        agent.until("wants")
        agent.say(frames)
        assert agent.report()["error"]["code"] == code
    assert "b" not in os.listdir(_staged(bench))


def test_too_little_room_is_told_before_anything_is_sent(bench: StageBench) -> None:
    """With what must stay free, in bytes."""
    _wanted, report = _send(bench, {"a": _data(1)}, keep_free_bytes=2**52)
    assert report["error"]["code"] == "disk"
    assert report["error"]["needed_bytes"] == 2**52 + 250_000


def test_memory_stays_small_whatever_the_size(bench: StageBench) -> None:
    """Of a file of 200 MB no more than a few frames are held."""
    data = bytes(200_000_000)
    request = request_of(bench.root, bench.order, artefacts=_listed({"a": data}))
    with Agent(bench.file, "artefacts", request) as agent:
        agent.until("wants")
        for start in range(0, len(data), 500_000):
            agent.say(artefact_frame(0, data[start : start + 500_000]))
        status = Path(f"/proc/{agent.process.pid}/status").read_text()
        agent.say(seal_frame(0, 0))
        assert agent.report()["ok"]
    peak_kib = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kib < 64 * 1024


@pytest.mark.parametrize("bad", [{"required_files": "x"}, {"required_files": [""]}, {"artefacts": {}}])
def test_a_greeting_with_malformed_lists_is_refused(bench: StageBench, bad: dict[str, object]) -> None:
    """Nothing is guessed."""
    assert bench.hello(**bad)["error"]["code"] == "request"
