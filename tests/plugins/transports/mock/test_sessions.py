"""What a session lets through, and that the same seed lets through the same."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionError, CompanionSession, ConfigError, Deadline, LinkError, RunContext, RunLimits
from operator_tool_plugins.transports.mock import make_companion_transport
from operator_tool_plugins.transports.mock.settings import MockSettings
from operator_tool_plugins.transports.mock.transport import MockTransport

LINES = ["sh", "-c", "i=0; while [ $i -lt 200 ]; do echo line-$i; i=$((i+1)); done"]


class Rig:
    """Transports of one script; each is a run of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = 0

    def transport(
        self, script: str, seed: int = 0, folder: str = "companion", within_s: float = math.inf
    ) -> MockTransport:
        """Return the transport of another run."""
        self._runs += 1
        file = self.folder / "rig.toml"
        file.write_text(script)
        settings = MockSettings(script=file, seed=seed, companion_dir=self.folder / folder)
        made = make_companion_transport(settings, self.context(within_s))
        assert isinstance(made, MockTransport)
        return made

    def context(self, within_s: float) -> RunContext:
        """Return the run that was counted last."""
        deadline = Deadline.after(within_s)
        return RunContext(run_id=f"run{self._runs}", state_dir=self.folder, deadline=deadline)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Folders for it."""
    return Rig(tmp_path)


def heard(session: CompanionSession, *argv: str) -> tuple[list[bytes], str]:
    """Return the lines of a program, and what ended them, where something did."""
    lines: list[bytes] = []
    with session.run(argv or LINES, limits=RunLimits(exit_s=0.1)) as run:
        try:
            for line in run:
                lines.append(line)  # noqa: PERF402 - what came before a break counts
        except LinkError as error:
            return lines, error.message
    return lines, ""


def everything(transport: MockTransport) -> list[tuple[list[bytes], str]]:
    """Return what three sessions of a run let through."""
    found = []
    for _ in range(3):
        with transport.connect() as session:
            found.append(heard(session))
    return found


def test_the_same_seed_lets_through_the_same_bytes(rig: Rig) -> None:
    """Breaks, garbage and what came before them, over all sessions of a run; another seed brings other garbage."""
    script = (
        "[link]\nlatency_s = 0.002\njitter_s = 0.003\n"
        '[[fault]]\nkind = "garbage"\nafter_received_bytes = 777\ntimes = 2\n'
        '[[fault]]\nkind = "drop"\nafter_received_bytes = 2000\n'
    )
    once, again, other = (everything(rig.transport(script, seed)) for seed in (3, 3, 4))
    assert once == again
    assert [said for _lines, said in once] == ["", "the link to the companion broke (fault 2 of the script, drop)", ""]
    assert once != other
    assert [said for _lines, said in other] == [said for _lines, said in once]


def test_a_drop_is_to_the_byte(rig: Rig) -> None:
    """What was counted has come; nothing beyond it."""
    transport = rig.transport('[[fault]]\nkind = "drop"\nafter_received_bytes = 70\n')
    with transport.connect() as session:
        lines, said = heard(session)
        assert said == "the link to the companion broke (fault 1 of the script, drop)"
        with pytest.raises(LinkError, match="the link to the companion broke"):
            session.run(["true"])
    whole = b"".join(b"line-%d\n" % number for number in range(200))
    assert lines == whole[:70].split(b"\n")[:-1]


def test_a_program_notices_by_itself_that_the_link_is_gone(rig: Rig) -> None:
    """Nobody can end it any more: it sees the end of its input, and finishes what it does."""
    transport = rig.transport('[[fault]]\nkind = "drop"\nafter_received_bytes = 6\n')
    script = "echo begun; echo more; cat >/dev/null; sleep 0.2; echo finished >finished"
    with transport.connect() as session:
        assert heard(session, "sh", "-c", script)[0] == [b"begun"]
    finished, pause = rig.folder / "companion/home/finished", threading.Event()
    until_s = time.monotonic() + 20
    while not finished.exists() and time.monotonic() < until_s:
        pause.wait(0.02)
    assert finished.exists()


def test_silence_is_silent_both_ways(rig: Rig) -> None:
    """Nothing more is heard, the end neither, and what is sent is taken until no more fits."""
    transport = rig.transport('[[fault]]\nkind = "silence"\nafter_received_bytes = 7\n')
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(64 * 1024)

    with transport.connect() as session:
        with session.run(LINES, stdin=endless(), limits=RunLimits(silence_s=0.5, exit_s=0.1)) as run:
            lines = iter(run)
            assert next(lines) == b"line-0"
            with pytest.raises(LinkError, match=r"said nothing for 0\.5 s"):
                next(lines)
            assert run.exit_status is None or len(taken) < 20
        assert 1 <= len(taken) < 20


def test_a_refused_session_says_which_fault_it_was(rig: Rig) -> None:
    """Each kind as a transport over SSH has it: only what may pass is worth another attempt."""
    script = "".join(
        f'[[fault]]\nkind = "refuse"\nhow = "{how}"\n' for how in ("unreachable", "host_key", "authentication")
    )
    transport = rig.transport(script)
    for number, (words, retryable) in enumerate(
        [("can't be reached", True), ("HOST KEY CHANGED", False), ("refused the login", False)], 1
    ):
        with pytest.raises(CompanionError, match=words) as refused:
            transport.connect()
        assert refused.value.retryable is retryable
        assert f"(fault {number} of the script, refuse)" in refused.value.message
    with transport.connect() as session:
        assert heard(session, "echo", "here") == ([b"here"], "")


def test_a_reboot_ends_programs_and_takes_its_time(rig: Rig) -> None:
    """The program is gone at once; until the machine is up it can't be reached; its boot id is another then."""
    transport = rig.transport('[[fault]]\nkind = "reboot"\nafter_received_bytes = 40\ndown_s = 0.3\n')
    boot_id = "import time; print(open('/proc/sys/kernel/random/boot_id').read(), 'up', flush=True); time.sleep(60)"
    with transport.connect() as session:
        (before, *_), said = heard(session, "python3", "-c", boot_id)
    assert "it starts anew (fault 1 of the script, reboot)" in said
    with pytest.raises(CompanionError, match="it is starting anew") as down:
        transport.connect()
    assert down.value.retryable
    pause = threading.Event()
    while True:
        try:
            session = transport.connect()
            break
        except CompanionError:
            pause.wait(0.05)
    with session:
        (after, *_), said = heard(session, "python3", "-c", boot_id.replace("60", "0"))
    assert said == ""
    assert before != after


