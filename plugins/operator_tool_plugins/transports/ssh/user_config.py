"""The operator's own ``~/.ssh/config``: what it says of a host. No program is run and no name is looked up for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from operator_tool.api import ConfigError

from .library import import_library

log = logging.getLogger(__name__)

_DEFAULT = "~/.ssh/config"
_MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 8
_CRITERIA = {"all", "canonical", "final", "host", "originalhost", "user", "localuser"}
_ANYWHERE, _NOWHERE = "Host *", "Host !*"


class UserConfig:
    """One configuration file with all that it includes."""

    def __init__(self, path: Path | None, lines: tuple[str, ...]) -> None:
        self.path = path
        self._lines = lines
        self._parsed: Any = None

    def of(self, name: str) -> dict[str, Any]:
        """Return the options of a host by their lower-case names, its ``hostname`` always among them.

        Raises ``ConfigError`` when the file isn't one.
        """
        if not self._lines:
            return {"hostname": name}
        import_library()
        from paramiko import SSHConfig  # type: ignore[import-untyped]

        try:
            if self._parsed is None:
                self._parsed = SSHConfig()
                # What would ask the network for this computer's name is left as it stands.
                self._parsed.TOKENS_BY_CONFIG_KEY = {
                    key: [token for token in tokens if token not in ("%l", "%C")]
                    for key, tokens in SSHConfig.TOKENS_BY_CONFIG_KEY.items()
                }
                self._parsed.parse(self._lines)
            return dict(self._parsed.lookup(name))
        except Exception as error:  # whatever the library raises for it, the file can't be used
            raise self.broken(str(error)) from error

    def broken(self, why: str) -> ConfigError:
        """Return the error for a file that can't be used."""
        return ConfigError(
            f"the SSH configuration {self.path} can't be used: {why}",
            hint='Mend it, or set ssh.config_file = "none" so that it is not read.',
        )


def read_user_config(setting: str | None) -> UserConfig:
    """Read the file of the setting ``config_file``. Raises ``ConfigError`` when it is not there or can't be read."""
    if setting == "none":
        return UserConfig(None, ())
    path = Path(setting or _DEFAULT).expanduser()
    if setting is None and not path.exists():
        return UserConfig(None, ())
    return UserConfig(path, tuple(_lines(path, 0)))


def _lines(path: Path, depth: int) -> Iterator[str]:
    """Yield a file's lines, included files in their place, without what the library doesn't know how to read."""
    if depth > _MAX_DEPTH:
        raise UserConfig(path, ()).broken("it includes itself")
    section = _ANYWHERE
    for number, line in enumerate(_text(path).splitlines(), start=1):
        keyword, value = _split(line)
        if keyword == "canonicalizehostname":
            log.warning("%s line %d: CanonicalizeHostname is not supported; it is passed over", path, number)
        elif keyword == "include":
            if section != _ANYWHERE:
                log.warning("%s line %d: Include is supported before the first Host only", path, number)
                continue
            for included in _included(value):
                yield from _lines(included, depth + 1)
            yield section
        else:
            if keyword in ("host", "match"):
                section = line
            if keyword == "match" and not _CRITERIA.issuperset(_criteria(value)):
                log.warning("%s line %d: this kind of Match is not supported; its section is passed over", path, number)
                line = _NOWHERE
            yield line


def _text(path: Path) -> str:
    broken = UserConfig(path, ()).broken
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o022:
                raise broken(f"others may write to it (run: chmod 600 {path})")
            data = file.read(_MAX_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise broken(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise broken("it is not text in UTF-8") from error
    if len(data) > _MAX_BYTES:
        raise broken(f"it is larger than {_MAX_BYTES:,} bytes")
    return text


def _split(line: str) -> tuple[str, str]:
    """Return a line's keyword in lower case, and the rest."""
    keyword, _, value = line.strip().replace("=", " ", 1).partition(" ") if "=" in line else line.strip().partition(" ")
    return keyword.strip().lower(), value.strip()


def _criteria(value: str) -> Iterator[str]:
    """Yield the criteria of a Match: every word but those that belong to the one before."""
    words = iter(value.split())
    for word in words:
        name = word.removeprefix("!").lower()
        yield name
        if name not in ("all", "canonical", "final"):
            next(words, None)


def _included(value: str) -> Iterator[Path]:
    """Yield the files that an Include names; its relative names are those of ``~/.ssh``."""
    for word in value.split():
        pattern = Path(word.strip('"')).expanduser()
        if not pattern.is_absolute():
            pattern = Path("~/.ssh").expanduser() / pattern
        yield from sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
