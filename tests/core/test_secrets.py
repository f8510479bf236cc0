"""The ways a secret may come: a file, a command, the keyring; cases 115 and 118 to 120."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import ConfigError
from operator_tool.redaction import Redactor
from operator_tool.secrets import ask_keyring, checked_secret, read_secret_file, run_secret_command

KEY = "s3cret-of-the-test/1"
WHAT = "xyz.api_key_file"


def key_file(path: Path, content: str = KEY, mode: int = 0o600) -> Path:
    """Return a file with that content and mode."""
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
@pytest.mark.parametrize(
    ("content", "secret"), [(KEY, KEY), (KEY + "\n", KEY), (KEY + "\r\n", KEY), (KEY + "\n\n", KEY + "\n")]
)
def test_a_private_file_gives_its_secret(content: str, secret: str, mode: int, tmp_path: Path) -> None:
    """A file of mode 0600 or 0400 is read, and exactly one newline at its end is not part of the secret."""
    assert read_secret_file(key_file(tmp_path / "key", content, mode), WHAT) == secret


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o700])
def test_case_119_a_file_that_others_may_read_is_refused_with_the_chmod(mode: int, tmp_path: Path) -> None:
    """Any other mode is refused; the hint is the command that mends it."""
    path = key_file(tmp_path / "a key", mode=mode)
    with pytest.raises(ConfigError, match=f"xyz.api_key_file: .*has mode {mode:04o}") as caught:
        read_secret_file(path, WHAT)
    assert caught.value.hint == f"chmod 600 '{path}'"


def test_case_119_a_link_is_refused(tmp_path: Path) -> None:
    """A symbolic link is not followed, though what it points at would do."""
    (tmp_path / "link").symlink_to(key_file(tmp_path / "key"))
    with pytest.raises(ConfigError, match="symbolic link"):
        read_secret_file(tmp_path / "link", WHAT)


def test_case_119_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to another uid is refused."""
    path = key_file(tmp_path / "key")
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_secret_file(path, WHAT)


def test_what_is_no_plain_small_text_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe, a large file and one that is not UTF-8 each get their own message."""
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        read_secret_file(tmp_path / "gone", WHAT)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_secret_file(tmp_path, WHAT)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_secret_file(tmp_path / "pipe", WHAT)
    with pytest.raises(ConfigError, match="larger than 65536 bytes"):
        read_secret_file(key_file(tmp_path / "large", "x" * 65537), WHAT)
    path = key_file(tmp_path / "binary")
    path.write_bytes(b"\xff\xfekey-in-utf-16")
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        read_secret_file(path, WHAT)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def run(*script: str, deadline_s: float = 30.0, redactor: Redactor | None = None) -> str:
    """Run a Python program as a secret's command."""
    command = [sys.executable, "-c", ";".join(script)]
    return run_secret_command(command, "xyz.api_key_command", redactor=redactor or Redactor(), deadline_s=deadline_s)


def test_a_command_gives_what_it_prints() -> None:
    """The output without one newline is the secret; a string is split into words, with no shell to expand them."""
    assert run(f"print({KEY!r})") == KEY
    assert run_secret_command(f"echo 'a  b' $HOME;{KEY}", "w", redactor=Redactor()) == f"a  b $HOME;{KEY}"


def test_a_command_that_fails_says_so_redacted() -> None:
    """The status and what it wrote to standard error are told, without secrets and without controls."""
    redactor = Redactor()
    checked_secret(KEY, "x", redactor)
    with pytest.raises(ConfigError, match="failed with status 3") as caught:
        run(
            "import sys",
            f"print({KEY!r})",
            f"sys.stderr.write('bad \\x1b[31m' + {KEY!r})",
            "sys.exit(3)",
            redactor=redactor,
        )
    assert caught.value.message.endswith("; it said: bad \\x1b[31m***")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/no/such/program x", "can't be started: No such file"),
        ("", "is empty"),
        ([], "is empty"),
        ("echo 'open", "can't be split"),
        (["echo", "a\0b"], "an argument holds a NUL"),
    ],
)
def test_a_command_that_cannot_be_started_is_named(command: str | list[str], message: str) -> None:
    """What is no command gets a message, not a traceback."""
    with pytest.raises(ConfigError, match=message):
        run_secret_command(command, "w", redactor=Redactor())


def test_a_command_has_a_deadline() -> None:
    """A command that doesn't end is killed at the deadline, also when it has closed its outputs."""
    with pytest.raises(ConfigError, match=r"did not end within 0.3 s"):
        run("import time", "time.sleep(60)", deadline_s=0.3)
    with pytest.raises(ConfigError, match=r"did not end within 0.5 s"):
        run("import os,time", "os.close(1)", "os.close(2)", "time.sleep(60)", deadline_s=0.5)


def test_a_command_has_a_cap_on_what_it_prints() -> None:
    """A command that prints without end is cut off; a flood on standard error stops nothing."""
    with pytest.raises(ConfigError, match="more than 65536 bytes"):
        run("import sys", "[sys.stdout.write('x' * 65536) for _ in iter(int, 1)]", deadline_s=600)
    assert run("import sys", "sys.stderr.write('e' * 3000000)", f"print({KEY!r})") == KEY


def test_a_child_that_keeps_the_output_open_is_not_waited_for() -> None:
    """The end is the command's own end, not that of what it left running."""
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])"
    assert run("import subprocess,sys", child, f"print({KEY!r}, flush=True)", deadline_s=10) == KEY


