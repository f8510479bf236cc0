"""The files that go with a cache beside its tiles: read and hashed here, and what the companion lacks of them sent."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec

from operator_tool.api import CacheOrder, ConfigError, Meta, Notice, RunContext, TransferError

from .conversation import Conversation, NoAgentError
from .escaping import printable
from .fields import MAX_ITEMS, Count, as_fields
from .manifest import FileEntry
from .place import Place
from .prepare import writing_request
from .process import PING_S
from .report import AgentFailureError
from .settings import C10Settings
from .transfer import as_transfer_error
from .wire import FRAME_BYTES, artefact_frame, ping_frame, seal_frame

MAX_ARTEFACT_BYTES = 4 * 1024 * 1024 * 1024
_TICK_S = 0.2
_Wanted = Annotated[list[tuple[Count, Count]], Meta(max_length=MAX_ITEMS)]
_CHANGED_HINT = "Run the same command again once nobody writes to it."


class Artefact(msgspec.Struct, frozen=True):
    """One file of this machine as it was when it was hashed."""

    source: Path
    entry: FileEntry
    seen: tuple[int, ...]
    """Device, inode, size and time of its last change."""


class Taken(msgspec.Struct, frozen=True):
    """The report of ``artefacts``."""

    files: Count
    bytes: Count
    received_bytes: Count
    copied_bytes: Count


def read_artefacts(settings: C10Settings) -> tuple[Artefact, ...]:
    """Return the configured files, each read once. Raises ``ConfigError`` for one that can't be sent."""
    return tuple(_read(name, path) for name, path in sorted(settings.artefacts.items()))


def listed(artefacts: Sequence[Artefact]) -> list[FileEntry]:
    """Return them as requests and manifests list them."""
    return [artefact.entry for artefact in artefacts]


def send_artefacts(
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    context: RunContext,
    order: CacheOrder,
    artefacts: Sequence[Artefact],
) -> Taken:
    """Send what the companion lacks, once more where a file arrived damaged. Raises as sending tiles does.

    ``ConfigError`` where a file is not what it was when it was hashed.
    """
    try:
        try:
            return _attempt(conversation, place, settings, context, order, artefacts)
        except AgentFailureError as error:
            if error.code != "hash":
                raise
            _check_unchanged(artefacts)
            context.emit(Notice(text=f"a file was damaged on its way, and is sent again: {error.message}"))
            return _attempt(conversation, place, settings, context, order, artefacts)
    except AgentFailureError as error:
        raise as_transfer_error(error, "the artefacts") from None
    except NoAgentError as error:
        raise TransferError(f"the companion's agent is gone: {error}") from None


def _attempt(
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    context: RunContext,
    order: CacheOrder,
    artefacts: Sequence[Artefact],
) -> Taken:
    sender = ArtefactSender(artefacts, context)

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "wants":
            sender.answered(event.get("files"))

    request: dict[str, object] = {
        **writing_request(place, settings, order),
        "keep_free_bytes": settings.keep_free_bytes,
        "mount_point": settings.mount_point,
        "artefacts": listed(artefacts),
    }
    taken = conversation.call(
        "artefacts", request, Taken, TransferError, silence_s=settings.no_progress_s, feed=sender, on_event=on_event
    )
    ours = (len(artefacts), sum(artefact.entry.bytes for artefact in artefacts), sender.sent_bytes)
    theirs = (taken.files, taken.bytes, taken.received_bytes)
    if ours != theirs:
        conversation.close()
        raise TransferError(f"the companion counted {theirs}, this side {ours} (artefacts, bytes, bytes sent)")
    return taken


