"""One file out of a ZIP archive, as bytes: nothing is ever unpacked to disk, and nothing is trusted that it says."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from operator_tool.api import FlightFormatError, NoRouteError

from .._escaping import escaped

MAX_ENTRIES = 10_000
MAX_MEMBER_BYTES = 16 * 1024 * 1024
"""What a member may unpack to; as much as a mission file may have by itself."""

_ENTRY_MARK = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others' decoders take as much memory as a file tells them to."""
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, IndexError)
_Read = TypeVar("_Read")
_DAMAGED = "The archive is damaged or was cut off: save the mission again in its planner."


class ZipMembers:
    """The regular files of an archive, by the names that it gives them. Raises ``FlightFormatError`` throughout."""

    def __init__(self, data: bytes) -> None:
        # Each entry of the list at the end bears the mark, so the count can't be too small, whatever the archive says.
        if data.count(_ENTRY_MARK) > MAX_ENTRIES:
            raise FlightFormatError(f"a ZIP archive of more than {MAX_ENTRIES:,} entries")
        with _as_format_error("a ZIP archive that can't be read"):
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._members = [(_plain(info.filename), info) for info in self._archive.infolist() if _is_file(info)]

    @property
    def names(self) -> list[str]:
        """The names, with / between folders. For comparing and showing: they may lead anywhere."""
        return [name for name, _ in self._members]

    def described(self) -> str:
        """Return what the archive holds, in a few words."""
        if not self._members:
            return "holds no file"
        shown = ", ".join(f"'{escaped(name, 40)}'" for name in self.names[:5])
        more = len(self._members) - 5
        return f"holds {shown}{f' and {more:,} more' if more > 0 else ''}"

    def read(self, name: str) -> bytes:
        """Return the content of the first member of that name, unpacked no further than the cap."""
        info = next(info for known, info in self._members if known == name)
        shown = escaped(name, 60)
        if info.flag_bits & 1:
            raise FlightFormatError(f"{shown}: encrypted", hint="Save the archive again without a password.")
        if info.compress_type not in _METHODS:
            raise FlightFormatError(
                f"{shown}: compression method {info.compress_type}, expected 0 (stored) or 8 (deflated)",
                hint="Pack the archive again with plain ZIP compression.",
            )
        with _as_format_error(f"{shown}: can't be unpacked"), self._archive.open(info) as member:
            content = member.read(MAX_MEMBER_BYTES + 1)
        if len(content) > MAX_MEMBER_BYTES:
            raise FlightFormatError(
                f"{shown}: unpacks to more than {MAX_MEMBER_BYTES:,} bytes", hint="Give only the part that is flown."
            )
        return content


def within(name: str, read: Callable[[], _Read]) -> _Read:
    """Return what ``read`` returns; its ``FlightFormatError`` and ``NoRouteError`` name the member."""
    shown = escaped(name, 60)
    try:
        return read()
    except (FlightFormatError, NoRouteError) as error:
        if error.message.startswith(f"{shown}: "):
            raise
        raise type(error)(f"{shown}: {error.message}", hint=error.hint) from None


@contextmanager
def _as_format_error(what: str) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        detail = escaped(str(error) or type(error).__name__)
        raise FlightFormatError(f"{what}: {detail}", hint=_DAMAGED) from None


def _plain(name: str) -> str:
    """Return the name as Unix spells it: some Windows programs write backslashes."""
    return name.replace("\\", "/").removeprefix("./")


def _is_file(info: zipfile.ZipInfo) -> bool:
    """True unless it is a folder, a symbolic link, or what macOS adds beside each file."""
    name = _plain(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    beside = name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("._")
    return kind in (0, stat.S_IFREG) and not name.endswith("/") and not beside
