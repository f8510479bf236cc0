"""The simulated companion's folder: its home, its own ``etc``, and what the mock must remember of it."""

from __future__ import annotations

import os
import uuid
from hashlib import sha256
from pathlib import Path

import msgspec

from operator_tool.api import ConfigError, escape_controls, replaced_file

from .onboard.state import FILE, MachineState, write_state

_RECORD = "mock.json"


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a command."""

    machine_id: str
    builds: int = 0
    boots: int = 1


class CompanionFolder:
    """One folder; nothing is looked at or made before ``make``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path / "home"
        self.temporary = path / "tmp"
        self._etc = path / "etc"
        self._record = _Record(machine_id="")

    def make(self, seed: int) -> None:
        """Make it where it is not there. Raises ``ConfigError`` for a folder that holds anything else."""
        record = self.path / _RECORD
        try:
            if record.exists():
                self._record = msgspec.json.decode(record.read_bytes(), type=_Record)
            elif self.path.is_dir() and any(self.path.iterdir()):
                raise ConfigError(
                    f"mock.companion_dir {escape_controls(str(self.path))} holds something, and not a mock's companion:"
                    " nothing was written there",
                    hint="Give a folder that is empty or not there yet.",
                )
            else:
                self._record = _Record(machine_id=sha256(f"{seed} {self.path.name}".encode()).hexdigest()[:32])
            for folder in (self.path, self.home, self.temporary, self._etc, self._etc / "c10"):
                folder.mkdir(mode=0o700, parents=folder is self.path, exist_ok=True)
            if not record.exists():
                self._keep(self._record)
            if not (self.path / FILE).exists():
                self.be(MachineState())
            (self._etc / "machine-id").write_text(f"{self._record.machine_id}\n", encoding="ascii")
            self._write_boot_id()
        except OSError as error:
            raise ConfigError(
                f"mock.companion_dir {escape_controls(str(self.path))} can't be used: {error.strerror}",
                hint="Give a folder that you can write to.",
            ) from None
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{escape_controls(str(record))} can't be read: {error}", hint="Remove the folder, or give another."
            ) from None

    def next_build(self) -> int:
        """Count a build, and return its number."""
        self._keep(msgspec.structs.replace(self._record, builds=self._record.builds + 1))
        return self._record.builds

    def reboot(self) -> None:
        """Have its programs see another boot id from now on."""
        self._keep(msgspec.structs.replace(self._record, boots=self._record.boots + 1))
        self._write_boot_id()

    def be(self, state: MachineState) -> None:
        """Have its programs find the machine to be like this from now on."""
        write_state(str(self.path / FILE), state)

    def with_bytes_left(self, left_bytes: int) -> int:
        """Return the size of a disk that takes so much more."""
        return self._used_bytes() + left_bytes

    def holds(self, path: str) -> bool:
        """Tell whether a path, as programs in the home folder understand it, leads nowhere else."""
        real = Path(os.path.realpath(self.home / path))
        return any(real.is_relative_to(folder.resolve()) for folder in (self.home, self.temporary))

    def _used_bytes(self) -> int:
        return sum((Path(folder) / name).lstat().st_size for folder, _, names in os.walk(self.home) for name in names)

    def _keep(self, record: _Record) -> None:
        self._record = record
        _replace(self.path / _RECORD, msgspec.json.encode(record))

    def _write_boot_id(self) -> None:
        digest = sha256(f"{self._record.machine_id} {self._record.boots}".encode()).digest()
        _replace(self._etc / "boot_id", f"{uuid.UUID(bytes=digest[:16])}\n".encode())


def _replace(path: Path, data: bytes) -> None:
    with replaced_file(path) as file:
        file.write(data)
