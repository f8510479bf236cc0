"""Whether an object meets a Protocol, told without running any of its properties.

Before Python 3.12 ``isinstance`` runs them, and what a plugin does in one may take its time.
"""

from __future__ import annotations

import inspect
from typing import Generic, Protocol

_ABSENT = object()


def meets(made: object, protocol: type) -> bool:
    """Tell whether ``made`` has all that the runtime-checkable ``protocol`` wants, by whatever means."""
    wanted = {
        name
        for base in protocol.__mro__
        if base not in (object, Protocol, Generic)
        for name in vars(base)
        if not name.startswith("_")
    }
    # What is only there when it is asked for, as in a wrapper that delegates, is found by asking.
    static = all(inspect.getattr_static(made, name, _ABSENT) is not _ABSENT for name in wanted)
    return static or isinstance(made, protocol)
