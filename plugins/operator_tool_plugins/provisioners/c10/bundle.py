"""The agent as one file: a zipapp made from this package's own files, the same bytes wherever it is made."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import zipfile

_PACKAGE = "c10_agent"
_MAIN = f"""\
import sys

if sys.version_info < (3, 8):
    sys.stderr.write("the agent needs Python 3.8 or newer, this is %d.%d\\n" % sys.version_info[:2])
    sys.exit(3)

from {_PACKAGE}.__main__ import main

sys.exit(main(sys.argv))
"""


class AgentBundle(msgspec.Struct, frozen=True):
    """The agent's file: its name carries its hash, so that another version never overwrites it."""

    name: str
    data: bytes
    sha256: str


@functools.cache
def agent_bundle() -> AgentBundle:
    """Return the zipapp of the agent that belongs to this runner."""
    import io
    import zipfile

    buffer = io.BytesIO()
    # Stored, not deflated: zlibs differ in their output, and with it the hash would.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        folder = Path(__file__).parent / "agent"
        for path in sorted(folder.rglob("*.py")):
            _add(archive, f"{_PACKAGE}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    data = buffer.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    return AgentBundle(f"c10-agent-{sha256[:12]}.pyz", data, sha256)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    import zipfile

    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
