"""The format of a recording: JSON Lines, one record a line, written by the listener ``record``, read by ``replay``.

Sessions and runs are numbered as they began, over all companions of the file. ``at_s`` is in seconds since the
recording began. What was said is a text where it is UTF-8, else bytes (base64 in the file).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

VERSION = 1
"""Rises when a reader of the version before would misread what is written."""


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="recording"):
    """The first line."""

    version: int
    tool: str
    run_id: str
    began: Annotated[datetime, msgspec.Meta(tz=True)]
    """Date and time, UTC."""


class Companion(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="companion"):
    """A companion of the run, before its first session."""

    number: int
    name: str
    """Its name in the configuration; empty where it was named by its address."""
    address: str
    transport: str
    provisioner: str


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it was raised; ``type`` is its class."""

    type: str
    message: str
    hint: str = ""
    retryable: bool = False


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a program's standard input had gone: what the transport had taken of it by then."""

    pieces: int = 0
    size_bytes: int = 0
    closed: bool = False
    """All of it had been taken."""


class Connected(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="connected"):
    """A session begins."""

    session: int
    companion: int
    at_s: float
    address: str
    fingerprint: str | None = None


class NotConnected(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="not_connected"):
    """A session that could not be had."""

    session: int
    companion: int
    at_s: float
    fault: Fault


class Started(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="started"):
    """A program is started."""

    run: int
    session: int
    at_s: float
    argv: tuple[str, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="line"):
    """One line of standard output, without its line end."""

    run: int
    at_s: float
    stdin: Position
    text: str | None = None
    data: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The line's bytes."""
        return (self.text or "").encode() if self.data is None else self.data


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="ended"):
    """A program's end, or that of the caller's interest in it."""

    run: int
    at_s: float
    stdin: Position
    stdin_sha256: str
    """Over what was taken of standard input."""
    exit_status: int | None
    stderr: str
    """The last of its standard error."""
    left: bool = False
    """The caller left before the lines had ended."""
    fault: Fault | None = None
    """What the caller was given in place of a next line."""
    not_started: bool = False
    """... and in place of the run."""


class Put(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="put"):
    """A file that was written there, without its content."""

    session: int
    at_s: float
    path: str
    size_bytes: int
    sha256: str
    mode: int
    fault: Fault | None = None


class Got(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="got"):
    """A file that was read there; size and hash are those of what stands here."""

    session: int
    at_s: float
    path: str
    size_bytes: int = 0
    sha256: str = ""
    text: str | None = None
    data: bytes | None = None
    fault: Fault | None = None

    @property
    def raw(self) -> bytes:
        """The file's bytes."""
        return (self.text or "").encode() if self.data is None else self.data


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="closed"):
    """A session's end."""

    session: int
    at_s: float


class Complete(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="complete"):
    """The last line; it is missing where the run was killed or the disk was full."""

    at_s: float


Record = Header | Companion | Connected | NotConnected | Started | Line | Ended | Put | Got | Closed | Complete


def encoded(record: Record) -> bytes:
    """Return a record as its line."""
    return msgspec.json.encode(record) + b"\n"


_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def decoded(line: bytes) -> Record:
    """Return the record of one line. Raises ``msgspec.MsgspecError``."""
    return _decoder.decode(line)
