"""Listeners that are sound but for one weakness each, and the check of the kit that must catch it."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, ClassVar

import msgspec

from operator_tool.api import (
    ConfigError,
    Event,
    Meta,
    PhaseFinished,
    PhaseStarted,
    PluginSettings,
    RunContext,
    Secret,
    hookimpl,
)

_log = logging.getLogger(__name__)


class Settings(PluginSettings, frozen=True, kw_only=True):
    """Where the lines go."""

    path: Annotated[Path, Meta(description="The file.")]
    key: Annotated[Secret | None, Meta(description="A secret.")] = None


class Sound:
    """Appends each event to a file; what is weak overrides a part of it."""

    fails = ""
    """The one check that it fails."""
    limits: ClassVar[Mapping[str, float]] = {}
    """Attributes of the contract that are set lower, so that nobody waits for long."""

    def __init__(self) -> None:
        self.file: BinaryIO | None = None
        self.settings: Settings | None = None
        self.context: RunContext | None = None

    @hookimpl
    def plugin_settings(self) -> type[Settings]:
        """Return the settings' class."""
        return Settings

    @hookimpl
    def start_listening(self, settings: Settings, context: RunContext) -> None:
        """Open the file."""
        self.settings, self.context = settings, context
        self.open(settings.path)

    @hookimpl
    def on_event(self, event: Event) -> None:
        """Append the event."""
        if self.file is not None:
            self.tell(event)

    @hookimpl
    def stop_listening(self) -> None:
        """Close the file."""
        self.stop()

    def open(self, path: Path) -> None:
        try:
            self.file = path.open("ab", buffering=0)
        except OSError as error:
            raise ConfigError(f"{path} can't be appended to: {error.strerror}") from error

    def tell(self, event: Event) -> None:
        assert self.file is not None
        self.file.write(json.dumps(msgspec.to_builtins(event)).encode() + b"\n")

    def stop(self) -> None:
        if self.file is not None:
            self.file.close()
        self.file = None


class Picky(Sound):
    """Takes for granted that every event is of a phase."""

    fails = "test_takes_every_kind_of_event"

    def tell(self, event: Any) -> None:
        super().tell(event.phase)


class Blank(Sound):
    """Takes for granted that a name is one word."""

    fails = "test_takes_runs_for_several_companions"

    def tell(self, event: Event) -> None:
        if event.companion.startswith("charlie"):
            (_name,) = event.companion.split()
        super().tell(event)


class Orderly(Sound):
    """Takes for granted that what ends has begun."""

    fails = "test_takes_events_in_any_order"

    def __init__(self) -> None:
        super().__init__()
        self.begun: set[tuple[str, str]] = set()

    def tell(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self.begun.add((event.companion, event.phase))
        if isinstance(event, PhaseFinished):
            self.begun.remove((event.companion, event.phase))
        super().tell(event)


class Crowded(Sound):
    """Has room for four companions."""

    fails = "test_takes_events_of_many_threads"

    def __init__(self) -> None:
        super().__init__()
        self.rooms = {f"drone-{number}": number for number in range(4)}

    def tell(self, event: Event) -> None:
        if event.companion.startswith("drone"):
            assert self.rooms[event.companion] < 4
        super().tell(event)


class Unescaped(Sound):
    """Takes for granted that UTF-8 can spell everything."""

    fails = "test_takes_odd_texts"

    def tell(self, event: Event) -> None:
        assert self.file is not None
        self.file.write(msgspec.json.encode(event))


class Unstarted(Sound):
    """Takes for granted that it was started."""

    fails = "test_takes_events_without_having_been_started"

    @hookimpl
    def on_event(self, event: Event) -> None:
        """Append the event."""
        self.tell(event)


class Once(Sound):
    """Takes for granted that a run has an event."""

    fails = "test_takes_runs_one_after_the_other"

    @hookimpl
    def start_listening(self, settings: Settings, context: RunContext) -> None:
        """Forget the run before."""
        super().start_listening(settings, context)
        vars(self).pop("last", None)

    def tell(self, event: Event) -> None:
        super().tell(event)
        self.last = event

    def stop(self) -> None:
        if self.file is not None:
            self.tell(self.last)
        super().stop()


class Open(Sound):
    """Closes nothing."""

    fails = "test_leaves_nothing_open"

    def __init__(self) -> None:
        super().__init__()
        self.files: list[BinaryIO | None] = []

    def stop(self) -> None:
        self.files.append(self.file)
        self.file = None


class Slow(Sound):
    """Writes each event before it comes back, and its contract gives it less time than that takes."""

    fails = "test_is_quick"
    limits: ClassVar[Mapping[str, float]] = {"many_events_s": 0.05}


class Reluctant(Sound):
    """Takes its time at the end."""

    fails = "test_stops_soon"
    limits: ClassVar[Mapping[str, float]] = {"stops_within_s": 0.1}

    def stop(self) -> None:
        time.sleep(0.2)
        super().stop()


class Loud(Sound):
    """Talks on standard output."""

    fails = "test_writes_nothing_to_standard_output"

    def tell(self, event: Event) -> None:
        if self.context is not None and not self.context.quiet:
            sys.stdout.write("an event\n")
        super().tell(event)


class Restless(Sound):
    """Talks on standard error, wanted or not."""

    fails = "test_is_quiet_when_asked"

    def tell(self, event: Event) -> None:
        sys.stderr.write("an event\n")
        super().tell(event)


class Crashing(Sound):
    """Lets the system's error out at the start."""

    fails = "test_tells_of_a_target_that_can_not_be_written"

    def open(self, path: Path) -> None:
        self.file = path.open("ab")


class Silent(Sound):
    """Keeps to itself that nothing is written."""

    fails = "test_tells_of_a_target_that_can_not_be_written"

    def open(self, path: Path) -> None:
        self.file = path.open("ab") if path.parent.exists() else None


class Complaining(Sound):
    """Says at each event that nothing is written."""

    fails = "test_tells_of_a_target_that_can_not_be_written"

    def open(self, path: Path) -> None:
        self.file = path.open("ab") if path.parent.exists() else None

    @hookimpl
    def on_event(self, event: Event) -> None:
        """Complain, or append."""
        if self.file is None and self.settings is not None:
            _log.warning("an event was not written")
        super().on_event(event)


class Indiscreet(Sound):
    """Writes its secret down."""

    fails = "test_says_no_secret"

    def open(self, path: Path) -> None:
        super().open(path)
        assert self.file is not None
        assert self.settings is not None
        if self.settings.key is not None:
            self.file.write(self.settings.key.reveal().encode())


_KINDS: tuple[type[Sound], ...] = (Sound, *Sound.__subclasses__())
TWINS = {kind.__name__.lower(): kind() for kind in _KINDS}
"""By name; each is an attribute of this module, too, for its entry point."""
globals().update(TWINS)
