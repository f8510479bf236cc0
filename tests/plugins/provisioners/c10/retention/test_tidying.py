"""``gc``: what goes, what stays, and what a power cut or a consumer in the midst of it finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.guard import BuildLock, Patience
from operator_tool_plugins.provisioners.c10.agent.keeping import removal, reports, tidy
from operator_tool_plugins.provisioners.c10.agent.keeping.audit import last_lines
from operator_tool_plugins.provisioners.c10.agent.keeping.quarantine import quarantine
from operator_tool_plugins.provisioners.c10.agent.keeping.removal import DOOMED, GOING
from operator_tool_plugins.provisioners.c10.agent.layout import Generation, Layout
from tests.support.c10_rig import ask, order_of, snapshot

from .conftest import Builds, Root

PATIENCE = Patience(0.0, "", 0.0, lambda _holder: None)


def tidied(root: Root) -> dict[str, object]:
    """Tidy as a build does."""
    with BuildLock(root.layout).acquire(PATIENCE, {}) as lock:
        return tidy.tidy(root.layout, lock)


def test_current_and_four_more_stay_and_the_rest_goes(root: Root) -> None:
    """What was removed, what is kept and why is told, and logged."""
    root.line(1, 2, 3, 4, 5, 6, 7)
    said = tidied(root)
    assert [int(name[:8]) for name in root.names] == [3, 4, 5, 6, 7]
    removed = said["removed"]
    assert isinstance(removed, list)
    assert [(one["kind"], int(one["name"][:8])) for one in removed] == [("generation", 1), ("generation", 2)]
    assert said["freed_bytes"] == sum(one["bytes"] for one in removed) >= 20_000
    assert list((root.path / "staging").iterdir()) == []
    assert [line["event"] for line in last_lines(root.layout, 9)] == ["gc"]


def test_case_095_a_pinned_generation_is_not_removed(root: Root) -> None:
    """Also where it was pinned in another spelling: a pin that is overlooked is a map that is gone."""
    names = root.line(*range(1, 9))
    root.pin("nav", names[0])
    absolute = root.path / "pins" / "camera"
    absolute.symlink_to(root.path / "generations" / names[1])
    slashed = root.path / "pins" / "logger"
    slashed.symlink_to(f"../generations/./{names[2]}/")
    tidied(root)
    assert [int(name[:8]) for name in root.names] == [1, 2, 3, 4, 5, 6, 7, 8]
    for pin in (root.path / "pins").iterdir():
        pin.unlink()
    tidied(root)
    assert [int(name[:8]) for name in root.names] == [4, 5, 6, 7, 8]


def test_case_095_a_pin_that_comes_in_the_midst_is_seen(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer pins between the reading of the pins and the renaming: the generation is put back, whole."""
    names = root.line(*range(1, 8))
    before = snapshot(root.path / "generations" / names[0])
    real = os.rename

    def pin_first(source: str, target: str) -> None:
        if source.endswith(names[0]) and DOOMED in target:
            root.pin("nav", names[0])
        real(source, target)

    monkeypatch.setattr(os, "rename", pin_first)
    said = tidied(root)
    assert names[0] in root.names
    assert names[1] not in root.names
    after = snapshot(root.path / "generations" / names[0])
    assert {path: inode for path, (inode, _ctime) in before.items()} == {
        path: inode for path, (inode, _) in after.items()
    }
    assert f"{names[0]} was pinned just now, and stays" in str(said["notes"])


def test_case_095_pins_that_cannot_be_read_keep_everything(root: Root) -> None:
    """Where nobody can tell what is in use, no generation goes, and a person is told."""
    root.line(*range(1, 9))
    (root.path / "pins").write_text("no folder")
    said = tidied(root)
    assert len(root.names) == 8
    assert "no generation is removed while this is so" in str(said["notes"])


@pytest.mark.parametrize("name", ["generations.json", "consumer.json"])
def test_a_record_that_was_changed_keeps_everything(root: Root, name: str) -> None:
    """What can't be believed is no reason to remove a cache."""
    names = root.line(*range(1, 9))
    with reports.reporting(root.layout):
        reports.write_reports(root.layout, reports.Reports().loaded(names[0]))
    path = root.path / "state" / name
    path.write_bytes(path.read_bytes().replace(b"00000", b"00001", 1))
    said = tidied(root)
    assert len(root.names) == 8
    assert "is not what the agent wrote" in str(said["notes"])


def test_what_a_consumer_loaded_last_stays_however_old_it_is(root: Root) -> None:
    """The newest of the good ones; those before it go."""
    names = root.line(*range(1, 10))
    with reports.reporting(root.layout):
        reports.write_reports(root.layout, reports.Reports().loaded(names[0]).loaded(names[1]))
    tidied(root)
    assert [int(name[:8]) for name in root.names] == [2, 6, 7, 8, 9]


