"""What the navigation stack says: loaded, not loaded, pinned; and the way back that the vehicle takes by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.guard import BuildLock, Patience
from operator_tool_plugins.provisioners.c10.agent.keeping import consumer, reports, tidy
from operator_tool_plugins.provisioners.c10.agent.keeping.audit import last_lines
from operator_tool_plugins.provisioners.c10.agent.keeping.pins import read_pins
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import ask, order_of
from tests.support.old_pythons import VERSIONS, old_python

from .conftest import Builds, Root


def say(file: Path, *words: str, python: str = sys.executable) -> tuple[int, dict[str, Any]]:
    """Run ``consumer`` as a script does; return its exit status and its line."""
    run = subprocess.run(
        [python, "-I", "-S", "-B", str(file), "consumer", *words], capture_output=True, check=False, timeout=60
    )
    return run.returncode, json.loads(run.stdout) if run.stdout else {"usage": run.stderr.decode()}


def current(cache: Path) -> str:
    """Return the name of the current generation."""
    return (cache / "current").readlink().name


def test_case_099_three_failed_loads_of_a_new_generation_bring_the_last_good_one_back(
    file: Path, tmp_path: Path, build_real: Builds
) -> None:
    """Not the newest, but what was loaded; verified first; logged with what was said before it."""
    cache = tmp_path / "cache"
    names = build_real(cache, 1)
    assert say(file, str(cache), "loaded") == (0, {"ok": True, "generation": names[0]})
    names += build_real(cache, 2, first=1)
    for count in (1, 2):
        status, said = say(file, str(cache), "failed")
        assert (status, said["failures"], said["fell_back_to"]) == (0, count, None)
        assert current(cache) == names[2]
    status, said = say(file, str(cache), "failed", names[2])
    assert (status, said["failures"], said["fell_back_to"]) == (0, 3, names[0])
    assert current(cache) == names[0]
    line = last_lines(Layout(str(cache)), 1)[0]
    assert (line["event"], line["generation"], line["previous_generation"]) == ("fallback", names[0], names[2])
    # Nothing of it was forgotten: a build goes on from the highest number.
    assert ask(file, "hello", cache, order_of(1))["highest_seq"] == 3


def test_case_099_the_vehicle_falls_back_also_when_it_is_armed(file: Path, tmp_path: Path, build_real: Builds) -> None:
    """What keeps operators from changing a map in flight must not keep the vehicle from having one."""
    cache = tmp_path / "cache"
    names = build_real(cache, 2)
    consumer.loaded(Layout(str(cache)), names[0])
    (cache / "companion.json").write_text('{"armed_command": ["/bin/false"]}')
    for _ in range(3):
        said = say(file, str(cache), "failed")[1]
    assert said["fell_back_to"] == names[0]


def test_case_099_what_was_ever_loaded_well_is_not_left(tmp_path: Path, build_real: Builds) -> None:
    """Its failures are counted and logged; a success forgets them."""
    cache = tmp_path / "cache"
    names = build_real(cache, 2)
    layout = Layout(str(cache))
    for name in names:
        consumer.loaded(layout, name)
    said = [consumer.failed(layout, "") for _ in range(5)]
    assert [one["failures"] for one in said] == [1, 2, 3, 4, 5]
    assert current(cache) == names[1]
    assert last_lines(layout, 1)[0]["was_good"] is True
    consumer.loaded(layout, "")
    assert reports.read_reports(layout).failures(names[1]) == 0


def test_case_099_where_nothing_was_ever_loaded_it_stays(tmp_path: Path, build_real: Builds) -> None:
    """There is no better one to go to; that is logged each time."""
    cache = tmp_path / "cache"
    names = build_real(cache, 2)
    layout = Layout(str(cache))
    said = [consumer.failed(layout, "") for _ in range(4)]
    assert [one["fell_back_to"] for one in said] == [None] * 4
    assert current(cache) == names[1]
    assert "nothing was switched" in str(last_lines(layout, 1)[0]["outcome"])


def test_case_099_a_good_one_that_rotted_is_not_fallen_back_to(tmp_path: Path, build_real: Builds) -> None:
    """It is verified first, and goes to quarantine; what is current stays."""
    cache = tmp_path / "cache"
    names = build_real(cache, 2)
    layout = Layout(str(cache))
    consumer.loaded(layout, names[0])
    database = cache / "generations" / names[0] / "tiles.mbtiles"
    database.chmod(0o644)
    data = database.read_bytes()
    database.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for _ in range(2):
        consumer.failed(layout, "")
    with pytest.raises(AgentError) as caught:
        consumer.failed(layout, "")
    assert caught.value.code == "verify"
    assert current(cache) == names[1]
    assert (cache / "quarantine" / names[0]).is_dir()


def test_case_099_failures_of_a_generation_that_is_not_current_change_nothing(
    tmp_path: Path, build_real: Builds
) -> None:
    """A consumer that is late to notice a switch must not undo it."""
    cache = tmp_path / "cache"
    names = build_real(cache, 3)
    layout = Layout(str(cache))
    consumer.loaded(layout, names[0])
    for _ in range(4):
        consumer.failed(layout, names[1])
    assert current(cache) == names[2]


def test_a_report_is_heard_while_a_build_holds_the_lock(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer can take an hour. What needs a switch says that it is busy, and is done by the next report."""
    earlier = root.line(3)[0]
    names = root.line(4, 5)
    monkeypatch.setattr(consumer, "_LOCK_WAIT_S", 0.1)
    with BuildLock(root.layout).acquire(Patience(0.0, "", 0.0, lambda _holder: None), {}):
        consumer.loaded(root.layout, names[0])
        for _ in range(2):
            consumer.failed(root.layout, "")
        assert reports.read_reports(root.layout) == reports.Reports((names[0],), ((names[1], 2),))
        with pytest.raises(AgentError, match="another build holds the lock"):
            consumer.failed(root.layout, "")
        for _ in range(4):
            # What is not current any more needs no switch, and so no lock.
            consumer.failed(root.layout, earlier)


