"""A companion that says too much, or nothing, or what a terminal would obey (cases 86 to 91)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.aftermath import wait_until
from tests.support.onboard_trial import OnboardTrial, Play

FAILED = """
say({"report": verb, "run_id": request["run_id"], "ok": False, "error": {"code": "c", "message": "m"}})
sys.exit(1)
"""


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        pytest.param("b'x' * 65536", "a line of more than 1,048,576 bytes", id="one line without an end"),
        pytest.param("b'x' * 65535 + b'\\n'", "more than 268,435,456 bytes", id="lines without an end"),
    ],
)
def test_case_086_output_without_an_end(trial: OnboardTrial, played: Play, piece: str, words: str) -> None:
    """A line is cut at 1 MiB, all of them at 256 MiB, within the memory of a good build and 64 MiB."""
    script = f"ask()\npiece = {piece}\nwhile True:\n    os.write(1, piece)\n"
    trial.assert_fails(trial.run_measured(python=played("build", script)), 21, "build", words, retryable=False)
    trial.assert_done_again()


@pytest.mark.parametrize("lines", [100_000, pytest.param(10_000_000, marks=pytest.mark.nightly)])
def test_case_087_short_lines_without_number(trial: OnboardTrial, played: Play, lines: int) -> None:
    """Some hundreds a second are logged, the rest are counted, and the report behind them is still found."""
    script = f"request = ask()\nfor _ in range({lines // 1000}):\n    os.write(1, b'[]\\n' * 1000)\n{FAILED}"
    ended = trial.run_measured("-v", python=played("build", script), ends_s=20 + lines / 20_000)
    trial.assert_fails(ended, 21, "build", "c: m", retryable=True)
    assert "were left out" in ended.err
    assert ended.err.count("\n") < 2000 + lines // 50
    trial.assert_done_again()


def test_case_088_errors_without_an_end(trial: OnboardTrial, played: Play) -> None:
    """3 MiB on standard error, before standard output ends, block nobody and are not kept."""
    script = f"request = ask()\nfor _ in range(48):\n    os.write(2, b'e' * 65535 + b'\\n')\n{FAILED}"
    ended = trial.run_measured(python=played("build", script))
    trial.assert_fails(ended, 21, "build", "c: m", retryable=True)
    assert len(ended.all) < 100_000
    trial.assert_done_again()


@pytest.mark.nightly
def test_case_089_silence(trial: OnboardTrial, played: Play) -> None:
    """Nothing for as long as the setting says: given up, and what is silent is ended."""
    began_s = time.monotonic()
    ended = trial.run("-o", "c10.silence_s=10", python=played("build", "ask(); time.sleep(600)"), ends_s=60)
    assert time.monotonic() - began_s > 10
    trial.assert_fails(ended, 21, "build", "said nothing for 10 s", retryable=True)
    trial.assert_done_again()


HOSTILE = (
    b"\xff\xfe\x80",
    b"nul\0nul",
    b"\x1b[2J\x1b[31mred",
    b"\x1b]52;c;aGVsbG8=\x07",
    b"seen\rhidden",
    "a\u202eb".encode(),
)


@pytest.mark.parametrize("as_json", [True, False])
def test_case_090_what_a_terminal_would_obey_is_escaped(trial: OnboardTrial, played: Play, as_json: bool) -> None:
    """In the log, the message and the report: bytes that are no text, controls, and marks of direction."""
    lines = b"".join(line + b"\n" for line in HOSTILE)
    script = f"ask(); say({lines!r}); sys.stderr.buffer.write({lines!r}); sys.exit(1)"
    ended = trial.run("-v", python=played("build", script), as_json=as_json)
    assert ended.code == 21
    if as_json:
        trial.assert_fails(ended, 21, "build", "\\x1b[31mred", "seen\\rhidden", retryable=True)
    events = (trial.workstation.folder / "events.jsonl").read_text()
    for text in (ended.all, events):
        assert [ascii(character) for character in set(text) if not (character.isprintable() or character == "\n")] == []
    for shown in ("\\xff\\xfe", "\\x1b]52;c;", "seen\\rhidden", "a\\u202eb"):
        assert shown in ended.all.replace("\\\\", "\\")
    trial.assert_untouched()
    trial.assert_done_again()


@pytest.mark.nightly
def test_case_091_a_child_in_the_background_holds_the_output_open(trial: OnboardTrial, played: Play) -> None:
    """The end is the program's, and not its child's; the child does not stay."""
    script = f"request = ask()\nchild = subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL)\n{FAILED}"
    child = f"open({str(trial.workstation.folder / 'child')!r}, 'w').write(str(child.pid))"
    script = script.replace("\nsay({", f"\n{child}\nsay({{", 1)
    ended = trial.run(python=played("build", script))
    trial.assert_fails(ended, 21, "build", "c: m", retryable=True)
    pid = int((trial.workstation.folder / "child").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10, "the child stays")
    trial.assert_done_again()
