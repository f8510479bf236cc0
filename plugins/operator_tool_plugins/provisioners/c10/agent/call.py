"""One call of the agent: the request, checked field by field, and the ways to hear and to speak."""

from __future__ import annotations

import re
from typing import Container, Dict, List, NamedTuple, Optional

from .faults import AgentError
from .guard import DeadMan
from .strict_json import parse_object
from .vehicle import Vehicle
from .wire import MAX_REQUEST_BYTES, Inlet, Outlet

MAX_NUMBER = 2**53 - 1
MAX_TEXT = 4096
"""Characters of a text, where nothing else is said."""
_MOST = {"manifest": MAX_REQUEST_BYTES, "order": 65536, "signature": 16384, "order_signature": 16384}
_MOST.update({"operator": 256, "run_id": 128})
_LARGE_BYTES = 64 * 1024
_TEXT = re.compile(rb'"[^"]*"')
_KEY = re.compile(r"[0-9a-f]{64}\Z")


class Request:
    """The request line. Unknown fields are let be; a known one is checked when it is asked for."""

    def __init__(self, line: Optional[bytes]) -> None:
        if line is None:
            raise AgentError("eof", "standard input ended before a request")
        if len(line) > _LARGE_BYTES and _bytes_beside_texts(line) > _LARGE_BYTES:
            # All that may be large is text: anything else makes many times its size of objects.
            raise AgentError("request", "the request holds more beside its texts than any does")
        try:
            self._fields: Dict[str, object] = parse_object(line)
        except ValueError as error:
            raise AgentError("request", "the request can't be read: %s" % error) from None

    def text(self, name: str, default: Optional[str] = None) -> str:
        """Return a text field: it is whole characters, and within bounds."""
        value = self._fields.get(name, default)
        if not isinstance(value, str) or "\0" in value:
            raise AgentError("request", "%s: expected text" % name)
        most = _MOST.get(name, MAX_TEXT)
        if len(value) > most:
            raise AgentError("request", "%s: %d characters, at most %d are taken" % (name, len(value), most))
        if not _is_whole(value):
            raise AgentError("request", "%s: half a character" % name)
        return value

    def pin_root(self, root: str) -> None:
        """Have the request be for this path, however it spelled it."""
        self._fields["root"] = root

    def verb(self, known: Container[str]) -> str:
        """Return the verb of a request to an agent that serves several."""
        verb = self.text("verb")
        if verb not in known:
            raise AgentError("request", "verb: there is none of this name")
        return verb

    def check_protocol(self, spoken: int) -> None:
        """Raise ``protocol`` where another one is asked for."""
        if self.number("protocol") != spoken:
            raise AgentError("protocol", "this agent speaks protocol %d" % spoken)

    def flag(self, name: str) -> bool:
        """Return a truth value, false where it is not there."""
        value = self._fields.get(name, False)
        if not isinstance(value, bool):
            raise AgentError("request", "%s: expected true or false" % name)
        return value

    def number(self, name: str, default: Optional[int] = None) -> int:
        """Return a whole number, 0 or more."""
        value = self._fields.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_NUMBER:
            raise AgentError("request", "%s: expected a whole number from 0" % name)
        return value

    def seconds(self, name: str, default: float) -> float:
        """Return a wait, at most an hour."""
        value = self._fields.get(name, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 3600:
            raise AgentError("request", "%s: expected seconds from 0 to 3600" % name)
        return float(value)

    def texts(self, name: str) -> Dict[str, str]:
        """Return an object of at most 64 texts."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict) or len(value) > 64 or not all(isinstance(text, str) for text in value.values()):
            raise AgentError("request", "%s: expected an object of texts" % name)
        return value

    def records(self, name: str) -> Optional[List[Dict[str, object]]]:
        """Return a list of at most 64 objects, None where it isn't there."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > 64 or not all(isinstance(item, dict) for item in value):
            raise AgentError("request", "%s: expected a list of objects" % name)
        return value

    def paths(self, name: str) -> List[str]:
        """Return a list of at most 64 texts, empty where it isn't there."""
        value = self._fields.get(name, [])
        if not isinstance(value, list) or len(value) > 64 or not all(map(_is_path, value)):
            raise AgentError("request", "%s: expected a list of paths" % name)
        return value

    def data(self, name: str) -> bytes:
        """Return a text's bytes in UTF-8."""
        try:
            return self.text(name).encode("utf-8")
        except UnicodeEncodeError as error:
            raise AgentError("request", "%s: %s" % (name, error)) from None

    def text_or_none(self, name: str) -> Optional[str]:
        """Return a text field, None where it is null or isn't there."""
        return None if self._fields.get(name) is None else self.text(name)

    def content_key(self, default: Optional[str] = None) -> str:
        """Return the content key: 64 lower-case hex digits, so that it is safe as a folder's name."""
        value = self.text("content_key", default)
        if value != default and not _KEY.match(value):
            raise AgentError("request", "content_key: expected 64 hex digits")
        return value


def _bytes_beside_texts(line: bytes) -> int:
    return len(_TEXT.sub(b"", line.replace(b"\\\\", b"").replace(b'\\"', b"")))


def _is_path(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and "\0" not in value and _is_whole(value)


def _is_whole(text: str) -> bool:
    """Tell whether a text has no half of a pair of surrogates, which could be written nowhere."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def follows_receive(line: bytes) -> bool:
    """Tell whether a request was sent right behind a ``receive``, and means nothing where that failed."""
    try:
        return Request(line).flag("follows_receive")
    except AgentError:
        return False


class Call(NamedTuple):
    """What a verb is given."""

    request: Request
    inlet: Inlet
    outlet: Outlet
    dead_man: DeadMan
    vehicle: Vehicle
    nonce: str = ""
    """This process's own: who signs for it can't have signed before it began."""
    gated: bool = False
    """The login is locked to the gate."""
    verb: str = ""
