"""Sends a file through one of our transports into ``cat``, and writes how long it took from connecting to closing.

The link with nothing of ours above it: what ``ssh cat`` is beside.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from operator_tool.api import RunContext

_PIECE_BYTES = 256 * 1024


def main() -> int:
    """Take the transport, its settings as JSON, the file, its place on the companion, and where the seconds go."""
    name, settings, source, target, seconds = sys.argv[1:]
    plugin = importlib.import_module(f"operator_tool_plugins.transports.{name}")
    context = RunContext(run_id="benchmark", state_dir=Path(seconds).parent, trust_dir=Path(seconds).parent)
    told = msgspec.convert(json.loads(settings), plugin.plugin_settings(), strict=False)
    transport = plugin.make_companion_transport(told, context)
    begun_s = time.perf_counter()
    with (
        transport.connect() as session,
        session.run(["sh", "-c", f"cat > {target}"], stdin=_pieces(Path(source))) as run,
    ):
        for _line in run:
            pass
        status = run.exit_status
    Path(seconds).write_text(str(time.perf_counter() - begun_s))
    return 0 if status == 0 else 1


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


if __name__ == "__main__":
    sys.exit(main())
