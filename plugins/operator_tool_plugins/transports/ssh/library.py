"""The SSH library, imported without the half of it that is never used here."""

from __future__ import annotations

import sys
import threading

_importing = threading.Lock()
_UNUSED = "invoke"


def import_library() -> None:
    """Import paramiko in half the time that it takes by itself; again is harmless, also from several threads.

    The other half is a package for running local commands, with asyncio and a YAML parser. paramiko can do without it,
    and wants it for ``Match exec`` alone, which is never run here.
    """
    with _importing:
        if "paramiko" in sys.modules or _UNUSED in sys.modules:
            return
        sys.modules[_UNUSED] = None  # type: ignore[assignment] # makes importing it an ImportError
        try:
            import paramiko  # type: ignore[import-untyped] # noqa: F401
        finally:
            del sys.modules[_UNUSED]
