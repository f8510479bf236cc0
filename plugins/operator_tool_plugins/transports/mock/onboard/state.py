"""The machine's state at this moment: the transport writes it, and every program of the machine reads it anew."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

_FORMAT = struct.Struct("=qqdd")
NO_LIMIT = -1
FILE = "machine"


class MachineState(NamedTuple):
    """What programs find the machine to be like."""

    capacity_bytes: int = NO_LIMIT
    """The size of the disk; ``NO_LIMIT``: this machine's own."""
    write_bytes_per_s: int = NO_LIMIT
    sync_s: float = 0.0
    clock_offset_s: float = 0.0


def write_state(path: str, state: MachineState) -> None:
    """Make this the state; who reads sees the old one or the new one."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(fd, _FORMAT.pack(*state), 0)
    finally:
        os.close(fd)


class Machine:
    """The state, as a program of the machine reads it."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def state(self) -> MachineState:
        """The state at this moment."""
        return MachineState(*_FORMAT.unpack(os.pread(self._fd, _FORMAT.size, 0)))
