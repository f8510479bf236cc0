"""``agents``: which of the agent's files lie in a folder, each with its version, without running any of them.

For a workstation whose own agent is not among them: it runs that one from memory, and tells which are there.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from typing import Dict

from .call import Call
from .faults import AgentError
from .layout import read_small

_NAME = re.compile(r"c10-agent-[0-9a-f]{12}\.pyz\Z")
_LINK = "c10-agent.pyz"
_ABOUT = "c10_agent/__init__.py"
_MAX_ABOUT_BYTES = 64 * 1024
_MAX_AGENTS = 16
_VERSION = re.compile(rb'^VERSION = "([0-9A-Za-z.+-]{1,32})"', re.MULTILINE)
_PROTOCOL = re.compile(rb"^PROTOCOL = ([0-9]{1,4})$", re.MULTILINE)


def run(call: Call) -> Dict[str, object]:
    """Answer: the one that the link leads to first, then the newest."""
    if call.gated:
        raise AgentError("refused", "this login is for one cache root alone")
    folder = os.path.realpath(os.path.expanduser(call.request.text("agent_dir")))
    try:
        names = [name for name in os.listdir(folder) if _NAME.match(name)]
    except OSError as error:
        return {"folder": folder, "agents": [], "problem": error.strerror or str(error)}
    linked = _linked(folder)
    names.sort(key=lambda name: (name == linked, _changed_s(os.path.join(folder, name))), reverse=True)
    agents = [{"linked": name == linked, **_described(folder, name)} for name in names[:_MAX_AGENTS]]
    return {"folder": folder, "agents": agents, "problem": ""}


def _described(folder: str, name: str) -> Dict[str, object]:
    said: Dict[str, object] = {"name": name, "sha256": "", "version": "", "protocol": 0, "problem": ""}
    try:
        data = read_small(os.path.join(folder, name))
    except (OSError, AgentError) as error:
        return {**said, "problem": "it can't be read: %s" % str(error)[:200]}
    said["sha256"] = hashlib.sha256(data).hexdigest()
    if not str(said["sha256"]).startswith(name[10:22]):
        return {**said, "problem": "it is damaged: its bytes are not those that its name tells of"}
    about = _about(data)
    version, protocol = _VERSION.search(about), _PROTOCOL.search(about)
    if version is None or protocol is None:
        return {**said, "problem": "it does not say which version it is"}
    return {**said, "version": version.group(1).decode("ascii"), "protocol": int(protocol.group(1))}


def _about(data: bytes) -> bytes:
    """Return the source that names version and protocol, empty where it can't be found."""
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo(_ABOUT).file_size > _MAX_ABOUT_BYTES:
                return b""
            return archive.read(_ABOUT)
    except Exception:  # noqa: BLE001 - whatever zipfile makes of a file that is none, it says nothing
        return b""


def _linked(folder: str) -> str:
    try:
        return os.path.basename(os.readlink(os.path.join(folder, _LINK)))
    except OSError:
        return ""


def _changed_s(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0