class ArtefactSender:
    """The standard input of ``artefacts``. ``chunks`` runs in the transport's thread, the rest in the reader's."""

    def __init__(self, artefacts: Sequence[Artefact], context: RunContext) -> None:
        self.sent_bytes = 0
        self._artefacts = artefacts
        self._context = context
        self._answers: queue.SimpleQueue[list[tuple[int, int]] | None] = queue.SimpleQueue()
        self._answered = self._ended = False

    def answered(self, wanted: object) -> None:
        """Take in which files are wanted, each from which byte on."""
        try:
            files = as_fields(wanted, _Wanted)
        except ValueError as error:
            raise TransferError(f"which artefacts the companion wants can't be read: {error}") from None
        places = [place for place, _offset in files]
        if self._answered or places != sorted(set(places)) or not all(map(self._can_be, files)):
            raise TransferError("the companion wants artefacts that were not offered, or says so twice")
        self._answered = True
        size = sum(self._artefacts[place].entry.bytes - offset for place, offset in files)
        if files:
            names = ", ".join(self._artefacts[place].entry.path for place in places)
            self._context.emit(Notice(text=f"sending {printable(names, at_most=300)}: {size / 1e6:,.1f} MB"))
        self._answers.put(files)

    def end(self) -> None:
        """Make ``chunks`` end: the report has come."""
        self._ended = True
        self._answers.put(None)

    def chunks(self) -> Iterator[bytes]:
        """Yield the wanted bytes and the seal."""
        said_s = time.monotonic()
        while (wanted := self._next()) == []:
            if time.monotonic() - said_s >= PING_S:
                said_s = time.monotonic()
                yield ping_frame()
        for place, offset in wanted or []:
            yield from self._pieces(place, offset)
        if not self._ended:
            yield seal_frame(0, 0)

    def _next(self) -> list[tuple[int, int]] | None:
        """Return what is wanted, an empty list where that is not known yet; None where there is nothing to send."""
        self._check_wanted()
        try:
            return self._answers.get(timeout=_TICK_S) or None
        except queue.Empty:
            return []

    def _pieces(self, place: int, offset: int) -> Iterator[bytes]:
        artefact = self._artefacts[place]
        with _opened(artefact.source) as file:
            _check_same(artefact, os.fstat(file.fileno()))
            file.seek(offset)
            left = artefact.entry.bytes - offset
            while left and not self._ended:
                self._check_wanted()
                piece = file.read(min(FRAME_BYTES, left))
                if not piece:
                    raise _changed(artefact)
                left -= len(piece)
                self.sent_bytes += len(piece)
                yield artefact_frame(place, piece)
            _check_same(artefact, os.fstat(file.fileno()))

    def _check_wanted(self) -> None:
        if self._context.cancelled.is_set() or self._context.deadline.passed:
            raise TransferError("sending was given up: the run was cancelled or its deadline passed")

    def _can_be(self, wanted: tuple[int, int]) -> bool:
        place, offset = wanted
        return place < len(self._artefacts) and offset < self._artefacts[place].entry.bytes


def _read(name: str, path: Path) -> Artefact:
    digest = hashlib.sha256()
    size = 0
    with _opened(path, name) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise _unfit(name, path, "is not a file")
        if not 0 < before.st_size <= MAX_ARTEFACT_BYTES:
            seen = "is empty" if not before.st_size else f"has {before.st_size:,} bytes, more than 4 GiB"
            raise _unfit(name, path, seen)
        while piece := file.read(FRAME_BYTES):
            digest.update(piece)
            size += len(piece)
        artefact = Artefact(path, FileEntry(f"artefacts/{name}", digest.hexdigest(), size), _seen(before))
        _check_same(artefact, os.fstat(file.fileno()))
        if size != before.st_size:
            raise _changed(artefact)
    return artefact


@contextlib.contextmanager
def _opened(path: Path, name: str = "") -> Iterator[BinaryIO]:
    try:
        # A pipe must not be waited for; what it is, is looked at by whoever opened it.
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except OSError as error:
        raise _unfit(name or path.name, path, f"can't be read: {error.strerror}") from None
    with file:
        yield file


def _check_unchanged(artefacts: Sequence[Artefact]) -> None:
    for artefact in artefacts:
        if _read(artefact.entry.path.rpartition("/")[2], artefact.source).entry != artefact.entry:
            raise _changed(artefact)


def _check_same(artefact: Artefact, now: os.stat_result) -> None:
    if _seen(now) != artefact.seen:
        raise _changed(artefact)


def _seen(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _changed(artefact: Artefact) -> ConfigError:
    return ConfigError(f"{printable(str(artefact.source))} was changed while it was read or sent", hint=_CHANGED_HINT)


def _unfit(name: str, path: Path, why: str) -> ConfigError:
    return ConfigError(f"c10.artefacts: {printable(name)} = {printable(str(path))} {why}")
