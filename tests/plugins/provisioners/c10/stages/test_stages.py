"""A companion's own stages: what they are given, what becomes of what they make, and what is told of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import stat
from pathlib import Path

import pytest

from tests.support.c10_rig import Agent, ask
from tests.support.old_pythons import old_python
from tests.support.stage_bench import TILES, StageBench

COUNTS = """
db = sqlite3.connect("file:%s?mode=ro&immutable=1" % os.environ["C10_TILES"], uri=True)
(tiles,) = db.execute("SELECT count(*) FROM tiles").fetchone()
os.makedirs("a/b/c")
open("a/b/c/count.txt", "w").write(str(tiles))
print("counted", tiles)
"""


def test_what_a_stage_makes_is_part_of_the_generation(bench: StageBench) -> None:
    """It is hashed, named in the manifest, read-only, verified with the rest; what it prints is passed on."""
    bench.stage(COUNTS)
    bench.receive()
    report = bench.build()
    assert report["ok"], report
    made = bench.root / "current" / "stages" / "it" / "a" / "b" / "c" / "count.txt"
    assert made.read_text() == str(TILES)
    assert stat.S_IMODE(made.stat().st_mode) == 0o444
    manifest = json.loads((bench.root / "current" / "manifest.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry["path"] == "stages/it/a/b/c/count.txt")
    assert entry["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    assert bench.lines() == [f"counted {TILES}"]
    assert [said["state"] for said in bench.events if "state" in said] == ["began", "ended"]
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"]


def test_a_byte_changed_in_what_a_stage_made_is_found(bench: StageBench) -> None:
    """A full verification names the file; so does a quick one where a byte is missing."""
    bench.stage(COUNTS)
    bench.receive()
    bench.build()
    made = bench.root / "current" / "stages" / "it" / "a" / "b" / "c" / "count.txt"
    made.chmod(0o644)
    made.write_text("13")
    report = ask(bench.file, "verify", bench.root, bench.order)
    assert not report["ok"]
    assert "count.txt" in report["error"]["message"]


def test_a_stage_sees_what_it_is_promised_and_nothing_else(bench: StageBench) -> None:
    """Six variables, an empty standard input, its own empty folder, its own group, no descriptor of the agent's."""
    bench.stage(
        """
import json
seen = {
    "environment": dict(os.environ), "stdin": sys.stdin.read(), "cwd": os.getcwd(), "names": os.listdir("."),
    "leads": os.getpid() == os.getpgid(0) == os.getsid(0),
    "fds": sorted(int(n) for n in os.listdir("/proc/self/fd")),
    "order": json.load(open(os.environ["C10_MANIFEST"]))["run_id"],
}
json.dump(seen, open("seen.json", "w"))
""",
    )
    bench.receive()
    assert bench.build()["ok"]
    seen = json.loads((bench.root / "current" / "stages" / "it" / "seen.json").read_text())
    environment = {name: value for name, value in seen["environment"].items() if name != "LC_CTYPE"}
    assert sorted(environment) == sorted(
        ["PATH", "C10_TILES", "C10_ARTEFACTS", "C10_MANIFEST", "C10_STAGES", "C10_OUTPUT"]
    )
    assert (seen["stdin"], seen["names"], seen["cwd"]) == ("", [], environment["C10_OUTPUT"])
    assert seen["leads"]
    assert len(seen["fds"]) == 4, "standard input, output and error, and the folder that is listed"
    assert seen["order"] == bench.order.run_id


def test_a_program_that_writes_to_a_closed_pipe_is_ended(bench: StageBench) -> None:
    """Python ignores that signal, and the one for too large a file; what it starts would inherit it."""
    program = bench.folder / "it"
    program.write_text("#!/bin/sh\ngrep SigIgn /proc/self/status\numask\nulimit -c\n")
    program.chmod(0o755)
    bench.own_file(stages={"it": {"command": [str(program)]}})
    bench.receive()
    assert bench.build()["ok"]
    ignored = int(bench.lines()[0].split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))
    assert bench.lines()[1:] == ["0022", "0"], "others may read what it makes, and no core fills the disk"


