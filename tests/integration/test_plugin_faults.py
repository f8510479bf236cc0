"""Catalogue I by real distributions that are broken in each way: selected, a plugin is named with distribution, version
and reason, and the lock is free. Here: at import, at registration and in the hooks; and what never comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.support.plugin_rig import FLIGHT, IMPATIENT, SOON, Rig, named


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
    """Neither was imported to know it."""
    twice = rig.build(provider="twice")
    assert twice.code == 12, twice.all
    assert all(name in twice.report["message"] for name in ("acme-broken 1.4.0", "acme-shadow 0.9.0"))


def test_case_124_a_builtins_name_is_reserved(rig: Rig) -> None:
    """A stranger that claims it takes nothing over and stops nobody; the run says that it is there."""
    template = "xyz.url=http://127.0.0.1:9/{z}/{x}/{y}"
    ended = rig.build("--dry-run", "-o", template, provider="xyz")
    assert ended.code == 0, ended.all
    assert "'xyz' (acme-shadow 0.9.0) is not used: its name is that of a built-in plugin" in ended.all


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
    assert "that of a built-in plugin" in states["acme-shadow", "xyz"]
    assert set(own.values()) == {"ok"}
