"""``companion enrol-signer`` from the command line to the companion's disk, with real keys and the real agent."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from operator_tool.api import ConfigError
from operator_tool.cli import operator_tool
from operator_tool_plugins.provisioners.c10.signing import key_file
from tests.core.cli.terminal import Terminal, at_a_terminal

from .conftest import KeyFile, kept

Key = Callable[..., KeyFile]
Run = Callable[..., Result]
FLIGHT = Path(__file__).parents[5] / "docs" / "tutorial" / "first-flight.plan"


@pytest.fixture
def run(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of this machine's companion in this process; what it raises comes out."""
    monkeypatch.setenv("OPERATOR_TOOL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(key_file, "_opened", {})
    where = ("--transport", "local", "-o", f"c10.cache_root={root}")

    def run_it(*arguments: str) -> Result:
        return CliRunner().invoke(operator_tool, [*arguments, *where], standalone_mode=False, catch_exceptions=False)

    return run_it


@pytest.fixture
def installed(run: Run) -> None:
    """The agent is on the companion."""
    assert run("companion", "install").return_value == 0


def enrol(run: Run, signing: KeyFile, *arguments: str) -> dict[str, Any]:
    """Enrol a key, and return what the one JSON document says of the companion."""
    result = run("companion", "enrol-signer", "--json", "-o", f"c10.signing_key={signing.path}", *arguments)
    document = json.loads(result.stdout)
    assert document["exit_code"] == result.return_value
    (companion,) = document["companions"]
    return dict(companion)


def build(run: Run, *arguments: str) -> Result:
    """Build a small synthetic cache."""
    return run("build-cache", "--flight-file", str(FLIGHT), "--provider", "synthetic", "--zoom", "15", "-q", *arguments)


def test_a_companion_is_brought_to_take_only_what_is_signed(run: Run, installed: None, root: Path, key: Key) -> None:
    """Enrolled once, built with; without the key it is not ready, and what it has stays."""
    one = key("one")
    enrolled = enrol(run, one, "--fingerprint", one.fingerprint)
    assert enrolled["exit_code"] == 0, enrolled
    assert enrolled["signer"]["written_to"] == str(root / "allowed_signers")
    name = enrolled["signer"]["principal"]
    assert name == re.sub(r"[^\w.@+-]+", "-", f"{getpass.getuser()}@{socket.gethostname()}")
    assert build(run, "-o", f"c10.signing_key={one.path}").return_value == 0
    manifest = (root / "current" / "manifest.json").read_bytes()
    assert (root / "current" / "manifest.json.sig").read_text() == one.sign(manifest)
    again = build(run)
    assert again.return_value == 0, again.output
    refused = build(run, "--zoom", "16")
    assert refused.return_value == 31
    assert "set c10.signing_key" in refused.output + refused.stderr
    assert (root / "current" / "manifest.json").read_bytes() == manifest


def test_the_outcome_is_told_in_lines(run: Run, installed: None, root: Path, key: Key) -> None:
    """Who was enrolled, who is now, and where that stands; a second time nothing is written."""
    one = key("one")
    arguments = ("-o", f"c10.signing_key={one.path}", "--name", "anna@desk", "--fingerprint", one.fingerprint)
    result = run("companion", "enrol-signer", *arguments)
    assert result.return_value == 0, result.output
    for line in (
        f"signer      anna@desk {one.fingerprint}",
        f"enrolled    anna@desk {one.fingerprint}",
        f"written to  {root / 'allowed_signers'}",
    ):
        assert line in result.stdout.splitlines()
    before = (root / "allowed_signers").stat()
    again = run("companion", "enrol-signer", *arguments)
    assert again.return_value == 0
    assert "nothing: it was enrolled already" in again.stdout
    assert (root / "allowed_signers").stat() == before


def test_where_nobody_can_be_asked_nothing_is_written(run: Run, installed: None, root: Path, key: Key) -> None:
    """The fingerprint is shown, and how to give it; another one than the key's is an error of the configuration."""
    one, two = key("one"), key("two")
    refused = enrol(run, one)
    assert refused["exit_code"] == 30
    assert one.fingerprint in refused["message"]
    assert refused["remediation"] == f"If it is, give --fingerprint {one.fingerprint}."
    other = enrol(run, one, "--fingerprint", two.fingerprint)
    assert (other["exit_code"], other["failure_exception_type"]) == (ConfigError.exit_code, "ConfigError")
    assert not (root / "allowed_signers").exists()


def test_a_second_operator_comes_in_by_the_word_of_the_first(run: Run, installed: None, root: Path, key: Key) -> None:
    """Their own key alone is not enough, nor a stranger's; nobody need be asked, since the first has signed for it."""
    one, two, stranger = key("one"), key("two"), key("stranger")
    assert enrol(run, one, "--name", "anna", "--fingerprint", one.fingerprint)["exit_code"] == 0
    for more in ((), ("--signed-by", str(stranger.path))):
        refused = enrol(run, two, "--name", "bo", *more)
        assert refused["exit_code"] == 30
        assert "is not enrolled on this companion" in refused["message"]
        assert "--signed-by" in refused["remediation"]
    taken = enrol(run, two, "--name", "bo", "--signed-by", str(one.path))
    assert taken["exit_code"] == 0, taken
    assert [each["principal"] for each in taken["signer"]["enrolled"]] == ["anna", "bo"]
    assert build(run, "-o", f"c10.signing_key={two.path}").return_value == 0


def test_a_key_is_rotated(run: Run, installed: None, root: Path, key: Key) -> None:
    """The old key signs for the new one, is revoked, and its cache is built anew without a tile being sent again."""
    old, new = key("old"), key("new")
    assert enrol(run, old, "--name", "anna", "--fingerprint", old.fingerprint)["exit_code"] == 0
    assert build(run, "-o", f"c10.signing_key={old.path}").return_value == 0
    rotated = enrol(run, new, "--name", "anna", "--signed-by", str(old.path), "--replace")
    assert rotated["exit_code"] == 0, rotated
    assert rotated["signer"]["revoked"] == [old.fingerprint]
    assert [each["fingerprint"] for each in rotated["signer"]["enrolled"]] == [new.fingerprint]
    again = build(run, "--json", "-o", f"c10.signing_key={new.path}")
    assert again.return_value == 0, again.output
    report = json.loads(again.stdout)
    assert (report["outcome"], report["bytes"]["sent"]) == ("success", 0)
    assert build(run, "--zoom", "16", "-o", f"c10.signing_key={old.path}").return_value == 31


def test_loss_of_a_key_is_mended_by_the_administrator(run: Run, installed: None, root: Path, key: Key) -> None:
    """No order of the lost key can be had: the line is taken out on the companion itself, and the key revoked there."""
    lost, new = key("lost"), key("new")
    assert enrol(run, lost, "--fingerprint", lost.fingerprint)["exit_code"] == 0
    assert enrol(run, new, "--fingerprint", new.fingerprint)["exit_code"] == 30
    (root / "allowed_signers").unlink()
    kept(root / "revoked_signers", lost.words)
    assert enrol(run, new, "--fingerprint", new.fingerprint)["exit_code"] == 0
    again = enrol(run, lost, "--signed-by", str(new.path))
    assert again["exit_code"] == 31
    assert "revoked" in again["message"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--replace",), "without --signed-by"),
        (("--name", "an na"), "expected at most 64"),
        (("--name", "*"), "expected at most 64"),
        (("--replace", "--signed-by", "x"), "knows no signer"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(
    run: Run, installed: None, root: Path, key: Key, arguments: tuple[str, ...], why: str
) -> None:
    """Nothing is written."""
    signing = f"c10.signing_key={key('one').path}"
    result = run("companion", "enrol-signer", "--json", "-o", signing, *arguments)
    document = json.loads(result.stdout)
    assert result.return_value == document["exit_code"] == 2
    assert any(why in said["message"] for said in (document, *document["companions"]))
    assert not (root / "allowed_signers").exists()


def test_without_a_key_there_is_nothing_to_enrol(run: Run, installed: None, key: Key) -> None:
    """It says how to make one; and a key that can't be used is named."""
    result = run("companion", "enrol-signer", "--json")
    (companion,) = json.loads(result.stdout)["companions"]
    assert (result.return_value, companion["exit_code"]) == (11, 11)
    assert "ssh-keygen -t ed25519" in companion["remediation"]
    one = key("one")
    one.path.chmod(0o640)
    refused = enrol(run, one)
    assert (refused["exit_code"], refused["remediation"]) == (11, f"chmod 600 {one.path}")


def test_without_the_agent_it_says_what_puts_it_there(run: Run, root: Path, key: Key) -> None:
    """Enrolment installs nothing."""
    refused = enrol(run, key("one"))
    assert refused["exit_code"] == 30
    assert "companion install" in refused["remediation"]


def test_a_provisioner_that_knows_no_signers_has_nobody_to_enrol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one's companion may be told in another way."""
    from tests.core.cli.enrollable import install_fakes

    monkeypatch.syspath_prepend(install_fakes(tmp_path / "site"))
    monkeypatch.setenv("OPERATOR_TOOL_DATA_DIR", str(tmp_path / "data"))
    arguments = ["companion", "enrol-signer", "--transport", "fake", "--provisioner", "keeper"]
    result = CliRunner().invoke(operator_tool, arguments, standalone_mode=False, catch_exceptions=False)
    assert result.return_value == 2
    assert "knows no signers" in result.stderr


Start = Callable[..., contextlib.AbstractContextManager[Terminal]]


@pytest.fixture
def start(tmp_path: Path, root: Path, run: Run, installed: None) -> Start:
    """Start ``companion enrol-signer`` at a terminal."""
    environment = {"OPERATOR_TOOL_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path), "SSH_AUTH_SOCK": ""}
    where = ("--transport", "local", "-o", f"c10.cache_root={root}")
    return lambda *arguments: at_a_terminal(("companion", "enrol-signer", *where, *arguments), environment)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("yes", 0), ("", 30), ("n", 30), ("enrol", 30)])
def test_the_first_signer_is_confirmed_at_the_terminal(
    start: Start, root: Path, key: Key, answer: str, code: int
) -> None:
    """The fingerprint is shown before it is asked, and what follows from it; no is what anything else means."""
    one = key("one")
    with start("--name", "anna", "-o", f"c10.signing_key={one.path}") as terminal:
        terminal.expect("[y/N] ")
        assert f"anna {one.fingerprint}" in terminal.shown
        assert not (root / "allowed_signers").exists()
        terminal.type(f"{answer}\n")
        assert terminal.ended() == code
    assert (root / "allowed_signers").exists() == (code == 0)


def test_the_passphrases_are_asked_for_unseen(start: Start, root: Path, key: Key) -> None:
    """That of the key that signs the order; offering a key needs none."""
    old, new = key("old", passphrase="correct horse"), key("new", passphrase="battery staple")
    kept(root / "allowed_signers", f"anna {old.words}")
    with start("-o", f"c10.signing_key={new.path}", "--signed-by", str(old.path), "--replace") as terminal:
        terminal.expect(f"Passphrase of the signing key {old.path}: ")
        assert not terminal.echoes
        terminal.type("correct horse\n")
        assert terminal.ended() == 0, terminal.shown
        assert "battery" not in terminal.shown
        assert "horse" not in terminal.shown
    assert old.words not in (root / "allowed_signers").read_text()


def test_a_key_of_an_agent_is_enrolled_and_builds(
    run: Run,
    installed: None,
    root: Path,
    key: Key,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The private key is nowhere on the workstation's disk."""
    one = key("one")
    where = tmp_path_factory.mktemp("a") / "s"
    process = subprocess.Popen([shutil.which("ssh-agent") or "", "-D", "-a", str(where)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        subprocess.run(
            ["ssh-add", "-q", str(one.path)],
            check=True,
            capture_output=True,
            timeout=60,
            env={**os.environ, "SSH_AUTH_SOCK": str(where)},
        )
        one.path.unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(where))
        signing = ("-o", f"c10.signing_key=agent:{one.fingerprint}")
        assert run("companion", "enrol-signer", "--fingerprint", one.fingerprint, *signing).return_value == 0
        assert build(run, *signing).return_value == 0
    finally:
        process.terminate()
        process.communicate()
    assert (root / "current" / "manifest.json.sig").exists()
