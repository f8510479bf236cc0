"""``receive``: offer every tile, send what is lacking while the download goes on, without a round trip per tile."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from operator_tool.api import (
    BuildLockHeldError,
    CacheOrder,
    Notice,
    NotReadyError,
    OperatorToolError,
    RunContext,
    TileRecord,
    TileSupply,
    TileTable,
    TransferError,
    TransferSummary,
)

from .conversation import Conversation, NoAgentError, Progress
from .fields import Count
from .place import Place
from .prepare import replaced_error, writing_request
from .process import PING_S
from .report import AgentFailureError, holder_text
from .settings import C10Settings
from .wire import (
    FRAME_BYTES,
    MAX_OFFER_TILES,
    cancel_frame,
    data_frame,
    lacking,
    offer_frame,
    ping_frame,
    seal_frame,
)

WINDOW_BATCHES = 64
WINDOW_TILES = 8 * MAX_OFFER_TILES
WINDOW_BYTES = 64 * 1024 * 1024
"""How much may be offered and not yet answered and sent: enough to fill a link of 100 MB/s at 600 ms."""
_TICK_S = 0.2
NOT_READY = ("armed", "not_mounted", "not_ready")
"""The agent's codes for what has changed on the companion since it was asked whether it can be built."""
KEPT_HINT = "What was received is kept there. Put right what is named above, and run the same command again."

Follow = Callable[[TileTable, str], bytes]
"""Gives what follows the tiles, from their table and its digest."""


class Received(msgspec.Struct, frozen=True):
    """The report of ``receive``."""

    tiles: Count
    bytes: Count
    received_tiles: Count
    received_bytes: Count
    copied_tiles: Count


class Sent:
    """What was sent over the link, by all attempts together."""

    def __init__(self) -> None:
        self.tiles = self.bytes = 0


def transfer(
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    context: RunContext,
    order: CacheOrder,
    tiles: TileSupply,
    sent: Sent,
    follow: Follow,
) -> tuple[TransferSummary, TileTable]:
    """Send, once more when a picture arrived damaged; return what it took and the table of what was offered.

    What ``follow`` gives is sent right behind the last frame: the agent goes on without waiting for another round trip.
    """
    try:
        try:
            sender = _attempt(conversation, place, settings, context, order, tiles, sent, follow)
        except AgentFailureError as error:
            if error.code != "hash":
                raise
            context.emit(Notice(text=f"a picture was damaged on its way, and is sent again: {error.message}"))
            sender = _attempt(conversation, place, settings, context, order, tiles, sent, follow)
    except AgentFailureError as error:
        conversation.close()
        raise as_transfer_error(error, "the tiles") from None
    except NoAgentError as error:
        raise TransferError(f"the companion's agent is gone: {error}") from None
    table = sender.table
    return (
        TransferSummary(
            offered_tiles=table.tiles,
            sent_tiles=sent.tiles,
            sent_bytes=sent.bytes,
            saved_bytes=max(0, table.bytes - sent.bytes),
            tiles_digest=sender.digest(),
        ),
        table,
    )


def _attempt(
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    context: RunContext,
    order: CacheOrder,
    tiles: TileSupply,
    sent: Sent,
    follow: Follow,
) -> Sender:
    sender = Sender(tiles, context, follow)
    progress = Progress(context, "transfer")

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "lacks":
            sender.answered(event.get("batch"), event.get("bits"))
        elif event["event"] == "stored":
            stored = event.get("batch")
            progress.tell(sender.tiles_up_to(stored), order.wanted_tiles, sender.sent_bytes)

    request: dict[str, object] = {
        **writing_request(place, settings, order),
        "keep_free_bytes": settings.keep_free_bytes,
        "mount_point": settings.mount_point,
        "wanted_tiles": order.wanted_tiles,
    }
    try:
        received = conversation.call(
            "receive",
            request,
            Received,
            TransferError,
            silence_s=settings.no_progress_s,
            goes_on_after="hash",
            feed=sender,
            on_event=on_event,
        )
    finally:
        sent.tiles += sender.sent_tiles
        sent.bytes += sender.sent_bytes
    table = sender.table
    ours = (table.tiles, table.bytes, sender.sent_tiles, sender.sent_bytes)
    theirs = (received.tiles, received.bytes, received.received_tiles, received.received_bytes)
    if ours != theirs:
        conversation.close()
        raise TransferError(f"the companion counted {theirs}, this side {ours} (tiles, bytes, tiles sent, bytes sent)")
    progress.tell(table.tiles, table.tiles, sender.sent_bytes)
    return sender


