"""Where the tool's own files are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from operator_tool.api import ConfigError
from operator_tool.places import Places

AS_ROOT = os.geteuid() == 0


def places_in(folder: Path) -> Places:
    """Return places whose data lie in the folder."""
    return Places.find(data_dir=folder / "data", config_file=folder / "config.toml", env={})


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_given_wins_over_variables_and_home(tmp_path: Path) -> None:
    """An option is stronger than a variable, and a variable than the platform's folder."""
    env = {"OPERATOR_TOOL_DATA_DIR": "/var/a", "OPERATOR_TOOL_CONFIG": "/etc/a.toml"}
    assert Places.find(data_dir=None, config_file=None, env=env) == Places(Path("/var/a"), Path("/etc/a.toml"), True)
    given = Places.find(data_dir=tmp_path, config_file=tmp_path / "c.toml", env=env)
    assert given == Places(tmp_path, tmp_path / "c.toml", True)


def test_without_anything_given_the_platforms_folders_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HOME and the XDG variables decide, and the configuration file need not be there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    found = Places.find(data_dir=None, config_file=None, env=os.environ)
    assert found.data_dir == tmp_path / "xdg/operator-tool"
    assert found.config_file == tmp_path / ".config/operator-tool/config.toml"
    assert not found.config_named
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data_dir", "config_file", "option"),
    [(None, None, "--data-dir"), (None, Path("/c.toml"), "--data-dir"), (Path("/d"), None, "--config")],
)
def test_case_136_without_home_the_error_names_the_option(
    data_dir: Path | None, config_file: Path | None, option: str
) -> None:
    """With HOME unset and nothing given there is no place, and the hint says which option gives one."""
    with pytest.raises(ConfigError, match="HOME is not set") as caught:
        Places.find(data_dir=data_dir, config_file=config_file, env={"HOME": ""})
    assert option in caught.value.hint


def test_the_places_are_paths_and_nothing_is_made(tmp_path: Path) -> None:
    """Asking for a folder's path makes no folder."""
    places = places_in(tmp_path)
    assert places.stores_dir == tmp_path / "data/stores"
    assert places.locks_dir == tmp_path / "data/locks"
    assert places.log_dir == tmp_path / "data/log"
    assert places.plugin_state_dir("api") == tmp_path / "data/plugins/api"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\0b", "-rf", "x" * 65, "a\n"])
def test_a_plugins_name_is_never_a_way_out(name: str, tmp_path: Path) -> None:
    """A name that is not a plain one is refused."""
    with pytest.raises(ConfigError):
        places_in(tmp_path).plugin_state_dir(name)


def test_a_folder_is_made_private_all_the_way(tmp_path: Path) -> None:
    """Every folder that is made has mode 0700, whatever the umask, and making it again is fine."""
    places = places_in(tmp_path)
    old = os.umask(0)
    try:
        assert places.make(places.stores_dir) == places.stores_dir
    finally:
        os.umask(old)
    assert mode_of(places.data_dir) == mode_of(places.stores_dir) == 0o700
    places.make(places.stores_dir)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
@pytest.mark.parametrize("which", ["data", "data/stores"])
def test_case_52_a_folder_that_others_may_write_is_refused(mode: int, which: str, tmp_path: Path) -> None:
    """A folder of ours, or one above it up to the data folder, that others may write is refused with the chmod."""
    places = places_in(tmp_path)
    places.make(places.stores_dir)
    (tmp_path / which).chmod(mode)
    with pytest.raises(ConfigError, match=f"mode is {mode:04o}") as caught:
        places.make(places.stores_dir)
    assert caught.value.hint == f"chmod go-w {tmp_path / which}"


def test_case_52_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that belongs to another uid is refused."""
    places = places_in(tmp_path)
    places.make(places.data_dir)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(ConfigError, match=r"belongs to another user \(uid"):
        places.make(places.data_dir)


def test_a_file_or_a_dangling_link_in_the_way_is_named(tmp_path: Path) -> None:
    """What is no folder is named."""
    places = places_in(tmp_path)
    places.data_dir.write_text("")
    with pytest.raises(ConfigError, match="data is not a folder"):
        places.make(places.data_dir)
    with pytest.raises(ConfigError, match=r"data.* is not a folder|can't be made"):
        places.make(places.stores_dir)
    places.data_dir.unlink()
    places.data_dir.symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match="can't be used"):
        places.make(places.data_dir)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only folder is refused with its path before anything is tried in it."""
    places = places_in(tmp_path)
    places.make(places.data_dir)
    if AS_ROOT:  # root may write anywhere, so the answer of a read-only disk is played here
        monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK)
    else:
        places.data_dir.chmod(0o500)
    with pytest.raises(ConfigError, match=f"{places.data_dir} can't be written"):
        places.make(places.data_dir)
    places.data_dir.chmod(0o700)


def test_a_place_where_no_folder_can_be_made_is_named() -> None:
    """Where making the folder fails, the path and the reason are told."""
    places = Places(Path("/proc/operator-tool/data"), Path("/c.toml"))
    with pytest.raises(ConfigError, match="/proc/operator-tool can't be made"):
        places.make(places.data_dir)


def test_what_was_confirmed_lies_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """Transports share it, so it is no plugin's; looking for it makes nothing."""
    places = places_in(tmp_path)
    assert places.trust_dir == tmp_path / "data" / "trust"
    assert not places.data_dir.exists()
