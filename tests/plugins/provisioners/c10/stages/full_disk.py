"""Runs on a small volume of its own: a stage that fills it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.c10_rig import ask
from tests.support.stage_bench import StageBench


def try_it(volume: Path, file: Path) -> None:
    """Have a stage fill ``volume``, and look at what is left of it."""
    bench = StageBench(file.parent, file, root=volume / "cache")
    old = bench.older_cache()
    bench.receive()
    bench.stage("with open('big', 'wb', 0) as big:\n    while True: big.write(bytes(65536))")
    free_bytes = bench.hello()["free_bytes"]
    report = bench.build()
    assert (report["ok"], report["error"]["code"]) == (False, "stage"), report
    assert any("No space left" in line for line in report["error"]["tail"]), report
    assert bench.current == old
    assert ask(bench.file, "verify", bench.root, bench.order)["ok"]
    assert os.statvfs(volume).f_bavail * os.statvfs(volume).f_frsize >= free_bytes - 65536
    bench.stage("open('made', 'w').write('1')")
    assert bench.receive() == 0
    assert bench.build()["ok"]
