"""The protocols that are recorded: real agents, driven as a workstation drives them, over a cache in a given state."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from operator_tool_plugins.provisioners.c10.agent.generations.state import committed_seq
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.real_parts import make_key, require

from .bench import Bench
from .judge import Expected
from .live_tree import LiveTree
from .operations import Recording
from .recording import TRACE, read_recording
from .workstation import Cache, Workstation, cache_of


class Protocol(msgspec.Struct, frozen=True):
    """Something that changes what is current."""

    name: str
    prepare: Callable[[Bench], None]
    run: Callable[[Workstation], dict[str, Any]]
    """Returns the report of what changed it."""
    verb: str = "build"
    signer: str = ""

    def again(self, bench: Bench, root: Path) -> dict[str, Any]:
        """Do the same on what a power cut left, with the agent that is installed; return its report."""
        with Workstation(bench.today, bench, root=root) as workstation:
            return self.run(workstation)


class Recorded(msgspec.Struct, frozen=True):
    """A protocol as it was carried out."""

    protocol: Protocol
    bench: Bench
    recording: Recording
    expected: Expected


def prepared(protocol: Protocol, folder: Path) -> Bench:
    """Return a bench on which a protocol can be carried out."""
    bench = Bench(folder)
    protocol.prepare(bench)
    return bench


def record(protocol: Protocol, bench: Bench) -> Recorded:
    """Carry a protocol out under strace."""
    layout = Layout(str(bench.root))
    current, highest_seq = layout.current(), committed_seq(layout)
    old = current.name if current else None
    before = LiveTree(bench.box)
    trace = bench.folder / "trace"
    with Workstation(bench.earlier, bench, through=("strace", *TRACE, "-o", str(trace), "--")) as workstation:
        pipe = os.fstat(workstation.process.stdout.fileno()).st_ino  # type: ignore[union-attr]
        report = protocol.run(workstation)
        workstation.hang_up()
        workstation.process.wait(30)
    assert report["ok"], report
    expected = Expected(old, report.get("generation", old), highest_seq, protocol.verb, protocol.signer)
    return Recorded(protocol, bench, read_recording(trace, before, pipe), expected)


def _nothing(_bench: Bench) -> None:
    """A companion that never had a cache, nor a folder for one."""


def _built(bench: Bench, *caches: Cache) -> None:
    for cache in caches:
        with Workstation(bench.earlier, bench) as workstation:
            report = workstation.whole_way(cache)
            assert report["ok"], report


_ARTEFACTS = {"camera.yaml": b"fx: 1\n" * 20, "model.bin": b"\x07" * 100}


def _signed(bench: Bench) -> None:
    bench.enrol()
    bench.own_stage()
    _built(bench, cache_of(1, artefacts={"camera.yaml": _ARTEFACTS["camera.yaml"], "old.bin": b"old"}))


def _crowded(bench: Bench) -> None:
    _built(bench, *(cache_of(number) for number in range(1, 7)))


def _uncommitted(bench: Bench) -> None:
    _built(bench, cache_of(1))
    with Workstation(bench.earlier, bench) as workstation:
        assert workstation.send(cache_of(9))["ok"]
        assert not workstation.build(cache_of(9), commit=False)["ok"]
    assert len(list((bench.root / "generations").iterdir())) == 2


def signed_cache() -> Cache:
    """Return a cache of which the companion of ``SIGNED`` has most tiles and one of the artefacts."""
    return cache_of(9, artefacts=_ARTEFACTS, like=1, changed=(3,))


def _back(workstation: Workstation) -> dict[str, Any]:
    """Go back to the first generation; that it is current already is well, too."""
    report = workstation.back(cache_of(1), 1)
    is_there = not report["ok"] and str(report["error"]["message"]).endswith("is current already")
    return {**report, "ok": report["ok"] or is_there}


_NEW_SIGNER = "new"


def _known(bench: Bench) -> None:
    bench.enrol()
    make_key(bench.folder / "new_key", ssh_keygen=require("ssh-keygen"))


def _replace(workstation: Workstation) -> dict[str, Any]:
    """Have another key take the first one's place; that it has done so already is well, too."""
    known = [one["principal"] for one in workstation.greeting["signers"]]
    if known == [_NEW_SIGNER]:
        return {"ok": True}
    assert workstation.bench.key is not None
    return workstation.replace_signer(_NEW_SIGNER, workstation.bench.key.with_name("new_key"))


FIRST = Protocol("first", _nothing, lambda workstation: workstation.whole_way(cache_of(9)))
SIGNED = Protocol("signed", _signed, lambda workstation: workstation.whole_way(signed_cache()))
CROWDED = Protocol("crowded", _crowded, lambda workstation: workstation.whole_way(cache_of(9)))
RESUMED = Protocol("resumed", _uncommitted, lambda workstation: workstation.whole_way(cache_of(9)))
BACK = Protocol(
    "back",
    lambda bench: _built(bench, cache_of(1), cache_of(2)),
    _back,
    "rollback",
)
REPLACED = Protocol("replaced", _known, _replace, "enrol_signer", _NEW_SIGNER)
PROTOCOLS = (FIRST, SIGNED, CROWDED, RESUMED, BACK, REPLACED)
