"""The machine as its Python programs find it: where they may write, what the disk takes, what the clock says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from operator_tool_plugins.transports.mock.folder import CompanionFolder
from operator_tool_plugins.transports.mock.onboard.state import MachineState
from operator_tool_plugins.transports.mock.python import as_onboard


class Onboard:
    """A companion's folder, and programs that run in it."""

    def __init__(self, path: Path) -> None:
        self.folder = CompanionFolder(path)
        self.folder.make(0)

    def python(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``python3`` of the companion to its end."""
        argv = as_onboard(["python3", *arguments], self.folder.path)
        return subprocess.run(argv, cwd=self.folder.home, input=stdin, capture_output=True, text=True, timeout=60)

    def says(self, code: str, *arguments: str) -> str:
        """Return what a piece of Python printed; it must not fail."""
        ended = self.python("-I", "-S", "-B", "-c", code, *arguments)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
        return ended.stdout


@pytest.fixture
def onboard(tmp_path: Path) -> Onboard:
    """A new companion."""
    return Onboard(tmp_path / "companion")


TRIES = """
import builtins, io, os, pathlib, shutil, sqlite3, sys
out, home = sys.argv[1:]
there, inside = os.path.join(out, "there"), os.path.join(home, "way")
os.symlink(out, inside)
fd = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
tries = {
    "open": lambda: open(there, "w"),
    "append": lambda: open(there, "ab"),
    "update": lambda: open(there, "r+b"),
    "os.open": lambda: os.open(os.path.join(out, "new"), os.O_CREAT | os.O_WRONLY, 0o600),
    "io": lambda: io.FileIO(there, "w"),
    "through a link": lambda: open(os.path.join(inside, "new"), "w"),
    "pathlib": lambda: pathlib.Path(there).write_bytes(b"x"),
    "relative": lambda: open("../../outside/new", "w"),
    "unlink": lambda: os.unlink(there),
    "unlink in a folder": lambda: os.unlink("there", dir_fd=fd),
    "rmtree": lambda: shutil.rmtree(os.path.join(out, "folder")),
    "rename out": lambda: os.rename(os.path.join(home, "own"), os.path.join(out, "new")),
    "rename in": lambda: os.rename(there, os.path.join(home, "new")),
    "replace": lambda: os.replace(os.path.join(home, "own"), there),
    "link": lambda: os.link(there, os.path.join(home, "new")),
    "symlink": lambda: os.symlink("x", os.path.join(out, "new")),
    "mkdir": lambda: os.mkdir(os.path.join(out, "new")),
    "makedirs": lambda: os.makedirs(os.path.join(out, "new", "deep")),
    "rmdir": lambda: os.rmdir(os.path.join(out, "empty")),
    "chmod": lambda: os.chmod(there, 0o777),
    "utime": lambda: os.utime(there),
    "truncate": lambda: os.truncate(there, 0),
    "copy": lambda: shutil.copyfile(os.path.join(home, "own"), there),
    "sqlite": lambda: sqlite3.connect(os.path.join(out, "new.db")),
    "sqlite by URI": lambda: sqlite3.connect("file:%2e%2e/%2e%2e/outside/new", uri=True),
    "ask": lambda: os.access(out, os.W_OK),
    "the mock's own": lambda: open(os.path.join(home, "..", "mock.json"), "w"),
    "the mock's state": lambda: open(os.path.join(home, "..", "machine"), "r+b"),
}
for name, attempt in tries.items():
    try:
        attempt()
    except PermissionError as error:
        assert "outside of the simulated companion" in str(error), error
    else:
        print(name)
"""


def test_nothing_is_written_outside(onboard: Onboard, tmp_path: Path) -> None:
    """By whatever way of Python a program tries, and by whatever links or descriptors it gets there."""
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "empty").mkdir()
    (outside / "there").write_bytes(b"mine")
    (outside / "folder/file").write_bytes(b"mine")
    (onboard.folder.home / "own").write_bytes(b"theirs")
    assert onboard.says(TRIES, str(outside), str(onboard.folder.home)) == ""
    assert sorted(path.name for path in outside.rglob("*")) == ["empty", "file", "folder", "there"]
    assert (outside / "there").read_bytes() == b"mine"
    assert (outside / "there").stat().st_mode & 0o777 != 0o777
    assert (onboard.folder.home / "own").read_bytes() == b"theirs"


def test_inside_all_of_it_works(onboard: Onboard) -> None:
    """Folders, files, links, renames, SQLite, temporary files, and removing all of it again."""
    code = """
import os, shutil, sqlite3, tempfile
os.makedirs("a/b")
open("a/b/file", "w").write("x")
os.replace("a/b/file", "a/moved")
os.symlink("moved", "a/link")
os.chmod("a/moved", 0o600)
fd = os.open("a", os.O_RDONLY | os.O_DIRECTORY)
os.rename("moved", "again", src_dir_fd=fd, dst_dir_fd=fd)
database = sqlite3.connect("a/database")
database.execute("create table t (x)")
database.close()
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
open(os.devnull, "w").write("x")
print(sorted(os.listdir("a")), os.access("a", os.W_OK), os.path.expanduser("~") != "~")
shutil.rmtree("a")
print(os.listdir("."))
"""
    assert onboard.says(code) == "['again', 'b', 'database', 'link'] True True\n[]\n"


def test_it_is_a_machine_of_its_own(onboard: Onboard, tmp_path: Path) -> None:
    """Its machine id and boot id are not this machine's, are the seed's, and the boot id is new after a reboot."""
    code = "print(open('/etc/machine-id').read() + open('/proc/sys/kernel/random/boot_id').read())"
    machine_id, boot_id = onboard.says(code).split()
    assert boot_id != Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    again, other = Onboard(tmp_path / "again" / "companion"), Onboard(tmp_path / "other")
    assert again.says(code).split() == [machine_id, boot_id]
    assert other.says(code).split()[0] != machine_id
    onboard.folder.reboot()
    assert onboard.says(code).split()[0] == machine_id
    assert onboard.says(code).split()[1] != boot_id
    kept = CompanionFolder(onboard.folder.path)
    kept.make(5)
    assert onboard.says(code).split()[0] == machine_id, "a folder keeps what it is"


FILLING = """
import os, sqlite3, sys
kind = sys.argv[1]
done = 0
try:
    if kind == "file":
        fd = os.open("file", os.O_CREAT | os.O_WRONLY, 0o600)
        while True:
            done += os.write(fd, bytes(1000))
    if kind == "copy":
        source = os.open("source", os.O_RDONLY)
        target = os.open("target", os.O_CREAT | os.O_WRONLY, 0o600)
        while copied := os.copy_file_range(source, target, 1000, 0, done):
            done += copied
    if kind == "sqlite":
        database = sqlite3.connect("database", isolation_level=None)
        database.execute("create table t (x)")
        while True:
            database.execute("insert into t values (zeroblob(1000))")
            done += 1000
except (OSError, sqlite3.OperationalError) as error:
    print(kind, error, flush=True)
    volume = os.statvfs(".")
    free = volume.f_bavail * volume.f_frsize
    print(done, free)
"""


@pytest.mark.parametrize("kind", ["file", "copy", "sqlite"])
def test_a_full_disk_is_full(onboard: Onboard, kind: str) -> None:
    """What takes more than is left fails, to the byte for files and to the page for SQLite, and the space is told."""
    (onboard.folder.home / "source").write_bytes(bytes(50_000))
    onboard.folder.be(MachineState(capacity_bytes=50_000 + 90_500 if kind != "copy" else 50_000 + 20_500))
    told, numbers = onboard.says(FILLING, kind).splitlines()
    done, free = map(int, numbers.split())
    if kind == "sqlite":
        assert told == "sqlite database or disk is full"
        assert 70_000 < done < 90_500
        assert free < 3 * 4096
    else:
        assert told.endswith("No space left on device")
        assert (done, free) == (20_500 if kind == "copy" else 90_500, 0)


def test_an_open_database_notices_that_the_disk_became_full(onboard: Onboard) -> None:
    """Also where it was opened before: the state is read with each statement."""
    code = """
import sqlite3, sys
database = sqlite3.connect("database", isolation_level=None)
database.execute("create table t (x)")
database.execute("insert into t values (zeroblob(100000))")
print("ready", flush=True)
sys.stdin.readline()
try:
    database.execute("insert into t values (zeroblob(100000))")
except sqlite3.OperationalError as error:
    print(error)
"""
    argv = as_onboard(["python3", "-c", code], onboard.folder.path)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=onboard.folder.home, text=True, stdin=pipe, stdout=pipe) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        onboard.folder.be(MachineState(capacity_bytes=onboard.folder.with_bytes_left(50_000)))
        program.stdin.write("\n")
        program.stdin.close()
        assert program.stdout.read() == "database or disk is full\n"


def test_a_full_disk_makes_no_new_file(onboard: Onboard) -> None:
    """What is there can still be read, and removed."""
    (onboard.folder.home / "file").write_bytes(b"data")
    onboard.folder.be(MachineState(capacity_bytes=0))
    code = """
import os
try:
    os.open("new", os.O_CREAT | os.O_WRONLY)
except OSError as error:
    print(error)
print(open("file").read())
os.unlink("file")
"""
    assert onboard.says(code) == "[Errno 28] No space left on device\ndata\n"


def test_a_slow_disk_takes_its_time(onboard: Onboard) -> None:
    """By the byte and by the sync, for files and for a database's commits."""
    onboard.folder.be(MachineState(write_bytes_per_s=1_000_000, sync_s=0.05))
    code = """
import os, sqlite3, time
begun = time.monotonic()
fd = os.open("file", os.O_CREAT | os.O_WRONLY)
os.write(fd, bytes(100_000))
os.fsync(fd)
print(time.monotonic() - begun)
begun = time.monotonic()
database = sqlite3.connect("database", isolation_level=None)
database.execute("begin")
database.execute("create table t (x)")
database.execute("insert into t values (zeroblob(100000))")
database.execute("commit")
print(time.monotonic() - begun)
"""
    file_s, database_s = map(float, onboard.says(code).split())
    assert file_s > 0.15
    assert database_s > 0.1


def test_a_wrong_clock_is_wrong_everywhere_but_where_time_is_measured(onboard: Onboard) -> None:
    """Seconds, nanoseconds and dates agree with one another; the monotonic clock is this machine's."""
    onboard.folder.be(MachineState(clock_offset_s=-10 * 86_400.0))
    code = """
import calendar, time
print(time.time(), time.time_ns() / 1e9, calendar.timegm(time.gmtime()), time.mktime(time.localtime()))
print(time.gmtime(0).tm_year, time.strftime("%Y-%m-%d", time.gmtime()), time.strftime("%s"), time.monotonic())
"""
    first, second = onboard.says(code).splitlines()
    expected_s = time.time() - 10 * 86_400
    assert all(abs(float(told) - expected_s) < 60 for told in first.split())
    year, day, seconds, monotonic = second.split()
    assert (year, day) == ("1970", time.strftime("%Y-%m-%d", time.gmtime(expected_s)))
    assert abs(float(seconds) - expected_s) < 60
    assert abs(float(monotonic) - time.monotonic()) < 60


def test_a_program_runs_as_python_runs_it(onboard: Onboard) -> None:
    """By its file, its text or its module: the same arguments, name, input and exit status as without the machine."""
    (onboard.folder.home / "tool.py").write_text(
        "import sys\nprint(__name__, sys.argv, sys.stdin.read())\nsys.exit(7)\n"
    )
    for arguments in (["tool.py", "a", "-c"], ["-I", "-B", "tool.py", "-x"], ["-m", "tool", "b"]):
        ended = onboard.python(*arguments, stdin="in")
        plain = subprocess.run(
            [sys.executable, *arguments], cwd=onboard.folder.home, input="in", capture_output=True, text=True
        )
        assert (ended.returncode, ended.stdout.replace("/./", "/")) == (7, plain.stdout), ended.stderr
    assert onboard.python("-c", "import sys; print(sys.argv, __name__)", "x").stdout == "['-c', 'x'] __main__\n"
    missing = onboard.python("-I", "absent.pyz", "serve")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "can't open file 'absent.pyz': [Errno 2] No such file or directory" in missing.stderr


def test_what_is_no_program_of_python_is_started_as_it_is(tmp_path: Path) -> None:
    """Another program, or a Python that is only asked for its version."""
    assert as_onboard(["sh", "-c", "true"], tmp_path) == ["sh", "-c", "true"]
    assert as_onboard(["python3", "--version"], tmp_path) == [sys.executable, "--version"]
    assert as_onboard(["python3", "-"], tmp_path) == [sys.executable, "-"]
    started = as_onboard(["/usr/bin/python3.9", "-X", "utf8", "tool.py"], tmp_path)
    assert (started[:3], started[-2:]) == ([sys.executable, "-X", "utf8"], [str(tmp_path), "tool.py"])


@pytest.mark.parametrize(
    ("words", "flags", "program"),
    [
        (["-Ic", "CODE", "x"], ["-I"], ["-c", "CODE", "x"]),
        (["-IcCODE", "-x"], ["-I"], ["-c", "CODE", "-x"]),
        (["-cCODE\nmore", "x"], [], ["-c", "CODE\nmore", "x"]),
        (["-Im", "json.tool", "-"], ["-I"], ["-m", "json.tool", "-"]),
        (["-mjson.tool"], [], ["-m", "json.tool"]),
        (["-BX", "utf8", "tool.py"], ["-BX", "utf8"], ["tool.py"]),
        (["-Wc", "tool.py", "-c"], ["-Wc"], ["tool.py", "-c"]),
        (["-Xutf8", "-W", "error", "-Sc", "CODE"], ["-Xutf8", "-W", "error", "-S"], ["-c", "CODE"]),
        (
            ["--check-hash-based-pycs", "never", "-I", "tool.py", "-Ic"],
            ["--check-hash-based-pycs", "never", "-I"],
            ["tool.py", "-Ic"],
        ),
        (["-I", "--", "-tool.py"], ["-I"], ["-tool.py"]),
    ],
)
def test_flags_may_be_joined_as_python_takes_them(
    words: list[str], flags: list[str], program: list[str], tmp_path: Path
) -> None:
    """What follows ``-c`` or ``-m`` is the program, also within one word, and what follows that is the program's."""
    started = as_onboard(["python3", *words], tmp_path)
    assert started[1 : started.index("-B", 1)] == flags
    assert started[-len(program) :] == program
    assert started[-len(program) - 1] == str(tmp_path)


def test_joined_flags_run_on_the_machine(onboard: Onboard) -> None:
    """``-Ic`` and ``-Im`` are held to the companion's folder as any other Python there is."""
    code = "import sys; open('/var/tmp/not-of-the-companion', 'w')"
    assert "PermissionError" in onboard.python("-Ic", code).stderr
    assert onboard.python("-IcCODE=1;import sys;print(sys.argv)", "x").stdout == "['-c', 'x']\n"
    assert onboard.python("-Im", "json.tool", stdin="[1]").stdout == "[\n    1\n]\n"
    for word in ("-Ic", "-Im"):
        assert as_onboard(["python3", word], onboard.folder.path) == [sys.executable, word]
