"""Files that go along, and stages, through the gate of a real OpenSSH, over both transports."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from operator_tool.api import BuildError, CompanionSession
from tests.integration.test_gate_openssh import Gated, gated, session
from tests.support.c10_rig import build_cache, supply_of

__all__ = ["gated", "session"]
pytestmark = pytest.mark.real_parts


def _stage(gated: Gated, folder: Path, script: str) -> None:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (gated.root / "companion.json").write_text(json.dumps({"stages": {"copy": {"command": [str(program)]}}}))


def test_files_and_stages_go_through_the_gate(session: CompanionSession, gated: Gated, tmp_path: Path) -> None:
    """Several frames of a file, and what a stage makes of it; one that fails later leaves the cache as it was."""
    model = tmp_path / "model.bin"
    model.write_bytes(os.urandom(3_000_000))
    _stage(gated, tmp_path, 'cp "$C10_ARTEFACTS/model.bin" made.bin')
    _summary, report = build_cache(session, gated.root, supply_of(50), artefacts={"model.bin": model})
    for name in ("artefacts/model.bin", "stages/copy/made.bin"):
        assert (gated.root / "current" / name).read_bytes() == model.read_bytes()
    _stage(gated, tmp_path, "echo broken; exit 1")
    with pytest.raises(BuildError, match="stage copy: it ended with exit status 1; its last lines: broken"):
        build_cache(session, gated.root, supply_of(50), artefacts={"model.bin": model})
    assert os.readlink(gated.root / "current") == f"generations/{report.generation}"
