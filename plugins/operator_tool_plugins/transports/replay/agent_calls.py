"""The recorded calls of an agent that speaks docs/reference/agent-protocol.md, and what each waits for.

What is sent to the agent is cut anew in each run: the batches are those in which tiles became ready. So its answers are
given by what they answer, and not by how many bytes had gone by.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from operator_tool_plugins._recording import Line, Position

from .agent_answers import Answer, Answers, bits_of, mask_of

PROTOCOL = 2
BEGIN = b'{"event":"begin"'
OFFER, DATA, SEAL, CANCEL = 1, 2, 3, 4
_ENTRY_BYTES = struct.calcsize(">BII32sIB")
_U32 = struct.Struct(">I")
_SEAL = struct.Struct(">QQ")

IsDue = Callable[[Position], bool]


class OtherInputError(Exception):
    """This run says what the recorded one can't have said."""


class Call:
    """One call: its lines from ``begin`` to the report, or as far as the recording goes."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.lines: deque[tuple[Line, dict[str, Any]]] = deque()
        self.report: dict[str, Any] | None = None

    def add(self, line: Line, said: dict[str, Any]) -> None:
        """Take in its next line."""
        self.lines.append((line, said))
        if "report" in said:
            self.report = said

    @property
    def is_ok(self) -> bool:
        """The report is there, and good."""
        return self.report is not None and self.report.get("ok") is True


def calls_of(lines: list[Line]) -> tuple[list[Line], list[Call]]:
    """Return what came before the first call, and the calls. What the agent says between calls is left out."""
    noise: list[Line] = []
    calls: list[Call] = []
    for line in lines:
        said = object_of(line.raw[max(0, line.raw.find(BEGIN)) :])
        if said.get("event") == "begin":
            calls.append(Call(str(said.get("verb"))))
        if not calls:
            noise.append(line)
        elif calls[-1].report is None or said.get("event") != "heartbeat":
            calls[-1].add(line, said)
    return noise, calls


def object_of(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line; an empty one where it is none."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


class Answering:
    """Plays a call that waits for nothing but its request."""

    later_s = 0.0
    """How much later it is now than it was in the recording."""
    agent_sha256: str | None = None
    """What the agent says in this run that the hash of its file is; None: as in the recording."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.hears_frames = self.hears_lines = False
        self.is_exhausted = False
        """More was asked than the recording has answers for, which broke off there."""
        self._lines = call.lines.copy()

    @property
    def is_done(self) -> bool:
        """All of it was said."""
        return not self._lines

    def line(self) -> None:
        """Hear a line in the midst of the call."""

    def frame(self, _kind: int, _payload: bytes) -> None:
        """Hear a frame. Raises ``OtherInputError``."""

    def next(self, is_due: IsDue) -> tuple[float, bytes] | None:
        """Return the next line that may be said, and when it came; ``is_due`` judges a recorded position."""
        if not self._lines or not self._may_say(*self._lines[0], is_due):
            return None
        line, said = self._lines.popleft()
        return line.at_s, self._as_now(line, said)

    def _may_say(self, _line: Line, _said: dict[str, Any], _is_due: IsDue) -> bool:
        return True

    def _as_now(self, line: Line, said: dict[str, Any]) -> bytes:
        now: dict[str, Any] = {}
        if "report" in said and type(said.get("clock")) is int:
            # Whether it is wrong was judged against the clock of then.
            now["clock"] = said["clock"] + round(self.later_s)
        if "report" in said and self.agent_sha256 is not None:
            now["agent_sha256"] = self.agent_sha256
        return _encoded({**said, **now}) if now else line.raw


class Building(Answering):
    """``build``: what was made waits for nothing; ``ready`` for the final manifest, the rest for ``commit``."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._heard = self._awaited = 0
        events = [said.get("event") for _, said in call.lines]
        self._turns = [event for event in ("made", "ready") if event in events]

        self.hears_lines = bool(self._turns)

    def line(self) -> None:
        """Hear the manifest, or the commit: two lines belong to it."""
        self._heard += 1
        self.hears_lines = self._heard < 2

    def _may_say(self, _line: Line, said: dict[str, Any], _is_due: IsDue) -> bool:
        if self._heard < self._awaited:
            return False
        self._awaited += said.get("event") in self._turns
        return True


class Sending(Answering):
    """``artefacts``: after what is wanted the files are waited for, up to the seal."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.hears_frames = True
        self._said_wants = False
        self._is_sealed = False

    def frame(self, kind: int, _payload: bytes) -> None:
        """Hear a frame."""
        if kind in (SEAL, CANCEL):
            self.hears_frames, self._is_sealed = False, True

    def _may_say(self, line: Line, said: dict[str, Any], is_due: IsDue) -> bool:
        if self._said_wants and not self._is_sealed:
            return not self.call.is_ok and is_due(line.stdin)
        self._said_wants = said.get("event") == "wants"
        return True


