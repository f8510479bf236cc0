"""One call of the agent, in a process of its own: what it hears, what it says, and whether its report can be relied on."""

import base64
import json
import queue
import struct
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from operator_tool import api

Heard: TypeAlias = "queue.SimpleQueue[dict[str, Any] | None]"
PICTURES = {api.PictureFormat.JPEG: 1, api.PictureFormat.PNG: 2, api.PictureFormat.WEBP: 3}
PING, OFFER, DATA, SEAL = range(4)
SPEAK_S, STUCK_S, NOISE_LINES = 5, 900, 1000


class AgentFailure(Exception):
    """The agent reported a failure, or its report can't be relied on."""

    def __init__(self, code: str, message: object) -> None:
        super().__init__(f"{code}: {api.escape_controls(str(message), limit=500)}")
        self.code = code


def call(
    session: api.CompanionSession,
    argv: Sequence[str],
    request: dict[str, Any],
    says: Callable[[Heard], Iterable[bytes]] = lambda _heard: (),
    silence_s: float = 30,
) -> dict[str, Any]:
    """Return the report. ``says`` gives what follows the request; it hears the agent's events, and None at the end."""
    heard: Heard = queue.SimpleQueue()

    def standard_input() -> Iterator[bytes]:
        yield json.dumps(request).encode() + b"\n"
        yield from says(heard)
        yield from _until("the end", heard, b"\n")  # closed sooner, it would tell the agent that nobody is there

    ending, begun, noise = list[dict[str, Any]](), False, 0
    limits = api.RunLimits(silence_s=silence_s, line_bytes=1024 * 1024)
    try:
        with session.run([*argv, "serve"], stdin=standard_input(), limits=limits) as run:
            for said in map(_parsed, run):
                if said.get("event") == "heartbeat":
                    if said.get("for_s", 0) > STUCK_S:
                        raise api.LinkStalledError(f"the companion's agent got no further for {said['for_s']} s")
                elif ending or "report" in said:
                    ending.append(said)
                    heard.put(None)
                elif begun and "event" in said:
                    heard.put(said)
                begun = begun or (said.get("event"), said.get("run_id")) == ("begin", request["run_id"])
                if (noise := noise + (not begun)) > NOISE_LINES:
                    raise api.LinkError(f"the first {NOISE_LINES} lines were not the agent's", retryable=False)
    finally:
        heard.put(None)
    if not begun:
        why = f"{' '.join(argv)} did not answer (exit {run.exit_status}): {run.stderr_tail[-300:]}"
        raise api.CompanionError(why, hint="operator-tool companion install puts the agent there.")
    return _judged(ending, request, run.exit_status)


def frames(tiles: api.TileSupply, table: api.TileTable, sent: api.TileTable, heard: Heard) -> Iterator[bytes]:
    """Yield what ``receive`` hears: each batch is offered, and what the agent lacks of it sent before the next one."""
    number = 0
    for batch in tiles.batches():
        yield _frame(PING)
        for start in range(0, len(batch), 256):
            offered = batch[start : start + 256]
            table.add(offered)
            yield _frame(OFFER, struct.pack(">I", number), *map(_entry, offered))
            if (answer := (yield from _until("lacks", heard, _frame(PING)))) is None:
                return
            bits = base64.b64decode(answer["bits"])
            for record in (one for place, one in enumerate(offered) if bits[place // 8] & 0x80 >> place % 8):
                sent.add([record])
                yield _frame(DATA, struct.pack(">II", number, record.length_bytes), tiles.read(record))
            number += 1
    yield _frame(SEAL, struct.pack(">QQ", table.tiles, table.bytes))


def final_manifest(manifest: dict[str, Any], heard: Heard) -> Iterator[bytes]:
    """Yield what ``build`` hears: the order with the files that were made, and the word to switch."""
    made = yield from _until("made", heard, b"\n")
    if made is not None:
        final = json.dumps({**manifest, "files": made["files"]})
        yield json.dumps({"manifest": final, "signature": None}).encode() + b"\ncommit\n"


def _until(event: str, heard: Heard, sign_of_life: bytes) -> Generator[bytes, None, dict[str, Any] | None]:
    while True:
        try:
            if (said := heard.get(timeout=SPEAK_S)) is None or said["event"] == event:
                return said
        except queue.Empty:
            yield sign_of_life


def _judged(ending: list[dict[str, Any]], request: dict[str, Any], exit_status: int | None) -> dict[str, Any]:
    report = ending[0] if len(ending) == 1 else {}
    if (report.get("report"), report.get("run_id")) != (request["verb"], request["run_id"]):
        raise AgentFailure("report", f"the last line is not the one report of this call (exit {exit_status})")
    if report.get("ok") is not True:
        error = report["error"] if isinstance(report.get("error"), dict) else {}
        raise AgentFailure(str(error.get("code")), error.get("message"))
    if exit_status != 0:
        raise AgentFailure("report", f"it says that all went well, and the agent ended with {exit_status}")
    return report


def _entry(one: api.TileRecord) -> bytes:
    tile = one.id
    return struct.pack(">BII32sIB", tile.z, tile.x, tile.y, one.sha256, one.length_bytes, PICTURES[one.format])


def _frame(kind: int, *pieces: bytes) -> bytes:
    return struct.pack(">BI", kind, sum(map(len, pieces))) + b"".join(pieces)


def _parsed(line: bytes) -> dict[str, Any]:
    """Return a line's JSON object; an empty one where it is none, or two parsers could read it differently."""
    try:
        said = json.loads(line, object_pairs_hook=_fields, parse_constant=_fields)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _fields(pairs: Any) -> dict[str, Any]:
    if isinstance(pairs, str) or len(dict(pairs)) != len(pairs):
        raise ValueError("NaN, or a key that stands twice")
    return dict(pairs)
