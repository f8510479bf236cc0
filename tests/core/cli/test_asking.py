"""What an operator is asked at a terminal, and what becomes of the answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import RunContext
from operator_tool.cli.asking import with_asking

from .enrollable import OFFERED, OTHER, install_fakes
from .terminal import Terminal, at_a_terminal

PASSPHRASE = "correct horse battery"
Start = Callable[..., contextlib.AbstractContextManager[Terminal]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a command at a terminal, the scripted companion installed, with folders of its own."""
    environment = {
        "PYTHONPATH": str(install_fakes(tmp_path / "site")),
        "OPERATOR_TOOL_DATA_DIR": str(tmp_path / "data"),
        "HOME": str(tmp_path),
    }
    return lambda *arguments: at_a_terminal(arguments, environment)


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """Where the scripted transport writes its pin."""
    return tmp_path / "data" / "trust" / "pins" / "drone"


@pytest.mark.parametrize("answer", ["y", "yes", " Y "])
def test_enrol_pins_what_was_confirmed(start: Start, pins: Path, answer: str) -> None:
    """The fingerprint and how to compare it are shown before it is asked."""
    with start("companion", "enrol", "--transport", "fake") as terminal:
        terminal.expect("[y/N] ")
        assert OFFERED in terminal.shown
        assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in terminal.shown
        assert not pins.exists()
        terminal.type(f"{answer}\n")
        assert terminal.ended() == 0
        assert f"pinned in   {pins}" in terminal.shown
    assert pins.read_text() == OFFERED


@pytest.mark.parametrize("answer", ["\n", "n\n", "yess\n", "\x04", "replace\n"])
def test_case_054_enrol_pins_nothing_that_was_not_confirmed(start: Start, pins: Path, answer: str) -> None:
    """No is what anything else means, the end of the input too."""
    with start("companion", "enrol", "--transport", "fake") as terminal:
        terminal.expect("[y/N] ")
        terminal.type(answer)
        assert terminal.ended() == 30
        assert "was not confirmed; nothing was written" in terminal.shown
    assert not pins.parent.parent.exists()


def test_what_was_typed_before_the_question_is_no_answer(start: Start, pins: Path) -> None:
    """Somebody who hits keys while it connects confirms nothing."""
    with start("companion", "enrol", "--transport", "fake") as terminal:
        terminal.type("y\n")
        terminal.expect("[y/N] ")
        assert terminal.process.poll() is None
        terminal.type("\n")
        assert terminal.ended() == 30
    assert not pins.exists()


@pytest.mark.parametrize(("answer", "code", "left"), [("replace", 0, OTHER), ("y", 30, OFFERED), ("yes", 30, OFFERED)])
def test_case_055_a_changed_key_is_replaced_by_the_word_only(
    start: Start, pins: Path, answer: str, code: int, left: str
) -> None:
    """Both fingerprints are shown; a habit of saying yes replaces nothing."""
    pins.parent.mkdir(parents=True, mode=0o700)
    pins.write_text(OFFERED)
    for folder in (pins.parents[1], pins.parents[2]):
        folder.chmod(0o700)
    with start("companion", "enrol", "--transport", "fake", "-o", f"fake.offered={OTHER}") as terminal:
        terminal.expect("Type the word replace")
        assert "HOST KEY CHANGED" in terminal.shown
        assert OFFERED in terminal.shown
        assert OTHER in terminal.shown
        terminal.type(f"{answer}\n")
        assert terminal.ended() == code
    assert pins.read_text() == left


def test_a_fingerprint_that_is_given_is_not_asked_about(start: Start, pins: Path) -> None:
    """Comparing is what it was given for."""
    with start("companion", "enrol", "--transport", "fake", "--fingerprint", OFFERED) as terminal:
        assert terminal.ended() == 0
        assert "[y/N]" not in terminal.shown
    assert pins.read_text() == OFFERED


def ask(start: Start, prompt: str = "Passphrase: ") -> contextlib.AbstractContextManager[Terminal]:
    """Start a command whose transport asks for a secret, and fails saying what was typed."""
    arguments = ("companion", "status", "--transport", "fake", "--provisioner", "keeper", "-o", f"fake.asks={prompt}")
    return start(*arguments)


