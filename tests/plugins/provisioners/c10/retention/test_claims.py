"""What can't be read is not nothing: no generation is changed, reused or moved where nobody can tell what it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.generations import state
from operator_tool_plugins.provisioners.c10.agent.keeping.claims import doubts, why_in_use, why_not_reusable
from operator_tool_plugins.provisioners.c10.agent.keeping.pins import read_pins
from operator_tool_plugins.provisioners.c10.agent.keeping.quarantine import quarantine
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.receiving.staging import take_back
from tests.support.c10_rig import ask, order_of, receive_once, supply_of, whole_way

from .conftest import Root

KEY = "0" * 64
Break = Callable[[Root], None]


def damage_record(root: Root) -> None:
    """As a card does that is worn out."""
    (root.path / "state" / "generations.json").write_bytes(bytes(200))


def lose_record(root: Root) -> None:
    """As a repair of the file system does."""
    (root.path / "state" / "generations.json").unlink()


def close_record(root: Root) -> None:
    """Something is there, and can't be read."""
    (root.path / "state" / "generations.json").unlink()
    (root.path / "state" / "generations.json").symlink_to("elsewhere")


def close_pins(root: Root) -> None:
    """Whatever it held."""
    (root.path / "pins").symlink_to("pins")


def dangle_pins(root: Root) -> None:
    """A volume of pins that is not there just now."""
    (root.path / "pins").symlink_to("/no/such/volume")


def damage_reports(root: Root) -> None:
    """What consumers had loaded is not known any more."""
    (root.path / "state" / "consumer.json").write_text("{}")


@pytest.mark.parametrize(
    "break_it",
    [None, damage_record, lose_record, close_record, close_pins, dangle_pins, damage_reports],
    ids=lambda one: one.__name__ if one else "believable",
)
def test_a_generation_is_taken_up_again_only_where_all_notes_can_be_believed(
    root: Root, break_it: Break | None
) -> None:
    """One that was never switched to; else it stays what and where it is, and that is told."""
    root.line(1)
    name = root.add(2)
    assert doubts(root.layout) == []
    if break_it is not None:
        break_it(root)
    assert take_back(root.layout, KEY) is (break_it is None)
    assert (name in root.names) is (break_it is not None)
    assert len(doubts(root.layout)) == (0 if break_it is None else 1)


def test_what_was_current_good_noted_or_pinned_is_not_taken_up_again(root: Root) -> None:
    """Also where its number is above the highest that was noted."""
    first, second = root.line(1, 2)
    third, fourth = root.add(3), root.add(4)
    root.pin("nav", third)
    state.write_record(root.layout, root.record._replace(highest_seq=0, previous=fourth))
    for name in (first, second, third, fourth):
        assert why_not_reusable(root.layout, root.generation(name)) is not None, name
    assert not take_back(root.layout, KEY)
    assert root.names == [first, second, third, fourth]


def test_an_intent_that_a_crash_left_behind_is_taken_up_again(root: Root) -> None:
    """It was noted, and the link was never renamed."""
    root.line(1)
    second = root.add(2)
    record = root.record
    state.write_record(root.layout, record._replace(switching_to=second, seals={**record.seals, second: "0" * 64}))
    assert take_back(root.layout, KEY)


def test_a_pin_that_comes_in_the_midst_of_taking_up_is_seen(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generation is put back, whole: the consumer looks after it has pinned, and so does the agent."""
    root.line(1)
    second = root.add(2)
    rename = os.rename

    def pin_then_rename(source: str, target: str) -> None:
        if not (root.path / "pins").exists():
            root.pin("nav", second)
        rename(source, target)

    monkeypatch.setattr(os, "rename", pin_then_rename)
    assert not take_back(root.layout, KEY)
    assert second in root.names


@pytest.mark.parametrize("break_it", [lose_record, close_pins], ids=lambda one: one.__name__)
def test_nothing_goes_to_quarantine_where_nobody_can_tell_what_is_in_use(root: Root, break_it: Break) -> None:
    """Nor what a consumer has open."""
    first, second, _third = root.line(1, 2, 3)
    root.pin("nav", second).rename(root.path / "pin")
    (root.path / "pin").rename(root.path / "pins" / "nav")
    with pytest.raises(AgentError, match="pinned by nav"):
        quarantine(root.layout, root.generation(second), "it is rotten")
    (root.path / "pins" / "nav").unlink()
    (root.path / "pins").rmdir()
    break_it(root)
    assert why_in_use(root.layout, root.generation(first)) is not None
    with pytest.raises(AgentError):
        quarantine(root.layout, root.generation(first), "it is rotten")
    assert first in root.names


@pytest.mark.parametrize(
    "target", ["../current", "../generations/{}/tiles.mbtiles", "../generations/./{}/", "{root}/generations/{}"]
)
def test_a_pin_in_any_spelling_counts(root: Root, target: str) -> None:
    """A pin that is overlooked is a map that is gone."""
    _first, second = root.line(1, 2)
    root.pin("nav", second).unlink()
    (root.path / "pins" / "nav").symlink_to(target.format(second, root=root.path))
    assert read_pins(root.layout).by_generation == {second: ["nav"]}


def test_a_pinned_map_is_not_rewritten_after_the_record_was_lost(tmp_path: Path, file: Path) -> None:
    """The way of an operator: the greeting tells of it, the cache is received anew, and a build heals the record."""
    root, order = tmp_path / "cache", order_of(4, lat_deg=50.0)
    whole_way(file, root, order_of(4), supply_of(4))
    second = whole_way(file, root, order, supply_of(4, first_seed=9))["generation"]
    assert ask(file, "rollback", root, order, to=1)["ok"]
    (root / "pins").mkdir()
    (root / "pins" / "nav").symlink_to(f"../generations/{second}")
    database = root / "pins" / "nav" / "tiles.mbtiles"
    before = (database.stat().st_ino, database.read_bytes())
    (root / "state" / "generations.json").write_bytes(bytes(200))
    greeting = ask(file, "hello", root, order)
    assert (greeting["reasons"], len(greeting["notes"])) == ([], 1)
    assert receive_once(file, root, order, supply_of(4, first_seed=20))[1]["ok"]
    assert (database.stat().st_ino, database.read_bytes()) == before
    whole_way(file, root, order, supply_of(4, first_seed=20))
    assert (database.stat().st_ino, database.read_bytes()) == before
    assert ask(file, "hello", root, order)["notes"] == []


def test_a_record_that_cannot_be_read_is_a_reason_not_to_build(tmp_path: Path, file: Path) -> None:
    """What it says still counts, and must not be written over."""
    root, order = tmp_path / "cache", order_of(4)
    whole_way(file, root, order, supply_of(4))
    record = root / "state" / "generations.json"
    record.rename(root / "state" / "kept")
    record.symlink_to("kept")
    assert len(ask(file, "hello", root, order)["reasons"]) == 1
    with pytest.raises(AgentError) as caught:
        state.record_to_replace(Layout(str(root)))
    assert caught.value.code == "state"
    assert ask(file, "status", root, order)["ok"]


def test_generations_that_cannot_be_listed_are_not_none(tmp_path: Path, file: Path) -> None:
    """The companion says so, and answers all the same."""
    root = tmp_path / "cache"
    root.mkdir()
    (root / "generations").symlink_to("generations")
    assert ask(file, "hello", root, order_of(1))["reasons"]
    with pytest.raises(AgentError) as caught:
        Layout(str(root)).all_generations()
    assert caught.value.code == "layout"
