"""The table ``stages`` of the companion's own file: what this companion makes of a cache by itself.

JSON, as the whole file: Python 3.8 reads no TOML.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Dict, List, NamedTuple, Tuple

from ..faults import AgentError
from ..generations.manifest import Manifest
from ..layout import Layout
from ..own_config import OwnFile, read_own, why_no_command

MAX_STAGES = 16
DEADLINE_S = 600.0
MAX_DEADLINE_S = 24 * 3600.0
MAX_OUTPUT_BYTES = 1024 * 1024 * 1024
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")


class Stage(NamedTuple):
    """One program of the companion's own, and what it may take."""

    name: str
    command: Tuple[str, ...]
    deadline_s: float
    max_output_bytes: int
    """Of all its files together."""
    digest: str
    """SHA-256 of its table as JSON: another command, limit or version is another stage."""


def stages_of(layout: Layout) -> List[Stage]:
    """Return the stages in the order of the file; raises ``stages`` where the table can't be relied on."""
    own = read_own(layout, "stages")
    table = own.fields.get("stages", {})
    if not isinstance(table, dict) or len(table) > MAX_STAGES:
        raise own.unreliable("stages", "stages must be an object of at most %d tables" % MAX_STAGES)
    return [_stage(own, name, fields) for name, fields in table.items()]


def described(stages: List[Stage]) -> List[Dict[str, str]]:
    """Return what ``hello`` tells of them, and what a manifest that knows them says."""
    return [{"name": stage.name, "digest": stage.digest} for stage in stages]


def same_stages(manifest: Manifest, stages: List[Stage]) -> bool:
    """Tell whether a generation was made by these very stages."""
    return list(manifest.stages) == [(stage.name, stage.digest) for stage in stages]


def check_ordered(order: Manifest, stages: List[Stage]) -> None:
    """Raise ``stages`` where the order is for other stages than the table has by now."""
    if not same_stages(order, stages):
        ordered = ", ".join(name for name, _digest in order.stages) or "none"
        raise AgentError(
            "stages",
            "the order is for the stages %s, and the companion's own file now has %s, or other tables of these names:"
            " run the same command again" % (ordered, ", ".join(stage.name for stage in stages) or "none"),
        )


def _stage(own: OwnFile, name: str, fields: object) -> Stage:
    if not _NAME.match(name):
        raise own.unreliable(
            "stages", "%s is no name of a stage: it must match %s" % (ascii(name)[:100], _NAME.pattern)
        )
    if not isinstance(fields, dict):
        raise own.unreliable("stages", "stages.%s must be an object" % name)
    command = fields.get("command")
    problem = why_no_command(command)
    if problem:
        raise own.unreliable("stages", "stages.%s.command %s" % (name, problem))
    assert isinstance(command, list)
    if not isinstance(fields.get("version", ""), str):
        raise own.unreliable("stages", "stages.%s.version must be text" % name)
    deadline_s = fields.get("deadline_s", DEADLINE_S)
    if type(deadline_s) not in (int, float) or not 0 < deadline_s <= MAX_DEADLINE_S:
        raise own.unreliable("stages", "stages.%s.deadline_s must be above 0, at most %d" % (name, MAX_DEADLINE_S))
    max_bytes = fields.get("max_output_bytes", MAX_OUTPUT_BYTES)
    if type(max_bytes) is not int or not 0 < max_bytes < 2**53:
        raise own.unreliable("stages", "stages.%s.max_output_bytes must be a whole number above 0" % name)
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()
    return Stage(name, tuple(command), float(deadline_s), max_bytes, digest)
