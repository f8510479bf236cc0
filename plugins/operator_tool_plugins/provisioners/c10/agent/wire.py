"""Standard input as a request, frames and lines; standard output as JSON lines with a heartbeat."""

from __future__ import annotations

import json
import os
import select
import struct
import threading
import time
from typing import Dict, Optional, Tuple

from .faults import AgentError

MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_PICTURE_BYTES = 4 * 1024 * 1024
MAX_FRAME_BYTES = MAX_PICTURE_BYTES + 64
"""One picture of the largest size must fit into one frame."""
HEARTBEAT_S = 5.0
EXIT_UNHEARD = 74
"""The exit status when nobody reads standard output any more."""

FRAME_HEAD = struct.Struct(">BI")
_READ_BYTES = 64 * 1024


class Inlet:
    """Standard input. Everything that it gives was checked against a cap."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._ahead = b""

    def line(self, at_most_bytes: int, wait_s: float) -> Optional[bytes]:
        """Return the next line without its end, None when the input ends before one is complete."""
        until_s = time.monotonic() + wait_s
        pieces = [self._ahead]
        size = len(self._ahead)
        while b"\n" not in pieces[-1]:
            if size > at_most_bytes:
                break
            if not select.select([self._fd], [], [], max(0.0, until_s - time.monotonic()))[0]:
                raise AgentError("silence", "no line came on standard input for %g s" % wait_s)
            piece = os.read(self._fd, _READ_BYTES)
            if not piece:
                return None
            pieces.append(piece)
            size += len(piece)
        line, _end, self._ahead = b"".join(pieces).partition(b"\n")
        if len(line) > at_most_bytes:
            raise AgentError("protocol", "a line on standard input is longer than %d bytes" % at_most_bytes)
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
            got = os.readv(self._fd, [view[done:]])
            if not got:
                return None
            done += got
        return view


class Outlet:
    """Standard output: whole lines only, from any thread, and a heartbeat while the agent works."""

    def __init__(self, fd: int, run_id: str) -> None:
        self._fd = fd
        self._run_id = run_id
        self._lock = threading.Lock()
        self._closed = False

    def start_heartbeat(self, every_s: float = HEARTBEAT_S) -> None:
        """Say ``heartbeat`` every few seconds from a thread of its own, until the report."""

        def beat() -> None:
            while not self._closed:
                time.sleep(every_s)
                self.event("heartbeat")

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()

    def event(self, name: str, **fields: object) -> None:
        """Say that something happened; nothing is said after the report."""
        self._write({"event": name, **fields}, last=False)

    def report(self, verb: str, ok: bool, fields: Dict[str, object]) -> None:
        """Say the last line."""
        self._write({"report": verb, "run_id": self._run_id, "ok": ok, **fields}, last=True)

    def _write(self, message: Dict[str, object], last: bool) -> None:
        data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
        with self._lock:
            if self._closed:
                return
            self._closed = last
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                os._exit(EXIT_UNHEARD)
