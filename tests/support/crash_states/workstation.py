"""The workstation of a recorded protocol: what it has, and all that it says to one serving agent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from operator_tool.api import CacheOrder
from operator_tool_plugins.provisioners.c10.agent.signing.signature import ORDER_NAMESPACE
from operator_tool_plugins.provisioners.c10.wire import artefact_frame, data_frame, lacking, offer_frame, seal_frame
from tests.support.c10_rig import Agent, Supply, final_line, manifest_of, order_of, request_of, supply_of

from .bench import Bench

TILES = 12
_SIZE_BYTES = 300


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


def cache_of(
    number: int, *, artefacts: Mapping[str, bytes] | None = None, like: int | None = None, changed: Sequence[int] = ()
) -> Cache:
    """Return one cache of several; its tiles are those of the one that it is ``like``, but for the ``changed`` ones."""
    first_seed = 1000 * (number if like is None else like)
    supply = supply_of(TILES, size_bytes=_SIZE_BYTES, first_seed=first_seed, changed=changed)
    return Cache(order_of(TILES, lat_deg=40.0 + number, run_id=f"run-{number}"), supply, artefacts or {})


class Workstation(Agent):
    """One serving agent, and all that a workstation says to it."""

    def __init__(self, file: Path, bench: Bench, *, root: Path | None = None, through: Sequence[str] = ()) -> None:
        self.bench = bench
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
                return answer or {"ok": False, "error": "it ended"}
            if wanted := lacking(batch, answer["bits"]):
                self.say(data_frame(number, [cache.supply.pictures[record.sha256] for record in wanted]))
        self.say(seal_frame(len(cache.supply.records), sum(record.length_bytes for record in cache.supply.records)))
        return self.answer()

    def build(self, cache: Cache, *, commit: bool = True, last: bool = True) -> dict[str, Any]:
        """Have what was sent built; return the report."""
        fields = {name: self.greeting[name] for name in ("companion_id", "stages", "nonce")}
        fields["seq"] = self.greeting["highest_seq"] + 1
        if self.bench.key is None:
            fields["nonce"] = ""
        ordered = manifest_of(cache.order, cache.supply, artefacts=cache.listed(), **fields)
        self.ask(cache, "build", manifest=ordered, signature=self.bench.sign(ordered), last=last)
        for said in self.lines():
            if said.get("event") == "made":
                whole = json.dumps({**json.loads(ordered), "files": said["files"]})
                self.say(final_line(ordered, said["files"], self.bench.sign(whole)))
            elif said.get("event") == "ready":
                self.say(b"commit\n") if commit else self.hang_up()
            elif "report" in said:
                return said
        return {"ok": False, "error": "it ended"}

    def whole_way(self, cache: Cache) -> dict[str, Any]:
        """Send, and have it built."""
        sent = self.send(cache)
        return self.build(cache) if sent["ok"] else sent

    def replace_signer(self, principal: str, key: Path) -> dict[str, Any]:
        """Have a key take the place of the one that signs, by that one's word."""
        asked = {"principal": principal, "public_key": self.bench.public(key), "replace": True}
        order = {"verb": "enrol_signer", **{name: self.greeting[name] for name in ("companion_id", "nonce")}, **asked}
        text = json.dumps(order)
        self.ask(
            cache_of(0), "enrol_signer", **asked, order=text, order_signature=self.bench.sign(text, ORDER_NAMESPACE)
        )
        return self.answer()

    def back(self, cache: Cache, seq: int) -> dict[str, Any]:
        """Go back to a generation."""
        self.ask(cache, "rollback", to=seq)
        return self.answer()
