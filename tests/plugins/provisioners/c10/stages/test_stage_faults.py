"""Whatever a stage does wrong: the old cache is current and sound, what was received stays, nobody is left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.aftermath import wait_until
from tests.support.c10_rig import ask
from tests.support.namespaces import private_mounts
from tests.support.stage_bench import StageBench

GOOD = "open('made', 'w').write('1')"


def _check_nothing_happened(bench: StageBench, old: str) -> None:
    """The old cache is current and verifies; a rerun with a good stage sends no picture and succeeds."""
    assert bench.current == old
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"]
    assert not [name for name in bench.staged() if name.startswith(".")]
    assert "it" not in os.listdir(bench.root / "staging" / bench.order.content_key / "stages")
    bench.stage(GOOD)
    assert bench.receive() == 0
    assert bench.build()["ok"]


@pytest.mark.parametrize(
    ("body", "bounds", "told"),
    [
        ("print('broken'); sys.exit(3)", {}, "exit status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", {}, "SIGSEGV"),
        ("time.sleep(600)", {"deadline_s": 0.3}, "did not end within 0.3 s"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass", {"deadline_s": 0.3}, "did not end"),
        ("open('big', 'wb').write(bytes(20_002))", {"max_output_bytes": 20_000}, "more than 20000 bytes"),
        (
            "signal.signal(signal.SIGXFSZ, signal.SIG_DFL); open('big', 'wb').write(bytes(99_000))",
            {"max_output_bytes": 20_000},
            "a file larger than its max_output_bytes",
        ),
        (
            "for n in range(3): open(str(n), 'wb').write(bytes(9_000))",
            {"max_output_bytes": 20_000},
            "more than 20000 bytes",
        ),
        (
            "n = 0\nwhile True:\n    open(str(n), 'wb').write(bytes(9_000)); n += 1; time.sleep(0.01)",
            {"max_output_bytes": 2_000_000},
            "more than 2000000 bytes",
        ),
        ("for n in range(3_000): open(str(n), 'w').write('1')", {}, "more than 2048 files"),
        ("os.symlink('/etc/passwd', 'link')", {}, "made link, which is neither a file nor a folder"),
        ("os.mkdir('d'); os.symlink('.', 'd/link')", {}, "made d/link, which is neither"),
        ("os.mkfifo('pipe')", {}, "made pipe, which is neither"),
        ("open('a', 'w').write('1'); os.link('a', 'b')", {}, "has another name"),
        ("open('.hidden', 'w').write('1')", {}, "names are of printable ASCII"),
        ("open('a\\nb', 'w').write('1')", {}, "names are of printable ASCII"),
        ("open('\\u00e4', 'w').write('1')", {}, "names are of printable ASCII"),
        ("os.makedirs('a/b/c/d'); open('a/b/c/d/e', 'w').write('1')", {}, "at most 4 deep"),
        ("os.rmdir(os.getcwd())", {}, "its own folder is not there"),
        (
            "d = os.getcwd(); os.chdir('/'); os.rmdir(d); os.symlink(os.path.dirname(__file__), d)",
            {},
            "its own folder is not there",
        ),
    ],
)
def test_a_stage_that_fails_or_makes_what_may_not_be(
    bench: StageBench, body: str, bounds: dict[str, object], told: str
) -> None:
    """The build ends with the stage's name and what it did; nothing else happened."""
    old = bench.older_cache()
    bench.receive()
    bench.stage(body, **bounds)
    report = bench.build()
    assert (report["ok"], report["error"]["code"], report["error"]["stage"]) == (False, "stage", "it")
    assert told in report["error"]["message"]
    assert report["error"]["message"].startswith("stage it: ")
    _check_nothing_happened(bench, old)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("open(os.environ['C10_OUTPUT'] + '/../../extra', 'w').write('1')", "extra"),
        ("open(os.environ['C10_STAGES'] + '/it', 'w').write('1')", "stages/it"),
        ("open(os.environ['C10_MANIFEST'], 'a').write(' ')", "order.json"),
        ("os.chmod(os.environ['C10_TILES'], 0o644)", "tiles.mbtiles"),
        ("os.utime(os.environ['C10_TILES'])", "tiles.mbtiles"),
        ("os.link(os.environ['C10_TILES'], 'tiles')", "tiles.mbtiles"),
        ("os.remove(ROOT + '/current'); os.symlink('generations/x', ROOT + '/current')", "current"),
        ("os.remove(ROOT + '/current'); os.mkdir(ROOT + '/current')", "current"),
        ("os.remove(ROOT + '/current')", "current"),
        ("os.remove(ROOT + '/state/generations.json')", "state/generations.json"),
        ("os.mkdir(ROOT + '/generations/00000009-aaaaaaaaaaaa')", "generations/00000009-aaaaaaaaaaaa"),
        ("open(ROOT + '/state/generations.json', 'a').write(' ')", "state/generations.json"),
        ("open(ROOT + '/companion.json', 'a').write(' ')", "companion.json"),
    ],
)
def test_a_stage_that_writes_elsewhere(bench: StageBench, body: str, told: str) -> None:
    """Whatever it changes below the cache root is found and named, and the build does not go on."""
    old = bench.older_cache()
    bench.receive()
    bench.stage(f"ROOT = {str(bench.root)!r}\n{body}")
    report = bench.build()
    assert (report["ok"], report["error"]["code"]) == (False, "stage")
    assert "it wrote outside its own folder: " in report["error"]["message"]
    assert told in report["error"]["message"]
    if told == "tiles.mbtiles":
        assert "boot_id" not in bench.staged(), "what it may have written to is read again"
    assert bench.current == old
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"], "and what the agent knows of it is put back, too"


