"""Catalogue I by real distributions that are broken in each way: selected, a plugin is named with distribution, version
and reason, and the lock is free; not selected, it is not there."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from tests.support import command, wheels
from tests.support.c10_rig import tiles_in
from tests.support.command import Ended, Workstation

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
SMALL = ("--zoom", "13", "--json")
IMPATIENT = """
import atexit, os, pathlib, sys
if "MODULES" in os.environ:
    atexit.register(lambda: pathlib.Path(os.environ["MODULES"]).write_text(chr(10).join(sorted(sys.modules))))
from operator_tool import overdue
from operator_tool.plugin_host import calls, listening
calls.UNWIND_S, overdue._DUMP_AFTER_S, listening.HANG_S = 0.5, 0.5, 0.5
from operator_tool.cli import main
main()
"""
SOON = ("-o", "operator-tool.plugin_call_s=0.3", "-o", "operator-tool.plugin_answer_s=0.3")
KEY, OTHER_KEY, BEARER = "canary-of-its-own-7163", "canary-of-another-5520", "canary-of-the-flights-9094"


class Rig(Workstation):
    """A workstation on which all the broken distributions are installed."""

    def __init__(self, folder: Path, site: Path) -> None:
        super().__init__(folder)
        self.site = site

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of its commands."""
        return super().environment({**wheels.path_with(self.site), **(more or {})})

    def build(
        self, *more: str, provider: str = "synthetic", env: Mapping[str, str] | None = None, timeout_s: float = 60.0
    ) -> Ended:
        """Run a small build, whose patience with plugins is short."""
        return self.run(*self.build_arguments(FLIGHT, *SMALL, *more, provider=provider), env=env, timeout_s=timeout_s)

    def assert_all_is_free(self) -> None:
        """Nobody holds a lock, and nobody is said to."""
        assert not list(self.data.glob("locks/*.holder.json"))
        for path in self.data.glob("locks/*.lock"):
            try:
                FileLock(path, timeout=0).acquire().lock.release()
            except Timeout:
                pytest.fail(f"{path} is held")

    def assert_it_works_without(self) -> None:
        """The same command with a provider that is whole builds the cache."""
        again = self.build()
        assert (again.code, again.report["outcome"]) == (0, "success"), again.all


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all the broken distributions."""
    return wheels.installed(tmp_path_factory, "acme-broken", "acme-shadow", "acme-next", "acme-old")


@pytest.fixture
def rig(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A workstation with them."""
    monkeypatch.setattr(command, "COMMAND", [sys.executable, "-c", IMPATIENT])
    return Rig(tmp_path, site)


def named(ended: Ended, role: str, name: str, words: str) -> None:
    """Assert that a plugin is told as what failed, in one document and without a traceback."""
    assert ended.code == 12, ended.all
    report = ended.report
    assert report["exit_code"] == 12
    assert f"{role} '{name}' (acme-broken 1.4.0)" in report["message"], report["message"]
    assert re.search(words, report["message"]), report["message"]
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("import-raises", "ValueError: the wing fell off"),
        ("import-no-python", "SyntaxError"),
        ("import-missing", "no_such_module_of_acme"),
        ("not-there", "ModuleNotFoundError"),
        ("no-attribute", "AttributeError"),
    ],
)
def test_case_122_what_fails_at_import_is_named(rig: Rig, name: str, words: str) -> None:
    """Whatever the reason, before anything was begun."""
    named(rig.build(provider=name), "tile_provider", name, words)
    rig.assert_all_is_free()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("import-leaves", "SystemExit: 0"),
        ("import-interrupts", "KeyboardInterrupt"),
        ("import-gives-up", "GeneratorExit"),
        ("import-ends", r"os\._exit\(0\) was called"),
        ("import-replaces", r"os\.execv\('/bin/true'\) was called"),
        ("hook-leaves", "make_tile_provider failed: SystemExit: 0"),
        ("hook-interrupts", "make_tile_provider failed: KeyboardInterrupt"),
        ("hook-ends", r"make_tile_provider failed: os\._exit\(0\) was called"),
        ("describes-ending", r"describe tried to end operator-tool: os\._exit\(0\) was called"),
    ],
)
def test_case_123_what_would_end_the_process_never_looks_like_success(rig: Rig, name: str, words: str) -> None:
    """Neither an exit with status 0 nor another program in its place."""
    named(rig.build(provider=name), "tile_provider", name, words)
    rig.assert_all_is_free()


@pytest.mark.parametrize("name", ["leaves-in-fetch", "interrupts-in-fetch", "ends-in-fetch"])
def test_case_123_nor_in_the_middle_of_a_download(rig: Rig, name: str) -> None:
    """The lock was held by then; it is free, and the next run builds."""
    named(rig.build(provider=name), "tile_provider", name, "tried to end operator-tool")
    rig.assert_all_is_free()
    rig.assert_it_works_without()


