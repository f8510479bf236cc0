"""The configuration file: read once, from a file that nobody else can change."""

from __future__ import annotations

import os
import shlex
import stat
import tomllib
from pathlib import Path
from typing import Any

from operator_tool.api import ConfigError

MAX_CONFIG_BYTES = 1024 * 1024

Tables = dict[str, dict[str, Any]]
"""Settings by section and key."""


def read_config_file(path: Path, *, must_exist: bool) -> tuple[Tables, dict[str, Tables]]:
    """Return the file's sections, and the sections of each of its profiles; none of either where there is no file.

    Raises :class:`ConfigError` if it can't be read, isn't ours or root's, can be changed by others, is no TOML, or has
    a value where a table belongs.
    """
    raw = _read(path, must_exist=must_exist)
    try:
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text", hint="Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        line_count = len(raw.splitlines())
        reason = str(error).replace("at end of document", f"at line {line_count}, the last")
        raise ConfigError(f"{path} is not TOML: {reason}", hint="Mend the line that is named.") from None
    except RecursionError:
        raise ConfigError(f"{path} is not a configuration: it is nested too deep") from None
    profiles = _table(document.pop("profiles", {}), path, "profiles")
    return (
        {section: _table(table, path, section) for section, table in document.items()},
        {
            profile: {
                section: _table(table, path, f"profiles.{profile}.{section}")
                for section, table in _table(sections, path, f"profiles.{profile}").items()
            }
            for profile, sections in profiles.items()
        },
    )


def _read(path: Path, *, must_exist: bool) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        if not must_exist:
            return b""
        raise ConfigError(f"there is no configuration file {path}", hint="Check the path that was given.") from None
    except OSError as error:
        raise ConfigError(f"the configuration file {path} can't be read: {error.strerror}") from None
    try:
        _check_trusted(os.fstat(descriptor), path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"the configuration file {path} can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigError(f"the configuration file {path} is larger than {MAX_CONFIG_BYTES} bytes")
    return raw


def _check_trusted(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"the configuration file {path} is not a regular file")
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(f"the configuration file {path} belongs to another user (uid {found.st_uid})")
    if found.st_mode & 0o022:
        # It may name commands that are run, so whoever writes it can do what we can.
        mode = stat.S_IMODE(found.st_mode)
        raise ConfigError(
            f"others may change the configuration file {path} (its mode is {mode:04o})",
            hint=f"chmod go-w {shlex.quote(str(path))}",
        )


def _table(value: object, path: Path, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(
            f"{path}: {name} stands where a table is wanted",
            hint=f"Write [{name}], or put the setting under the table of its plugin, such as [xyz].",
        )
    return value
