"""The workstation's side: verify, rollback, gc and status over a session, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import (
    BuildLockHeldError,
    CompanionError,
    CompanionSession,
    KeepingProvisioner,
    Notice,
    NotReadyError,
    SoundnessAsked,
    UsageError,
    VerifyError,
)
from operator_tool_plugins.provisioners.c10.agent.guard import BuildLock, Patience
from operator_tool_plugins.provisioners.c10.agent.keeping import consumer
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.runner import C10Provisioner
from tests.support.c10_rig import Told, build_cache, context_of, provisioner_of, snapshot, supply_of

ALL = SoundnessAsked(all_generations=True)
Damage = Callable[[Path, Path], object]


@pytest.fixture
def cache(tmp_path: Path, session: CompanionSession) -> Path:
    """A cache root with three caches, built as the core does, and the agent that did it."""
    for number in range(3):
        build_cache(session, tmp_path / "cache", supply_of(4, first_seed=10 * number), lat_deg=49.0 + number)
    return tmp_path / "cache"


def keeper(root: Path, **settings: object) -> C10Provisioner:
    """Return a provisioner of a run of its own."""
    return provisioner_of(root, context_of(root.parent), **settings)


def names(cache: Path) -> list[str]:
    """Return the generations, the oldest first."""
    return sorted(path.name for path in (cache / "generations").iterdir())


def test_the_runner_is_one_that_keeps(tmp_path: Path) -> None:
    """So the commands find it."""
    assert isinstance(keeper(tmp_path), KeepingProvisioner)


def test_a_sound_companion_is_told_generation_by_generation(cache: Path, session: CompanionSession) -> None:
    """The current one alone, or all; how each was looked at."""
    found = keeper(cache).verify(session, SoundnessAsked())
    assert found.is_sound
    assert [(one.name, one.how, one.current) for one in found.generations] == [(names(cache)[2], "full", True)]
    found = keeper(cache).verify(session, SoundnessAsked(quick=True, sample=3, all_generations=True))
    assert found.is_sound
    assert [one.name for one in found.generations] == names(cache)[::-1]
    assert {one.how for one in found.generations} == {"quick and 3 pictures"}
    assert [one.current for one in found.generations] == [True, False, False]


def rot(generation: Path, _cache: Path) -> None:
    """Change one byte of the database's last page."""
    path = generation / "tiles.mbtiles"
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def change_manifest(generation: Path, _cache: Path) -> None:
    """Change one byte of the manifest's text."""
    path = generation / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"Field 7", b"Field 8"))


def change_record(_generation: Path, cache: Path) -> None:
    """Change one byte of what the agent remembers."""
    path = cache / "state" / "generations.json"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"highest_seq": 3', b'"highest_seq": 2'))
    assert path.read_bytes() != data


def move_pointer(_generation: Path, cache: Path) -> None:
    """Lead current to another generation than the agent did."""
    (cache / "current").unlink()
    (cache / "current").symlink_to("generations/" + names(cache)[0])


def lose_pointer(_generation: Path, cache: Path) -> None:
    """Remove the link."""
    (cache / "current").unlink()


def add_file(generation: Path, _cache: Path) -> None:
    """Leave a file there that nobody knows."""
    (generation / "artefacts").mkdir()
    (generation / "artefacts" / "camera.yaml").write_text("planted")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (rot, "verify"),
        (change_manifest, "verify"),
        (add_file, "verify"),
        (change_record, "state"),
        (move_pointer, "pointer"),
        (lose_pointer, "pointer"),
    ],
)
def test_one_byte_of_anything_is_found_and_named(
    cache: Path, session: CompanionSession, damage: Damage, code: str
) -> None:
    """Tiles, manifest, memory, pointer: each with its code, and where it is."""
    damage(cache / "generations" / names(cache)[2], cache)
    found = keeper(cache).verify(session, SoundnessAsked())
    assert not found.is_sound
    assert code in found.codes
    problems = [*found.problems, *(text for one in found.generations for text in one.problems)]
    assert all(problems)
    place = {"verify": ("tiles.mbtiles", "manifest", "camera.yaml"), "state": ("generations.json",)}
    assert any(word in text for word in place.get(code, ("current",)) for text in problems), problems


