"""``receive``: answer what is lacking, store what comes, commit in batches, and say so."""

from __future__ import annotations

import base64
import functools
import os
import queue
import threading
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..cache_root import prepare_root
from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError, free_space
from ..generations.manifest import read_manifest
from ..generations.origin import refuse_to_replace_another
from ..ground import check_ground
from ..guard import BuildLock, patience_of
from ..idle import Idle
from ..layout import Layout
from .held import HeldPictures
from .intake import Entry, Intake, Offer, Pictures, Seal
from .seed import copy_database, is_worth_it, trusted_current
from .staging import Row, Staging, open_staging

COMMIT_BYTES = 8 * 1024 * 1024
COMMIT_EVERY_S = 1.0
"""A slow link loses at most this much when it breaks."""
IDLE_S = 0.25
MAX_OPEN_BATCHES = 256
MAX_OPEN_TILES = 65_536
"""With what is kept of each, 40 MB."""
_LOOKUP = 900


class _Batch(NamedTuple):
    number: int
    rows: List[Row]
    lacks: bool


def run(call: Call) -> Dict[str, object]:
    """Take in one cache's pictures until the seal; what was committed before an early end is kept."""
    request = call.request
    layout = Layout(request.text("root"))
    content_key = request.content_key()
    check_ground(call, layout)
    call.vehicle.begin(layout)
    note: Dict[str, object] = {
        "operator": request.text("operator", ""),
        "run_id": request.text("run_id"),
        "pid": os.getpid(),
    }
    prepare_root(layout)

    def tick(done: int) -> None:
        call.vehicle.look()
        call.outlet.event("progress", rehashed=done)

    with BuildLock(layout).acquire(patience_of(call, 5.0), note):
        call.vehicle.look()
        failpoint("receive.after_lock")
        refuse_to_replace_another(layout, request.text_or_none("replaces"), request.text("run_id"))
        with open_staging(layout, content_key, tick) as staging:
            failpoint("receive.after_open")
            held = HeldPictures(layout, content_key)
            try:
                intake, idle = Intake(call.inlet), Idle(layout, call.inlet)
                call.dead_man.disarm()
                if staging.is_fresh:
                    _seed(call, layout, staging, held, intake, idle)
                return _receive(call, staging, held, intake, idle)
            finally:
                held.close()


def _seed(call: Call, layout: Layout, staging: Staging, held: HeldPictures, intake: Intake, idle: Idle) -> None:
    """Begin with a copy of the current database where that saves most of the work."""
    current = trusted_current(layout)
    if current is None:
        return

    def wait() -> None:
        idle.look()
        call.outlet.moved("waiting for the first tiles")

    first = intake.peek(wait)
    sample = [entry.sha256 for entry in first[:_LOOKUP]]
    wanted_tiles = call.request.number("wanted_tiles", 0)
    if is_worth_it(held.count(sample), len(sample), read_manifest(current.path).tiles, wanted_tiles):

        def tick() -> None:
            call.vehicle.look()
            call.outlet.moved("copying the current cache")

        staging.begin_as_copy(functools.partial(copy_database, current, tick))


def _receive(call: Call, staging: Staging, held: HeldPictures, intake: Intake, idle: Idle) -> Dict[str, object]:
    flusher = Flusher(staging.path)
    try:
        return Receiver(call, staging, held, flusher, intake, idle).receive()
    finally:
        flusher.close()
        if flusher.error is not None:
            staging.discard()
            raise flusher.error


