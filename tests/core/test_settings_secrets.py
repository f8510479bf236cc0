"""The secrets of a plugin's settings: which way wins, what is refused, what is told; cases 115 and 119 to 121."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Annotated, Any

import pytest

from operator_tool.api import ConfigError, Meta, PluginSettings, Secret
from operator_tool.redaction import Redactor
from operator_tool.settings import SettingsSources

KEY = "the-key-from-"


class Settings(PluginSettings, frozen=True, kw_only=True):
    """A plugin that can do without its secret."""

    api_key: Annotated[Secret | None, Meta(description="Key.")] = None


class Needy(PluginSettings, frozen=True, kw_only=True):
    """A plugin that can't."""

    token: Annotated[Secret, Meta(description="Token.")]


class Sources:
    """Builds sources in a folder, with a redactor of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redactor = Redactor()

    def read(self, text: str = "", env: dict[str, str] | None = None, options: tuple[str, ...] = ()) -> SettingsSources:
        config = self.folder / "config.toml"
        config.write_text(text)
        config.chmod(0o600)
        return SettingsSources.read(
            config_file=config, explicit=True, env=env or {}, options=options, profiles=(), redactor=self.redactor
        )

    def key(self, text: str = "", env: dict[str, str] | None = None, options: tuple[str, ...] = ()) -> str | None:
        secret = self.read(text, env, options).for_plugin("xyz", Settings).api_key
        return None if secret is None else secret.reveal()

    def file(self, name: str, content: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(content)
        path.chmod(mode)
        return path


@pytest.fixture
def built(tmp_path: Path) -> Sources:
    """Sources in an empty folder."""
    return Sources(tmp_path)


@pytest.fixture
def keyring_asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A keyring that holds every secret; who was asked for is in the list."""
    asked: list[str] = []

    class Keyring:
        def get_password(self, service: str, user: str) -> str:
            asked.append(f"{service} {user}")
            return KEY + "keyring"

    package = types.ModuleType("keyring")
    package.get_keyring = Keyring  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", package)
    return asked


def test_without_any_source_an_optional_secret_is_none_and_no_keyring_is_asked(
    built: Sources, keyring_asked: list[str]
) -> None:
    """An ordinary run does not even import the keyring."""
    assert built.key() is None
    assert not keyring_asked


def test_the_stronger_source_wins_and_within_one_the_value_the_file_the_command(built: Sources) -> None:
    """Option over environment over configuration; each way works from each source that allows it."""
    built.file("key", KEY + "file\n")
    file, command = f"{built.folder}/key", f"echo {KEY}command"
    text = f'[xyz]\napi_key_file = "key"\napi_key_command = "{command}"'
    assert built.key(f'[xyz]\napi_key_command = ["echo", "{KEY}list"]') == KEY + "list"
    assert built.key(text) == KEY + "file"
    assert built.key(text, {"OPERATOR_TOOL_XYZ_API_KEY_COMMAND": command}) == KEY + "command"
    env = {"OPERATOR_TOOL_XYZ_API_KEY": KEY + "env", "OPERATOR_TOOL_XYZ_API_KEY_FILE": file}
    assert built.key(text, env) == KEY + "env"
    assert built.key(text, env, (f"xyz.api_key_file={file}",)) == KEY + "file"
    assert built.key(text, env, (f"xyz.api_key_file={file}", f"xyz.api_key={KEY}option")) == KEY + "option"


def test_every_resolved_secret_is_known_to_the_redactor(built: Sources) -> None:
    """From whichever source, it is redacted from then on."""
    built.file("key", KEY + "file")
    built.key('[xyz]\napi_key_file = "key"')
    built.key(env={"OPERATOR_TOOL_XYZ_API_KEY": KEY + "env"})
    assert built.redactor.line(f"{KEY}file {KEY}env {KEY}other") == f"*** *** {KEY}other"