def test_only_a_full_look_sees_a_rotten_byte_and_only_all_sees_an_old_one(
    cache: Path, session: CompanionSession
) -> None:
    """What was not asked for is not claimed."""
    rot(cache / "generations" / names(cache)[0], cache)
    assert keeper(cache).verify(session, SoundnessAsked()).is_sound
    assert keeper(cache).verify(session, SoundnessAsked(quick=True, all_generations=True)).is_sound
    found = keeper(cache).verify(session, ALL)
    assert [one.name for one in found.generations if one.problems] == [names(cache)[0]]
    assert found.problems == ()


def test_looking_changes_nothing(cache: Path, session: CompanionSession) -> None:
    """But for the note that the current one was just read."""
    rot(cache / "generations" / names(cache)[0], cache)
    before = snapshot(cache / "generations")
    keeper(cache).verify(session, ALL)
    assert snapshot(cache / "generations") == before
    assert not (cache / "quarantine").exists()


def test_rollback_says_from_where_to_where(cache: Path, session: CompanionSession) -> None:
    """And by its number to any."""
    report = keeper(cache).rollback(session)
    assert (report.from_generation, report.to_generation, report.tiles) == (names(cache)[2], names(cache)[1], 4)
    report = keeper(cache).rollback(session, 3)
    assert report.to_generation == names(cache)[2]


def test_case_098_rollback_to_what_is_not_sound_is_a_verify_error(cache: Path, session: CompanionSession) -> None:
    """What was current is current still; a number that is not there is a fault of the command line."""
    rot(cache / "generations" / names(cache)[1], cache)
    current = (cache / "current").readlink()
    with pytest.raises(VerifyError) as caught:
        keeper(cache).rollback(session, 2)
    assert "current still" in caught.value.hint
    with pytest.raises(UsageError, match="no generation 77"):
        keeper(cache).rollback(session, 77)
    assert (cache / "current").readlink() == current


def test_what_keeps_a_companion_from_going_back_is_not_ready_or_busy(cache: Path, session: CompanionSession) -> None:
    """Already there, armed, or somebody builds: each has its own error."""
    with pytest.raises(NotReadyError, match="is current already"):
        keeper(cache).rollback(session, 3)
    with (
        BuildLock(Layout(str(cache))).acquire(Patience(0.0, "", 0.0, lambda _holder: None), {"operator": "x@y"}),
        pytest.raises(BuildLockHeldError, match="x@y"),
    ):
        keeper(cache, lock_wait_s=0).rollback(session)
    (cache / "companion.json").write_text('{"armed_command": ["/bin/false"]}')
    for ask in (lambda: keeper(cache).rollback(session), lambda: keeper(cache).gc(session)):
        with pytest.raises(NotReadyError, match="armed"):
            ask()


def test_gc_names_what_went_and_what_stays(cache: Path, session: CompanionSession) -> None:
    """A dry run says the same beforehand."""
    for number in range(5):
        (cache / "quarantine" / f"{number:08d}-aaaaaaaaaaaa").mkdir(parents=True)
    would = keeper(cache).gc(session, dry_run=True)
    assert would.dry_run
    assert len(list((cache / "quarantine").iterdir())) == 5
    did = keeper(cache).gc(session)
    assert did.removed == would.removed
    assert [one.kind for one in did.removed] == ["quarantine"] * 3
    assert [one.kept_for for one in did.kept] == [("current",), ("current before",), ("recent",)]
    assert did.freed_bytes == sum(one.bytes for one in did.removed)


