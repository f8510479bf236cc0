"""``companion verify``, ``rollback``, ``gc`` and the log of it, with a scripted companion behind the real door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from operator_tool.api import UsageError
from operator_tool.build_cache.lock import companion_lock

from .enrollable import OFFERED, Run, runner

FLIGHT = Path(__file__).parents[3] / "docs" / "tutorial" / "first-flight.plan"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command."""
    return runner(tmp_path, monkeypatch)


@pytest.fixture
def audit(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """Return what reads the workstation's log."""

    def read() -> list[dict[str, Any]]:
        path = tmp_path / "data" / "audit.jsonl"
        return [json.loads(line) for line in path.read_text("ascii").splitlines()] if path.exists() else []

    return read


Audit = Callable[[], list[dict[str, Any]]]


def only(result: Result) -> dict[str, Any]:
    """Return the one companion of a JSON document, whose exit code is the command's."""
    document = json.loads(result.stdout)
    assert document["exit_code"] == result.return_value
    (companion,) = document["companions"]
    return dict(companion)


def test_verify_of_a_sound_companion_is_0_and_says_how_each_was_looked_at(run: Run) -> None:
    """The current cache alone, or all that are kept; read wholly, quickly, or by a sample."""
    result = run("companion", "verify", "--companion", "alpha")
    assert result.return_value == 0
    assert "cache       3-0123456789ab  current, full: sound" in result.stdout
    assert "2-0123456789ab" not in result.stdout
    result = run("companion", "verify", "--companion", "alpha", "--all", "--quick", "--sample", "50")
    assert "cache       2-0123456789ab  quick and 50 pictures: sound" in result.stdout
    one = only(run("companion", "verify", "--companion", "alpha", "--json", "--quick"))
    assert one["soundness"]["generations"][0]["how"] == "quick"
    assert (one["fingerprint"], one["address"]) == (OFFERED, "fake://alpha.example")


@pytest.mark.parametrize(
    ("settings", "shown", "hint"),
    [
        (["damage=tiles.mbtiles: torn"], "NOT SOUND", "Don't fly with this cache"),
        (["damage=tiles.mbtiles: torn", "damaged=2-0123456789ab"], "NOT SOUND", "The current cache is sound"),
        (["records=current leads elsewhere"], "current leads elsewhere", "the companion's own records"),
        (["damage=torn", "records=current leads elsewhere"], "current leads elsewhere", "Don't fly with this cache"),
    ],
)
def test_verify_is_23_when_anything_is_not_as_it_was_left(run: Run, settings: list[str], shown: str, hint: str) -> None:
    """What to do next depends on what it is: the current cache, another one, or the records alone."""
    options = [word for setting in settings for word in ("-o", f"keeper.{setting}")]
    result = run("companion", "verify", "--companion", "alpha", "--all", *options)
    assert result.return_value == 23
    assert shown in result.stdout
    assert hint in result.stderr
    for setting in settings:
        if not setting.startswith("damaged"):
            assert setting.partition("=")[2] in result.stderr
    assert only(run("companion", "verify", "--companion", "alpha", "--all", "--json", *options))["exit_code"] == 23


def test_a_sample_is_for_a_quick_look(run: Run) -> None:
    """A full one hashes every tile anyway."""
    with pytest.raises(UsageError, match="without --quick"):
        run("companion", "verify", "--companion", "alpha", "--sample", "5")


def test_rollback_shows_from_where_to_where(run: Run) -> None:
    """And who ordered it, harmlessly; to a number where one is given."""
    result = run("companion", "rollback", "--companion", "alpha")
    assert result.return_value == 0
    assert "was         3-0123456789ab" in result.stdout
    assert "is now      2-0123456789ab, 1,234 tiles, every byte verified" in result.stdout
    assert "ordered by  ada" in result.stdout
    assert "\x1b" not in result.stdout
    one = only(run("companion", "rollback", "--companion", "alpha", "--to", "1", "--json"))
    assert one["rollback"]["to_generation"] == "1-0123456789ab"


def test_case_098_rollback_to_what_is_not_sound_is_23(run: Run) -> None:
    """With the provisioner's own hint."""
    result = run("companion", "rollback", "--companion", "alpha", "-o", "keeper.damage=it is torn")
    assert result.return_value == 23
    assert "error: it is torn" in result.stderr
    assert "next: nothing was switched" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"), [((), "removed     generation"), (("--dry-run",), "would go    generation")]
)
def test_gc_shows_what_went_and_what_stays_and_why(run: Run, words: tuple[str, ...], said: str) -> None:
    """A dry run says it in the conditional."""
    result = run("companion", "gc", "--companion", "alpha", *words)
    assert result.return_value == 0
    assert f"{said} 1-0123456789ab, 2.5 MB" in result.stdout
    assert "current, pinned by nav" in result.stdout
    assert "note        generations/backup is let be" in result.stdout
    assert only(run("companion", "gc", "--companion", "alpha", "--json", *words))["gc"]["dry_run"] is bool(words)


