"""All that is fuzzed, by name: the readers of mission files, and both ends of the agent's protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from operator_tool_plugins.flight_sources.file.formats import FORMATS
from tests.plugins.flight_sources.missions import MISSIONS
from tests.plugins.flight_sources.promises import read_or_refuse
from tests.plugins.provisioners.c10.talks import NAMES as TALKS
from tests.plugins.provisioners.c10.talks import talks

NAMES = (*FORMATS, *TALKS)


class Subject(NamedTuple):
    """Samples to begin with, and what takes any bytes and raises where a promise is broken."""

    samples: tuple[bytes, ...]
    take: Callable[[bytes], object]


def subject(name: str) -> Subject:
    """Return the one of this name."""
    if name in TALKS:
        return Subject(*talks()[name])
    return Subject(tuple(MISSIONS[name]), lambda data: read_or_refuse(data, name))  # type: ignore[arg-type]
