"""A companion to be recorded: a cache root, an agent that lives in an earlier boot, and what the keeper put there."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from operator_tool_plugins.provisioners.c10.agent.signing.signature import SIGN_NAMESPACE
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.real_parts import make_key, not_installed, require

from .judge import CACHE

_BOOT = ("layout.py", "/proc/sys/kernel/random/boot_id")
Changes = Mapping[str, Sequence[tuple[str, str]]]
"""For a file of the agent: texts, and what stands in their place."""


def bundle_with(changes: Changes) -> bytes:
    """Return the agent's zipapp with other texts in it; a text that is not there just once is an error."""
    buffer = io.BytesIO()
    left = dict(changes)
    with (
        zipfile.ZipFile(io.BytesIO(agent_bundle().data)) as real,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as changed,
    ):
        for entry in real.infolist():
            text = real.read(entry).decode()
            for old, new in left.pop(entry.filename.partition("/")[2], ()):
                if text.count(old) != 1:
                    raise ValueError(f"{entry.filename} has {text.count(old)} times, and not once: {old}")
                text = text.replace(old, new)
            changed.writestr(entry, text)
    if left:
        raise ValueError(f"the agent has no file {', '.join(left)}")
    return buffer.getvalue()


def require_strace() -> None:
    """Skip the test, or fail it where all are required, if there is no strace or nobody may be traced here."""
    if subprocess.run([require("strace"), "-o", os.devnull, "true"], capture_output=True, timeout=60).returncode:
        not_installed("an strace that may trace")


class Bench:
    """A folder with a cache root in it, an agent that lives in an earlier boot than this one, and a signer's key."""

    def __init__(self, folder: Path, changes: Changes | None = None) -> None:
        require_strace()
        folder.mkdir(parents=True)
        self.folder = folder
        self.box = folder / "box"
        self.box.mkdir()
        self.root = self.box / CACHE
        boot = folder / "boot_id"
        boot.write_text("00000000-1111-4222-8333-444444444444\n")
        # It reads its boot's id elsewhere: for whoever looks at what it left, there was another start in between.
        all_changes = {**(changes or {})}
        all_changes[_BOOT[0]] = [*all_changes.get(_BOOT[0], ()), (_BOOT[1], str(boot))]
        self.earlier = folder / "earlier.pyz"
        self.earlier.write_bytes(bundle_with(all_changes))
        self.today = folder / "today.pyz"
        self.today.write_bytes(agent_bundle().data)
        self.key: Path | None = None

    def copy(self, folder: Path, changes: Changes) -> Bench:
        """Return a bench with a copy of this one's cache, and another agent."""
        other = Bench(folder, changes)
        other.box.rmdir()
        shutil.copytree(self.box, other.box, symlinks=True)
        other.key = self.key
        return other

    def enrol(self) -> None:
        """Have the companion take what a key has signed, and nothing else."""
        self.key = self.folder / "key"
        make_key(self.key, ssh_keygen=require("ssh-keygen"))
        self.root.mkdir(mode=0o755, exist_ok=True)
        (self.root / "allowed_signers").write_text(f"op {self.public(self.key)}\n")

    def own_stage(self) -> None:
        """Give the companion a stage that makes one file, in a folder of its own."""
        program = self.folder / "stage"
        # By whole paths: strace does not tell where a name alone leads to.
        program.write_text(
            f"#!{sys.executable} -ISB\nimport os\nplace = os.environ['C10_OUTPUT'] + '/in'\nos.mkdir(place)\n"
            "open(place + '/made', 'w').write('made of tiles' * 50)\n"
        )
        program.chmod(0o755)
        self.root.mkdir(mode=0o755, exist_ok=True)
        (self.root / "companion.json").write_text(json.dumps({"stages": {"it": {"command": [str(program)]}}}))

    def public(self, key: Path) -> str:
        """Return a key's public half, without its comment."""
        return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])

    def sign(self, text: str, namespace: str = SIGN_NAMESPACE) -> str | None:
        """Return the signature of a manifest, None where nobody signs."""
        if self.key is None:
            return None
        return subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.key), "-n", namespace],
            input=text.encode(),
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout.decode()
