"""May this build replace the cache that is current on the companion? Whose it is, and how old, is said in any case."""

from __future__ import annotations

import time

from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.companion import CompanionState, CurrentCache
from operator_tool.api.errors import NotReadyError
from operator_tool.api.order import CacheOrder

HINT = (
    "Ask whoever built it. To replace it give --replace; from which age on it may be replaced without it is said by"
    " --replace-after."
)


def replaced_cache_words(
    state: CompanionState, order: CacheOrder, request: BuildCacheRequest, *, now_s: float | None = None
) -> str:
    """Return what is to be said of the cache that this build will replace; empty where there is nothing to say.

    Raises ``NotReadyError`` where it is of another flight or operator, young, and the request does not allow it. Its
    age is told by the clocks of the two workstations: a companion often starts with a wrong one. A cache that does not
    say when it was built, or that was built after now, counts as young.
    """
    if state.generation is None or state.damage:
        return ""
    current = state.current
    if current is None:
        return f"replaces {state.generation}; the provisioner does not say whose cache that is"
    if current.content_key == order.content_key or _is_own(current, order):
        return ""
    words = whose_words(state, now_s=now_s)
    age_s = age_of(current, now_s=now_s)
    if not request.replace and (age_s is None or age_s < request.replace_after_s):
        raise NotReadyError((f"this build would replace {words}",), hint=HINT)
    return f"replaces {words}"


def whose_words(state: CompanionState, *, now_s: float | None = None) -> str:
    """Return which generation is current, of which flight it is, by whom, and how old."""
    current = state.current or CurrentCache()
    name = f" ({current.flight_name})" if current.flight_name and current.flight_name != current.flight_id else ""
    flight = f"flight {current.flight_id}{name}" if current.flight_id else "a flight that is not known"
    who = current.operator or "an unknown operator"
    return f"{state.generation}, the cache of {flight}, built by {who} {_age_words(current, now_s)}"


def age_of(current: CurrentCache, *, now_s: float | None = None) -> float | None:
    """Return how many seconds ago a cache was built; None where that is not known."""
    now_s = time.time() if now_s is None else now_s
    if current.created_at is None or current.created_at > now_s:
        return None
    return now_s - current.created_at


def _is_own(current: CurrentCache, order: CacheOrder) -> bool:
    return (
        bool(current.operator and current.flight_id)
        and current.operator == order.operator
        and current.flight_id == order.flight.id
    )


def _age_words(current: CurrentCache, now_s: float | None) -> str:
    age_s = age_of(current, now_s=now_s)
    if age_s is None:
        return (
            "at a time that is not known" if current.created_at is None else "at a time after now, so by a wrong clock"
        )
    if age_s < 120:
        return f"{age_s:.0f} s ago"
    return f"{age_s / 60:.0f} min ago" if age_s < 7200 else f"{age_s / 3600:,.1f} h ago"
