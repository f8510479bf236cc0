"""What ``mock.script`` may say: the link, the machine, and the faults, each with the moment in which it strikes."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from operator_tool.api import Meta

Seconds = Annotated[float, Meta(ge=0, le=3600)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Rate = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Offset = Annotated[float, Meta(ge=-4e9, le=4e9)]


class Phase(enum.StrEnum):
    """The phases of a run in which a companion takes part."""

    COMPANION = "companion"
    DOWNLOAD = "download"
    TRANSFER = "transfer"
    BUILD = "build"


class Refusal(enum.StrEnum):
    """What keeps a session from being opened."""

    UNREACHABLE = "unreachable"
    HOST_KEY = "host_key"
    AUTHENTICATION = "authentication"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all tables."""


class LinkScript(_Strict, frozen=True, kw_only=True):
    """``[link]``: how bytes travel, each way."""

    latency_s: Seconds = 0.0
    jitter_s: Seconds = 0.0
    """At most so much is added to the latency, by the seed and the place in the stream."""
    up_bytes_per_s: Rate | None = None
    """To the companion."""
    down_bytes_per_s: Rate | None = None


class MachineScript(_Strict, frozen=True, kw_only=True):
    """``[machine]``: what the companion is like from the start."""

    disk_bytes: Count | None = None
    """The size of its disk; what lies in its home folder takes of it. Without it, this machine's own free space."""
    write_bytes_per_s: Rate | None = None
    sync_s: Seconds = 0.0
    """What each fsync takes."""
    clock_offset_s: Offset = 0.0


class Fault(_Strict, frozen=True, kw_only=True, tag_field="kind"):
    """``[[fault]]``: something that goes wrong.

    It strikes in its ``phase``, or at any time, as soon as its count of bytes has passed since that phase began, since
    the run began, or since it last struck.
    """

    run: Annotated[int, Meta(ge=1)] | None = None
    """Only in this build, counted in the companion's folder; else in every command."""
    phase: Phase | None = None


class _Repeated(Fault, frozen=True, kw_only=True):
    times: Annotated[int, Meta(ge=-1)] = 1
    """How often in one run; -1: again and again."""

    def __post_init__(self) -> None:
        if self.times == 0:
            raise ValueError("times is 0, so it would never strike; give 1 or more, or -1 for ever")


class _OnTheLink(_Repeated, frozen=True, kw_only=True):
    after_sent_bytes: Count | None = None
    """To the companion."""
    after_received_bytes: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.after_sent_bytes is not None and self.after_received_bytes is not None:
            raise ValueError("give after_sent_bytes or after_received_bytes, not both")


class Refuse(_Repeated, frozen=True, kw_only=True, tag="refuse"):
    """No session can be opened."""

    how: Refusal = Refusal.UNREACHABLE


class Drop(_OnTheLink, frozen=True, kw_only=True, tag="drop"):
    """The link breaks; the companion sees it, too."""


class Silence(_OnTheLink, frozen=True, kw_only=True, tag="silence"):
    """Nothing gets through any more, either way, and neither end is told."""


class Garbage(_Repeated, frozen=True, kw_only=True, tag="garbage"):
    """Bytes that nobody wrote come from the companion."""

    after_received_bytes: Count = 0
    bytes: Annotated[int, Meta(ge=1, le=2**24)] = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.times != 1 and not self.after_received_bytes:
            raise ValueError("garbage that comes more than once needs after_received_bytes between")


class Reboot(_OnTheLink, frozen=True, kw_only=True, tag="reboot"):
    """The machine starts anew: its programs are gone, its boot id is another, and it can't be reached meanwhile."""

    down_s: Seconds = 1.0


class _OfTheMachine(Fault, frozen=True, kw_only=True):
    after_sent_bytes: Count = 0
    """It begins then, and lasts to the end of the run."""


class DiskFull(_OfTheMachine, frozen=True, kw_only=True, tag="disk_full"):
    """The disk takes so much more and then nothing."""

    left_bytes: Count = 0


class SlowDisk(_OfTheMachine, frozen=True, kw_only=True, tag="slow_disk"):
    """The disk takes its time."""

    sync_s: Seconds = 0.0
    write_bytes_per_s: Rate | None = None


class WrongClock(_OfTheMachine, frozen=True, kw_only=True, tag="wrong_clock"):
    """The clock is so far ahead, or behind."""

    offset_s: Offset


LinkFault = Drop | Silence | Garbage | Reboot
MachineFault = DiskFull | SlowDisk | WrongClock
AnyFault = Refuse | LinkFault | MachineFault


class Script(_Strict, frozen=True, kw_only=True):
    """The whole file."""

    link: LinkScript = LinkScript()
    machine: MachineScript = MachineScript()
    fault: tuple[AnyFault, ...] = ()
