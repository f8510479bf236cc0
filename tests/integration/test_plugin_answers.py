"""Catalogue I by real distributions: what a plugin gives, prints, raises and changes; and what is not selected is not
felt."""

from __future__ import annotations

import base64
import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.c10_rig import tiles_in
from tests.support.distributions import write_distribution
from tests.support.plugin_rig import FLIGHT, SMALL, SOON, Rig, named

KEY, OTHER_KEY, BEARER = "canary-of-its-own-7163", "canary-of-another-5520", "canary-of-the-flights-9094"


def forms(key: str) -> set[str]:
    """Return the forms in which a key might be met."""
    return {key, key[::-1], key.encode().hex(), base64.b64encode(key.encode()).decode().rstrip("=")[:-2]}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("makes-nothing", "gave None, not a TileProvider"),
        ("makes-a-list", "gave a list, not a TileProvider"),
        ("settings-odd", "gave the class dict, not a subclass of PluginSettings"),
        ("describes-text", "gave 'a map of everything', not a ProviderInfo"),
        ("describes-lazily", r"gave a ProviderInfo that is none: an itertools\.repeat in it"),
        ("fetches-nothing", "gave None, not an iterator of results"),
        ("gives-text", "gave 'tile', not a TileResult"),
        ("gives-unasked", "gave an Absent for 1/0/0, which was not asked for"),
        ("gives-a-billion", "which was not asked for"),
        ("goes-on", "which was not asked for"),
    ],
)
def test_case_128_what_a_provider_gives_in_place_of_its_promise_is_told(rig: Rig, name: str, words: str) -> None:
    """Nothing, something else, and more than there is: at the first of it, and in no time."""
    named(rig.build(provider=name), "tile_provider", name, words)
    rig.assert_all_is_free()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("billion-waypoints", "a Flight that is none: a map in it"),
        ("huge-tuple", "a Flight with 3,000,000 waypoints, at most 100,000"),
        ("odd-waypoint", r"Expected `float`, got `str` - at `\$\.waypoints\[0\]\.lat_deg`"),
        ("no-flight", "gave None, not a Flight"),
        ("source-leaves", "tried to end operator-tool: SystemExit: 0"),
    ],
)
def test_case_128_a_flight_that_is_none_is_told(rig: Rig, name: str, words: str) -> None:
    """What is lazy is not drawn out, and what is huge is not gone through."""
    named(rig.build("--flight-source", name), "flight_source", name, words)


def test_case_128_a_transport_without_a_session_and_a_provisioner_without_an_answer(rig: Rig) -> None:
    """Each is named with what it gave; the lock was held by then, and is free."""
    named(rig.build("--transport", "no-session"), "companion_transport", "no-session", "connect gave None")
    named(rig.build("--provisioner", "no-state"), "provisioner", "no-state", "prepare gave None, not a CompanionState")
    rig.assert_all_is_free()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("leaves-at-close", "close tried to end operator-tool: SystemExit: 0"),
        ("raises-at-close", "failed to close: ValueError: the wing is stuck"),
        ("sleeps-at-close", "close did not come back within 0.3 s"),
    ],
)
def test_cases_123_127_what_goes_wrong_at_the_end_changes_nothing_about_the_outcome(
    rig: Rig, name: str, words: str
) -> None:
    """The cache is built, and the report says so."""
    ended = rig.build(*SOON, "--allow-gaps", "9", provider=name)
    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    assert f"tile_provider '{name}' (acme-broken 1.4.0)" in ended.err
    assert words in ended.err


def test_case_128_what_is_no_event_reaches_no_listener(rig: Rig) -> None:
    """And a text without an end is cut."""
    ended = rig.build("--allow-gaps", "9", provider="emits-nonsense")
    assert ended.code == 0, ended.all
    assert ended.err.count("a plugin emitted what is no event, and is not told") == 2
    assert "longlong" in ended.err
    assert len(ended.err) < 40_000