def test_a_secret_is_typed_unseen_and_shown_by_nothing(start: Start) -> None:
    """The terminal is silent while it is typed, and speaks again; the plugin that tells it is covered."""
    with ask(start) as terminal:
        terminal.expect("Passphrase: ")
        assert not terminal.echoes
        terminal.type(f"{PASSPHRASE}\n")
        assert terminal.ended() == 30
        assert "what was typed is '***'" in terminal.shown
        assert PASSPHRASE not in terminal.shown
        assert terminal.echoes


def test_an_empty_answer_is_none_and_a_short_one_is_refused(start: Start) -> None:
    """What is too short can't be kept out of a log; the error names another way and not what was typed."""
    with ask(start) as terminal:
        terminal.expect("Passphrase: ")
        terminal.type("\n")
        assert terminal.ended() == 30
        assert "what was typed is ''" in terminal.shown
    with ask(start) as terminal:
        terminal.expect("Passphrase: ")
        terminal.type("xyzzy\n")
        assert terminal.ended() == 11
        assert "xyzzy" not in terminal.shown
        assert "ssh-agent" in terminal.shown


def test_a_prompt_can_t_move_the_cursor(start: Start) -> None:
    """What a plugin asks may come from a stranger."""
    with ask(start, "\x1b[2JPassphrase: ") as terminal:
        terminal.expect("Passphrase: ")
        assert "\\x1b[2JPassphrase" in terminal.shown
        terminal.type("\n")
        terminal.ended()


def test_a_prompt_waits_no_longer_than_the_run_may(start: Start) -> None:
    """Nobody answers, the deadline passes, and the terminal is given back."""
    arguments = ("companion", "status", "--transport", "fake", "--provisioner", "keeper", "--deadline", "1")
    with start(*arguments, "-o", "fake.asks=Passphrase: ") as terminal:
        terminal.expect("Passphrase: ")
        assert terminal.ended() == 30
        assert "given up before the operator answered" in terminal.shown
        assert terminal.echoes


def test_case_134_ctrl_c_at_a_prompt_gives_the_terminal_back(start: Start) -> None:
    """In the main thread."""
    with ask(start) as terminal:
        terminal.expect("Passphrase: ")
        terminal.interrupt()
        assert terminal.ended() == 130
        assert terminal.echoes


def test_case_134_ctrl_c_at_a_prompt_of_one_of_several(start: Start, tmp_path: Path) -> None:
    """Where a thread asks, it stops waiting, the one behind it doesn't ask any more, and the terminal is given back."""
    config = tmp_path / "config.toml"
    config.write_text('[companions.alpha.fake]\nhost = "a"\n[companions.beta.fake]\nhost = "b"\n')
    config.chmod(0o600)
    arguments = ("companion", "status", "--all-companions", "--transport", "fake", "--provisioner", "keeper")
    with start(*arguments, "--config", str(config), "-o", "fake.asks=Passphrase: ") as terminal:
        terminal.expect("Passphrase: ")
        assert terminal.shown.count("Passphrase: ") == 1
        assert not terminal.echoes
        terminal.interrupt()
        began_s = time.monotonic()
        assert terminal.ended() == 130
        assert time.monotonic() - began_s < 8, "it waited for a thread that nobody had told"
        assert terminal.shown.count("Passphrase: ") == 1
        assert terminal.echoes


def test_several_companions_ask_one_after_the_other_and_say_whose(start: Start, tmp_path: Path) -> None:
    """Each prompt has the companion's name."""
    config = tmp_path / "config.toml"
    config.write_text('[companions.alpha.fake]\nhost = "a"\n[companions.beta.fake]\nhost = "b"\n')
    config.chmod(0o600)
    arguments = ("companion", "status", "--all-companions", "--transport", "fake", "--provisioner", "keeper")
    with start(*arguments, "--config", str(config), "-o", "fake.asks=Passphrase: ") as terminal:
        terminal.expect("Passphrase: ")
        first, second = ("alpha", "beta") if "alpha: Passphrase: " in terminal.shown else ("beta", "alpha")
        assert f"{second}: Passphrase: " not in terminal.shown
        terminal.type("\n")
        terminal.expect(f"{second}: Passphrase: ")
        terminal.type("\n")
        assert terminal.ended() == 30
        assert f"{first}: Passphrase: " in terminal.shown


def test_nobody_is_asked_where_there_is_no_terminal(tmp_path: Path) -> None:
    """The plugin is given nothing to ask with."""
    assert with_asking(RunContext(run_id="r", state_dir=tmp_path)).ask_secret is None
