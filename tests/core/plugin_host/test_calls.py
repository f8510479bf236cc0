"""One call of a plugin's: its time, the ways to end the process, what is put back, and whose failure it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, PluginError
from operator_tool.overdue import OverdueRun, ended_after
from operator_tool.plugin_host import blame, calls, endings
from operator_tool.plugin_host.entry import PluginEntry, Role

ENTRY = PluginEntry(
    role=Role.TILE_PROVIDER, name="sat", contract=1, distribution="acme-maps", version="2.3", target="acme_maps"
)


def hang() -> None:
    """Wait for what never comes."""
    threading.Event().wait(60)


def test_case_127_a_call_that_hangs_is_its_plugins_failure() -> None:
    """Interrupted where it hangs; what it holds is freed on the way out, and the alarm is whose it was."""
    before, alarm_s = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    freed = []

    def hang_with_a_file() -> None:
        try:
            hang()
        finally:
            freed.append("file")

    words = r"'sat' \(acme-maps 2\.3\): make did not come back within 0\.1 s"
    with pytest.raises(PluginError, match=words), calls.called(ENTRY, "make", limit_s=0.1):
        hang_with_a_file()
    assert freed == ["file"]
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == pytest.approx(alarm_s, abs=30)


def test_case_127_the_shorter_of_two_limits_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's deadline comes up within a call, and a call's limit within a run."""
    monkeypatch.setattr("operator_tool.overdue.GRACE_S", 0.0)
    with pytest.raises(OverdueRun), ended_after(0.1), calls.called(ENTRY, "make", limit_s=30):
        hang()
    limited = calls.called(ENTRY, "make", limit_s=0.1)
    with pytest.raises(PluginError, match="did not come back"), ended_after(30), limited:
        hang()


def test_case_127_of_two_limits_each_comes_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who swallows the first is met by the other."""
    monkeypatch.setattr("operator_tool.overdue.GRACE_S", 0.0)
    met: list[type[BaseException]] = []

    def swallow() -> None:
        try:
            hang()
        except BaseException as error:  # noqa: BLE001 - as a plugin may
            met.append(type(error))
            hang()

    with pytest.raises(OverdueRun), ended_after(0.3), calls.called(ENTRY, "make", limit_s=0.1):
        swallow()
    assert met == [endings.Unending]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda: sys.exit(0), "failed: SystemExit: 0"),
        (lambda: os._exit(0), r"failed: os\._exit\(0\) was called"),
        (lambda: os.execl("/bin/true", "true"), r"failed: os\.execv\('/bin/true'\) was called"),
        (lambda: os.execlpe("true", "true", {}), r"failed: os\.execve\("),
        (lambda: (_ for _ in ()).throw(GeneratorExit()), "failed: GeneratorExit"),
    ],
)
def test_case_123_what_would_end_the_process_is_a_failure(end: Callable[[], object], words: str) -> None:
    """And afterwards the process has its own ways to end again."""
    real = os._exit
    with pytest.raises(PluginError, match=words), calls.called(ENTRY, "import"):
        end()
    assert os._exit is real


def test_case_123_only_the_operators_ctrl_c_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the signal is handled otherwise, nobody but a plugin raises KeyboardInterrupt."""
    with pytest.raises(KeyboardInterrupt), calls.called(ENTRY, "import"):
        raise KeyboardInterrupt
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with pytest.raises(PluginError, match="failed: KeyboardInterrupt"), calls.called(ENTRY, "import"):
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_the_tool_recognises_passes_as_it_is() -> None:
    """A wrong setting is the operator's."""
    with pytest.raises(ConfigError, match="no such file"), calls.called(ENTRY, "make"):
        raise ConfigError("no such file")


def test_what_a_call_changed_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers, blocked signals, folder, mask and streams; a display's stand-in for a stream stays."""
    monkeypatch.chdir(tmp_path)
    handler, mask = signal.getsignal(signal.SIGTERM), os.umask(0o027)
    out, err = sys.stdout, sys.stderr
    try:
        with calls.called(ENTRY, "import"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            os.chdir("/")
            os.umask(0)
            sys.stdout = sys.stderr = object()
        assert signal.getsignal(signal.SIGTERM) is handler
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert Path.cwd() == tmp_path
        assert os.umask(0o027) == 0o027
        assert (sys.stdout, sys.stderr) == (out, err)
        display = type("Display", (), {"rich_proxied_file": err})()
        with calls.called(ENTRY, "import"):
            sys.stderr = display
        assert sys.stderr is display
    finally:
        sys.stdout, sys.stderr = out, err
        os.umask(mask)


def test_a_text_that_can_not_be_had_is_told_as_that() -> None:
    """Neither an error's ``__str__`` nor its length is ours."""

    class OddError(Exception):
        def __str__(self) -> str:
            raise SystemExit(0)

    assert blame.words_of(OddError()) == "OddError: its text can't be had: SystemExit"
    assert len(blame.words_of(ValueError("x" * 10**6))) < 600
    assert blame.words_of(ValueError("two\nlines")) == "ValueError: two lines"


def test_what_a_stranger_gave_is_told_without_running_any_of_it() -> None:
    """Its ``__repr__`` may hang."""

    class Odd:
        def __repr__(self) -> str:
            raise AssertionError

    things: tuple[object, ...] = (None, True, 7, "x" * 100, Odd, [1], {})
    told = [blame.brief(thing) for thing in things]
    assert told[:3] == ["None", "True", "7"]
    assert told[3] == f"'{'x' * 60}'…"
    assert told[4].startswith("the class ")
    assert told[5:] == ["a list", "a dict"]
    assert blame.brief(Odd()).endswith("Odd")
