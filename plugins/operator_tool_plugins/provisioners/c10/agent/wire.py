"""Standard input as a request, frames and lines; standard output as JSON lines with a heartbeat."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import struct
import termios
import threading
import time
from typing import Callable, Dict, Optional, Tuple

from .ending import end_now
from .faults import AgentError

MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_PICTURE_BYTES = 4 * 1024 * 1024
MAX_FRAME_BYTES = MAX_PICTURE_BYTES + 64
"""One picture of the largest size must fit into one frame."""
HEARTBEAT_S = 5.0
EXIT_UNHEARD = 74
"""The exit status when nobody reads standard output any more."""

FRAME_PING, FRAME_OFFER, FRAME_DATA, FRAME_SEAL, FRAME_CANCEL, FRAME_ARTEFACT = range(6)
FRAME_HEAD = struct.Struct(">BI")
_BEHIND_BYTES = 4096
_COUNT = struct.Struct("=i")
_READ_BYTES = 64 * 1024
_MAX_PASSED_BYTES = 256 * 1024 * 1024
"""How much of a line that is too long is passed over."""
_PASS_S = 5.0
MAX_REPORT_BYTES = 1024 * 1024
"""A workstation reads no longer line."""
_MAX_CUT_ITEMS, _MAX_CUT_TEXT, _MAX_CUT_DEPTH = 100, 1000, 8
_LOOK_S = 0.5
_SET_PIPE_SIZE = 1031
"""Linux's F_SETPIPE_SZ, which the module fcntl knows from Python 3.10 on."""
_PIPE_BYTES = 1024 * 1024
"""As much as any user may have."""