def test_status_tells_what_lies_there(cache: Path, session: CompanionSession) -> None:
    """Generations with their flight, run and reasons; stagings, quarantine, and what was done."""
    layout = Layout(str(cache))
    consumer.loaded(layout, names(cache)[0])
    consumer.pin(layout, "nav")
    (cache / "staging" / ("a" * 64)).mkdir()
    state = keeper(cache).status(session)
    held = state.holdings
    assert held is not None
    assert [one.name for one in held.generations] == names(cache)[::-1]
    assert [one.kept_for for one in held.generations] == [("current", "pinned by nav"), ("recent",), ("good",)]
    assert {(one.flight_id, one.run_id) for one in held.generations} == {("f1", "run-1")}
    assert all(one.bytes > 8000 for one in held.generations)
    assert list(held.stagings) == ["a" * 64]
    assert [line["event"] for line in held.audit] == ["build", "build", "build", "loaded"]
    assert state.problems == ()
    change_record(cache, cache)
    assert "is not what the agent wrote there" in " ".join(keeper(cache).status(session).notes)


def test_status_writes_nothing(cache: Path, session: CompanionSession) -> None:
    """It is for looking."""
    before = snapshot(cache)
    keeper(cache).status(session)
    assert snapshot(cache) == before


def test_where_no_agent_is_each_says_how_to_put_it_there(tmp_path: Path, session: CompanionSession) -> None:
    """Nothing is installed by the way."""
    for ask in (
        lambda: keeper(tmp_path / "cache").verify(session, SoundnessAsked()),
        lambda: keeper(tmp_path / "cache").rollback(session),
        lambda: keeper(tmp_path / "cache").gc(session),
    ):
        with pytest.raises(CompanionError) as caught:
            ask()
        assert "companion install" in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_another_companion_is_not_touched(cache: Path, session: CompanionSession) -> None:
    """The id is compared before anything is asked for."""
    before = snapshot(cache)
    for ask in (
        lambda: keeper(cache, companion_id="f" * 32).rollback(session),
        lambda: keeper(cache, companion_id="f" * 32).gc(session),
    ):
        with pytest.raises(CompanionError, match="companion_id"):
            ask()
    assert snapshot(cache) == before


@pytest.mark.parametrize("verb", ["verify", "rollback", "gc"])
def test_a_companion_that_lies_is_not_relied_on(
    cache: Path, session: CompanionSession, player: Callable[[str, str], str], verb: str
) -> None:
    """Reports of another shape, and texts that move a cursor, become errors that can be printed."""
    script = 'report(ask(), generation=7, generations="all", removed=-1, kept={}, freed_bytes=2**70, notes="\\x1b[2J")'
    python = player(verb, script)
    kept = keeper(cache, python=python)
    ask: dict[str, Callable[[], object]] = {
        "verify": lambda: kept.verify(session, SoundnessAsked()),
        "rollback": lambda: kept.rollback(session),
        "gc": lambda: kept.gc(session),
    }
    with pytest.raises(CompanionError, match="can't be relied on") as caught:
        ask[verb]()
    assert "\x1b" not in caught.value.message


def test_a_rollback_that_went_elsewhere_is_told(
    cache: Path, session: CompanionSession, player: Callable[[str, str], str]
) -> None:
    """Its report must be of the number that was asked for."""
    fields = {"generation": "x", "previous_generation": None, "seq": 1, "tiles": 4, "signer": ""}
    python = player("rollback", f"report(ask(), **json.loads({json.dumps(fields)!r}))")
    with pytest.raises(VerifyError, match="says that it went to 1"):
        keeper(cache, python=python).rollback(session, 2)


def test_what_became_of_tidying_after_a_build_is_told_and_fails_nothing(cache: Path, session: CompanionSession) -> None:
    """The switch is made: pins that can't be read are for a person to look at."""
    (cache / "pins").write_text("no folder")
    told = Told()
    _summary, report = build_cache(session, cache, supply_of(4, first_seed=90), lat_deg=60.0, told=told)
    assert (cache / "current").readlink().name == report.generation
    notices = [event.text for event in told if isinstance(event, Notice)]
    assert any("no generation is removed while this is so" in text for text in notices), notices