def test_case_123_a_child_that_a_plugin_forks_ends_as_it_will(rig: Rig) -> None:
    """os._exit is a child's way to end, and works in it."""
    ended = rig.build("--allow-gaps", "9", provider="forks-well")
    assert (ended.code, ended.report["tiles"]["absent"]) == (0, 2), ended.all


def test_case_124_a_name_of_two_distributions_is_refused_and_both_are_named(rig: Rig) -> None:
    """Also that of a built-in, which works as soon as the other is shut out. Neither was imported to know it."""
    twice, shadowed = rig.build(provider="twice"), rig.build(provider="xyz")
    for ended, names in ((twice, ("acme-broken 1.4.0", "acme-shadow 0.9.0")), (shadowed, ("acme-shadow 0.9.0",))):
        assert ended.code == 12, ended.all
        assert all(name in ended.report["message"] for name in names)
    assert "operator-tool" in shadowed.report["message"]
    alone = rig.run("plan", "--no-plugins", *rig.build_arguments(FLIGHT, "--json", provider="xyz")[1:5])
    assert alone.code == 11
    assert "xyz needs the setting url" in alone.all


@pytest.mark.parametrize(
    ("name", "distribution", "words"),
    [
        ("next-tiles", "acme-next 2.0.0", ("contract 2", "contract 1")),
        ("old-tiles", "acme-old 0.1.0", ("contract 0", "contract 1")),
        ("plain-tiles", "acme-old 0.1.0", ("operator_tool.tile_provider", "operator_tool.v1")),
    ],
)
def test_case_125_another_contract_is_named_with_both_numbers(
    rig: Rig, name: str, distribution: str, words: tuple[str, ...]
) -> None:
    """A newer one, an older one, and none at all; importing any of these modules would raise."""
    ended = rig.build(provider=name)
    assert ended.code == 12
    assert all(word in ended.report["message"] for word in (distribution, *words)), ended.report["message"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("misspelt", "make_tile_provder"), ("unknown-argument", "setings"), ("no-hook", "implements no make_tile_prov")],
)
def test_case_126_a_hook_that_is_none_is_named(rig: Rig, name: str, words: str) -> None:
    """At load, before any hook of it is called."""
    named(rig.build(provider=name), "tile_provider", name, words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("import-sleeps", "import did not come back within 0.3 s"),
        ("settings-sleep", "plugin_settings did not come back"),
        ("hook-sleeps", "make_tile_provider did not come back"),
        ("describes-sleeping", "describe did not come back"),
    ],
)
def test_case_127_a_call_that_hangs_is_interrupted(rig: Rig, name: str, words: str) -> None:
    """And told as its plugin's failure; the lock is free."""
    named(rig.build(*SOON, provider=name), "tile_provider", name, words)
    rig.assert_all_is_free()


def test_case_127_a_flight_source_that_hangs_and_a_listener_that_never_starts(rig: Rig) -> None:
    """As any other call."""
    resolved = rig.build(*SOON, "--flight-source", "source-sleeps")
    named(resolved, "flight_source", "source-sleeps", "resolve did not come back within 0.3 s")
    started = rig.build(*SOON, "-o", 'operator-tool.listeners=["sleeps-at-start"]')
    named(started, "listener", "sleeps-at-start", "start_listening did not come back within 0.3 s")


@pytest.mark.parametrize("name", ["import-swallows", "import-locks-up"])
def test_case_127_where_interrupting_does_not_help_the_process_ends_with_12(rig: Rig, name: str) -> None:
    """One line on standard error says whose it was; the kernel frees what the process held."""
    ended = rig.build(*SOON, provider=name)
    assert (ended.code, ended.out) == (12, ""), ended.all
    whose = f"tile_provider '{name}' (acme-broken 1.4.0)"
    assert ended.err.splitlines() == [f"error: {whose}: import did not come back within 0.3 s, and can't be stopped"]
    rig.assert_all_is_free()


def test_case_127_c_code_that_stops_all_of_python_ends_the_process_with_a_dump(rig: Rig) -> None:
    """Nothing of Python runs any more, so no line of ours can be said: the dump names the file."""
    ended = rig.build(*SOON, provider="import-locks-all-up")
    assert (ended.code, ended.out) == (1, "")
    assert "locks_all_up.py" in ended.err
    rig.assert_all_is_free()


