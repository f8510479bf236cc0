"""What tells one machine from another, and the id that follows from it.

This file stands alone: the workstation sends its text to a Python on the companion that has no agent yet.
"""

from __future__ import annotations

import hashlib
import os
from typing import Dict, List

MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
SERIALS = ("/proc/device-tree/serial-number", "/sys/devices/soc0/serial_number")
NOTE = os.path.join("state", "identity.json")
"""Where a cache root has it."""
INTERFACES = "/sys/class/net"
_MOST = 4096
_ETHERNET, _BURNED_IN = b"1", b"0"
_LOCAL = 2
"""The bit of an address's first byte that says that software has chosen it."""


def machine_facts() -> Dict[str, object]:
    """Return what every account can read of this machine.

    ``machine``: a hash of the machine id, which copies of one image can share; ``serial``: the board's own;
    ``addresses``: those that were burned into network interfaces that aren't on USB. What isn't known is empty.
    """
    ids = [found for found in map(_read, MACHINE_IDS) if found]
    serials = [found.decode("ascii", "replace") for found in map(_read, SERIALS) if found.strip(b"0")]
    return {
        "machine": hashlib.sha256(b"c10 machine\0" + ids[0]).hexdigest()[:32] if ids else "",
        "serial": serials[0] if serials else "",
        "addresses": _addresses(),
    }


def proposed_id(facts: Dict[str, object], root: str) -> str:
    """Return the id of a companion that has none yet: the same each time, as long as its machine and root are."""
    hardware = facts["serial"] or facts["addresses"]
    name = facts["machine"] or os.uname().nodename
    words = "\0".join(("c10 companion", str(name), str(hardware), root))
    return hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def is_another(noted: Dict[str, object], now: Dict[str, object]) -> bool:
    """Tell whether the facts that were noted are another machine's.

    The strongest that both have decides. A network card that was replaced does not make another machine, as long as
    one that was noted is still there; a new machine id does only where nothing of the hardware can be compared.
    """
    if noted.get("serial") and now["serial"]:
        return noted["serial"] != now["serial"]
    before, there = noted.get("addresses"), now["addresses"]
    if isinstance(before, list) and before and isinstance(there, list) and there:
        return not any(address in there for address in before)
    return bool(noted.get("machine") and now["machine"] and noted["machine"] != now["machine"])


def _addresses() -> List[str]:
    try:
        names = os.listdir(INTERFACES)
    except OSError:
        return []
    found = []
    for folder in (os.path.join(INTERFACES, name) for name in names):
        device = os.path.realpath(os.path.join(folder, "device"))
        address = _read(os.path.join(folder, "address")).decode("ascii", "replace")
        kinds = (_read(os.path.join(folder, "type")), _read(os.path.join(folder, "addr_assign_type")))
        # A bridge or a tunnel has no device; an adapter on USB is replaced, or moves to another drone.
        if os.path.isdir(device) and "/usb" not in device and kinds == (_ETHERNET, _BURNED_IN) and _is_given(address):
            found.append(address)
    return sorted(found)


def _is_given(address: str) -> bool:
    try:
        first = int(address[:2], 16)
    except ValueError:
        return False
    return not first & _LOCAL and address.strip("0:") != ""


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST).strip(b"\0 \n")
    except OSError:
        return b""
