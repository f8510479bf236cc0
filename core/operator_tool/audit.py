"""The workstation's log of what was done to companions: ``audit.jsonl`` in the data folder, a line for each command.

Each line is one JSON object in ASCII, redacted, in a file that only its operator can read. It is for people, after the
event: nothing is decided by it, and a line that can't be written changes no outcome.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from operator_tool.api.build import CacheBuildReport
from operator_tool.api.errors import ConfigError
from operator_tool.failpoints import failpoint
from operator_tool.places import Places
from operator_tool.redaction import REDACTOR

NAME = "audit.jsonl"
_MAX_TEXT = 500


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One command, as far as one companion is concerned."""

    command: str
    run_id: str
    operator: str
    outcome: str
    exit_code: int
    companion: str = ""
    """Its name in the inventory; empty where it was named by its address."""
    address: str = ""
    simulated: str = ""
    """What stood in for the companion, where there was none."""
    companion_id: str = ""
    failure_exception_type: str | None = None
    message: str = ""
    generation_before: str | None = None
    generation_after: str | None = None
    signer: str | None = None
    """The fingerprint of the key that signed, where one did; of a rollback, the companion's name for it."""
    flight_id: str = ""


def append(places: Places, lines: Sequence[AuditLine], *, make: bool = True) -> str:
    """Append the lines, and return why they could not be; empty where they were.

    Without ``make`` nothing is written where the data folder isn't there yet.
    """
    if not lines or not (make or places.data_dir.is_dir()):
        return ""
    path = places.data_dir / NAME
    time = datetime.now(UTC).isoformat(timespec="seconds")
    data = b"".join(_encoded(time, line) for line in lines)
    try:
        places.make(places.data_dir)
        failpoint("audit.before_write")
        _append(path, data)
    except (OSError, ConfigError) as error:
        why = error.message if isinstance(error, ConfigError) else error.strerror or str(error)
        return f"the log {path} could not be written: {why}"
    failpoint("audit.after_write")
    return ""


def line_of_build(report: CacheBuildReport, begun: AuditLine, *, companion: str = "") -> AuditLine:
    """Return the line of one build's report."""
    reached = report.companion
    return msgspec.structs.replace(
        begun,
        run_id=report.run_id or begun.run_id,
        outcome=str(report.outcome),
        exit_code=report.exit_code,
        companion=companion,
        address=reached.address if reached else "",
        simulated=reached.simulated if reached else "",
        companion_id=reached.id if reached else "",
        failure_exception_type=report.failure_exception_type,
        message=report.message or (report.verdict if report.gaps is not None and report.gaps.missing else ""),
        generation_before=reached.generation_before if reached else None,
        generation_after=reached.generation_after if reached else None,
        signer=reached.signer if reached else None,
        flight_id=report.flight.id if report.flight else "",
    )


def _encoded(time: str, line: AuditLine) -> bytes:
    # Redacted whole and cut afterwards: half a secret is not recognised.
    redacted = REDACTOR.value({"time": time, **msgspec.to_builtins(line)})
    said = {name: _bounded(value) for name, value in redacted.items()}
    return json.dumps(said).encode("ascii") + b"\n"


def _bounded(value: object) -> object:
    return value[:_MAX_TEXT] + "..." if isinstance(value, str) and len(value) > _MAX_TEXT else value


def _append(path: Path, data: bytes) -> None:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a regular file")
        if stat.S_IMODE(found.st_mode) & 0o077 and hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        if found.st_size:
            file.seek(found.st_size - 1)
            if file.read(1) != b"\n":
                # A power cut, or a full disk, left half a line: what follows must not be read as its end.
                data = b"\n" + data
        file.write(data)
        os.fsync(descriptor)
