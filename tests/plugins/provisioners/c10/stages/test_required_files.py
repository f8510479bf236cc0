"""Files that a flight needs on the companion: those its own file names, and those that are asked for."""

from __future__ import annotations

import os
import tty

import pytest

from tests.support.stage_bench import StageBench


def test_what_is_missing_is_told_with_what_was_seen(bench: StageBench) -> None:
    """Missing, empty, a folder: each once, whoever named it; nothing of it keeps the companion from being built."""
    there, empty = bench.folder / "there", bench.folder / "empty"
    there.write_text("1")
    empty.touch()
    absent = bench.folder / "absent"
    bench.own_file(required_files=[str(there), str(empty), str(absent)])
    greeting = bench.hello(required_files=[str(absent), str(bench.folder), "artefacts/cam.yaml"])
    assert greeting["missing_files"] == [
        f"{empty} is empty",
        f"{absent} is missing",
        f"{bench.folder} is not a regular file",
        "artefacts/cam.yaml is missing: there is no current generation",
    ]
    assert not greeting["reasons"]


def test_a_file_of_the_cache_is_looked_for_in_the_current_one(bench: StageBench) -> None:
    """What a stage made is there once it is current."""
    bench.stage("open('index', 'w').write('1')")
    bench.receive()
    asked = {"required_files": ["stages/it/index", "stages/it/other", "tiles.mbtiles", "stages/../manifest.json"]}
    assert bench.build()["ok"]
    missing = bench.hello(**asked)["missing_files"]
    assert [seen.split(" ")[0] for seen in missing] == ["stages/it/other", "tiles.mbtiles", "stages/../manifest.json"]
    assert "neither an absolute path" in missing[2]


def test_a_pipe_is_not_waited_for(bench: StageBench) -> None:
    """Nor is it opened: what somebody else is about to read from it stays there."""
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    ours = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(ours, b"ABC")
        assert bench.hello(required_files=[str(pipe)])["missing_files"] == [f"{pipe} is not a regular file"]
        assert os.read(ours, 10) == b"ABC"
    finally:
        os.close(ours)


def test_a_terminal_is_neither_read_nor_taken(bench: StageBench) -> None:
    """A serial port (here a pseudo-terminal) keeps its bytes, and stays no one's controlling terminal."""
    master, port = os.openpty()
    try:
        tty.setraw(port)
        name = os.ttyname(port)
        os.write(master, b"autopilot")
        bench.own_file(required_files=[name])
        assert bench.hello()["missing_files"] == [f"{name} is not a regular file"]
        assert os.read(port, 20) == b"autopilot"
    finally:
        os.close(master)
        os.close(port)


def test_a_link_is_followed(bench: StageBench) -> None:
    """As whoever reads the file follows it."""
    link = bench.folder / "link"
    link.symlink_to(bench.folder / "absent")
    assert bench.hello(required_files=[str(link)])["missing_files"] == [f"{link} is missing"]
    (bench.folder / "absent").write_text("1")
    assert not bench.hello(required_files=[str(link)])["missing_files"]


@pytest.mark.parametrize("table", ["x", ["relative"], [1], ["/x"] * 65, ["stages/../x"]])
def test_a_list_that_cannot_be_relied_on_is_a_reason_not_to_build(bench: StageBench, table: object) -> None:
    """What can't be told counts as missing more than any one file."""
    bench.own_file(required_files=table)
    (reason,) = bench.hello()["reasons"]
    assert "required_files must be a list" in reason
