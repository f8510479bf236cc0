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
from typing import Dict, Optional, Tuple

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
        pieces = [self._ahead]
        size = len(self._ahead)
        while b"\n" not in pieces[-1]:
            if size > at_most_bytes:
                break
            left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
            if not select.select([self.fd], [], [], left_s)[0]:
                raise AgentError("silence", "no line came on standard input for %g s" % (wait_s or 0))
            piece = os.read(self.fd, _READ_BYTES)
            self._reads += 1
            if not piece:
                return None
            pieces.append(piece)
            size += len(piece)
        line, _end, self._ahead = b"".join(pieces).partition(b"\n")
        if len(line) > at_most_bytes:
            raise AgentError("protocol", "a line on standard input is longer than %d bytes" % at_most_bytes)
        return line

    def word(self, at_most_bytes: int, wait_s: float) -> Optional[bytes]:
        """Return the next line that is not empty, as ``line`` does."""
        until_s = time.monotonic() + wait_s
        while True:
            line = self.line(at_most_bytes, max(0.0, until_s - time.monotonic()))
            if line != b"":
                return line

    def frame(self) -> Optional[Tuple[int, memoryview]]:
        """Return the next frame's type and payload, None when the input ends, also in the middle of a frame."""
        head = self._exactly(FRAME_HEAD.size)
        if head is None:
            return None
        kind, size = FRAME_HEAD.unpack(head)
        if size > MAX_FRAME_BYTES:
            raise AgentError("protocol", "a frame of %d bytes is beyond the cap of %d" % (size, MAX_FRAME_BYTES))
        payload = self._exactly(size)
        return None if payload is None else (kind, payload)

    def _exactly(self, size: int) -> Optional[memoryview]:
        view = memoryview(bytearray(size))
        done = min(size, len(self._ahead))
        view[:done] = self._ahead[:done]
        self._ahead = self._ahead[done:]
        while done < size:
            got = os.readv(self.fd, [view[done:]])
            self._reads += 1
            if not got:
                return None
            done += got
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

    def begin(self, verb: str, protocol: int, run_id: str) -> None:
        """Say the first line of a call, and ``heartbeat`` every few seconds from then on."""
        self._run_id = run_id
        self.moved(verb)
        self.event("begin", verb=verb, protocol=protocol, run_id=run_id)
        if not self._beats:
            self._beats = True
            threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def moved(self, doing: str = "") -> None:
        """Note that the work goes on, and what is begun now: a heartbeat tells for how long it has not."""
        self._moved_s = time.monotonic()
        self._doing = doing or self._doing

    def event(self, name: str, **fields: object) -> None:
        """Say that something happened; nothing is said after the last report."""
        self.moved()
        self._write({"event": name, **fields}, last=False)

    def report(self, verb: str, ok: bool, fields: Dict[str, object]) -> None:
        """Say the last line of a call; where more calls may come, heartbeats alone can follow."""
        self._write({"report": verb, "run_id": self._run_id, "ok": ok, **fields}, last=not self._serving)

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
                self._put({"event": "heartbeat", **still})

    def _write(self, message: Dict[str, object], last: bool) -> None:
        with self._lock:
            if "report" in message:
                self._doing = ""
            self._put(message)
            self._closed = self._closed or last

    def _put(self, message: Dict[str, object]) -> None:
        if self._closed:
            return
        data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            end_now(EXIT_UNHEARD)