def test_a_file_of_reports_that_was_changed_is_not_believed(root: Root) -> None:
    """The next report begins anew, and that is logged."""
    name = root.line(1)[0]
    consumer.loaded(root.layout, "")
    path = root.path / "state" / "consumer.json"
    path.write_bytes(path.read_bytes().replace(name.encode(), name.replace("1", "2").encode()))
    with pytest.raises(AgentError, match="is not what the agent wrote"):
        reports.read_reports(root.layout)
    consumer.loaded(root.layout, "")
    assert reports.read_reports(root.layout).good == (name,)
    assert [line["event"] for line in last_lines(root.layout, 2)] == ["state", "loaded"]


def test_what_is_remembered_is_bounded(root: Root) -> None:
    """A hundred good ones and a hundred that failed, the oldest forgotten first."""
    known = reports.Reports()
    for seq in range(300):
        name = f"{seq:08d}-aaaaaaaaaaaa"
        known = known.loaded(name) if seq % 2 else known.not_loaded(name)
    assert (len(known.good), len(known.failed)) == (100, 100)
    assert known.good[-1].startswith("00000299")
    with reports.reporting(root.layout):
        reports.write_reports(root.layout, known)
    assert reports.read_reports(root.layout) == known


def test_case_095_pin_answers_what_to_open_and_unpin_lets_it_go(file: Path, root: Root) -> None:
    """The pin is a plain relative link; a second one replaces it."""
    names = root.line(1, 2)
    status, said = say(file, str(root.path), "pin", "nav")
    assert (status, said["generation"]) == (0, names[1])
    assert Path(said["path"]) == root.path / "generations" / names[1]
    assert (root.path / "pins" / "nav").readlink() == Path("../generations") / names[1]
    root.switch(names[0])
    assert say(file, str(root.path), "pin", "nav")[1]["generation"] == names[0]
    assert os.listdir(root.path / "pins") == ["nav"]
    assert say(file, str(root.path), "unpin", "nav")[0] == 0
    assert say(file, str(root.path), "unpin", "nav")[0] == 0
    assert os.listdir(root.path / "pins") == []