def test_a_path_in_the_configuration_starts_at_its_folder(built: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file a relative path is relative to the file, a ~ is home; in an option it is relative to where one is."""
    built.file("key", KEY + "file")
    monkeypatch.setenv("HOME", str(built.folder))
    monkeypatch.chdir("/")
    assert built.key('[xyz]\napi_key_file = "key"') == KEY + "file"
    assert built.key('[xyz]\napi_key_file = "~/key"') == KEY + "file"
    with pytest.raises(ConfigError, match="No such file"):
        built.key(options=("xyz.api_key_file=key",))
    monkeypatch.chdir(built.folder)
    assert built.key(options=("xyz.api_key_file=key",)) == KEY + "file"


def test_a_secret_in_the_configuration_itself_is_refused(built: Sources) -> None:
    """The hint names the better ways; the value isn't repeated, and is redacted all the same."""
    with pytest.raises(ConfigError, match=r"\[xyz\]: xyz.api_key is a secret") as caught:
        built.key(f'[xyz]\napi_key = "{KEY}toml"', {"OPERATOR_TOOL_XYZ_API_KEY": KEY + "env"})
    assert "api_key_file" in caught.value.hint
    assert KEY not in caught.value.message + caught.value.hint
    assert built.redactor.line(KEY + "toml") == "***"
    with pytest.raises(ConfigError, match="is a secret"):
        built.key("[xyz]\napi_key = 12345678")


def test_a_secret_as_an_option_works_and_is_told(built: Sources) -> None:
    """For a quick try it is taken, with a notice that the process list shows it."""
    read = built.read(options=(f"xyz.api_key={KEY}option",))
    read.for_plugin("xyz", Settings)
    read.for_plugin("xyz", Settings)
    assert len(read.notices) == 1
    assert "process list" in read.notices[0]
    assert KEY not in read.notices[0]


def test_case_118_a_childs_environment_need_not_hold_the_secret(built: Sources) -> None:
    """The variables that gave secrets are named, and a later secret's command doesn't get them."""

    class Two(PluginSettings, frozen=True, kw_only=True):
        first: Secret
        second: Secret

    env = {"OPERATOR_TOOL_XYZ_FIRST": KEY + "env", "PATH": "/usr/bin:/bin"}
    read = built.read('[xyz]\nsecond_command = ["env"]', env)
    assert read.for_plugin("xyz", Two).second.reveal() == "PATH=/usr/bin:/bin"
    assert read.secret_variables == {"OPERATOR_TOOL_XYZ_FIRST"}


@pytest.mark.parametrize(
    ("text", "env", "options"),
    [
        ('[xyz]\napi_key_command = "echo hunt2"', {}, ()),
        ("", {"OPERATOR_TOOL_XYZ_API_KEY": "hunt2"}, ()),
        ("", {}, ("xyz.api_key=hunt2",)),
    ],
)
def test_case_115_a_short_secret_is_refused_by_every_way(
    built: Sources, text: str, env: dict[str, str], options: tuple[str, ...]
) -> None:
    """Fewer than 8 characters are a configuration error that names the source."""
    with pytest.raises(ConfigError, match=r"xyz\.api_key.* is shorter than 8") as caught:
        built.key(text, env, options)
    assert "hunt2" not in caught.value.message


def test_case_119_a_readable_key_file_is_refused_with_source_and_chmod(built: Sources) -> None:
    """The error names the section, the key and the file."""
    path = built.file("key", KEY + "file", 0o644)
    with pytest.raises(ConfigError) as caught:
        built.key('[xyz]\napi_key_file = "key"')
    assert caught.value.message == (
        f"{built.folder}/config.toml [xyz]: xyz.api_key_file: {path} has mode 0644; a secret's file has 0600 or 0400"
    )
    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("line", ["api_key_file = 5", "api_key_command = 5", 'api_key_command = ["a", 5]'])
def test_a_way_of_the_wrong_type_is_refused(built: Sources, line: str) -> None:
    """A path is text; a command is text or a list of texts."""
    with pytest.raises(ConfigError, match="but wants"):
        built.key(f"[xyz]\n{line}")


def test_a_needed_secret_is_asked_of_the_keyring_last(built: Sources, keyring_asked: list[str]) -> None:
    """Nothing else gives it, so the keyring does; with a variable set the keyring isn't asked."""
    assert (
        built.read(env={"OPERATOR_TOOL_XYZ_TOKEN": KEY + "env"}).for_plugin("xyz", Needy).token.reveal() == KEY + "env"
    )
    assert not keyring_asked
    assert built.read().for_plugin("xyz", Needy).token.reveal() == KEY + "keyring"
    assert keyring_asked == ["operator-tool xyz.token"]
    assert built.redactor.line(KEY + "keyring") == "***"


def test_an_optional_secret_is_asked_of_the_keyring_when_told_to(built: Sources, keyring_asked: list[str]) -> None:
    """``api_key_keyring = true`` says so, in the file or by a variable; ``false`` keeps a needed one from it."""
    assert built.key("[xyz]\napi_key_keyring = true") == KEY + "keyring"
    assert built.key(env={"OPERATOR_TOOL_XYZ_API_KEY_KEYRING": "true"}) == KEY + "keyring"
    assert built.key("[xyz]\napi_key_keyring = true", {"OPERATOR_TOOL_XYZ_API_KEY_KEYRING": "false"}) is None
    with pytest.raises(ConfigError, match="xyz needs the secret token"):
        built.read("[xyz]\ntoken_keyring = false").for_plugin("xyz", Needy)


def test_case_120_without_a_keyring_the_needed_secret_is_missing_and_it_is_said_once(
    built: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names every way to give it; why the keyring gave none is told once."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    read = built.read()
    for _ in range(2):
        with pytest.raises(ConfigError, match="xyz needs the secret token") as caught:
            read.for_plugin("xyz", Needy)
    for way in ("OPERATOR_TOOL_XYZ_TOKEN", "token_file", "token_command", "keyring set operator-tool xyz.token"):
        assert way in caught.value.hint
    assert read.notices == ["xyz.token: the package keyring is not installed, so no keyring was asked"]


def test_settings_and_sources_do_not_print_their_secrets(built: Sources) -> None:
    """Neither shows the secret in its repr."""
    read = built.read(env={"OPERATOR_TOOL_XYZ_API_KEY": KEY + "env"}, options=(f"abc.api_key={KEY}option",))
    shown: list[Any] = [read, read.for_plugin("xyz", Settings)]
    assert KEY not in repr(shown)