def test_case_129_what_a_plugin_prints_is_redacted_and_not_on_standard_output(rig: Rig) -> None:
    """By Python's streams in every way; what a child or a descriptor writes comes out on standard error, too."""
    environment = {"OPERATOR_TOOL_PRINTS_ITS_KEY_API_KEY": KEY}
    ended = rig.build("--allow-gaps", "9", provider="prints-its-key", env=environment)
    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    for form in forms(KEY):
        assert form not in ended.all.replace("\n", "")
    for begin in ("stdout", "stderr", "__stdout__", "__stderr__", "buffer"):
        assert ended.err.count(f"{begin} ***\n") == 2, ended.err  # when it is made, and when it is asked
    # Between letters that are flushed one by one the run's own lines may come, once there are other threads.
    assert ended.err.count("one by one ***\n") in (1, 2), ended.err
    assert "descriptor\n" in ended.err
    assert "child\n" in ended.err
    assert not [path for path in rig.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_case_129_a_plugin_is_shown_no_secret_but_its_own(rig: Rig) -> None:
    """Neither the environment, when it is imported or later, nor its settings nor the run's context have another's."""
    environment = {
        "OPERATOR_TOOL_SNOOPS_API_KEY": KEY,
        "OPERATOR_TOOL_PRINTS_ITS_KEY_API_KEY": OTHER_KEY,
        "OPERATOR_TOOL_API_API_KEY": BEARER,
    }
    more = ("--allow-gaps", "9", "--provider", "prints-its-key")
    for first in (True, False):
        arguments = rig.build_arguments(FLIGHT, *SMALL, *more, provider="snoops")
        if not first:
            arguments = rig.build_arguments(
                FLIGHT, *SMALL, *more[:2], "--provider", "snoops", provider="prints-its-key"
            )
        assert rig.run(*arguments, env=environment).code == 0
        seen = (rig.folder / "seen.txt").read_text(encoding="utf-8")
        assert KEY in seen, "its own it has"
        for form in forms(OTHER_KEY) | forms(BEARER):
            assert form not in seen


def test_case_130_a_failure_that_is_recognised_is_reported(rig: Rig) -> None:
    """With its own code; what the plugin says stands in the report."""
    ended = rig.build(provider="fails-in-fetch")
    assert (ended.code, ended.report["message"]) == (20, "the satellite fell down")
    rig.assert_all_is_free()


@pytest.mark.parametrize(
    ("arguments", "whose", "words"),
    [
        (("--provider", "raises-in-fetch"), "tile_provider 'raises-in-fetch'", "ValueError: the wing fell off"),
        (("--flight-source", "source-raises"), "flight_source 'source-raises'", "ValueError: the map is upside down"),
    ],
)
def test_case_130_any_other_frees_the_lock_and_propagates(
    rig: Rig, arguments: tuple[str, ...], whose: str, words: str
) -> None:
    """As the bug that it is, named with its plugin; its traceback is in the log, and the next run builds."""
    provider = arguments[1] if arguments[0] == "--provider" else "synthetic"
    ended = rig.build(*(arguments if arguments[0] != "--provider" else ()), provider=provider)
    assert (ended.code, ended.out) == (1, ""), ended.all
    assert f"unexpected {words}, in {whose} (acme-broken 1.4.0)" in ended.err
    assert "this is a bug of acme-broken" in ended.err
    assert words in (rig.data / "log" / "operator-tool.log").read_text(encoding="utf-8")
    rig.assert_all_is_free()
    rig.assert_it_works_without()


def test_case_131_a_name_that_is_not_plain_is_refused_and_shown_escaped(rig: Rig, tmp_path: Path) -> None:
    """No builder makes such a distribution; somebody's hands may."""
    names = {"../up": "odd", "\x1b[31mred": "odd", "UPPER": "odd"}
    write_distribution(tmp_path / "odd", "odd-names", entry_points={"tile_provider": names})
    path = {"PYTHONPATH": f"{tmp_path / 'odd'}{os.pathsep}{rig.site}"}
    listed = rig.run("plugins", "list", env=path)
    assert listed.code == 0
    assert "\x1b" not in listed.all
    assert listed.out.count("its name is not lower-case letters, digits, - and _") == 3
    for name in ("../up", "UPPER"):
        ended = rig.build(provider=name, env=path)
        assert (ended.code, "odd-names 1.0" in ended.report["message"]) == (12, True), ended.all


def test_what_a_module_changes_of_the_process_is_put_back(rig: Rig) -> None:
    """Ctrl-C works, relative paths are of the folder that they were of, no other plugin's setting changed, and what the
    run says is seen."""
    rig.cache_root = Path("companion")
    arguments = rig.build_arguments(FLIGHT, *SMALL, "--allow-gaps", "9", provider="import-meddles")
    ended = rig.run(*arguments)
    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    assert (rig.folder / "companion" / "current").is_dir()
    assert "build: done" in ended.err, "the listener that was configured was told"
    run = rig.start(*rig.build_arguments(FLIGHT, "-v", "--provider", "import-meddles", provider="synthetic"))
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith(b"companion: "):
            break
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    run.communicate()


def test_nothing_of_what_is_not_selected_is_felt(rig: Rig, tmp_path: Path) -> None:
    """Of a build that selects none of them, report, cache and words are those of a workstation without them, and no
    module of theirs is imported."""
    seen, imported = {}, {}
    for name, site in (("with", rig.site), ("without", tmp_path / "nothing")):
        one = Rig(tmp_path / name, site)
        one.folder.mkdir()
        ended = one.build(env={"MODULES": str(one.folder / "modules")})
        assert ended.code == 0, ended.all
        tiles = tiles_in(one.cache_root / "current" / "tiles.mbtiles")
        seen[name] = (_timeless(ended.out, one), _timeless(ended.err, one), tiles)
        imported[name] = (one.folder / "modules").read_text(encoding="utf-8").splitlines()
    assert seen["with"] == seen["without"]
    assert imported["with"] == imported["without"]
    assert "operator_tool_plugins.tile_providers.synthetic" in imported["with"]
    assert not [module for module in imported["with"] if module.startswith("acme")]


def _timeless(text: str, rig: Rig) -> str:
    """Return a text without what differs from run to run: times, the run's number, the companion's, the folder."""
    text = text.replace(str(rig.folder), "FOLDER")
    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:+]+", "TIME", text)
    text = re.sub(r"[0-9]+\.[0-9]+( s\b|,?$)", r"SECONDS\1", text, flags=re.MULTILINE)
    return re.sub(r"\b[0-9a-f]{16,32}\b", "ID", text)
