"""The frames of ``receive``, read and hashed in a thread of their own, apart from the database's."""

from __future__ import annotations

import collections
import hashlib
import queue
import struct
import threading
import time
from typing import Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from ..faults import AgentError
from ..wire import FRAME_DATA, FRAME_OFFER, FRAME_PING, FRAME_SEAL, MAX_PICTURE_BYTES, Inlet

MAX_OFFER_TILES = 4096
MAX_ZOOM = 30
_BATCH = struct.Struct(">I")
_ENTRY = struct.Struct(">BII32sIB")
_SEAL = struct.Struct(">QQ")
_QUEUED_JOBS = 12
_QUEUED_BYTES = 8 * 1024 * 1024
_ENTRY_BYTES = 512
"""What an offered tile takes as objects, rounded up."""
_TICK_S = 1.0
_ENOUGH_ENTRIES = 256
_MOMENT_S = 0.3
"""The workstation hands on what it has every quarter of a second."""


class Entry(NamedTuple):
    """One offered tile, XYZ scheme."""

    z: int
    x: int
    y: int
    sha256: bytes
    length: int
    format: int


class Offer(NamedTuple):
    """A batch of offered tiles, in the order of their offering."""

    batch: int
    entries: List[Entry]


class Pictures(NamedTuple):
    """Pictures of a batch whose hashes were checked; ``complete`` when the batch lacks no more."""

    batch: int
    pictures: List[Tuple[bytes, memoryview]]
    complete: bool


class Seal(NamedTuple):
    """All was offered: how many tiles, and the sum of their lengths."""

    tiles: int
    bytes: int


Job = Union[Offer, Pictures, Seal]
_Item = Union[Job, AgentError, None]


class _Jobs:
    """What was read and is not worked off yet, bounded by its bytes: one job, however large, always goes in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: Deque[Tuple[_Item, int]] = collections.deque()
        self._bytes = 0

    def put(self, item: _Item) -> None:
        """Wait for room, and add one."""
        size = _size_of(item)
        with self._changed:
            while self._items and (len(self._items) >= _QUEUED_JOBS or self._bytes + size > _QUEUED_BYTES):
                self._changed.wait()
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()

    def get(self, wait_s: float) -> _Item:
        """Take the oldest. Raises ``queue.Empty`` where there is none within ``wait_s``."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._items), wait_s):
                raise queue.Empty
            item, size = self._items.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return item


def _size_of(item: _Item) -> int:
    if isinstance(item, Offer):
        return len(item.entries) * _ENTRY_BYTES
    return sum(len(picture) for _sha256, picture in item.pictures) if isinstance(item, Pictures) else 0


class Intake:
    """Iterate it for the jobs; it ends after a seal, and without one when the input ends."""

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self._jobs = _Jobs()
        self._expected: Dict[int, Iterator[Entry]] = {}
        self._left: Dict[int, int] = {}
        self._next_batch = 0
        self._ahead: Deque[_Item] = collections.deque()
        threading.Thread(target=self._read, name="intake", daemon=True).start()

    def expect(self, batch: int, lacking: List[Entry]) -> None:
        """Let pictures of this batch come in; to be called before the workstation is told what is lacking."""
        self._expected[batch] = iter(lacking)
        self._left[batch] = len(lacking)

    def peek(self, tick: Callable[[], None]) -> List[Entry]:
        """Wait for what is offered first, a moment longer where that is little, and return it; ``get`` returns it
        again. ``tick`` is called now and then."""
        entries: List[Entry] = []
        until_s = 0.0
        while len(entries) < _ENOUGH_ENTRIES:
            tick()
            left_s = until_s - time.monotonic() if entries else _TICK_S
            if left_s <= 0:
                break
            try:
                job = self._jobs.get(left_s)
            except queue.Empty:
                continue
            self._ahead.append(job)
            if not isinstance(job, Offer):
                break
            until_s = until_s or time.monotonic() + _MOMENT_S
            entries += job.entries
        return entries

    def get(self, wait_s: float) -> Optional[Job]:
        """Return the next job, None at the end. Raises ``queue.Empty`` after ``wait_s``, or what the reading met."""
        job = self._ahead.popleft() if self._ahead else self._jobs.get(wait_s)
        if isinstance(job, AgentError):
            raise job
        return job

    def _read(self) -> None:
        try:
            while True:
                frame = self._inlet.frame()
                if frame is not None and frame[0] == FRAME_PING:
                    continue
                job = None if frame is None else self._job(*frame)
                self._jobs.put(job)
                if job is None or isinstance(job, Seal):
                    return
        except AgentError as error:
            self._jobs.put(error)
        except Exception as error:  # noqa: BLE001 - the other thread waits for this one: it must hear of its end
            self._jobs.put(AgentError("internal", "while reading frames: %s: %s" % (type(error).__name__, error)))

    def _job(self, kind: int, payload: memoryview) -> Job:
        try:
            if kind == FRAME_OFFER:
                return self._offer(payload)
            if kind == FRAME_DATA:
                return self._pictures(payload)
            if kind == FRAME_SEAL:
                return Seal(*_SEAL.unpack(payload))
        except struct.error as error:
            raise AgentError("protocol", "a frame of type %d is malformed: %s" % (kind, error)) from None
        raise AgentError("protocol", "there is no frame of type %d" % kind)

    def _offer(self, payload: memoryview) -> Offer:
        (batch,) = _BATCH.unpack_from(payload)
        entries = [Entry._make(fields) for fields in _ENTRY.iter_unpack(payload[_BATCH.size :])]
        if batch != self._next_batch or not 1 <= len(entries) <= MAX_OFFER_TILES:
            raise AgentError("protocol", "offer %d of %d tiles is out of turn or size" % (batch, len(entries)))
        for z, x, y, _sha256, length, picture_format in entries:
            if z > MAX_ZOOM or x >> z or y >> z or not 1 <= length <= MAX_PICTURE_BYTES or not 1 <= picture_format <= 3:
                raise AgentError("protocol", "an offered tile is out of range: %d/%d/%d, %d bytes" % (z, x, y, length))
        self._next_batch += 1
        return Offer(batch, entries)

    def _pictures(self, payload: memoryview) -> Pictures:
        (batch,) = _BATCH.unpack_from(payload)
        expected = self._expected.get(batch)
        if expected is None:
            raise AgentError("protocol", "pictures of batch %d came before it was answered" % batch)
        at = _BATCH.size
        pictures = []
        while at < len(payload):
            (length,) = _BATCH.unpack_from(payload, at)
            entry = next(expected, None)
            picture = payload[at + 4 : at + 4 + length]
            if entry is None or length != entry.length or len(picture) != length:
                raise AgentError("protocol", "a picture of batch %d is not one that is lacking" % batch)
            if hashlib.sha256(picture).digest() != entry.sha256:
                raise AgentError("hash", "tile %d/%d/%d arrived with other bytes than its hash's" % entry[:3])
            pictures.append((entry.sha256, picture))
            at += 4 + length
        self._left[batch] -= len(pictures)
        complete = self._left[batch] == 0
        if complete:
            del self._left[batch], self._expected[batch]
        return Pictures(batch, pictures, complete)
