"""Mounts and networks of a test's own, that nothing else on this machine sees: they need root, or are skipped."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.real_parts import require


def private_mounts(script: str, *words: str) -> tuple[str, ...]:
    """Return the command that mounts something of its own by a shell's script, and becomes what follows it.

    ``words`` are the script's ``$0``, ``$1`` and so on.
    """
    unshare = require("unshare")
    shifts = " ".join(["shift"] * (len(words) - 1)).replace(" ", " && ") if len(words) > 1 else ":"
    through = (unshare, "-m", "sh", "-c", f'{script} && {shifts} && exec "$@"', *words)
    tried = subprocess.run([*through, "true"], capture_output=True, text=True, check=False, timeout=30)
    if tried.returncode != 0:
        _refused(f"mounts of its own: {tried.stderr.strip()}")
    return through


def _refused(what: str) -> None:
    if os.geteuid() == 0 and os.environ.get("OPERATOR_TOOL_REQUIRE_ALL_TESTS") == "1":
        pytest.fail(f"root is refused {what}, and OPERATOR_TOOL_REQUIRE_ALL_TESTS=1 demands it")
    pytest.skip(f"not allowed: {what}")
