"""The installed distributions that have entry points of ours, as their metadata on disk says.

``importlib.metadata`` finds the same and costs more than a whole ``--help``: its import, and an e-mail parser over each
``METADATA`` for a name and a version. It is asked only for what does not lie in a folder: eggs, zipped archives, and
finders of somebody's own. No file is read that a distribution without entry points has, none beyond a bound, and
whatever is wrong with one distribution is told of that one alone.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import Any

from .bounded_files import UnreadableError, read_bounded

ENTRY_POINTS_MOST_BYTES = 1024 * 1024
METADATA_USUAL_BYTES = 1024
"""Name and version stand first in all that tools write."""
METADATA_HEAD_BYTES = 64 * 1024
_SUFFIXES = (".dist-info", ".egg-info")
_NAME = re.compile(rb"^Name:[ \t]*(\S+)[ \t]*\r?$", re.MULTILINE)
_VERSION = re.compile(rb"^Version:[ \t]*(\S+)[ \t]*\r?$", re.MULTILINE)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """One distribution that has, or may have, entry points of ours."""

    name: str
    """Normalized: lower case, words joined by ``-``."""
    version: str
    entry_points: tuple[tuple[str, str, str], ...] = ()
    """Group, name and target of each entry point of ours."""
    broken: tuple[str, ...] = ()
    """What of its metadata can't be relied on; its entry points, where any could be read, are not to be used."""


def installed_distributions(*prefixes: str) -> Iterator[Installed]:
    """Yield the distributions with entry points in groups that begin with a prefix, in the order of the path.

    Of several distributions of one name the first counts, as for an import, whether it has such entry points or not.
    """
    seen: set[str] = set()
    for name, read in _found():
        if name in seen:
            continue
        seen.add(name)
        if (installed := read(prefixes)) is not None:
            yield installed


_Read = Callable[[tuple[str, ...]], Installed | None]


def _found() -> Iterator[tuple[str, _Read]]:
    """Yield each distribution's normalized name, and what reads it."""
    for finder in sys.meta_path:
        if finder is PathFinder:
            for entry in sys.path:
                if isinstance(entry, str):
                    yield from _on_path(entry or ".")
        elif find := getattr(finder, "find_distributions", None):
            yield from _foreign(find)


def _on_path(entry: str) -> Iterator[tuple[str, _Read]]:
    try:
        with os.scandir(entry) as listing:
            names = sorted(one.name for one in listing if one.name.lower().endswith(_SUFFIXES))
    except NotADirectoryError:
        yield from _in_archive(entry)
        return
    except OSError:  # what is not there, or may not be looked into, has nothing to import either
        return
    if entry.lower().rstrip("/").endswith(".egg"):
        yield from _in_archive(entry)
    for name in names:
        if not name.startswith("~"):  # what an installer that broke off has left behind
            folder = os.path.join(entry, name)  # noqa: PTH118 - for hundreds of them
            yield normalized(_stem(name)[0]), _reader(folder, *_stem(name))


def _stem(name: str) -> tuple[str, str]:
    """Return name and version as the folder's name has them."""
    stem, _, suffix = name.rpartition(".")
    # A wheel's folder has no dash but the one before the version; an egg's has the Python after it.
    project, _, version = stem.rpartition("-") if suffix.lower() == "dist-info" and "-" in stem else stem.partition("-")
    return project, version if suffix.lower() == "dist-info" else ""


def _reader(folder: str, project: str, version: str) -> _Read:
    """Return what reads one folder of metadata; its own name has to do where what is in it can't be read."""

    def read(prefixes: tuple[str, ...]) -> Installed | None:
        broken: list[str] = []
        entry_points: tuple[tuple[str, str, str], ...] = ()
        name_and_version = normalized(project), version or "?"
        try:
            text = _text(folder, prefixes)
            entry_points = tuple(_entry_points(text, prefixes, broken))
            if not entry_points and not broken:
                return None
            name_and_version = _name_and_version(folder)
        except UnreadableError as error:
            broken.append(str(error))
        name, said = name_and_version
        return Installed(name=normalized(name), version=said, entry_points=entry_points, broken=tuple(broken))

    return read


def _text(folder: str, prefixes: tuple[str, ...]) -> str:
    """Return the entry points' text where it has a prefix in it, else the empty text. Raises ``UnreadableError``."""
    raw = read_bounded(f"{folder}/entry_points.txt", ENTRY_POINTS_MOST_BYTES)
    if raw is None or not any(prefix.encode() in raw for prefix in prefixes):
        return ""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"its entry_points.txt is not UTF-8: {error.reason}") from error


def _entry_points(text: str, prefixes: tuple[str, ...], broken: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what stands in the groups that begin with a prefix; lines that are none are told in ``broken``."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1]
        elif group.startswith(prefixes):
            name, equals, target = line.partition("=")
            if equals:
                yield group, name.strip(), target.strip()
            else:
                broken.append(f"its entry_points.txt has a line without '=' in [{group}]: {line[:80]!r}")


def _name_and_version(folder: str) -> tuple[str, str]:
    """Return name and version from the head of the metadata. Raises ``UnreadableError``."""
    for file in ("METADATA", "PKG-INFO"):
        for most_bytes in (METADATA_USUAL_BYTES, METADATA_HEAD_BYTES):
            head = read_bounded(f"{folder}/{file}", most_bytes, whole=False)
            if head is None:
                break
            end = _END_OF_HEAD.search(head)
            fields = head[: end.start()] if end else head
            name, version = _NAME.search(fields), _VERSION.search(fields)
            try:
                if name and version:
                    return name[1].decode("utf-8"), version[1].decode("utf-8")
            except UnicodeDecodeError:
                pass
            if end or len(head) < most_bytes or most_bytes == METADATA_HEAD_BYTES:
                raise UnreadableError(f"its {file} has no name and version that can be read")
    raise UnreadableError("it has no METADATA")


def _in_archive(entry: str) -> Iterator[tuple[str, _Read]]:
    import importlib.metadata

    yield from _foreign(lambda: importlib.metadata.distributions(path=[entry]))


def _foreign(find: Callable[[], Iterable[Any]]) -> Iterator[tuple[str, _Read]]:
    """Yield what a finder that is not ours knows; whatever it does is no reason to lose the others."""
    try:
        for distribution in find():
            name = normalized(str(distribution.metadata["Name"]))
            yield name, _foreign_reader(distribution, name)
    except Exception:  # noqa: BLE001 - an archive that can't be read has nothing that could be imported
        return


def _foreign_reader(distribution: Any, name: str) -> _Read:
    def read(prefixes: tuple[str, ...]) -> Installed | None:
        broken: list[str] = []
        try:
            version = str(distribution.version)
            text = distribution.read_text("entry_points.txt") or ""
        except Exception as error:  # noqa: BLE001 - a stranger's finder
            return Installed(name=name, version="?", broken=(f"its metadata can't be read: {error}",))
        entry_points = tuple(_entry_points(text, prefixes, broken))
        if not entry_points and not broken:
            return None
        return Installed(name=name, version=version, entry_points=entry_points, broken=tuple(broken))

    return read


def normalized(name: str) -> str:
    """Return a distribution's name as it is compared and shown."""
    return re.sub(r"[-_.]+", "-", name).lower()
