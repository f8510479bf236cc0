"""The protocols that are recorded: real agents, driven as a workstation drives them, over a cache in a given state."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from operator_tool.api import CacheOrder
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.signature import SIGN_NAMESPACE
from operator_tool_plugins.provisioners.c10.agent.state import committed_seq
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.wire import artefact_frame, data_frame, lacking, offer_frame, seal_frame
from tests.support.c10_rig import Agent, Supply, final_line, manifest_of, order_of, request_of, supply_of
from tests.support.real_parts import make_key, require

from .judge import CACHE, Expected
from .live_tree import LiveTree
from .operations import Recording
from .recording import TRACE, read_recording

TILES = 12
_SIZE_BYTES = 300
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
            for old, new in left.pop(entry.filename.rpartition("/")[2], ()):
                if text.count(old) != 1:
                    raise ValueError(f"{entry.filename} has {text.count(old)} times, and not once: {old}")
                text = text.replace(old, new)
            changed.writestr(entry, text)
    if left:
        raise ValueError(f"the agent has no file {', '.join(left)}")
    return buffer.getvalue()


class Bench:
    """A folder with a cache root in it, an agent that lives in an earlier boot than this one, and a signer's key."""

    def __init__(self, folder: Path, changes: Changes | None = None) -> None:
        require("strace")
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
        words = self.key.with_name("key.pub").read_text().split()[:2]
        (self.root / "allowed_signers").write_text(f"op {' '.join(words)}\n")

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

    def sign(self, text: str) -> str | None:
        """Return the signature of a manifest, None where nobody signs."""
        if self.key is None:
            return None
        return subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.key), "-n", SIGN_NAMESPACE],
            input=text.encode(),
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout.decode()