def test_a_later_stage_reads_what_an_earlier_one_made(bench: StageBench) -> None:
    """They run in the order of the file, each with the folders of those before it."""
    first = bench.program("first", "open('one', 'w').write('1'); print('first')")
    second = bench.program(
        "second",
        "open('two', 'w').write(open(os.environ['C10_STAGES'] + '/z-first/one').read() + '2'); print('second')",
    )
    bench.own_file(stages={"z-first": {"command": [first]}, "a-second": {"command": [second]}})
    bench.receive()
    assert bench.build()["ok"]
    assert (bench.root / "current" / "stages" / "a-second" / "two").read_text() == "12"
    assert bench.lines() == ["first", "second"]


def test_a_stage_that_only_checks_leaves_nothing(bench: StageBench) -> None:
    """No file, no folder: the generation is as without stages, and the manifest says that it ran."""
    bench.stage("os.mkdir('empty'); print('all is well')")
    bench.receive()
    assert bench.build()["ok"]
    assert sorted(os.listdir(bench.root / "current/")) == ["manifest.json", "tiles.mbtiles"]
    assert bench.hello()["verified"]["ok"]


def test_other_stages_than_the_caches_make_it_no_no_op(bench: StageBench) -> None:
    """Another version, another command, one more or one fewer: the greeting no longer calls the cache the same."""
    bench.stage(COUNTS, version="1")
    bench.receive()
    bench.build()
    assert bench.hello()["verified"]["ok"]
    bench.stage(COUNTS, version="2")
    greeting = bench.hello()
    assert greeting["verified"] is None
    assert "stages" in greeting["current"]["differs"]
    bench.receive()
    assert bench.build()["ok"]
    assert bench.hello()["verified"]["ok"]
    bench.own_file()
    assert bench.hello()["verified"] is None


def test_stages_that_changed_since_the_greeting_are_not_run(bench: StageBench) -> None:
    """An order for other stages than the table has by then is refused before anything runs."""
    bench.stage(COUNTS)
    bench.receive()
    report = bench.build(stages=[])
    assert report["error"]["code"] == "stages"
    assert not (bench.root / "current").exists()


def test_what_an_earlier_attempt_made_is_made_anew(bench: StageBench, tmp_path: Path) -> None:
    """A build that was not committed leaves nothing of its stages to the next one."""
    bench.stage("open('x', 'w').write('old')")
    bench.receive()
    begun, _ordered = bench.begin()
    with begun as agent:
        assert agent.until("made")
        agent.hang_up()
        agent.report()
    assert (bench.root / "staging" / bench.order.content_key / "stages" / "it" / "x").read_text() == "old"
    bench.stage("open('y', 'w').write('new')")
    assert bench.build()["ok"]
    assert os.listdir(bench.root / "current" / "stages" / "it") == ["y"]


def test_the_stage_of_the_how_to_works_as_written(bench: StageBench) -> None:
    """Its program, and its companion.json with the paths of this machine, are what the page says."""
    page = (Path(__file__).parents[5] / "docs" / "how-to" / "run-your-own-stages.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n#![^\n]*\n(.*?)```", page, re.DOTALL)
    table = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    program = bench.program("zooms", source)
    for fields in table["stages"].values():
        fields["command"] = [program]
    bench.own_file(**table)
    bench.receive()
    assert bench.build()["ok"]
    for name in ("overview", "footprints"):
        assert (bench.root / "current" / "stages" / name / "zooms.txt").read_text() == f"16 {TILES}\n"
    assert bench.lines() == ["1 zooms", "1 zooms"]


@pytest.mark.old_python
def test_a_stage_runs_under_an_agent_on_python_38(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts it needs nothing newer."""
    old = old_python("3.8")
    monkeypatch.setattr(Agent, "python", old)
    bench.stage(COUNTS)
    bench.receive()
    assert bench.build()["ok"]
    assert bench.hello()["python"].startswith("3.8.")
    assert bench.lines() == [f"counted {TILES}"]


def test_endless_lines_are_passed_on_in_bounds(bench: StageBench) -> None:
    """Long lines are cut, many are counted, the last ones are kept, and the stage is not held up."""
    bench.stage(
        """
print("x" * 10_000, flush=True)
sys.stdout.buffer.write(b"\\xff\\x1b[31m\\n")
for n in range(20_000):
    print("line", n)
open("done", "w").write("1")
""",
    )
    bench.receive()
    assert bench.build()["ok"]
    lines = bench.lines()
    assert lines[0] == "x" * 4096 + " [...]"
    assert lines[1:2] == ["\\xff\x1b[31m"]
    assert len(lines) < 1000
    (left_out,) = [said["left_out"] for said in bench.events if said.get("left_out")]
    assert left_out + len(lines) == 20_002
