"""The script of an agent that speaks docs/reference/agent-protocol.md: call by call, each when it is asked for."""

from __future__ import annotations

import struct
from collections import deque
from typing import Any

from operator_tool.api import LinkError, escape_controls

from .agent_calls import BEGIN, PLAYERS, PROTOCOL, Answering, Call, OtherInputError, calls_of, object_of
from .reading import PlayedRun
from .same_words import hash_in
from .script import OTHERWISE_HINT, Ending, Saying, Script

_HEAD = struct.Struct(">BI")


def is_agent(run: PlayedRun) -> bool:
    """Tell whether a recorded program speaks the agent's protocol."""
    return any(
        BEGIN in line.raw and object_of(line.raw[line.raw.find(BEGIN) :]).get("protocol") == PROTOCOL
        for line in run.lines
    )


class AgentScript(Script):
    """Answers requests by the calls of the recording, in their order."""

    beats = True

    def __init__(self, run: PlayedRun, later_s: float) -> None:
        """``later_s`` is how much later it is now than it was when the recording was begun."""
        super().__init__(run)
        self._later_s = later_s
        noise, calls = calls_of(run.lines)
        self._noise = deque(noise)
        self._calls = deque(calls)
        self._last: Call | None = None
        self._players: deque[Answering] = deque()
        self._hearing: Answering | None = None
        self._unread = bytearray()
        self._other: LinkError | None = None
        self._is_beyond = False

    def hear(self, data: bytes) -> None:
        """Take in requests, and what belongs to them."""
        super().hear(data)
        self._unread += data
        try:
            while self._other is None and self._heard_one():
                pass
        except (OtherInputError, struct.error) as error:
            self._other = LinkError(
                f"this run is not the one that was recorded: {error}", hint=OTHERWISE_HINT, retryable=False
            )

    def next(self, *, stalled: bool) -> Saying | Ending | None:
        """Return what is due, call after call."""
        if self._noise:
            line = self._noise.popleft()
            return Saying(line.at_s, line.raw)
        while self._players:
            said = self._players[0].next(lambda position: self.is_due(position, stalled=stalled))
            if said is not None:
                return Saying(*said)
            if len(self._players) == 1 or not self._players[0].is_done:
                break  # the last one may still have to answer
            self._players.popleft()
        if self._other is not None:
            raise self._other
        if not self._all_said():
            if self.is_closed and self._run.ended is not None:
                return Ending(0.0, None, "")
            return self.end(stalled=False) if self.is_closed else None
        return self.end(stalled=stalled or self._is_beyond)

    def _all_said(self) -> bool:
        """Tell whether nothing is left but the end."""
        return not self._calls and all(player.is_done for player in self._players)

    def _heard_one(self) -> bool:
        """Take the next line or frame from what was heard; False where there is no whole one."""
        hearing = self._hearing
        if hearing is not None and hearing.hears_frames:
            return self._heard_frame(hearing)
        line, feed, rest = self._unread.partition(b"\n")
        if not feed:
            return False
        self._unread = rest
        if not line.strip():
            return True
        if hearing is not None and hearing.hears_lines:
            hearing.line()
        else:
            self._asked(object_of(bytes(line)))
        return True

    def _heard_frame(self, hearing: Answering) -> bool:
        if len(self._unread) < _HEAD.size:
            return False
        kind, length = _HEAD.unpack_from(self._unread)
        end = _HEAD.size + length
        if len(self._unread) < end:
            return False
        payload = bytes(self._unread[_HEAD.size : end])
        del self._unread[:end]
        hearing.frame(kind, payload)
        self._is_beyond = self._is_beyond or hearing.is_exhausted
        return True

    def _asked(self, request: dict[str, Any]) -> None:
        """Begin the next call. Raises ``OtherInputError`` for one that the recording hasn't."""
        if request.get("follows_receive") is True and self._last is not None and not self._last.is_ok:
            return  # the agent passes it over
        verb = escape_controls(str(request.get("verb", self._calls[0].verb if self._calls else "")), limit=40)
        if not self._calls:
            if self._run.ended is not None and self._run.ended.fault is None and not self._run.ended.left:
                raise OtherInputError(f"{verb} is asked, and the recorded agent had ended by then")
            self._is_beyond = True
            return
        call = self._calls.popleft()
        if call.verb != verb:
            raise OtherInputError(f"{verb} is asked where the recording has {call.verb}")
        if call.verb == "hello":
            _check_same_cache(call, request)
        self._last = call
        self._hearing = PLAYERS.get(verb, Answering)(call)
        self._hearing.later_s = self._later_s
        self._hearing.agent_sha256 = self._own_hash_of(call, request)
        self._players.append(self._hearing)

    def _own_hash_of(self, call: Call, request: dict[str, Any]) -> str | None:
        """Return what the caller's agent would say its hash is, where the recorded one was whole, too."""
        said, asked = (call.report or {}).get("agent_sha256"), request.get("agent_sha256")
        if not isinstance(said, str) or not isinstance(asked, str):
            return None
        of_file = (hash_in(word) for word in self._run.argv)
        return asked if any(one and said.startswith(one) for one in of_file) else None


def _check_same_cache(call: Call, request: dict[str, Any]) -> None:
    """Raise ``OtherInputError`` where the agent verified a cache that this run doesn't ask for."""
    report = call.report or {}
    current = report.get("current")
    asked = request.get("content_key")
    if report.get("verified") is None or not isinstance(current, dict) or asked is None:
        return
    if current.get("content_key") != asked:
        raise OtherInputError(
            f"it asks for the cache {escape_controls(str(asked), limit=12)}, and the recorded companion was asked for "
            f"{escape_controls(str(current.get('content_key')), limit=12)}"
        )
