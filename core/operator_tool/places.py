"""Where the tool's own files are, and the care that they are made with."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operator_tool.api import ConfigError

DATA_DIR_VARIABLE = "OPERATOR_TOOL_DATA_DIR"
CONFIG_VARIABLE = "OPERATOR_TOOL_CONFIG"

_PLUGIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Places:
    """The folder of the tool's own data, the configuration file, and what lies where below the folder."""

    data_dir: Path
    config_file: Path
    config_named: bool = False
    """Whether the operator named the configuration file, so that it must be there."""

    @classmethod
    def find(cls, *, data_dir: Path | None, config_file: Path | None, env: Mapping[str, str]) -> Places:
        """Return the places: what is given, else the two variables of ``env``, else the platform's own.

        ``env`` is the process's environment; the platform's places depend on ``HOME`` and ``XDG_*`` of it. Looks at
        no file. Raises :class:`ConfigError` where there is nothing to go by.
        """
        data_dir = data_dir or _named(env, DATA_DIR_VARIABLE)
        config_file = config_file or _named(env, CONFIG_VARIABLE)
        config_named = config_file is not None
        if data_dir is None:
            _need_home(env, "XDG_DATA_HOME", f"Give --data-dir, or set {DATA_DIR_VARIABLE} or HOME.")
            from platformdirs import user_data_path

            data_dir = user_data_path("operator-tool", appauthor=False)
        if config_file is None:
            _need_home(env, "XDG_CONFIG_HOME", f"Give --config, or set {CONFIG_VARIABLE} or HOME.")
            from platformdirs import user_config_path

            config_file = user_config_path("operator-tool", appauthor=False) / "config.toml"
        return cls(data_dir.absolute(), config_file.absolute(), config_named)

    @property
    def stores_dir(self) -> Path:
        """The folder of the tile stores."""
        return self.data_dir / "stores"

    @property
    def sectors_file(self) -> Path:
        """The file of the sectors that were set."""
        return self.data_dir / "sectors.json"

    @property
    def locks_dir(self) -> Path:
        """The folder of the locks, one file a companion."""
        return self.data_dir / "locks"

    @property
    def log_dir(self) -> Path:
        """The folder of the logs."""
        return self.data_dir / "log"

    @property
    def trust_dir(self) -> Path:
        """The folder of what the operator has confirmed, such as pinned host keys; whoever writes makes it."""
        return self.data_dir / "trust"

    def plugin_state_dir(self, name: str) -> Path:
        """Return the folder of one plugin's own files; a name that is not a plain one is refused."""
        if not _PLUGIN_NAME.fullmatch(name):
            raise ConfigError(f"{name[:64]!r} can't be the name of a plugin's folder")
        return self.data_dir / "plugins" / name

    def make(self, path: Path) -> Path:
        """Return the folder ``path``, made with mode 0700 where it was not there, and fit for the tool's own files.

        Raises :class:`ConfigError` if it, or a folder between it and the data folder, belongs to another user or can
        be written by others, is no folder, or can't be written by us.
        """
        path = path.absolute()
        for folder in (*reversed(path.parents), path):
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                pass
            except OSError as error:
                if not os.access(folder, os.F_OK):
                    raise ConfigError(f"the folder {folder} can't be made: {error.strerror}", hint=_WRITABLE) from error
            if folder == path or self.data_dir in (folder, *folder.parents):
                _check_own_folder(folder)
        if not os.access(path, os.W_OK | os.X_OK):
            raise ConfigError(f"the folder {path} can't be written", hint=_WRITABLE)
        return path


_WRITABLE = f"Choose a folder that you can write to with --data-dir or {DATA_DIR_VARIABLE}."


def _check_own_folder(folder: Path) -> None:
    try:
        found = folder.stat()
    except OSError as error:
        raise ConfigError(f"the folder {folder} can't be used: {error.strerror}", hint=_WRITABLE) from error
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{folder} is not a folder", hint=_WRITABLE)
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise ConfigError(f"the folder {folder} belongs to another user (uid {found.st_uid})", hint=_WRITABLE)
    if found.st_mode & 0o022:
        mode = stat.S_IMODE(found.st_mode)
        raise ConfigError(
            f"others may write into the folder {folder} (its mode is {mode:04o})", hint=f"chmod go-w {folder}"
        )


def _named(env: Mapping[str, str], variable: str) -> Path | None:
    value = env.get(variable, "")
    return Path(value) if value else None


def _need_home(env: Mapping[str, str], xdg_variable: str, hint: str) -> None:
    if os.name == "posix" and not env.get("HOME") and not env.get(xdg_variable):
        raise ConfigError("HOME is not set, so there is no place for the tool's own files", hint=hint)
