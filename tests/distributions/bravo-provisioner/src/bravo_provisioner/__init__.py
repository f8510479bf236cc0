"""Bravo's provisioner: it speaks wire protocol 2 to the agent that ``operator-tool companion install`` put there.

It installs and signs nothing. Each call has an agent of its own: ``hello``, ``receive``, ``hello`` again, ``build``.
"""

import functools
import json
from typing import Annotated, Any

from operator_tool import api

from .agent_call import AgentFailure, call, final_manifest, frames


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    cache_root: Annotated[str, api.Meta(min_length=1, description="The cache root: an absolute path there.")]
    agent: Annotated[str, api.Meta(description="The agent; by default agent/c10-agent.pyz below the root.")] = ""
    python: Annotated[str, api.Meta(min_length=1, description="The companion's Python, 3.8 or newer.")] = "python3"


class Bravo:
    def __init__(self, settings: Settings) -> None:
        self.site = settings.cache_root
        agent = settings.agent or f"{settings.cache_root}/agent/c10-agent.pyz"
        self._argv = [settings.python, "-I", "-S", "-B", agent]
        self._table, self._sent = api.TileTable(), api.TileTable()
        self._before: str | None = None
        self._build_was_asked = False

    def prepare(self, session: api.CompanionSession, order: api.CacheOrder) -> api.CompanionState:
        said = self._hello(session, order)
        reasons, verified = said["reasons"], said["verified"] or {"ok": False, "problem": "", "tiles": 0}
        if said["signers"] is not None and not verified["ok"]:
            reasons.append("it takes signed caches alone, and bravo signs nothing")
        if reasons:
            raise api.NotReadyError(tuple(map(api.escape_controls, reasons)))
        if said["busy"] is not None and not order.dry_run:
            raise api.BuildLockHeldError(f"another build is running there: {api.escape_controls(str(said['busy']))}")
        self._before = said["current"]["name"] if said["current"] else None
        told = {"companion_id": said["companion_id"], "agent_version": said["agent"], "free_bytes": said["free_bytes"]}
        found = {"up_to_date": True, "verified_tiles": verified["tiles"], "tiles_digest": verified.get("tiles_digest")}
        told |= found if verified["ok"] else {"damage": verified["problem"]}
        return api.CompanionState(**told, generation=self._before)

    def transfer(
        self, session: api.CompanionSession, order: api.CacheOrder, tiles: api.TileSupply
    ) -> api.TransferSummary:
        self._table = api.TileTable()
        says = functools.partial(frames, tiles, self._table, self._sent)
        try:
            call(session, self._argv, self._request(order, "receive", wanted_tiles=order.wanted_tiles), says)
        except AgentFailure as failure:
            kind = api.BuildLockHeldError if failure.code == "busy" else api.TransferError
            raise kind(f"the companion could not take the tiles: {failure}") from None
        offered, sent = self._table, self._sent
        saved = max(0, offered.bytes - sent.bytes)
        counted = {"offered_tiles": offered.tiles, "sent_tiles": sent.tiles, "sent_bytes": sent.bytes}
        return api.TransferSummary(**counted, saved_bytes=saved, tiles_digest=offered.digest())

    def build(
        self, session: api.CompanionSession, order: api.CacheOrder, transferred: api.TransferSummary
    ) -> api.RemoteBuildReport:
        now = self._hello(session, order)
        manifest = self._manifest(order, now)
        ours, current, verified = ("content_key", "run_id", "tiles_digest"), now["current"], now["verified"]
        asked_before, self._build_was_asked = self._build_was_asked, True
        if asked_before and verified and verified["ok"] and all(current[name] == manifest[name] for name in ours):
            return self._report({**manifest, "generation": current["name"]}, recovered=True)
        says = functools.partial(final_manifest, manifest)
        try:
            built = call(session, self._argv, self._request(order, "build", manifest=json.dumps(manifest)), says, 120)
        except AgentFailure as failure:
            kind = api.VerifyError if failure.code == "verify" else api.BuildError
            raise kind(f"the companion could not build the cache: {failure}") from None
        if wrong := [name for name in ("seq", "tiles", "bytes", "tiles_digest") if built.get(name) != manifest[name]]:
            raise api.VerifyError(f"the companion reports another cache than was ordered: {', '.join(wrong)}")
        return self._report(built, recovered=False)

    def _hello(self, session: api.CompanionSession, order: api.CacheOrder) -> dict[str, Any]:
        try:
            return call(session, self._argv, self._request(order, "hello", only_look=order.dry_run))
        except AgentFailure as failure:
            raise api.CompanionError(f"the companion's agent could not answer: {failure}") from None

    def _request(self, order: api.CacheOrder, verb: str, **more: Any) -> dict[str, Any]:
        patience = {} if order.dry_run else {"lock_wait_s": 5, "orphan_wait_s": 30}
        whose = {"run_id": order.run_id, "operator": order.operator, "content_key": order.content_key}
        return {"protocol": 2, "verb": verb, "root": self.site, **whose, **patience, **more}

    def _manifest(self, order: api.CacheOrder, now: dict[str, Any]) -> dict[str, Any]:
        table, zooms = self._table, self._table.zooms
        counted = {"tiles": table.tiles, "bytes": table.bytes, "tiles_digest": table.digest()}
        metadata = {"name": order.flight.name or order.flight.id, "format": str(table.format)}
        metadata |= {"minzoom": str(zooms[0]), "maxzoom": str(zooms[-1])}
        there = {name: now[name] for name in ("companion_id", "nonce", "stages")} | {"seq": now["highest_seq"] + 1}
        ours = {"format": 2, "content_key": order.content_key, "run_id": order.run_id, "metadata": metadata}
        return {**ours, **there, **counted, "artefacts": [], "files": []}

    def _report(self, built: dict[str, Any], *, recovered: bool) -> api.RemoteBuildReport:
        counted = {name: built[name] for name in ("generation", "tiles", "bytes", "tiles_digest")}
        return api.RemoteBuildReport(**counted, previous_generation=self._before, recovered=recovered)


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    return Settings


@api.hookimpl.make_provisioner
def make_provisioner(settings: Settings) -> Bravo:
    return Bravo(settings)
