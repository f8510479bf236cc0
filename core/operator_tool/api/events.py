"""What happens in a run: one tagged union, in the order in which a listener gets it.

A listener gets every event of a run one after the other, never two at once, in a thread of its own.
"""

from __future__ import annotations

import msgspec

from .build import CacheBuildReport


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run_started"):
    """The first event of a run, or of one companion's part of it."""

    run_id: str
    command: str
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class PhaseStarted(msgspec.Struct, frozen=True, kw_only=True, tag="phase_started"):
    """A phase begins: ``resolve``, ``plan``, ``lock``, ``companion``, ``download``, ``transfer`` or ``build``."""

    phase: str
    detail: str = ""
    total: int | None = None
    """How many tiles the phase will handle, where it counts tiles."""
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class PhaseProgress(msgspec.Struct, frozen=True, kw_only=True, tag="phase_progress"):
    """How far a phase is; sent at most about ten times a second."""

    phase: str
    done: int
    total: int | None
    bytes: int = 0
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class PhaseFinished(msgspec.Struct, frozen=True, kw_only=True, tag="phase_finished"):
    """A phase ended well."""

    phase: str
    duration_s: float
    detail: str = ""
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """Something that the operator should know and that stops nothing."""

    text: str
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class RemoteLine(msgspec.Struct, frozen=True, kw_only=True, tag="remote_line"):
    """A line that a program on the companion wrote, escaped; also logged at DEBUG as ``c10.remote.progress``."""

    text: str
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class PromptShown(msgspec.Struct, frozen=True, kw_only=True, tag="prompt_shown"):
    """The operator is being asked for something at the terminal: a listener that draws there pauses."""

    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class PromptAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="prompt_answered"):
    """The terminal is free again."""

    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


class RunFinished(msgspec.Struct, frozen=True, kw_only=True, tag="run_finished"):
    """The last event of a run, or of one companion's part of it."""

    report: CacheBuildReport
    companion: str = ""
    """Which companion it is about in a run for several; else empty."""


Event = (
    RunStarted
    | PhaseStarted
    | PhaseProgress
    | PhaseFinished
    | Notice
    | RemoteLine
    | PromptShown
    | PromptAnswered
    | RunFinished
)
"""Whatever a listener may be told."""
