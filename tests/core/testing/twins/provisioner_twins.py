"""Provisioners that are sound but for one weakness each, and the checks of the kit that must catch it.

The sound one keeps a picture in a file of its hash and a cache in a list of them: files that are put and got are all
that it needs of a session.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from operator_tool.api import (
    CacheOrder,
    CompanionError,
    CompanionSession,
    CompanionState,
    LinkError,
    Meta,
    PluginSettings,
    RemoteBuildReport,
    RunContext,
    Secret,
    TileRecord,
    TileSupply,
    TileTable,
    TransferError,
    TransferSummary,
    hookimpl,
    tiles_digest,
)


class Settings(PluginSettings, frozen=True, kw_only=True):
    """The settings of every twin."""

    folder: Annotated[str, Meta(description="The folder of the caches.")]
    token: Annotated[Secret | None, Meta(description="A secret that nobody needs.")] = None


class Sound:
    """Keeps to everything."""

    def __init__(self, settings: Settings, context: RunContext) -> None:
        self.settings, self.context = settings, context
        self.records: list[TileRecord] = []
        self.sent_tiles = self.sent_bytes = 0
        self.asked_before = False
        self.before: str | None = None

    @property
    def site(self) -> str:
        """The folder."""
        return self.settings.folder

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        """Read the list that is current, and its pictures."""
        current = self.current(session)
        self.before = current["name"] if current else None
        state = CompanionState(companion_id="twin", agent_version="1", generation=self.before)
        if current is None or current["key"] != order.content_key:
            return state
        problem = self.damage(session, current)
        rows = sorted((z, x, y, bytes.fromhex(sha256)) for z, x, y, sha256 in current["tiles"])
        sound = {"up_to_date": not problem, "verified_tiles": len(rows), "tiles_digest": tiles_digest(iter(rows))}
        return (
            msgspec.structs.replace(state, **sound) if not problem else msgspec.structs.replace(state, damage=problem)
        )

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        """Put the pictures that are not there."""
        self.records = []
        for batch in tiles.batches():
            self.look_round()
            for record in batch:
                self.records.append(record)
                if not self.is_there(session, record):
                    self.send(session, record, self.read(tiles, record))
        return self.summary(self.table())

    def build(self, session: CompanionSession, order: CacheOrder, transferred: TransferSummary) -> RemoteBuildReport:
        """Put the list, and have the name point at it: both in one file."""
        current = self.current(session)
        asked_before, self.asked_before = self.asked_before, True
        if asked_before and current and (current["key"], current["run"]) == (order.content_key, order.run_id):
            return self.report(current["name"], recovered=True)
        name = f"{order.content_key[:8]}-{order.run_id}"
        self.switch(session, self.listed(order, name))
        if self.current(session) is None:
            raise CompanionError("the list is gone")
        return self.report(name, recovered=False)

    def current(self, session: CompanionSession) -> dict[str, Any] | None:
        """Return the list that is current."""
        try:
            found: dict[str, Any] = json.loads(session.get(f"{self.settings.folder}/current.json"))
        except LinkError as error:
            if error.retryable:
                raise
            return None
        return found

    def damage(self, session: CompanionSession, current: dict[str, Any]) -> str:
        """Return what is wrong with a picture, or the empty text."""
        for _z, _x, _y, sha256 in current["tiles"]:
            if hashlib.sha256(session.get(f"{self.settings.folder}/{sha256}")).hexdigest() != sha256:
                return f"{sha256} is not what was built"
        return ""

    def is_there(self, session: CompanionSession, record: TileRecord) -> bool:
        """Tell whether a picture is there, and is what it should be."""
        try:
            data = session.get(f"{self.settings.folder}/{record.sha256.hex()}")
        except LinkError as error:
            if error.retryable:
                raise
            return False
        return hashlib.sha256(data).digest() == record.sha256

    def read(self, tiles: TileSupply, record: TileRecord) -> bytes:
        """Read a picture."""
        return tiles.read(record)

    def send(self, session: CompanionSession, record: TileRecord, picture: bytes) -> None:
        """Put a picture."""
        self.sent_tiles, self.sent_bytes = self.sent_tiles + 1, self.sent_bytes + len(picture)
        session.put(picture, f"{self.settings.folder}/{record.sha256.hex()}")

    def look_round(self) -> None:
        """Raise where the run was given up."""
        if self.context.cancelled.is_set():
            raise TransferError("the run was given up")

    def listed(self, order: CacheOrder, name: str) -> dict[str, Any]:
        """Return the list of a cache."""
        tiles = [(one.id.z, one.id.x, one.id.y, one.sha256.hex()) for one in self.records]
        return {"name": name, "key": order.content_key, "run": order.run_id, "tiles": tiles}

    def switch(self, session: CompanionSession, listed: dict[str, Any]) -> None:
        """Have this cache be the current one."""
        session.put(json.dumps(listed).encode(), f"{self.settings.folder}/current.json")

    def table(self) -> TileTable:
        """Return the table of what was offered."""
        table = TileTable()
        table.add(self.records)
        return table

    def summary(self, table: TileTable) -> TransferSummary:
        """Return what sending took."""
        return TransferSummary(
            offered_tiles=table.tiles,
            sent_tiles=self.sent_tiles,
            sent_bytes=self.sent_bytes,
            saved_bytes=table.bytes - self.sent_bytes,
            tiles_digest=table.digest(),
        )

    def report(self, name: str, *, recovered: bool) -> RemoteBuildReport:
        """Return what was built."""
        table = self.table()
        return RemoteBuildReport(
            generation=name,
            previous_generation=self.before,
            tiles=table.tiles,
            bytes=table.bytes,
            tiles_digest=table.digest(),
            recovered=recovered,
        )


class ProvisionerTwin:
    """A plugin with one weakness."""

    def __init__(self, provisioner: type[Sound], fails: str) -> None:
        self.provisioner, self.fails = provisioner, fails

    @hookimpl(specname="plugin_settings")
    def plugin_settings(self) -> type[PluginSettings]:
        """Return the settings."""
        return Settings

    @hookimpl(specname="make_provisioner")
    def make_provisioner(self, settings: Settings, context: RunContext) -> Any:
        """Return the provisioner."""
        return self.provisioner(settings, context)


TWINS: dict[str, ProvisionerTwin] = {"sound": ProvisionerTwin(Sound, "")}


def twin(fails: str) -> Callable[[type[Sound]], type[Sound]]:
    """Make a plugin of a provisioner that is weak."""

    def make(weak: type[Sound]) -> type[Sound]:
        TWINS[weak.__name__.lower()] = ProvisionerTwin(weak, fails)
        return weak

    return make


def __getattr__(name: str) -> ProvisionerTwin:
    if name in TWINS:
        return TWINS[name]
    raise AttributeError(name)


@twin("test_its_site_is_known_without_connecting")
class Eager(Sound):
    @property
    def site(self) -> str:
        with socket.socket() as probe:
            probe.connect_ex(("127.0.0.1", 9))
        return self.settings.folder


@twin("test_an_empty_companion_is_not_up_to_date")
class Marking(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        state = super().prepare(session, order)
        if state.generation is None and not order.dry_run:
            session.put(b"", f"{self.settings.folder}/asked")
        return state


@twin("test_a_dry_run_writes_nothing")
class Wet(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        state = super().prepare(session, order)
        if state.generation is None and order.dry_run:
            session.put(b"", f"{self.settings.folder}/asked")
        return state


@twin("test_a_dry_run_over_a_cache_writes_nothing")
class Noting(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        state = super().prepare(session, order)
        if state.up_to_date:
            session.put(b"", f"{self.settings.folder}/verified")
        return state


@twin("test_builds_what_was_ordered")
class Miscounting(Sound):
    def report(self, name: str, *, recovered: bool) -> RemoteBuildReport:
        return msgspec.structs.replace(super().report(name, recovered=recovered), bytes=self.sent_bytes - 1)


@twin("test_builds_what_was_ordered")
class Untyped(Sound):
    def summary(self, table: TileTable) -> TransferSummary:
        wrong: Any = str(table.tiles)
        return msgspec.structs.replace(super().summary(table), offered_tiles=wrong)


@twin("test_builds_what_was_ordered")
class Threaded(Sound):
    def read(self, tiles: TileSupply, record: TileRecord) -> bytes:
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(tiles.read(record)))
        reader.start()
        reader.join()
        return found[0]


@twin("test_the_same_again_is_there_already")
class Rebuilding(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        state = super().prepare(session, order)
        again = state.up_to_date and order.run_id == "another-run"
        return msgspec.structs.replace(state, up_to_date=False) if again else state


@twin("test_the_same_again_is_there_already")
class Vague(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        return msgspec.structs.replace(super().prepare(session, order), verified_tiles=0)


@twin("test_the_same_again_is_there_already")
class Chatty(Sound):
    def damage(self, session: CompanionSession, current: dict[str, Any]) -> str:
        path = f"{self.settings.folder}/{current['tiles'][0][3]}"
        session.put(session.get(path), path)
        return super().damage(session, current)


@twin("test_another_cache_takes_its_place")
class Forgetting(Sound):
    def report(self, name: str, *, recovered: bool) -> RemoteBuildReport:
        return msgspec.structs.replace(super().report(name, recovered=recovered), previous_generation=None)


@twin("test_what_arrived_is_not_sent_again")
class Resending(Sound):
    def is_there(self, session: CompanionSession, record: TileRecord) -> bool:
        return self.sent_tiles > 0 and super().is_there(session, record)


@twin("test_a_damaged_tile_is_noticed")
class Trusting(Sound):
    def damage(self, session: CompanionSession, current: dict[str, Any]) -> str:
        return ""


@twin("test_a_damaged_tile_is_noticed")
class Unmending(Sound):
    def is_there(self, session: CompanionSession, record: TileRecord) -> bool:
        try:
            return bool(session.get(f"{self.settings.folder}/{record.sha256.hex()}"))
        except LinkError as error:
            if error.retryable:
                raise
            return False


@twin("test_sends_no_secret")
class Telling(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        if self.settings.token is not None:
            with session.run(["true", self.settings.token.reveal()]) as run:
                list(run)
        return super().prepare(session, order)


@twin("test_a_link_that_breaks_while_asking")
class Translating(Sound):
    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        try:
            session.get(f"{self.settings.folder}/nothing")
        except LinkError as error:
            if error.retryable:
                raise CompanionError("the companion is gone") from error
        try:
            return super().prepare(session, order)
        except LinkError as error:
            raise CompanionError("the companion is gone") from error


@twin("test_a_link_that_breaks_while_sending")
class Converting(Sound):
    def send(self, session: CompanionSession, record: TileRecord, picture: bytes) -> None:
        try:
            super().send(session, record, picture)
        except LinkError as error:
            raise TransferError("the link broke") from error


@twin("test_a_link_that_breaks_while_sending")
class Premature(Sound):
    def send(self, session: CompanionSession, record: TileRecord, picture: bytes) -> None:
        if self.before is not None and self.sent_tiles == 10:
            session.put(b'{"name": "half", "key": "", "run": "", "tiles": []}', f"{self.settings.folder}/current.json")
        super().send(session, record, picture)


@twin("test_a_link_that_breaks_while_building")
class Repeating(Sound):
    def report(self, name: str, *, recovered: bool) -> RemoteBuildReport:
        return msgspec.structs.replace(super().report(name, recovered=recovered), recovered=False)


@twin("test_a_link_that_breaks_while_building")
class Halving(Sound):
    def switch(self, session: CompanionSession, listed: dict[str, Any]) -> None:
        super().switch(session, {**listed, "key": "unfinished", "tiles": []})
        super().switch(session, listed)


@twin("test_what_the_supply_raises_passes")
class Wrapping(Sound):
    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        try:
            return super().transfer(session, order, tiles)
        except LinkError:
            raise
        except Exception as error:
            raise TransferError("the tiles could not be sent") from error


@twin("test_a_run_that_is_given_up_ends_soon")
class Slow(Sound):
    def look_round(self) -> None:
        if self.context.cancelled.is_set():
            time.sleep(2.1)
        super().look_round()