class Receiver:
    """Works off the jobs of the intake in their order; the only one that touches the database."""

    def __init__(
        self, call: Call, staging: Staging, held: HeldPictures, flusher: "Flusher", intake: Intake, idle: Idle
    ) -> None:
        self._call = call
        self._staging = staging
        self._held = held
        self._flusher = flusher
        self._keep_free_bytes = call.request.number("keep_free_bytes", 0)
        self._intake = intake
        self._idle = idle
        # Batches that wait for pictures, in their order: a tile may show a picture that an earlier batch brings.
        self._open: List[_Batch] = []
        self._coming: Dict[bytes, int] = {}
        self._open_tiles = 0
        self._done_batch = self._said_batch = -1
        self._uncommitted = 0
        self._committed_s = time.monotonic()
        self._tiles = self._bytes = self._received = self._received_bytes = self._copied = 0

    def receive(self) -> Dict[str, object]:
        """Work until the seal and return the report's fields."""
        self._flusher.flush()
        self._staging.begin()
        self._staging.forget_rows()
        while True:
            self._call.outlet.moved("taking in tiles")
            try:
                job = self._intake.get(IDLE_S)
            except queue.Empty:
                self._idle.look()
                self._commit()
                continue
            if isinstance(job, Offer):
                self._answer(job)
            elif isinstance(job, Pictures):
                self._store(job)
            else:
                break
            if self._uncommitted >= COMMIT_BYTES or time.monotonic() - self._committed_s >= COMMIT_EVERY_S:
                self._commit()
        self._commit()
        if job is None:
            raise AgentError("eof", "standard input ended before the seal; %d pictures were kept" % self._received)
        self._call.dead_man.arm()
        self._check(job)
        failpoint("receive.after_seal")
        return {
            "tiles": self._tiles,
            "bytes": self._bytes,
            "received_tiles": self._received,
            "received_bytes": self._received_bytes,
            "copied_tiles": self._copied,
        }

    def _check(self, seal: Seal) -> None:
        rows = self._staging.count_rows()
        if self._open or (seal.tiles, seal.bytes) != (self._tiles, self._bytes) or rows != self._tiles:
            raise AgentError(
                "protocol",
                "sealed with %d tiles of %d bytes; offered were %d of %d, as %d places, and %d batches are open"
                % (seal.tiles, seal.bytes, self._tiles, self._bytes, rows, len(self._open)),
            )

    def _answer(self, offer: Offer) -> None:
        """Say which tiles of the offer are lacking; copy those that another generation holds."""
        ids, copied = self._known([entry.sha256 for entry in offer.entries])
        lacking: List[Entry] = []
        bits = bytearray((len(offer.entries) + 7) // 8)
        rows = []
        for place, entry in enumerate(offer.entries):
            tile_id = ids.get(entry.sha256)
            if tile_id is None:
                tile_id = ids[entry.sha256] = self._coming[entry.sha256] = self._new_id()
                lacking.append(entry)
                bits[place >> 3] |= 0x80 >> (place & 7)
            rows.append((entry.z, entry.x, (1 << entry.z) - 1 - entry.y, tile_id))
            self._bytes += entry.length
        self._tiles += len(rows)
        self._copied += copied
        if lacking:
            self._intake.expect(offer.batch, lacking)
        self._call.outlet.event(
            "lacks", batch=offer.batch, count=len(lacking), bits=base64.b64encode(bytes(bits)).decode("ascii")
        )
        self._open.append(_Batch(offer.batch, rows, bool(lacking)))
        self._open_tiles += len(rows)
        if len(self._open) > MAX_OPEN_BATCHES:
            raise AgentError("protocol", "more than %d batches are open" % MAX_OPEN_BATCHES)
        self._finish_those_that_lack_nothing()
        if self._open_tiles > MAX_OPEN_TILES:
            raise AgentError("protocol", "more than %d tiles are open" % MAX_OPEN_TILES)

    def _known(self, hashes: List[bytes]) -> Tuple[Dict[bytes, int], int]:
        """Return the ids of pictures that are here or coming, and how many were copied from other generations."""
        ids = {sha256: self._coming[sha256] for sha256 in hashes if sha256 in self._coming}
        copied = 0
        unknown = [sha256 for sha256 in dict.fromkeys(hashes) if sha256 not in ids]
        for start in range(0, len(unknown), _LOOKUP):
            part = unknown[start : start + _LOOKUP]
            ids.update(self._staging.find(part))
            for sha256, data in self._held.read([sha256 for sha256 in part if sha256 not in ids]):
                # One after the other: an offer may name gigabytes.
                ids[sha256] = self._new_id()
                self._staging.add(((ids[sha256], sha256, data),), ())
                copied += 1
                self._uncommitted += len(data)
                if self._uncommitted >= COMMIT_BYTES:
                    self._commit()
        return ids, copied

    def _new_id(self) -> int:
        self._staging.next_tile_id += 1
        return self._staging.next_tile_id - 1

    def _store(self, job: Pictures) -> None:
        if not self._open or job.batch != self._open[0].number:
            raise AgentError("protocol", "pictures of batch %d came out of turn" % job.batch)
        pictures = [(self._coming.pop(sha256), sha256, data) for sha256, data in job.pictures]
        self._staging.add(pictures, ())
        size = sum(len(data) for _sha256, data in job.pictures)
        self._received += len(pictures)
        self._received_bytes += size
        self._uncommitted += size
        if job.complete:
            self._finish_first()
            self._finish_those_that_lack_nothing()

    def _finish_those_that_lack_nothing(self) -> None:
        while self._open and not self._open[0].lacks:
            self._finish_first()

    def _finish_first(self) -> None:
        batch = self._open.pop(0)
        self._open_tiles -= len(batch.rows)
        self._staging.add((), batch.rows)
        self._done_batch = batch.number

    def _commit(self) -> None:
        """Commit the open transaction, and say which batch is the last that is kept."""
        self._committed_s = time.monotonic()
        if not self._uncommitted and self._done_batch == self._said_batch:
            return
        failpoint("receive.before_commit")
        self._staging.commit()
        failpoint("receive.after_commit")
        self._staging.begin()
        self._uncommitted = 0
        self._flusher.flush()
        self._call.outlet.event(
            "stored", batch=self._done_batch, received=self._received, received_bytes=self._received_bytes
        )
        # Armed meanwhile: what came so far is kept for later.
        self._call.vehicle.look()
        space = free_space(self._staging.path)
        free_bytes = space.get("free_bytes")
        if isinstance(free_bytes, int) and free_bytes < self._keep_free_bytes:
            raise AgentError(
                "disk",
                "only %d bytes are free, and %d must stay free" % (free_bytes, self._keep_free_bytes),
                {**space, "needed_bytes": self._keep_free_bytes},
            )
        self._said_batch = self._done_batch


class Flusher:
    """Has the disk write what was committed while more is coming, so that the last sync is short."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._wake = threading.Event()
        self._stop = False
        self.error: Optional[OSError] = None
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Start writing to the disk what is there now; does not wait. Raises what an earlier writing met."""
        if self.error is not None:
            raise self.error
        self._wake.set()

    def close(self) -> None:
        """Stop, and wait for what is under way; ``error`` is then what the disk could not write."""
        self._stop = True
        self._wake.set()
        self._thread.join()
        os.close(self._fd)

    def _run(self) -> None:
        while self._wake.wait() and not self._stop:
            self._wake.clear()
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self.error = error
                return