def test_what_consumers_and_other_calls_write_meanwhile_is_no_fault(bench: StageBench) -> None:
    """A consumer that reports and pins, and a look at the cache by another session, keep no build from going on."""
    bench.older_cache()
    bench.receive()
    words = [sys.executable, "-ISB", str(bench.file)]
    bench.stage(
        f"""
import json, subprocess
said = lambda *more: subprocess.run([*{words!r}, *more], check=True)
said("consumer", {str(bench.root)!r}, "loaded")
said("consumer", {str(bench.root)!r}, "pin", "nav")
other = subprocess.Popen([*{words!r}, "verify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
other.stdin.write(json.dumps(dict(protocol=2, run_id="other", root={str(bench.root)!r})).encode() + b"\\n")
other.stdin.flush()
other.stdout.read()
os.remove({str(bench.root)!r} + "/state/verified.json")
open("made", "w").write("1")
"""
    )
    report = bench.build()
    assert report["ok"], report
    assert os.readlink(bench.root / "pins" / "nav")


def test_a_note_of_what_was_verified_that_may_be_forged_is_dropped(bench: StageBench) -> None:
    """What a stage says to have verified is read again."""
    bench.stage("open('made', 'w').write('1')")
    bench.receive()
    bench.build()
    forged = "note = ROOT + '/state/verified.json'; data = open(note).read(); open(note, 'w').write(data); sys.exit(1)"
    bench.stage(f"ROOT = {str(bench.root)!r}; {forged}")
    bench.receive()
    assert not bench.build()["ok"]
    assert not (bench.root / "state" / "verified.json").exists()


def test_the_last_lines_of_a_stage_that_failed_are_told(bench: StageBench) -> None:
    """Twenty of them, however many there were."""
    bench.receive()
    bench.stage("for n in range(300): print('line', n)\nsys.exit('the last word')")
    report = bench.build()
    assert report["error"]["tail"][-2:] == ["line 299", "the last word"]
    assert len(report["error"]["tail"]) == 20


def test_a_program_that_is_not_there_is_named(bench: StageBench) -> None:
    """The stage fails as any other, and says what can't be started."""
    bench.receive()
    bench.own_file(stages={"it": {"command": ["/nowhere/at all"]}})
    report = bench.build()
    assert report["error"]["code"] == "stage"
    assert report["error"]["tail"] == ["/nowhere/at all can't be started: No such file or directory"]


def _is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


FORKS = """
note = open("{note}", "a")
if os.fork() == 0:
    {leave}
    if os.fork() == 0:
        note.write("%d\\n" % os.getpid()); note.close()
        time.sleep(300)
    os._exit(0)
os.wait()
note.close()
open("made", "w").write("1")
"""


def _forking(bench: StageBench, leave: str, after: str = "") -> Path:
    note = bench.folder / "left.txt"
    bench.stage(FORKS.format(note=note, leave=leave) + after)
    return note


@pytest.mark.parametrize(
    "leave",
    ["pass", "os.setsid()", "os.setsid(); os.close(1); os.close(2)"],
    ids=["keeps the pipe", "own session", "own session without the pipe"],
)
def test_case_091_a_child_that_is_left_in_the_background_is_ended(bench: StageBench, leave: str) -> None:
    """The stage's end is its program's exit and 5 s, not the pipe's end; whoever is left is killed, and told of."""
    old = bench.older_cache()
    bench.receive()
    note = _forking(bench, leave)
    report = bench.build()
    assert "still running 5 s later" in report["error"]["message"]
    (left,) = map(int, note.read_text().split())
    assert not _is_alive(left)
    _check_nothing_happened(bench, old)


