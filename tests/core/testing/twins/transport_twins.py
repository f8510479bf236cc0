"""Companion transports that are sound but for one weakness each, and the checks of the kit that must catch it.

Each is ``local`` with something weak between it and the kit.
"""

from __future__ import annotations

from tests.core.testing.twins import weak_runs, weak_sessions
from tests.core.testing.twins.weak_transport import OPEN, TWINS, TransportTwin

__all__ = ["OPEN", "TWINS", "weak_runs", "weak_sessions"]


def __getattr__(name: str) -> TransportTwin:
    if name in TWINS:
        return TWINS[name]
    raise AttributeError(name)
