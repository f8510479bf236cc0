"""The configuration file: read only where it can be trusted; case 136."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from operator_tool.api import ConfigError
from operator_tool.settings.config_file import read_config_file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A sound configuration file."""
    path = tmp_path / "config.toml"
    path.write_text('[xyz]\nurl = "u"\n[profiles.p.xyz]\nurl = "v"\n')
    path.chmod(0o600)
    return path


def refused(path: Path, content: str | bytes | None = None) -> ConfigError:
    """Return the error with which the file is refused."""
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as caught:
        read_config_file(path, must_exist=True)
    assert str(path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_sections_and_profiles_are_told_apart(config: Path, mode: int) -> None:
    """A file that only we can write gives its sections and the sections of its profiles; so does a link to it."""
    config.chmod(mode)
    link = config.with_name("link.toml")
    link.symlink_to(config)
    for path in (config, link):
        assert read_config_file(path, must_exist=True) == ({"xyz": {"url": "u"}}, {"p": {"xyz": {"url": "v"}}})


def test_a_file_that_is_not_there_matters_only_where_it_was_named(tmp_path: Path) -> None:
    """The usual file may be absent; one that the operator names may not."""
    assert read_config_file(tmp_path / "gone/config.toml", must_exist=False) == ({}, {})
    assert "there is no configuration file" in refused(tmp_path / "gone.toml").message


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_case_136_a_file_that_others_may_change_is_refused(config: Path, mode: int) -> None:
    """Group-writable or writable by all: refused with the chmod."""
    config.chmod(mode)
    assert refused(config).hint == f"chmod go-w {config}"


def test_case_136_a_file_of_another_user_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to neither us nor root is refused."""
    os.chown(config, 4242, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert "belongs to another user" in refused(config).message


def test_case_136_a_file_that_cannot_be_read_is_named(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No permission, a folder and a pipe each say what is wrong with the path."""
    refused_open = PermissionError(13, "Permission denied")

    def deny(*_: object) -> int:
        raise refused_open

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", deny)
        assert refused(config).message.endswith("can't be read: Permission denied")
    assert "not a regular file" in refused(tmp_path).message
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refused(tmp_path / "pipe").message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[xyz]\nurl = "u"\n\nworkers = = 3\n', "is not TOML: .*line 4"),
        ("[xyz]\na = 1\na = 2", "is not TOML: .*line 3"),
        (b"\xff\xfe[\0x\0]\0", "is not UTF-8"),
        ('url = "u"', "url stands where a table is wanted"),
        ("profiles = 3", "profiles stands where a table is wanted"),
        ("[profiles]\np = 3", "profiles.p stands where a table is wanted"),
        ("[profiles.p]\nurl = 3", "profiles.p.url stands where a table is wanted"),
        ("a = " + "[" * 100_000, "nested too deep|is not TOML"),
        ("#" * (1024 * 1024 + 1), "larger than 1048576 bytes"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_place(config: Path, content: str | bytes, message: str) -> None:
    """Malformed TOML names its line; a value in a table's stead names itself."""
    assert refused(config, content).message
    with pytest.raises(ConfigError, match=message):
        read_config_file(config, must_exist=True)


def test_a_byte_order_mark_and_crlf_are_fine(config: Path) -> None:
    """A file that a Windows editor saved is read."""
    config.write_bytes(b'\xef\xbb\xbf[xyz]\r\nurl = "u"\r\n')
    assert read_config_file(config, must_exist=True) == ({"xyz": {"url": "u"}}, {})