@pytest.mark.parametrize("text", ["", "hunter2", "1234567"])
def test_case_115_a_short_secret_is_a_configuration_error(text: str) -> None:
    """A secret of fewer than 8 characters is refused with the setting's name, and isn't repeated."""
    with pytest.raises(ConfigError, match=r"xyz\.api_key.*(empty|shorter than 8)") as caught:
        checked_secret(text, "xyz.api_key", Redactor())
    assert not text or text not in caught.value.message


def test_a_secret_is_known_to_the_redactor_before_it_is_returned() -> None:
    """Whoever has the secret, has it redacted."""
    redactor = Redactor()
    assert checked_secret(KEY, "x", redactor).reveal() == KEY
    assert redactor.line(KEY) == "***"


def test_case_118_a_secret_reaches_no_argument_environment_or_file(tmp_path: Path) -> None:
    """A resolved secret is in neither this process's arguments and variables nor a temporary file."""
    redactor = Redactor()
    before = dict(os.environ)
    for text in (read_secret_file(key_file(tmp_path / "key"), WHAT), run(f"print({KEY[::-1]!r}[::-1])")):
        checked_secret(text, "x", redactor)
    assert dict(os.environ) == before
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    for part in ("cmdline", "environ"):
        assert KEY.encode() not in Path(f"/proc/self/{part}").read_bytes()


def fake_keyring(monkeypatch: pytest.MonkeyPatch, *backends: Any, chained: bool = True) -> list[tuple[str, str]]:
    """Install a keyring package with these backends, as a chain or alone; return what will be asked."""
    asked: list[tuple[str, str]] = []
    chain = types.new_class("ChainerBackend")
    chain.__module__ = "keyring.backends.chainer"
    top: Any = chain() if chained else backends[0]
    if chained:
        top.backends = list(backends)
    for backend in backends:
        backend.asked = asked
    package = types.ModuleType("keyring")
    package.get_keyring = lambda: top  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", package)
    return asked


def backend(module: str, name: str, answer: str | Exception | None) -> Any:
    """Return a keyring backend as if of that module and name."""

    def get_password(self: Any, service: str, user: str) -> str | None:
        self.asked.append((service, user))
        if isinstance(answer, Exception):
            raise answer
        return answer

    kind = type(name, (), {"get_password": get_password})
    kind.__module__ = module
    return kind()


def test_a_keyring_gives_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is the tool's name, the user is plugin and field."""
    for chained in (True, False):
        asked = fake_keyring(monkeypatch, backend("keyring.backends.SecretService", "Keyring", KEY), chained=chained)
        assert ask_keyring("xyz.api_key") == (KEY, None)
        assert asked == [("operator-tool", "xyz.api_key")]


def test_case_120_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional package there is no secret, and a reason."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert ask_keyring("xyz.api_key") == (None, "the package keyring is not installed, so no keyring was asked")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keyrings.alt.file", "PlaintextKeyring"),
        ("keyrings.alt.file", "EncryptedKeyring"),
        ("somebody.else", "MyPlainTextKeyring"),
    ],
)
def test_case_120_a_plain_text_keyring_is_never_asked(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """A keyring that is a plain file is not asked, alone or in a chain, and this is said."""
    for chained in (True, False):
        asked = fake_keyring(monkeypatch, backend(module, name, KEY), chained=chained)
        secret, why_not = ask_keyring("xyz.api_key")
        assert secret is None
        assert why_not is not None
        assert "plain files" in why_not
        assert not asked


def test_case_120_a_good_keyring_behind_a_plain_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a chain the plain one is passed over."""
    plain = backend("keyrings.alt.file", "PlaintextKeyring", "of-the-plain-file")
    fake_keyring(monkeypatch, plain, backend("keyring.backends.libsecret", "Keyring", KEY))
    assert ask_keyring("xyz.api_key") == (KEY, None)


def test_case_120_no_backend_no_entry_and_a_locked_one_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own sentence, and a backend's own words, which may say anything, are not repeated."""
    fake_keyring(monkeypatch, backend("keyring.backends.fail", "Keyring", RuntimeError("x")))
    assert ask_keyring("u.k") == (None, "there is no keyring on this machine, so none was asked")
    fake_keyring(monkeypatch, backend("keyring.backends.kwallet", "Keyring", None))
    assert ask_keyring("u.k") == (None, "the keyring has no entry for service operator-tool, user u.k")
    fake_keyring(monkeypatch, backend("keyring.backends.kwallet", "Keyring", ConnectionError(f"locked {KEY}")))
    secret, why_not = ask_keyring("u.k")
    assert secret is None
    assert why_not == "the keyring can't be used (ConnectionError): it is locked, or there is no desktop session"


def test_case_120_a_keyring_that_waits_for_a_person_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that shows a dialogue nobody answers is given up."""
    import threading

    answered = threading.Event()
    waiting = backend("keyring.backends.SecretService", "Keyring", KEY)
    waiting.__class__.get_password = lambda *_: answered.wait(30) and KEY
    fake_keyring(monkeypatch, waiting)
    assert ask_keyring("u.k", deadline_s=0.1) == (None, "the keyring did not answer within 0.1 s")
    answered.set()


def test_the_real_keyring_package_answers_headless() -> None:
    """With the real package and no desktop there is no secret, a reason, and no exception."""
    secret, why_not = ask_keyring("no-such-plugin.no-such-field")
    assert secret is None
    assert why_not