def test_names_that_nobody_knows_are_let_be(root: Root) -> None:
    """They may be somebody's; that they lie there is told."""
    root.line(1)
    (root.path / "generations" / "backup").mkdir()
    (root.path / "generations" / "0001-abc").write_text("x")
    pins = root.path / "pins"
    pins.mkdir()
    (pins / "odd").symlink_to("/etc")
    (pins / "gone").symlink_to("../generations/00000099-000000000000")
    notes = str(tidied(root)["notes"])
    assert root.names == ["00000001-000000000000", "0001-abc", "backup"]
    for name in ("backup", "0001-abc", "pins/odd", "pins/gone"):
        assert name in notes


def test_stagings_and_quarantine_keep_the_most_recently_changed(root: Root) -> None:
    """Three and two of them, by the order of their changes alone."""
    root.line(1)
    for number in range(5):
        for folder in (
            root.path / "staging" / f"{number:064x}",
            root.path / "quarantine" / f"{number:08d}-aaaaaaaaaaaa",
        ):
            folder.mkdir(parents=True)
            (folder / "tiles.mbtiles").write_text("x")
            for path in (folder / "tiles.mbtiles", folder):
                os.utime(path, ns=(number * 10**9, number * 10**9))
    # As when a clock was set back by years: its database counts as the last that was changed, not as one long unused.
    os.utime(root.path / "staging" / f"{0:064x}" / "tiles.mbtiles", ns=(9 * 10**9, 9 * 10**9))
    tidied(root)
    assert sorted(int(path.name, 16) for path in (root.path / "staging").iterdir()) == [0, 3, 4]
    assert sorted(path.name[:8] for path in (root.path / "quarantine").iterdir()) == ["00000003", "00000004"]


def test_what_a_crash_left_behind_is_removed_by_the_next_tidying(root: Root) -> None:
    """Half-removed folders, temporary files and copies that were begun; what others are about to rename stays."""
    root.line(1)
    staging = root.path / "staging"
    for name in (f"{GOING}00000007-aaaaaaaaaaaa", f"{DOOMED}00000008-aaaaaaaaaaaa", "a" * 64):
        (staging / name).mkdir()
        (staging / name / ".seed").write_text("x")
    (staging / ("a" * 64) / "tiles.mbtiles").write_text("x")
    (root.path / ".new-current").symlink_to("generations/nowhere")
    (root.path / "state" / ".new-generations.json").write_text("x")
    (root.path / "state" / ".new-consumer.json").write_text("x")
    tidied(root)
    assert [path.name for path in staging.iterdir()] == ["a" * 64]
    assert [path.name for path in (staging / ("a" * 64)).iterdir()] == ["tiles.mbtiles"]
    assert not os.path.lexists(root.path / ".new-current")
    assert sorted(path.name for path in (root.path / "state").iterdir()) == [
        ".new-consumer.json",
        "generations.json",
        "identity.json",
    ]


def test_what_was_out_of_sight_and_is_pinned_comes_back_after_a_crash(root: Root) -> None:
    """The agent was killed between its renaming and its second look; what was begun to be removed never comes back."""
    names = root.line(1, 2)
    generations, staging = root.path / "generations", root.path / "staging"
    (generations / names[0]).rename(staging / (DOOMED + names[0]))
    half = root.add(3)
    (generations / half).rename(staging / (GOING + half))
    root.pin("nav", names[0])
    root.pin("cam", half)
    tidied(root)
    assert root.names == names
    assert (generations / names[0] / "tiles.mbtiles").stat().st_size == 10_000
    assert list(staging.iterdir()) == []


def test_folders_that_a_stage_made_unwritable_are_removed_all_the_same(root: Root) -> None:
    """Whoever runs as the superuser sees no difference."""
    names = root.line(*range(1, 8))
    folder = root.path / "generations" / names[0] / "stages"
    folder.chmod(0o555)
    tidied(root)
    assert names[0] not in root.names
    assert list((root.path / "staging").iterdir()) == []


class Cut(BaseException):
    """The power went."""