class Cache(msgspec.Struct, frozen=True):
    """What a workstation would have on the companion."""

    order: CacheOrder
    supply: Supply
    artefacts: Mapping[str, bytes] = {}

    def listed(self) -> list[dict[str, object]]:
        """Return the artefacts as a request and a manifest list them."""
        return [
            {"path": f"artefacts/{name}", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in self.artefacts.items()
        ]


def cache_of(number: int, *, artefacts: Mapping[str, bytes] | None = None, changed: Sequence[int] = ()) -> Cache:
    """Return one cache of several; most of its tiles are also another one's where some have ``changed``."""
    first_seed = 0 if changed else 1000 * number
    supply = supply_of(TILES, size_bytes=_SIZE_BYTES, first_seed=first_seed, changed=changed)
    return Cache(order_of(TILES, lat_deg=40.0 + number, run_id=f"run-{number}"), supply, artefacts or {})


class Workstation(Agent):
    """One serving agent, and all that a workstation says to it."""

    def __init__(self, file: Path, bench: Bench, *, root: Path | None = None, through: Sequence[str] = ()) -> None:
        self._bench = bench
        self._root = root or bench.root
        super().__init__(file, "serve", {**request_of(self._root, order_of(1)), "verb": "hello"}, through=through)
        self.greeting = self.answer()

    def __enter__(self) -> Self:
        return self

    def answer(self) -> dict[str, Any]:
        """Return the next report."""
        return next((said for said in self.lines() if "report" in said), {"ok": False, "error": "it ended"})

    def ask(self, cache: Cache, verb: str, **fields: object) -> None:
        """Send a request."""
        self.say(json.dumps({**request_of(self._root, cache.order), "verb": verb, **fields}).encode() + b"\n")

    def send(self, cache: Cache) -> dict[str, Any]:
        """Send the artefacts, where there are any, and the tiles; return the report."""
        if cache.artefacts:
            self.ask(cache, "artefacts", artefacts=cache.listed())
            wants = self.until("wants") or {"files": []}
            for place, size in wants["files"]:
                data = list(cache.artefacts.values())[place][size:]
                self.say(artefact_frame(place, data[:64]) + (artefact_frame(place, data[64:]) if data[64:] else b""))
            self.say(seal_frame(0, 0))
            if not (report := self.answer())["ok"]:
                return report
        self.ask(cache, "receive", wanted_tiles=len(cache.supply.records))
        for number, batch in enumerate(cache.supply.batches()):
            self.say(offer_frame(number, batch))
            answer = next((said for said in self.lines() if said.get("event") == "lacks" or "report" in said), {})
            if "bits" not in answer:
                return answer
            if wanted := lacking(batch, answer["bits"]):
                self.say(data_frame(number, [cache.supply.pictures[record.sha256] for record in wanted]))
        self.say(seal_frame(len(cache.supply.records), sum(record.length_bytes for record in cache.supply.records)))
        return self.answer()

    def build(self, cache: Cache, *, commit: bool = True, last: bool = True) -> dict[str, Any]:
        """Have what was sent built; return the report."""
        fields = {name: self.greeting[name] for name in ("companion_id", "stages", "nonce")}
        fields["seq"] = self.greeting["highest_seq"] + 1
        if self._bench.key is None:
            fields["nonce"] = ""
        ordered = manifest_of(cache.order, cache.supply, artefacts=cache.listed(), **fields)
        self.ask(cache, "build", manifest=ordered, signature=self._bench.sign(ordered), last=last)
        for said in self.lines():
            if said.get("event") == "made":
                whole = json.dumps({**json.loads(ordered), "files": said["files"]})
                self.say(final_line(ordered, said["files"], self._bench.sign(whole)))
            elif said.get("event") == "ready":
                self.say(b"commit\n") if commit else self.hang_up()
            elif "report" in said:
                return said
        return {"ok": False, "error": "it ended"}

    def whole_way(self, cache: Cache) -> dict[str, Any]:
        """Send, and have it built."""
        sent = self.send(cache)
        return self.build(cache) if sent["ok"] else sent

    def back(self, cache: Cache, seq: int) -> dict[str, Any]:
        """Go back to a generation."""
        self.ask(cache, "rollback", to=seq)
        return self.answer()


class Protocol(msgspec.Struct, frozen=True):
    """Something that changes what is current."""

    name: str
    prepare: Callable[[Bench], None]
    run: Callable[[Workstation], dict[str, Any]]
    """Returns the report of what changed it."""
    verb: str = "build"

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
    old, highest_seq = layout.current(), committed_seq(layout)
    before = LiveTree(bench.box)
    trace = bench.folder / "trace"
    with Workstation(bench.earlier, bench, through=("strace", *TRACE, "-o", str(trace), "--")) as workstation:
        pipe = os.fstat(workstation.process.stdout.fileno()).st_ino  # type: ignore[union-attr]
        report = protocol.run(workstation)
        workstation.hang_up()
        workstation.process.wait(30)
    assert report["ok"], report
    expected = Expected(old.name if old else None, str(report["generation"]), highest_seq, protocol.verb)
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
    _built(bench, cache_of(1, artefacts={"camera.yaml": b"fx: 2\n" * 20}))


def _crowded(bench: Bench) -> None:
    _built(bench, *(cache_of(number) for number in range(1, 7)))


def _uncommitted(bench: Bench) -> None:
    _built(bench, cache_of(1))
    with Workstation(bench.earlier, bench) as workstation:
        assert workstation.send(cache_of(9))["ok"]
        assert not workstation.build(cache_of(9), commit=False)["ok"]
    assert len(list((bench.root / "generations").iterdir())) == 2


FIRST = Protocol("first", _nothing, lambda workstation: workstation.whole_way(cache_of(9)))
SIGNED = Protocol(
    "signed",
    _signed,
    lambda workstation: workstation.whole_way(cache_of(9, artefacts=_ARTEFACTS, changed=(3,))),
)
CROWDED = Protocol("crowded", _crowded, lambda workstation: workstation.whole_way(cache_of(9)))
RESUMED = Protocol("resumed", _uncommitted, lambda workstation: workstation.whole_way(cache_of(9)))
BACK = Protocol(
    "back",
    lambda bench: _built(bench, cache_of(1), cache_of(2)),
    lambda workstation: workstation.back(cache_of(1), 1),
    "rollback",
)
PROTOCOLS = (FIRST, SIGNED, CROWDED, RESUMED, BACK)
