"""One agent process at the end of a pipe, driven as a workstation drives it, and watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from operator_tool.api import CacheOrder, TileRecord
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.wire import data_frame, lacking, offer_frame, seal_frame
from tests.support.c10_rig import final_line, request_of

from .pictures import Stream

_FRAME_TILES = 32
_WATCH_S = 0.01
_AHEAD = 3


class Provisioned(msgspec.Struct, frozen=True):
    """What it took to make a cache of a stream."""

    seconds: float
    """From the first frame to the report."""
    sent_tiles: int
    peak_bytes: int
    """Of resident memory."""
    written_bytes: int
    """That reached the disk's queue, by the kernel's account of the process."""


class Agent:
    """Starts ``serve``; a context manager that ends it."""

    def __init__(self, folder: Path, root: Path) -> None:
        file = folder / agent_bundle().name
        if not file.exists():
            file.write_bytes(agent_bundle().data)
        self._root = root
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(file), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.peak_bytes = self.written_bytes = 0
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()
        self._watcher.join()

    def ask(self, verb: str, order: CacheOrder, **fields: object) -> None:
        """Make a request."""
        self._say(json.dumps({**request_of(self._root, order), "verb": verb, **fields}).encode() + b"\n")

    def report(self) -> dict[str, Any]:
        """Return the report of the call at hand. Raises ``RuntimeError`` where it failed."""
        return next(said for said in self._lines() if "report" in said)

    def provision(self, order: CacheOrder, stream: Stream) -> Provisioned:
        """Have a stream received and made the current generation."""
        self.ask("hello", order)
        greeting = self.report()
        begun_s = time.perf_counter()
        self.ask("receive", order, wanted_tiles=stream.tiles)
        sent = self._send(stream)
        order_text = _order_text(order, greeting, stream)
        self.ask("build", order, manifest=order_text, last=True)
        for said in self._lines():
            if said.get("event") == "made":
                self._say(final_line(order_text, said["files"]) + b"commit\n")
            elif said.get("report") == "build":
                break
        seconds = time.perf_counter() - begun_s
        return Provisioned(seconds, sent, self.peak_bytes, self.written_bytes)

    def _send(self, stream: Stream) -> int:
        sent = 0
        lacks = (said for said in self._lines() if said.get("event") == "lacks")
        waiting: deque[tuple[int, tuple[Sequence[TileRecord], list[bytes]]]] = deque()
        # Some batches are offered ahead, so that the agent never waits for a round trip.
        for number, batch in enumerate(stream):
            self._say(offer_frame(number, batch[0]))
            waiting.append((number, batch))
            if len(waiting) > _AHEAD:
                sent += self._send_lacking(*waiting.popleft(), next(lacks)["bits"])
        while waiting:
            sent += self._send_lacking(*waiting.popleft(), next(lacks)["bits"])
        self._say(seal_frame(stream.tiles, stream.bytes))
        self.report()
        return sent

    def _send_lacking(self, number: int, batch: tuple[Sequence[TileRecord], list[bytes]], bits: str) -> int:
        records, pictures = batch
        by_record = dict(zip(records, pictures, strict=True))
        wanted = lacking(records, bits)
        for start in range(0, len(wanted), _FRAME_TILES):
            self._say(data_frame(number, [by_record[record] for record in wanted[start : start + _FRAME_TILES]]))
        return len(wanted)

    def _lines(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if said.get("ok") is False:
                raise RuntimeError(f"the agent failed: {said}")
            yield said
        raise RuntimeError("the agent ended")

    def _say(self, data: bytes) -> None:
        assert self._process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._process.stdin.fileno(), view) :]

    def _watch(self) -> None:
        """Note what the kernel says of the process: not what its parent had in memory when it was started."""
        folder = Path("/proc") / str(self._process.pid)
        while self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError, StopIteration):
                status, counts = (folder / "status").read_text(), (folder / "io").read_text()
                self.peak_bytes = max(self.peak_bytes, _number(status, "VmHWM:") * 1024)
                self.written_bytes = _number(counts, "write_bytes:")
            time.sleep(_WATCH_S)


def _number(text: str, name: str) -> int:
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name)))


def _order_text(order: CacheOrder, greeting: dict[str, Any], stream: Stream) -> str:
    return json.dumps(
        {
            "format": 2,
            "content_key": order.content_key,
            "run_id": order.run_id,
            "seq": greeting["highest_seq"] + 1,
            "companion_id": greeting["companion_id"],
            "nonce": greeting["nonce"],
            "tiles": stream.tiles,
            "bytes": stream.bytes,
            "tiles_digest": stream.digest,
            "metadata": {"name": "benchmark", "format": "jpg"},
            "artefacts": [],
            "stages": [],
        }
    )
