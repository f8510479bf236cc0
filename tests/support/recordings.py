"""Recordings that a test makes: the listener ``record`` around any transport, and the transport ``replay`` over it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operator_tool.api import CompanionTransport, RunContext
from operator_tool_plugins._recording import Record, decoded
from operator_tool_plugins.listeners.record.recording import Recording
from operator_tool_plugins.listeners.record.transport import recorded
from operator_tool_plugins.transports.replay import ReplaySettings, ReplayTransport, make_companion_transport


@contextmanager
def recording(file: Path, transport: CompanionTransport, context: RunContext) -> Iterator[CompanionTransport]:
    """Give the transport with its sessions recorded; the recording ends with the block."""
    made = Recording.begun(file, context)
    try:
        yield recorded(transport, made, made.companion(context, transport.address))
    finally:
        made.end()


def replayed(file: Path, context: RunContext, **settings: object) -> ReplayTransport:
    """Return the transport that plays a file, for another run than the recorded one."""
    made = make_companion_transport(
        ReplaySettings(file=str(file), **settings),  # type: ignore[arg-type]
        dataclasses.replace(context, run_id="replayed-run-id0"),
    )
    assert isinstance(made, ReplayTransport)
    return made


def records(file: Path) -> list[Record]:
    """Return what a recording holds."""
    return [decoded(line) for line in file.read_bytes().splitlines()]
