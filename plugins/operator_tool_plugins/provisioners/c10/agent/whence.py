"""Where a call comes from, as far as sshd says so: what a client calls itself is its own to choose, this is not."""

from __future__ import annotations

import re
from typing import Dict, Mapping, Optional

_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(%[A-Za-z0-9_.-]{1,15})?\Z")
_seen: Dict[str, object] = {}


def note_whence(environment: Mapping[str, str]) -> None:
    """Keep the client's address of sshd's environment, where it is one."""
    words: Optional[str] = environment.get("SSH_CONNECTION")
    address = (words or "").split(" ")[0]
    if _ADDRESS.match(address):
        _seen["from"] = address


def whence() -> Dict[str, object]:
    """Return ``{"from": address}``, empty where it isn't known."""
    return dict(_seen)
