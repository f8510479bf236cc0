"""Whether an object meets a Protocol, and what it lacks, told without running any of its properties.

Before Python 3.12 ``isinstance`` runs them, and what a plugin does in one may take its time.
"""

from __future__ import annotations

import inspect
from typing import Generic, Protocol

_ABSENT = object()


def meets(made: object, protocol: type) -> bool:
    """Tell whether ``made`` has all that the runtime-checkable ``protocol`` wants, by whatever means."""
    return not lacking(made, protocol)


def lacking(made: object, protocol: type) -> tuple[str, ...]:
    """Return what of the ``protocol`` is absent, in its order; methods with ``()`` behind them."""
    wanted = {
        name: "()" if callable(thing) else ""
        for base in reversed(protocol.__mro__)
        if base not in (object, Protocol, Generic)
        for name, thing in vars(base).items()
        if not name.startswith("_")
    }
    absent = [name for name in wanted if inspect.getattr_static(made, name, _ABSENT) is _ABSENT]
    # What is only there when it is asked for, as in a wrapper that delegates, is found by asking. From Python 3.12 on
    # isinstance doesn't ask.
    return tuple(f"{name}{wanted[name]}" for name in absent if not _is_given(made, name))


def _is_given(made: object, name: str) -> bool:
    try:
        return hasattr(made, name)
    except Exception:  # noqa: BLE001 - whatever a plugin does when it is asked, it has not given the attribute
        return False
