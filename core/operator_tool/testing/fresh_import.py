"""Imports one module in a fresh interpreter that has only the api, and tells what that did."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

_TIMEOUT_S = 60.0

_PROGRAM = """
import json, sys, threading, time
asked = json.load(sys.stdin)
sys.path[:] = asked["path"]
import operator_tool.api
before = set(sys.modules)
began = time.perf_counter()
__import__(asked["module"])
took = time.perf_counter() - began
threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
with open(asked["result"], "w", encoding="utf-8") as file:
    json.dump({"took_s": took, "modules": sorted(set(sys.modules) - before), "threads": threads}, file)
"""


class FreshImport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did beyond that of ``operator_tool.api``."""

    took_s: float
    modules: frozenset[str]
    """Every module that came with it."""
    threads: tuple[str, ...] = ()
    """Names of the threads that it left running."""
    said: str = ""
    """What it wrote to standard output and standard error."""
    failure: str = ""
    """The last of the traceback, where it failed or did not end."""


def import_afresh(module: str) -> FreshImport:
    """Import ``module`` with this process's path in another interpreter."""
    with tempfile.TemporaryDirectory(prefix="operator-tool-import-") as folder:
        result = Path(folder) / "result.json"
        asked = json.dumps({"path": sys.path, "module": module, "result": str(result)})
        try:
            ran = subprocess.run(  # noqa: S603 - this interpreter, and a program that stands above
                [sys.executable, "-c", _PROGRAM], input=asked, capture_output=True, text=True, timeout=_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return FreshImport(took_s=_TIMEOUT_S, modules=frozenset(), failure=f"it had not ended after {_TIMEOUT_S} s")
        if not result.exists():
            return FreshImport(
                took_s=0.0, modules=frozenset(), failure=ran.stderr[-2000:] or f"it ended with {ran.returncode}"
            )
        found = msgspec.json.decode(result.read_bytes(), type=FreshImport)
        return msgspec.structs.replace(found, said=ran.stdout + ran.stderr)