def test_case_127_the_runs_own_deadline_holds_in_a_call_too(rig: Rig) -> None:
    """The shorter of the two counts."""
    code = IMPATIENT.replace("from operator_tool.cli", "overdue.GRACE_S = 0.2\nfrom operator_tool.cli")
    begun_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *rig.build_arguments(FLIGHT, "--deadline", "0.3", provider="hook-sleeps")],
        env=rig.environment(),
        cwd=rig.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "the run's deadline passed" in done.stderr
    assert time.monotonic() - begun_s < 30


@pytest.mark.parametrize("name", ["hangs-in-event", "hangs-at-stop"])
def test_case_127_a_listener_that_hangs_holds_no_run(rig: Rig, name: str) -> None:
    """It is told nothing more; the others are told everything, and the cache is built."""
    ended = rig.build("-o", f'operator-tool.listeners=["{name}", "progress"]')
    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    told = f"listener '{name}' (acme-broken 1.4.0) did not come back within 0.5 s; it is told nothing more"
    assert ended.err.count(told) == 1
    assert "build: done" in ended.err


@pytest.mark.parametrize(("name", "words"), [("leaves-in-event", "SystemExit: 0"), ("ends-in-event", "os._exit(0)")])
def test_case_123_a_listener_that_would_end_the_process_does_not(rig: Rig, name: str, words: str) -> None:
    """It is warned of three times, and then told nothing more."""
    ended = rig.build("-o", f'operator-tool.listeners=["{name}"]')
    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    assert ended.err.count(words) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("makes-nothing", "gave None, not a TileProvider"),
        ("makes-a-list", "gave a list, not a TileProvider"),
        ("settings-odd", "gave the class dict, not a subclass of PluginSettings"),
        ("describes-text", "gave 'a map of everything', not a ProviderInfo"),
        ("describes-lazily", r"gave a ProviderInfo that is none: an itertools\.repeat in it"),
        ("fetches-nothing", "gave None, not an iterator of results"),
        ("gives-text", "gave 'tile', which was not asked for"),
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


def test_case_128_what_is_no_event_reaches_no_listener(rig: Rig) -> None:
    """And a text without an end is cut."""
    ended = rig.build("--allow-gaps", "9", provider="emits-nonsense")
    assert ended.code == 0, ended.all
    assert ended.err.count("a plugin emitted what is no event, and is not told") == 2
    assert "longlong" in ended.err
    assert len(ended.err) < 40_000


def forms(key: str) -> set[str]:
    """Return the forms in which a key might be met."""
    return {key, key[::-1], key.encode().hex(), base64.b64encode(key.encode()).decode().rstrip("=")[:-2]}


def test_case_129_what_a_plugin_prints_is_redacted_and_not_on_standard_output(rig: Rig) -> None:
    """By Python's streams in every way; what a child or a descriptor writes comes out on standard error, too."""
    environment = {"OPERATOR_TOOL_PRINTS_ITS_KEY_API_KEY": KEY}
    ended = rig.build("--allow-gaps", "9", provider="prints-its-key", env=environment)
    assert (ended.code, ended.report["outcome"]) == (0, "success"), ended.all
    for form in forms(KEY):
        assert form not in ended.all.replace("\n", "")
    for begin in ("stdout", "stderr", "__stdout__", "__stderr__", "buffer", "one by one"):
        assert ended.err.count(f"{begin} ***\n") == 2, ended.err  # when it is made, and when it is asked
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
    from tests.support.distributions import write_distribution

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


def test_check_survives_every_plugin_and_says_of_each_what_is_wrong_with_it(rig: Rig) -> None:
    """Each in a process of its own: what hangs, ends or locks up is told as that, and the built-ins are well."""
    ended = rig.run("plugins", "check", "--json", "--timeout", "0.5", timeout_s=100.0)
    assert ended.code == 12
    rows: list[dict[str, Any]] = json.loads(ended.out)
    states = {(row["distribution"], row["name"]): row["state"] for row in rows}
    for name, words in {
        "import-raises": "ValueError",
        "import-leaves": "SystemExit",
        "import-ends": "os._exit(0) was called",
        "import-replaces": "os.execv",
        "import-sleeps": "import did not come back within 0.5 s",
        "import-swallows": "did not come back within",
        "import-locks-up": "did not come back within",
        "import-locks-all-up": "did not come back within",
        "misspelt": "make_tile_provder",
        "unknown-argument": "setings",
        "no-hook": "implements no make_tile_provider",
        "settings-sleep": "plugin_settings did not come back",
        "twice": "also claimed by acme-shadow 0.9.0",
        "forks-well": "ok",
    }.items():
        assert words in states["acme-broken", name], states["acme-broken", name]
    assert "contract 2" in states["acme-next", "next-tiles"]
    own = {name: state for (distribution, name), state in states.items() if distribution == "operator-tool"}
    assert "also claimed by acme-shadow 0.9.0" in own.pop("xyz")
    assert set(own.values()) == {"ok"}


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