def test_nothing_is_made_before_a_session(rig: Rig) -> None:
    """A transport that was made and never used leaves nothing, and knows its address and what it simulates."""
    transport = rig.transport("")
    assert transport.address == f"mock:{rig.folder / 'companion'}"
    assert transport.simulation == f"programs of this machine behind the link of {rig.folder / 'rig.toml'}"
    assert not (rig.folder / "companion").exists()


def test_what_a_fault_did_to_the_machine_is_over_with_the_run(rig: Rig) -> None:
    """Another run begins as the script describes the machine; what lies on it is kept."""
    free = "import os; v = os.statvfs('.'); print(v.f_bavail * v.f_frsize)"
    full = rig.transport('[machine]\ndisk_bytes = 8_192_000\n[[fault]]\nkind = "disk_full"\n')
    with full.connect() as session:
        assert heard(session, "python3", "-c", free) == ([b"0"], "")
    with rig.transport("[machine]\ndisk_bytes = 8_192_000\n").connect() as session:
        session.put(bytes(4096), "file")
        assert heard(session, "python3", "-c", free) == ([b"%d" % (8_192_000 - 4096)], "")


def test_a_folder_that_can_t_be_used_is_named(rig: Rig) -> None:
    """One that can't be made, and one whose record is no record."""
    (rig.folder / "file").touch()
    with pytest.raises(ConfigError, match=r"companion_dir .*file/below can't be used: Not a directory"):
        rig.transport("", folder="file/below").connect()
    rig.transport("").connect().close()
    (rig.folder / "companion/mock.json").write_text("{")
    with pytest.raises(ConfigError, match=r"mock\.json can't be read"):
        rig.transport("").connect()


@pytest.mark.timeout(60)
def test_a_slow_link_is_waited_for_until_the_deadline(rig: Rig) -> None:
    """A latency of an hour doesn't hold a run that has less time, and the error says whose latency it was."""
    transport = rig.transport("[link]\nlatency_s = 3600\n", within_s=0.1)
    with pytest.raises(CompanionError, match=r"no answer before the run's deadline .*latency_s is 3600") as caught:
        transport.connect()
    assert caught.value.retryable
