"""What a cache says of itself there: whose it is, from when, and what it lacks; and who may replace it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    CacheGaps,
    CompanionSession,
    GapPlace,
    NotReadyError,
    PictureFormat,
    RunContext,
    TileId,
    TileRecord,
    TileTable,
)
from operator_tool_plugins.provisioners.c10 import manifest
from tests.support.c10_rig import (
    agent_file,
    ask,
    build_cache,
    build_once,
    context_of,
    manifest_of,
    order_of,
    provisioner_of,
    receive_once,
    supply_of,
)

LACKING = CacheGaps(
    missing=3, by_zoom={"15": 1, "16": 2}, nearest=GapPlace(z=16, x=5, y=6, route_m=700, waypoint=2, off_m=31)
)


def test_the_gaps_stay_with_the_cache_and_another_workstation_reads_them(
    session: CompanionSession, tmp_path: Path
) -> None:
    """Number, zooms and nearest place go through the manifest to ``prepare`` and ``status`` of a later run."""
    root, supply = tmp_path / "cache", supply_of(20)
    supply.lacking = LACKING
    before = int(time.time())
    build_cache(session, root, supply)

    asked = provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(20)).current
    shown = provisioner_of(root, context_of(tmp_path)).status(session).current
    assert asked is not None
    assert asked == shown
    assert (asked.gaps, asked.tiles, asked.allow_gaps) == (LACKING, 20, 0)
    assert (asked.flight_id, asked.operator, asked.content_key) == ("f1", "op@desk", order_of(20).content_key)
    assert asked.created_at is not None
    assert before <= asked.created_at <= time.time()


def test_what_a_manifest_says_in_another_way_is_not_known(tmp_path: Path) -> None:
    """The greeting still comes, without these fields: nothing depends on them but what is told."""
    file, root, order, supply = agent_file(tmp_path), tmp_path / "cache", order_of(3), supply_of(3)
    receive_once(file, root, order, supply)
    odd: dict[str, Any] = {
        "gaps": {"missing": -1},
        "created_at": 10**400,
        "operator": ["a"],
        "inputs": [],
        "flight": "x",
    }
    report = build_once(file, root, order, supply, **odd)
    assert report["ok"], report
    current = ask(file, "hello", root, order)["current"]
    known = {name: current[name] for name in ("gaps", "created_at", "operator", "allow_gaps", "flight_id")}
    assert known == {"gaps": None, "created_at": None, "operator": "", "allow_gaps": None, "flight_id": ""}


def test_a_cache_that_became_current_since_the_question_is_not_replaced(
    session: CompanionSession, tmp_path: Path
) -> None:
    """Ben's build ends after Ada was answered: 31 that names his, which stays current, and none of hers is sent."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(10))
    name = (root / "current").readlink().name
    ada, order = provisioner_of(root, context_of(tmp_path)), order_of(10, lat_deg=50.0, run_id="run-1")
    order = msgspec.structs.replace(order, replaces=name)
    ada.prepare(session, order)
    ben = msgspec.structs.replace(order_of(10, lat_deg=51.0, run_id="run-2"), operator="ben@truck")
    provisioner = provisioner_of(root, dataclasses.replace(context_of(tmp_path), run_id="run-2"))
    provisioner.prepare(session, ben)
    provisioner.build(session, ben, provisioner.transfer(session, ben, supply_of(10)))
    bens = (root / "current").readlink().name

    supply = supply_of(10, first_seed=100)
    with pytest.raises(NotReadyError) as caught:
        ada.transfer(session, order, supply)

    assert "ben@truck" in caught.value.message
    assert bens in caught.value.message
    assert supply.read_tiles == 0
    assert (root / "current").readlink().name == bens != name


def test_the_companion_asks_again_before_the_switch(tmp_path: Path) -> None:
    """What was received before another cache became current is not built: the lock is held, and nothing is switched."""
    file, root, order, supply = agent_file(tmp_path), tmp_path / "cache", order_of(3), supply_of(3)
    receive_once(file, root, order, supply)
    assert build_once(file, root, order, supply)["ok"]
    later = order_of(3, lat_deg=50.0, run_id="run-2")
    receive_once(file, root, later, supply)
    greeting = ask(file, "hello", root, later)
    name = greeting["current"]["name"]
    ordered = manifest_of(later, supply, seq=2, companion_id=greeting["companion_id"])
    for replaces in ("", "00000001-000000000000"):
        report = ask(file, "build", root, later, manifest=ordered, replaces=replaces)
        assert (report["ok"], report["error"]["code"]) == (False, "replaced")
        assert report["error"]["current"]["name"] == name
    assert (root / "current").readlink().name == name


def test_a_generation_of_this_very_run_may_be_replaced(session: CompanionSession, tmp_path: Path) -> None:
    """Its report was lost, and its cache is to be made once more."""
    root = tmp_path / "cache"
    build_cache(session, root, supply_of(10))
    order = msgspec.structs.replace(order_of(10, lat_deg=50.0), replaces="00000009-000000000000")
    ada = provisioner_of(root, context_of(tmp_path))
    ada.prepare(session, order)
    assert ada.build(session, order, ada.transfer(session, order, supply_of(10))).tiles == 10


def test_the_metadata_tell_of_several_formats() -> None:
    """The row ``format`` has room for one; a cache of one format has no other row."""
    companion = SimpleNamespace(companion_id="0" * 32, highest_seq=0, nonce="", stages=[])
    context = RunContext(run_id="r", state_dir=Path(), user_agent="t", emit=lambda _event: None)
    rows = {}
    for kinds in ("jpg", "jpg png jpg"):
        table = TileTable()
        for x, kind in enumerate(kinds.split()):
            table.add([TileRecord(TileId(16, x, 0), bytes(32), 1, PictureFormat(kind))])
        rows[kinds] = manifest.manifest_of(context, order_of(1), companion, table, "", [], CacheGaps()).metadata
    assert (rows["jpg png jpg"]["format"], rows["jpg png jpg"]["formats"]) == ("jpg", "jpg:2,png:1")
    assert "formats" not in rows["jpg"]