@pytest.mark.parametrize("how", ["hang up", "kill"])
def test_the_stage_ends_with_its_agent(bench: StageBench, how: str) -> None:
    """A workstation that goes away, and a kill of the agent: the lock is free and the program is gone."""
    old = bench.older_cache()
    bench.receive()
    bench.stage("print(os.getpid(), flush=True); time.sleep(300)")
    begun, _ordered = bench.begin()
    with begun as agent:
        number = next(int(said["line"]) for said in agent.lines() if "line" in said)
        assert _is_alive(number)
        agent.hang_up() if how == "hang up" else agent.process.kill()
        agent.process.wait()
    # The kernel sends the signal as the agent ends, and the program is gone as soon as it is delivered.
    until_s = time.monotonic() + 5
    while _is_alive(number) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not _is_alive(number)
    assert bench.current == old
    bench.stage(GOOD)
    assert bench.receive() == 0
    assert bench.build()["ok"]


def test_nobody_is_left_when_the_workstation_goes_away(bench: StageBench) -> None:
    """Also those that a stage had put into sessions of their own."""
    bench.receive()
    note = _forking(bench, "os.setsid()", after="\nprint('forked', flush=True)\ntime.sleep(300)")
    begun, _ordered = bench.begin()
    with begun as agent:
        assert next(said for said in agent.lines() if said.get("line") == "forked")
        wait_until(lambda: note.exists() and note.read_text().endswith("\n"), 20.0, "the child noted nothing")
        agent.hang_up()
        # Its stage is killed first; who waits for that may end the agent before the watcher does.
        assert agent.process.wait() in (75, 1)
    (left,) = map(int, note.read_text().split())
    assert not _is_alive(left)


def test_a_deadline_holds_while_nobody_reads_what_the_agent_says(bench: StageBench) -> None:
    """A pipe that is full holds up the lines, not the clock."""
    bench.receive()
    bench.stage("print(os.getpid(), flush=True)\nwhile True: print('y' * 4000)", deadline_s=1.5)
    begun, _ordered = bench.begin()
    with begun as agent:
        number = next(int(said["line"]) for said in agent.lines() if "line" in said)
        until_s = time.monotonic() + 20
        while _is_alive(number) and time.monotonic() < until_s:
            time.sleep(0.02)
        assert not _is_alive(number)
        assert agent.report()["error"]["code"] == "stage"


def test_a_silent_stage_is_no_agent_that_hangs(bench: StageBench) -> None:
    """Its own deadline says how long it may take: meanwhile the heartbeats say that the work goes on."""
    bench.receive()
    bench.stage("time.sleep(300)")
    begun, _ordered = bench.begin()
    with begun as agent:
        beat = agent.until("heartbeat")
        assert beat is not None
        assert beat["doing"] == "waiting for the stage it"
        assert beat["for_s"] < 3


@pytest.mark.own_mounts
def test_a_stage_that_fills_the_disk(tmp_path: Path, file: Path) -> None:
    """The volume is full while it runs and as free as before when it has failed; the old cache stays."""
    folder = tmp_path / "volume"
    folder.mkdir()
    through = private_mounts('mount -t tmpfs -o size=8m none "$0"', str(folder))
    script = tmp_path / "trial.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom tests.plugins.provisioners.c10.stages.full_disk import try_it\n"
        "try_it(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [*through, sys.executable, str(script), str(folder), str(file)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "table",
    [
        [],
        {"It": {"command": ["/bin/true"]}},
        {"it": ["/bin/true"]},
        {"it": {"command": "true"}},
        {"it": {"command": ["true"]}},
        {"it": {"command": []}},
        {"it": {"command": ["/bin/true"], "deadline_s": 0}},
        {"it": {"command": ["/bin/true"], "deadline_s": True}},
        {"it": {"command": ["/bin/true"], "max_output_bytes": 1.5}},
        {"it": {"command": ["/bin/true"], "version": 1}},
        {f"s{n}": {"command": ["/bin/true"]} for n in range(17)},
    ],
)
def test_a_table_that_cannot_be_relied_on_is_a_reason_not_to_build(bench: StageBench, table: object) -> None:
    """The greeting says so, and a build is refused."""
    bench.receive()
    bench.own_file(stages=table)
    reasons = bench.hello()["reasons"]
    assert len(reasons) == 1
    assert "companion.json can't be relied on: " in reasons[0]
    with contextlib.suppress(AssertionError):
        bench.build()
    assert not (bench.root / "current").exists()


def test_what_others_may_write_is_not_read(bench: StageBench) -> None:
    """A table that anybody could have put there starts no program."""
    bench.stage("open('made', 'w').write('1')")
    (bench.root / "companion.json").chmod(0o666)
    assert "others than root" in bench.hello()["reasons"][0]