class Receiving(Answering):
    """``receive``: each offer is answered by as many of the recorded answers, tile by tile, as it has tiles."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._lines = deque((line, said) for line, said in call.lines if said.get("event") != "lacks")
        lacks = ((line.at_s, said) for line, said in call.lines if said.get("event") == "lacks")
        tiles = call.report.get("tiles") if call.is_ok and call.report is not None else None
        self._recorded = Answers(
            (Answer(at_s, bits_of(said.get("bits"))) for at_s, said in lacks), tiles if isinstance(tiles, int) else None
        )
        self._answers: deque[tuple[float, bytes]] = deque()
        self._open: deque[list[int]] = deque()
        self._begun = False
        self._sealed = False
        self.hears_frames = True
        self._stored_up_to = -1
        self._tiles = self._bytes = 0

    @property
    def is_done(self) -> bool:
        """All of it was said."""
        return not self._lines and not self._answers

    def frame(self, kind: int, payload: bytes) -> None:
        """Hear an offer, pictures, or the end of them."""
        if kind == OFFER:
            (batch,) = _U32.unpack_from(payload)
            self._offer(batch, (len(payload) - _U32.size) // _ENTRY_BYTES)
        elif kind == DATA:
            self._data(payload)
        elif kind in (SEAL, CANCEL):
            if kind == SEAL:
                self._check_seal(*_SEAL.unpack(payload))
            self.hears_frames = False
            self._sealed = True

    def next(self, is_due: IsDue) -> tuple[float, bytes] | None:
        """Answers go before what else is due; ``begin`` goes before all."""
        if self._begun and self._answers:
            return self._answers.popleft()
        return super().next(is_due)

    def _offer(self, batch: int, tiles: int) -> None:
        answer = None if self.is_exhausted else self._recorded.to(tiles)
        if answer is not None:
            lacking = sum(answer.bits)
            said = {"event": "lacks", "batch": batch, "count": lacking, "bits": mask_of(answer.bits)}
            self._answers.append((answer.at_s, _encoded(said)))
            self._open.append([batch, lacking])
            self._note_stored()
        elif self.call.is_ok:
            raise OtherInputError("more tiles are offered than in the recording")
        else:
            self.is_exhausted = True

    def _data(self, payload: bytes) -> None:
        at = _U32.size
        while at < len(payload):
            (length,) = _U32.unpack_from(payload, at)
            at += _U32.size + length
            self._tiles += 1
            self._bytes += length
            if self._open:
                self._open[0][1] -= 1
                self._note_stored()

    def _note_stored(self) -> None:
        while self._open and self._open[0][1] <= 0:
            self._stored_up_to = self._open.popleft()[0]

    def _check_seal(self, tiles: int, size_bytes: int) -> None:
        report = self.call.report
        if report is None or not self.call.is_ok:
            return
        recorded = report.get("tiles"), report.get("bytes")
        if recorded != (tiles, size_bytes):
            raise OtherInputError(
                f"{tiles} tiles of {size_bytes} bytes are offered, and the recording has {recorded[0]} of {recorded[1]}"
            )

    def _may_say(self, line: Line, said: dict[str, Any], is_due: IsDue) -> bool:
        if said.get("event") == "stored":
            size = said.get("received_bytes")
            return self._sealed or (isinstance(size, int) and self._bytes >= size) or self._gives_up(line, is_due)
        if "report" in said:
            return self._sealed or (not self.call.is_ok and self._gives_up(line, is_due))
        self._begun = True
        return True

    def _gives_up(self, line: Line, is_due: IsDue) -> bool:
        return not self.call.is_ok and (self.is_exhausted or is_due(line.stdin))

    def _as_now(self, line: Line, said: dict[str, Any]) -> bytes:
        """What was received is counted anew: the answers may fall on other tiles than then."""
        if said.get("event") == "stored":
            counted = {"batch": self._stored_up_to, "received": self._tiles, "received_bytes": self._bytes}
        elif "report" in said and self.call.is_ok:
            counted = {"received_tiles": self._tiles, "received_bytes": self._bytes}
        else:
            return line.raw
        return _encoded({**said, **counted})


def _encoded(said: dict[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode("ascii")


PLAYERS: dict[str, type[Answering]] = {"receive": Receiving, "artefacts": Sending, "build": Building}
"""Those verbs that wait for more than their request."""
