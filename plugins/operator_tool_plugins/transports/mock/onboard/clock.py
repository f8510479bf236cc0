"""The machine's clock, which may be wrong; what is measured with the monotonic clock is not touched."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .state import Machine

_NS = 1_000_000_000


def set_clock(machine: Machine) -> None:
    """Have ``time`` tell this machine's time."""
    real_time, real_time_ns = time.time, time.time_ns

    def now() -> float:
        return real_time() + machine.state.clock_offset_s

    def now_ns() -> int:
        return real_time_ns() + int(machine.state.clock_offset_s * _NS)

    def at_now(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda seconds=None: function(now() if seconds is None else seconds)

    time.time, time.time_ns = now, now_ns
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, at_now(getattr(time, name)))
    real_strftime = time.strftime
    local_now = time.localtime
    time.strftime = lambda form, moment=None: real_strftime(form, local_now() if moment is None else moment)