def test_case_029_rollback_and_gc_take_the_companions_lock(run: Run, tmp_path: Path) -> None:
    """While a build has it they are 50; looking needs no lock."""
    locks = tmp_path / "data" / "locks"
    locks.mkdir(parents=True, mode=0o700)
    with companion_lock(locks, "fake://alpha.example /cache", timeout_s=0, operator="ada@desk", run_id="r1"):
        for command in ("rollback", "gc"):
            one = only(run("companion", command, "--companion", "alpha", "--json"))
            assert one["exit_code"] == 50
            assert "ada@desk" in one["message"]
        assert run("companion", "verify", "--companion", "alpha").return_value == 0
        assert run("companion", "gc", "--companion", "alpha", "--dry-run").return_value == 0


def test_status_shows_what_lies_there(run: Run) -> None:
    """A line for each cache, what was begun, what was put aside, and what was done."""
    lines = run("companion", "status", "--companion", "alpha").stdout.splitlines()
    caches = [line for line in lines if line.startswith("cache ")]
    assert "current; flight f7; run r1" in caches[0]
    assert "no longer needed; PROBLEM: no manifest" in caches[1]
    assert f"begun       {'ab' * 6}..., 5.0 MB" in lines
    assert "put aside   2-0123456789ab, 3.0 MB: not what was built" in lines
    assert "log         2030-01-01T00:00:00Z build: generation 3-0123456789ab" in lines


def test_a_provisioner_that_keeps_nothing_is_told(run: Run) -> None:
    """Each of the three needs one that does."""
    for command in ("verify", "rollback", "gc"):
        with pytest.raises(UsageError, match="bare keeps no caches"):
            run("companion", command, "--companion", "alpha", "--provisioner", "bare")


def test_each_command_leaves_a_line_for_each_companion(run: Run, audit: Audit, tmp_path: Path) -> None:
    """Who, what, when, how it ended; the file is the operator's alone."""
    run("companion", "rollback", "--all-companions", "-o", "keeper.site=/one")
    first, second = audit()
    assert (first["companion"], second["companion"]) == ("alpha", "beta")
    assert first["run_id"] == second["run_id"]
    assert (first["command"], first["outcome"], first["exit_code"]) == ("companion rollback", "success", 0)
    assert (first["generation_before"], first["generation_after"]) == ("3-0123456789ab", "2-0123456789ab")
    assert first["address"] == "fake://alpha.example"
    assert "@" in first["operator"]
    assert (tmp_path / "data" / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    run("companion", "status", "--companion", "alpha")
    run("companion", "verify", "--companion", "alpha", "-o", "keeper.damage=torn")
    run("companion", "gc", "--companion", "alpha", "-o", "fake.fails=no answer")
    run("companion", "enrol", "--companion", "alpha", "--fingerprint", OFFERED)
    told = [(line["command"], line["outcome"], line["exit_code"]) for line in audit()[2:]]
    assert told == [
        ("companion status", "success", 0),
        ("companion verify", "failure", 23),
        ("companion gc", "failure", 30),
        ("companion enrol", "success", 0),
    ]
    assert audit()[4]["message"] == "no answer"


def test_what_was_not_foreseen_is_logged_before_it_comes_out(run: Run, audit: Audit) -> None:
    """A bug is an outcome, too; what never reached a companion is none."""
    with pytest.raises(KeyError):
        run("companion", "status", "--companion", "alpha", "-o", "fake.bug=true")
    assert [(line["outcome"], line["exit_code"]) for line in audit()] == [("unexpected", 1)]
    with pytest.raises(UsageError):
        run("companion", "status", "--companion", "alpha", "--provisioner", "bare")
    assert len(audit()) == 1


def test_verify_ready_is_logged_where_there_is_a_data_folder(run: Run, audit: Audit, tmp_path: Path) -> None:
    """It promises to write nothing, so it makes none."""
    words = ["verify-ready", "--flight-file", str(FLIGHT), "--provider", "synthetic", "--quiet", "--companion", "alpha"]
    assert run(*words).return_value == 31
    assert not (tmp_path / "data").exists()
    (tmp_path / "data").mkdir(mode=0o700)
    assert run(*words).return_value == 31
    assert [(line["command"], line["exit_code"]) for line in audit()] == [("verify-ready", 31)]
    assert audit()[0]["flight_id"]
    assert run(*words[:-2], "--all-companions").return_value == 31
    lines = [(line["companion"], line["command"], line["exit_code"]) for line in audit()[1:]]
    assert lines == [("alpha", "verify-ready", 31), ("beta", "verify-ready", 31)]


@pytest.mark.parametrize("obstacle", ["folder", "link", "others", "pipe"])
def test_a_log_that_can_t_be_written_is_a_warning_and_nothing_else(run: Run, tmp_path: Path, obstacle: str) -> None:
    """The exit code and standard output are what they are without it."""
    import os

    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    match obstacle:
        case "folder":
            (data / "audit.jsonl").mkdir()
        case "link":
            (data / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
        case "others":
            data.chmod(0o777)
        case "pipe":
            os.mkfifo(data / "audit.jsonl")
    result = run("companion", "status", "--companion", "alpha", "--json")
    assert only(result)["exit_code"] == 0
    assert "warning: the log " in result.stderr
    assert not (tmp_path / "elsewhere").exists()