class Inlet:
    """Standard input. Everything that it gives was checked against a cap."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        with contextlib.suppress(OSError):
            # Fewer and larger reads; only a pipe has a size.
            fcntl.fcntl(fd, _SET_PIPE_SIZE, _PIPE_BYTES)
        self._ahead = b""
        self._reads = 0
        self._in_line = False
        self._frames = self._bulk_bytes = 0

    def heard(self) -> Tuple[int, int]:
        """Return what changes whenever something comes, read or not."""
        return self._reads, self._unread_bytes()

    def is_behind(self) -> bool:
        """Tell whether more than words lies there unread: whoever sent it may be waiting for us."""
        return self._unread_bytes() >= _BEHIND_BYTES

    def line(self, at_most_bytes: int, wait_s: Optional[float]) -> Optional[bytes]:
        """Return the next line without its end, None when the input ends before one is complete.

        Without ``wait_s`` it waits for ever; else it raises ``silence``.
        """
        until_s = None if wait_s is None else time.monotonic() + wait_s
        # One piece of memory, however small the pieces are in which it comes.
        data = bytearray(self._ahead)
        end = data.find(b"\n")
        while end < 0 and len(data) <= at_most_bytes:
            left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
            if not select.select([self.fd], [], [], left_s)[0]:
                raise AgentError("silence", "no line came on standard input for %g s" % (wait_s or 0))
            piece = os.read(self.fd, _READ_BYTES)
            self._reads += 1
            if not piece:
                return None
            size = len(data)
            data += piece
            end = data.find(b"\n", size)
        if not 0 <= end <= at_most_bytes:
            self._in_line, self._ahead = end < 0, bytes(data[end + 1 :]) if end >= 0 else b""
            raise AgentError("protocol", "a line on standard input is longer than %d bytes" % at_most_bytes)
        line, self._ahead = bytes(data[:end]), bytes(data[end + 1 :])
        return line

    def pass_over(self) -> None:
        """Read on to the end of a line that was too long: who still sends it does not hear why before that."""
        left = _MAX_PASSED_BYTES
        while self._in_line and left > 0 and select.select([self.fd], [], [], _PASS_S)[0]:
            piece = os.read(self.fd, _READ_BYTES)
            self._reads += 1
            left -= len(piece)
            self._in_line = bool(piece) and b"\n" not in piece

    def word(self, at_most_bytes: int, wait_s: float) -> Optional[bytes]:
        """Return the next line that is not empty, as ``line`` does."""
        until_s = time.monotonic() + wait_s
        while True:
            line = self.line(at_most_bytes, max(0.0, until_s - time.monotonic()))
            if line != b"":
                return line

    def frame(self, look: Optional[Callable[[], None]] = None) -> Optional[Tuple[int, memoryview]]:
        """Return the next frame's type and payload, None when the input ends, also in the middle of a frame.

        ``look`` is called at least once a second meanwhile, and may raise.
        """
        head = self._exactly(FRAME_HEAD.size, look, False)
        if head is None:
            return None
        kind, size = FRAME_HEAD.unpack(head)
        if size > MAX_FRAME_BYTES:
            raise AgentError("protocol", "a frame of %d bytes is beyond the cap of %d" % (size, MAX_FRAME_BYTES))
        payload = self._exactly(size, look, kind != FRAME_PING)
        if payload is None:
            return None
        self._frames += kind != FRAME_PING
        return kind, payload

    def progress(self) -> Tuple[int, int]:
        """Return what changes with each frame that is more than a sign of life, and within a large one."""
        return self._frames, self._bulk_bytes // _READ_BYTES

    def _exactly(self, size: int, look: Optional[Callable[[], None]], counts: bool) -> Optional[memoryview]:
        view = memoryview(bytearray(size))
        done = min(size, len(self._ahead))
        view[:done] = self._ahead[:done]
        self._ahead = self._ahead[done:]
        while done < size:
            if look is not None:
                look()
                if not select.select([self.fd], [], [], _LOOK_S)[0]:
                    continue
            got = os.readv(self.fd, [view[done:]])
            self._reads += 1
            if not got:
                return None
            done += got
            self._bulk_bytes += got if counts else 0
        return view

    def _unread_bytes(self) -> int:
        try:
            (count,) = _COUNT.unpack(fcntl.ioctl(self.fd, termios.FIONREAD, bytes(_COUNT.size)))
        except OSError:
            return 0
        return int(count)


class Outlet:
    """Standard output: whole lines only, from any thread, and a heartbeat while the agent works."""

    def __init__(self, fd: int, serving: bool) -> None:
        self._fd = fd
        self._serving = serving
        self._run_id = ""
        self._doing = ""
        self._moved_s = time.monotonic()
        self._lock = threading.Lock()
        self._beats = False
        self._closed = False
        self._writes = self._writing = 0

    def begin(self, verb: str, protocol: int, run_id: str) -> None:
        """Say the first line of a call, and ``heartbeat`` every few seconds from then on."""
        self._run_id = run_id
        self.moved(verb)
        self.event("begin", verb=verb, protocol=protocol, run_id=run_id)
        if not self._beats:
            self._beats = True
            threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def forget(self) -> None:
        """Let what follows be of no run that is known."""
        self._run_id = ""

    def moved(self, doing: str = "") -> None:
        """Note that the work goes on, and what is begun now: a heartbeat tells for how long it has not."""
        self._moved_s = time.monotonic()
        self._doing = doing or self._doing

    def event(self, name: str, **fields: object) -> None:
        """Say that something happened; nothing is said after the last report."""
        self.moved()
        data = _line({"event": name, **fields})
        if len(data) > MAX_REPORT_BYTES:
            raise AgentError("protocol", "what is to be told of %s has %d bytes: no line may" % (name, len(data)))
        with self._lock:
            self._put(data)

    def report(self, verb: str, ok: bool, fields: Dict[str, object]) -> None:
        """Say the last line of a call; where more calls may come, heartbeats alone can follow."""
        said: Dict[str, object] = {"report": verb, "run_id": self._run_id, "ok": ok}
        try:
            data = _line({**said, **fields})
            if len(data) > MAX_REPORT_BYTES:
                data = _line({**said, **{name: _cut(value, _MAX_CUT_DEPTH) for name, value in fields.items()}})
            problem = "it would have %d bytes" % len(data) if len(data) > MAX_REPORT_BYTES else ""
        except (ValueError, TypeError, RecursionError) as error:
            problem = "%s: %s" % (type(error).__name__, str(error)[:200])
        if problem:
            error_fields = {"code": "internal", "message": "the report can't be told: %s" % problem}
            data = _line({**said, "ok": False, "error": error_fields})
        with self._lock:
            self._doing = ""
            self._put(data)
            self._closed = self._closed or not self._serving

    def writing(self) -> int:
        """Return a number of its own for the write that is waited for; 0 while there is none."""
        return self._writing

    def close(self) -> None:
        """Say nothing any more."""
        with self._lock:
            self._closed = True

    def _beat(self) -> None:
        while not self._closed:
            time.sleep(HEARTBEAT_S)
            with self._lock:
                # Between calls nothing is to move.
                still = {"doing": self._doing, "for_s": int(time.monotonic() - self._moved_s)} if self._doing else {}
                self._put(_line({"event": "heartbeat", **still}))

    def _put(self, data: bytes) -> None:
        if self._closed:
            return
        try:
            while data:
                self._writes += 1
                self._writing = self._writes
                data = data[os.write(self._fd, data) :]
        except OSError:
            end_now(EXIT_UNHEARD)
        self._writing = 0


def _line(message: Dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _cut(value: object, depth: int) -> object:
    """Return what is told of something that is too long to be told whole."""
    if isinstance(value, str):
        return value if len(value) <= _MAX_CUT_TEXT else value[:_MAX_CUT_TEXT] + "..."
    if isinstance(value, (list, tuple)):
        return [_cut(item, depth - 1) for item in value[:_MAX_CUT_ITEMS]] if depth else []
    if isinstance(value, dict):
        names = list(value)[:_MAX_CUT_ITEMS] if depth else []
        return {str(name)[:_MAX_CUT_TEXT]: _cut(value[name], depth - 1) for name in names}
    return value