class Sender:
    """The standard input of ``receive``. ``chunks`` runs in the transport's thread, the rest in the reader's."""

    def __init__(self, tiles: TileSupply, context: RunContext, follow: Follow = lambda _table, _digest: b"") -> None:
        self.table = TileTable()
        self._follow = follow
        self._digest = ""
        self._digesting = threading.Lock()
        self.sent_tiles = self.sent_bytes = 0
        self._supply = tiles
        self._context = context
        self._answers: queue.SimpleQueue[tuple[int, str] | None] = queue.SimpleQueue()
        self._open: deque[tuple[int, Sequence[TileRecord]]] = deque()
        self._open_tiles = self._open_bytes = 0
        self._ended = False
        self._said_s = time.monotonic()
        # The number of tiles offered up to and with each batch, for the progress.
        self._up_to: list[int] = []
        self._answered = 0

    def answered(self, batch: object, bits: object) -> None:
        """Take in the answer to one offer; they come in the order of the offers."""
        if batch != self._answered or not isinstance(bits, str) or self._answered >= len(self._up_to):
            raise TransferError("the companion answered an offer that was not made, or out of turn")
        self._answers.put((self._answered, bits))
        self._answered += 1

    def tiles_up_to(self, batch: object) -> int:
        """Return how many tiles are stored once this batch is."""
        known = isinstance(batch, int) and 0 <= batch < len(self._up_to)
        return self._up_to[batch] if known and isinstance(batch, int) else 0

    def digest(self) -> str:
        """Return the digest over the table, computed once it is whole; from any thread."""
        with self._digesting:
            self._digest = self._digest or self.table.digest()
            return self._digest

    def end(self) -> None:
        """Make ``chunks`` end: no more answers will come."""
        self._answers.put(None)

    def chunks(self) -> Iterator[bytes]:
        """Yield offers, pictures and the seal; where the report came before, the sign that no more will follow."""
        for frame in self._frames():
            self._said_s = time.monotonic()
            yield frame
        if self._ended:
            yield cancel_frame()

    def _frames(self) -> Iterator[bytes]:
        for batch in self._supply.batches():
            for start in range(0, len(batch), MAX_OFFER_TILES):
                yield self._offer(batch[start : start + MAX_OFFER_TILES])
                yield from self._send(until_room=True)
                if self._ended:
                    return
            if not batch:
                yield from self._send(until_room=True)
                yield from self._ping()
        yield from self._send(until_room=False)
        if not self._ended:
            yield seal_frame(self.table.tiles, self.table.bytes)
            if line := self._follow(self.table, self.digest()):
                yield line

    def _ping(self) -> Iterator[bytes]:
        """The agent takes a long silence for a link that is gone."""
        if time.monotonic() - self._said_s >= PING_S:
            yield ping_frame()

    def _offer(self, records: Sequence[TileRecord]) -> bytes:
        number = len(self._up_to)
        self._open.append((number, records))
        self._open_tiles += len(records)
        self._open_bytes += sum(record.length_bytes for record in records)
        self.table.add(records)
        self._up_to.append(self.table.tiles)
        return offer_frame(number, records)

    def _send(self, *, until_room: bool) -> Iterator[bytes]:
        """Send what was answered; wait for answers only while the window is full, or until nothing is open."""
        while self._open and not self._ended:
            full = (
                len(self._open) >= WINDOW_BATCHES
                or self._open_tiles >= WINDOW_TILES
                or self._open_bytes >= WINDOW_BYTES
            )
            wait = full or not until_room
            answer = self._next_answer(wait=wait)
            if answer is None:
                if not wait:
                    return
                yield from self._ping()
                continue
            number, records = self._open.popleft()
            self._open_tiles -= len(records)
            self._open_bytes -= sum(record.length_bytes for record in records)
            try:
                wanted = lacking(records, answer[1])
            except ValueError as error:
                raise TransferError(f"the companion's answer can't be read: {error}") from None
            yield from self._pictures(number, wanted)

    def _pictures(self, number: int, wanted: Sequence[TileRecord]) -> Iterator[bytes]:
        pictures: list[bytes] = []
        size = 0
        for record in wanted:
            picture = self._supply.read(record)
            if pictures and size + len(picture) > FRAME_BYTES:
                yield self._data(number, pictures, size)
                pictures, size = [], 0
            pictures.append(picture)
            size += len(picture)
        if pictures:
            yield self._data(number, pictures, size)

    def _data(self, number: int, pictures: Sequence[bytes], size: int) -> bytes:
        self.sent_tiles += len(pictures)
        self.sent_bytes += size
        return data_frame(number, pictures)

    def _next_answer(self, *, wait: bool) -> tuple[int, str] | None:
        """Return the next answer; None when there is none yet, also after a moment's wait, or when all is over."""
        if self._context.cancelled.is_set() or self._context.deadline.passed:
            raise TransferError("sending was given up: the run was cancelled or its deadline passed")
        try:
            answer = self._answers.get(timeout=_TICK_S) if wait else self._answers.get_nowait()
        except queue.Empty:
            return None
        self._ended = answer is None
        return answer


def as_transfer_error(error: AgentFailureError, what: str) -> OperatorToolError:
    """Return what an operator is told where the agent could not take ``what``."""
    if error.code == "replaced":
        return replaced_error(error)
    if error.code == "busy":
        holder = holder_text(error.details.get("holder"))
        return BuildLockHeldError(
            f"another build is running on the companion ({holder or error.message})", holder=holder
        )
    if error.code in NOT_READY:
        return NotReadyError((error.message,), hint=KEPT_HINT)
    if error.code == "disk":
        free, needed = error.details.get("free_bytes"), error.details.get("needed_bytes")
        room = f"; {free / 1e6:,.1f} MB are free there" if isinstance(free, int) else ""
        room += f", {needed / 1e6:,.1f} MB are needed" if isinstance(needed, int) else ""
        return TransferError(
            f"the companion's disk failed or is full: {error.message}{room}",
            hint="Free space on the companion, or check its disk, and run the same command again.",
        )
    return TransferError(f"the companion could not take {what}: {error}")
