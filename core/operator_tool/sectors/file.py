"""The file of the sectors that were set, in the tool's data folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from operator_tool.api.errors import ConfigError
from operator_tool.api.files import replaced_file
from operator_tool.places import Places

from .checks import MAX_SECTORS, check_sector
from .reading import read_file
from .sector import Sector

_MAX_BYTES = 32 * 1024 * 1024
_VERSION = 1
_LOCK_TIMEOUT_S = 10.0
_ANEW = "Move it away, and set the sectors again with operator-tool set-sector."


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sectors: tuple[Sector, ...]
    version: int = _VERSION


def load_sectors(places: Places) -> tuple[Sector, ...]:
    """Return the sectors that were set; none where none was. Raises ``ConfigError``, naming the place, for a file that
    can't be read, is no file of sectors, or could have been written by others."""
    path = places.sectors_file
    data = _read(path)
    if data is None:
        return ()
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a file of sectors: {error}", hint=_ANEW) from error
    if document.version > _VERSION:
        raise ConfigError(
            f"{path} is of version {document.version}, and this operator-tool knows versions up to {_VERSION}",
            hint="Use the newer operator-tool that wrote it.",
        )
    _check(document.sectors, str(path))
    return document.sectors


def save_sectors(places: Places, sectors: Sequence[Sector]) -> None:
    """Replace the sectors that were set: wholly, or not at all. Raises ``ConfigError``."""
    _check(sectors, "what is to be set")
    path = places.make(places.data_dir) / places.sectors_file.name
    try:
        with replaced_file(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(_Document(tuple(sectors)))) + b"\n")
    except OSError as error:
        raise ConfigError(f"the sectors can't be written to {path}: {error.strerror}") from error


def change_sectors(places: Places, change: Callable[[tuple[Sector, ...]], Sequence[Sector]]) -> tuple[Sector, ...]:
    """Replace the sectors by what ``change`` makes of them, and return these; two changes at once both count.

    Raises ``ConfigError``.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(places.make(places.locks_dir) / "sectors.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600)
    try:
        with lock:
            sectors = tuple(change(load_sectors(places)))
            save_sectors(places, sectors)
    except Timeout as error:
        raise ConfigError(
            f"another operator-tool has been changing the sectors for {_LOCK_TIMEOUT_S:g} s",
            hint="Run the same command again.",
        ) from error
    return sectors


def _check(sectors: Sequence[Sector], where: str) -> None:
    if len(sectors) > MAX_SECTORS:
        raise ConfigError(f"{where}: more than {MAX_SECTORS:,} sectors", hint="Remove some with set-sector --remove.")
    names: set[str] = set()
    for at, sector in enumerate(sectors):

        def failure(text: str, at: int = at) -> ConfigError:
            return ConfigError(f"{where}, sectors[{at}]: {text}", hint=_ANEW)

        check_sector(sector, failure)
        if sector.name in names:
            raise failure(f"a second sector of the name {sector.name!r}")
        names.add(sector.name)


def _read(path: Path) -> bytes | None:
    try:
        data, found = read_file(path, _MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"the sectors can't be read from {path}: {error.strerror}", hint=_ANEW) from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is not a file", hint=_ANEW)
    # Who may write here decides which imagery is good enough to fly with.
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
        raise ConfigError(
            f"others than you may change {path} (uid {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"Look at what is in it; then chown {os.geteuid()} {path} and chmod go-w {path}.",
        )
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path} is longer than {_MAX_BYTES:,} bytes", hint=_ANEW)
    return data