def test_what_was_half_removed_when_the_power_went_never_comes_back(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for a pin of its name, which could only lead to nothing."""
    names = root.line(*range(1, 7))

    def cut(path: str) -> None:
        os.unlink(os.path.join(path, "manifest.json"))
        raise Cut

    monkeypatch.setattr(removal, "_remove", cut)
    with pytest.raises(Cut):
        tidied(root)
    monkeypatch.undo()
    assert names[0] not in root.names
    root.pin("nav", names[0])
    tidied(root)
    assert root.names == names[1:]
    assert list((root.path / "staging").iterdir()) == []


def test_the_current_generation_is_never_put_into_quarantine(root: Root) -> None:
    """Whoever asks for it."""
    names = root.line(1, 2)
    with pytest.raises(AgentError, match="it is current"):
        quarantine(root.layout, root.generation(names[1]), "a mistake")
    quarantine(root.layout, root.generation(names[0]), "it is torn")
    assert root.names == [names[1]]
    again = root.add(1)
    quarantine(root.layout, root.generation(again), "it is torn, too")
    assert sorted(path.name for path in (root.path / "quarantine").iterdir()) == [names[0], f"{names[0]}-1"]


Weaken = Callable[[pytest.MonkeyPatch], None]


def no_weakening(_patch: pytest.MonkeyPatch) -> None:
    """Leave it as it is."""


def without_renaming(patch: pytest.MonkeyPatch) -> None:
    """Remove where it lies."""
    patch.setattr(removal, "_hide", lambda _layout, one, _prefix: one.path)


def without_syncing(patch: pytest.MonkeyPatch) -> None:
    """Don't wait for the disk."""
    patch.setattr(removal, "sync", lambda _layout: None)


def worst_crash(root: Root, monkeypatch: pytest.MonkeyPatch, weaken: Weaken) -> bool:
    """Tell whether a file of a generation went while a power cut could still bring the generation's name back."""
    durable_names = set(root.names)
    bad: list[str] = []
    real_sync, real_remove = removal.sync, removal._remove
    with monkeypatch.context() as patch:

        def sync(layout: Layout) -> None:
            real_sync(layout)
            durable_names.clear()
            durable_names.update(root.names)

        def remove(path: str) -> None:
            bad.extend(name for name in durable_names if path.endswith(name))
            real_remove(path)

        patch.setattr(removal, "sync", sync)
        patch.setattr(removal, "_remove", remove)
        weaken(patch)
        tidied(root)
    return bool(bad)


def test_no_file_goes_before_the_disk_has_forgotten_the_generations_name(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut could show half a generation as a whole one; both weakened twins are found."""
    root.line(*range(1, 8))
    assert not worst_crash(root, monkeypatch, no_weakening)
    for seq, weaken in ((8, without_renaming), (9, without_syncing)):
        root.line(seq)
        assert worst_crash(root, monkeypatch, weaken)


def test_a_failure_to_tidy_is_told_and_never_raised(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch is made; the build's report says what became of the tidying."""
    root.line(*range(1, 8))

    def full(_source: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    said = tidied(root)
    assert "tidying failed: [Errno 28]" in str(said["notes"])
    monkeypatch.undo()
    assert last_lines(root.layout, 1)[0]["outcome"] == "disk"
    assert len(root.names) == 7


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(file: Path, root: Root) -> None:
    """Not even the lock is taken; what it names is what goes."""
    root.line(*range(1, 8))
    before = snapshot(root.path)
    would = ask(file, "gc", root.path, order_of(1), dry_run=True)
    assert would["ok"]
    assert snapshot(root.path) == before
    did = ask(file, "gc", root.path, order_of(1))
    assert did["removed"] == would["removed"]
    assert [one["kept_for"] for one in did["kept"]] == [["current"], ["current before"], *[["recent"]] * 3]
    assert [one["name"] for one in did["kept"]] == sorted(root.names, reverse=True)


def test_the_verb_waits_for_the_lock_and_says_who_has_it(file: Path, root: Root) -> None:
    """Nothing is removed while somebody builds."""
    root.line(*range(1, 8))
    with BuildLock(root.layout).acquire(PATIENCE, {"operator": "other@desk"}):
        report = ask(file, "gc", root.path, order_of(1), lock_wait_s=0)
    assert report["error"]["code"] == "busy"
    assert report["error"]["holder"]["operator"] == "other@desk"
    assert len(root.names) == 7


def test_an_armed_vehicle_is_not_tidied(file: Path, root: Root) -> None:
    """Its disk is the navigation's; that it was asked for is logged."""
    root.line(*range(1, 8))
    (root.path / "companion.json").write_text('{"armed_command": ["/bin/false"]}')
    report = ask(file, "gc", root.path, order_of(1))
    assert report["error"]["code"] == "armed"
    assert len(root.names) == 7
    assert last_lines(root.layout, 1, "refused.jsonl")[0]["outcome"] == "armed"


def test_a_build_tidies_after_its_switch(build_real: Builds, tmp_path: Path) -> None:
    """Current and four more are left of seven real ones, and each is whole."""
    names = build_real(tmp_path / "cache", 7)
    left = sorted(path.name for path in (tmp_path / "cache" / "generations").iterdir())
    assert left == names[2:]


def test_a_root_that_is_not_there_is_told(file: Path, tmp_path: Path) -> None:
    """And nothing is made there."""
    report = ask(file, "gc", tmp_path / "nowhere", order_of(1))
    assert report["error"]["code"] == "no_cache"
    assert not (tmp_path / "nowhere").exists()


def test_the_generation_that_is_current_never_goes(root: Root) -> None:
    """Also where a rollback made an old one current."""
    names = root.line(*range(1, 9))
    root.switch(names[0])
    tidied(root)
    assert isinstance(root.layout.current(), Generation)
    assert names[0] in root.names
    assert names[7] in root.names
