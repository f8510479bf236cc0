"""What the tests of stages and artefacts share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stage_bench import StageBench


@pytest.fixture
def bench(tmp_path: Path, file: Path) -> StageBench:
    """A companion that can be given stages."""
    return StageBench(tmp_path, file)