def test_case_095_a_generation_that_went_while_it_was_pinned_is_not_answered(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tidying was quicker than the pin: the consumer gets what is current by then, and it is there."""
    names = root.line(1, 2)
    real = os.replace

    def gone_first(source: str, target: str) -> None:
        monkeypatch.setattr(os, "replace", real)
        (root.path / "generations" / names[1]).rename(root.path / "staging" / "gone")
        root.switch(names[0])
        real(source, target)

    monkeypatch.setattr(os, "replace", gone_first)
    said = consumer.pin(root.layout, "nav")
    assert said["generation"] == names[0]
    assert Path(str(said["path"])).is_dir()
    assert (root.path / "pins" / "nav").readlink().name == names[0]


@pytest.mark.parametrize("consumer_name", ["", ".hidden", "a/b", "..", "x" * 65, "a b", "ä"])
def test_a_pin_is_a_name_and_no_path(file: Path, root: Root, consumer_name: str) -> None:
    """What could lead elsewhere is refused."""
    root.line(1)
    status, said = say(file, str(root.path), "pin", consumer_name)
    assert (status, said["code"]) == (1, "request")
    assert not (root.path / "pins").exists()


@pytest.mark.parametrize("words", [(), ("x",), ("x", "pin"), ("x", "loaded", "a", "b"), ("x", "dance"), ("x", "unpin")])
def test_what_is_no_word_of_a_consumer_is_explained(file: Path, words: tuple[str, ...]) -> None:
    """The exit status is the usual one for it, and nothing is printed for a program."""
    status, said = say(file, *words)
    assert status == 64
    assert "give ROOT loaded" in said["usage"]


def test_a_root_without_a_cache_is_told(file: Path, tmp_path: Path) -> None:
    """And nothing is made there; the same for a generation that is not there."""
    status, said = say(file, str(tmp_path / "nowhere"), "loaded")
    assert (status, said["code"]) == (1, "no_cache")
    assert not (tmp_path / "nowhere").exists()
    Layout(str(tmp_path / "cache")).make()
    assert say(file, str(tmp_path / "cache"), "failed")[1]["code"] == "no_cache"
    assert say(file, str(tmp_path / "cache"), "loaded", "00000001-aaaaaaaaaaaa")[1]["code"] == "request"


def test_case_095_the_documented_lines_of_a_shell_pin_what_is_current(root: Root) -> None:
    """They are the page's own, run by a real shell; a pin that is there is replaced, what a crash left does no harm."""
    page = (Path(__file__).parents[5] / "docs/reference/agent-protocol.md").read_text(encoding="utf-8")
    lines = page.partition("cd /var/lib/c10")[2].partition("```")[0].partition("\n")[2]
    names = root.line(1, 2)
    pins = root.path / "pins"
    pins.mkdir()
    (pins / "nav").symlink_to(f"../generations/{names[0]}")
    (pins / ".new-nav").symlink_to("nowhere")
    subprocess.run(["sh", "-eu"], input=f"cd '{root.path}'\n{lines}", text=True, check=True, timeout=60)
    assert read_pins(root.layout).by_generation == {names[1]: ["nav"]}
    assert os.listdir(pins) == ["nav"]


def test_case_095_what_was_answered_to_a_pin_stays_until_it_is_let_go(root: Root) -> None:
    """A consumer pins and looks, over and over, while caches are switched to and tidied away beside it."""
    root.line(1)
    stop, pinned = threading.Event(), 0
    gone: list[str] = []

    def consume() -> None:
        nonlocal pinned
        while not stop.is_set():
            path = Path(str(consumer.pin(root.layout, "nav")["path"]))
            pinned += 1
            gone.extend([path.name] if not (path / "tiles.mbtiles").exists() else [])
            # It has the cache open while more are switched to than are kept without a pin.
            while not stop.is_set() and int(current(root.path)[:8]) < int(path.name[:8]) + 8:
                if not (path / "tiles.mbtiles").exists():
                    gone.append(path.name)

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        for seq in range(2, 42):
            root.line(seq)
            with BuildLock(root.layout).acquire(Patience(0.0, "", 0.0, lambda _holder: None), {}) as lock:
                assert "tidying failed" not in str(tidy.tidy(root.layout, lock))
    finally:
        stop.set()
        thread.join()
    assert gone == []
    assert pinned > 3
    assert len(root.names) <= 6


@pytest.mark.old_python
@pytest.mark.parametrize("version", VERSIONS)
def test_a_consumer_is_heard_on_an_old_python(file: Path, root: Root, version: str) -> None:
    """The companion's own Python runs it."""
    names = root.line(1, 2)
    old = old_python(version)
    for words in (("loaded",), ("failed", names[0]), ("pin", "nav"), ("unpin", "nav")):
        assert say(file, str(root.path), *words, python=old)[0] == 0
    assert reports.read_reports(root.layout) == reports.Reports((names[1],), ((names[0], 1),))
