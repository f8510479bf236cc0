"""The simulated machine in one run: what its programs find, and what befalls it."""

from __future__ import annotations

import threading
import time

from operator_tool.api import CompanionError

from .faults import Faults, Struck
from .folder import CompanionFolder
from .onboard.state import NO_LIMIT, MachineState
from .script import DiskFull, MachineFault, MachineScript, Reboot, SlowDisk, WrongClock


class SimulatedMachine:
    """One machine; at the start of a run it is as the script describes it, whatever befell it before."""

    def __init__(self, folder: CompanionFolder, script: MachineScript) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._up_again_s = 0.0
        self._state = MachineState(
            capacity_bytes=NO_LIMIT if script.disk_bytes is None else script.disk_bytes,
            write_bytes_per_s=script.write_bytes_per_s or NO_LIMIT,
            sync_s=script.sync_s,
            clock_offset_s=script.clock_offset_s,
        )
        folder.be(self._state)

    def befall(self, faults: Faults) -> None:
        """Have befall it what strikes now."""
        for struck in faults.of_machine():
            self.change(struck)

    def change(self, struck: Struck) -> None:
        """Have one fault befall it; its programs see it with what they do next."""
        fault = struck.fault
        assert isinstance(fault, MachineFault)
        with self._lock:
            match fault:
                case DiskFull(left_bytes=left):
                    self._state = self._state._replace(capacity_bytes=self._folder.with_bytes_left(left))
                case SlowDisk(sync_s=seconds, write_bytes_per_s=rate):
                    self._state = self._state._replace(sync_s=seconds, write_bytes_per_s=rate or NO_LIMIT)
                case WrongClock(offset_s=offset):
                    self._state = self._state._replace(clock_offset_s=offset)
            self._folder.be(self._state)

    def reboot(self, fault: Reboot) -> None:
        """Have it start anew; until it is up it can't be reached."""
        with self._lock:
            self._folder.reboot()
            self._up_again_s = time.monotonic() + fault.down_s

    def check_up(self, address: str) -> None:
        """Raise ``CompanionError`` while it starts."""
        if time.monotonic() < self._up_again_s:
            raise CompanionError(
                f"the companion at {address} can't be reached: it is starting anew (by the script)", retryable=True
            )
