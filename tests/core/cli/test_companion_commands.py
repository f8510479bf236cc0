"""``companion enrol``, ``install``, ``status`` and ``verify-ready`` with a scripted companion behind the real door."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from operator_tool.api import BuildLockHeldError, ConfigError, UsageError
from operator_tool.build_cache.lock import companion_lock

from .enrollable import INVENTORY, OFFERED, OTHER, Run, runner

FLIGHT = Path(__file__).parents[3] / "docs" / "tutorial" / "first-flight.plan"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command."""
    return runner(tmp_path, monkeypatch)


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """The folder of what was confirmed."""
    return tmp_path / "data" / "trust"


def only(result: Result) -> dict[str, Any]:
    """Return the one companion of a JSON document, whose exit code is the command's."""
    document = json.loads(result.stdout)
    assert document["exit_code"] == result.return_value
    (companion,) = document["companions"]
    return dict(companion)


def test_enrol_with_the_fingerprint_that_is_shown_pins_it_for_the_account_alone(run: Run, trust: Path) -> None:
    """Nobody need be at a terminal; where it was written is told, and a second time changes nothing."""
    result = run("companion", "enrol", "--companion", "alpha", "--fingerprint", OFFERED)
    assert result.return_value == 0, result.output
    assert f"[alpha.example]:22 ssh-ed25519 {OFFERED}" in result.stdout
    pins = trust / "pins" / "alpha.example"
    assert str(pins) in result.stdout
    assert pins.read_text() == OFFERED
    assert trust.stat().st_mode & 0o777 == 0o700
    before = pins.stat().st_mtime_ns
    again = run("companion", "enrol", "--companion", "alpha")
    assert again.return_value == 0
    assert "already" in again.stdout
    assert pins.stat().st_mtime_ns == before


def test_case_054_enrol_where_nobody_can_be_asked_writes_nothing(run: Run, trust: Path) -> None:
    """The fingerprint is shown, and how to compare and to give it; the same for one that is not the one shown."""
    result = run("companion", "enrol", "--transport", "fake", "--json")
    one = only(result)
    assert result.return_value == one["exit_code"] == 30
    assert OFFERED in one["message"]
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in one["remediation"]
    assert "--fingerprint" in one["remediation"]
    assert "--replace" not in one["remediation"]
    one = only(run("companion", "enrol", "--transport", "fake", "--fingerprint", OTHER, "--json"))
    assert one["exit_code"] == 30
    assert OFFERED in one["message"]
    assert OTHER in one["message"]
    assert not trust.exists()


def test_case_055_a_changed_key_needs_replace_too(run: Run, trust: Path) -> None:
    """Both fingerprints are shown, the pinned one stays until --fingerprint and --replace are given together."""
    assert run("companion", "enrol", "--companion", "alpha", "--fingerprint", OFFERED).return_value == 0
    changed = ("companion", "enrol", "--companion", "alpha", "-o", f"fake.offered={OTHER}", "--json")
    for more in ((), ("--fingerprint", OTHER)):
        one = only(run(*changed, *more))
        assert one["exit_code"] == 30
        assert one["message"].startswith("HOST KEY CHANGED")
        assert OFFERED in one["message"]
        assert OTHER in one["message"]
        assert "--replace" in one["remediation"]
        assert (trust / "pins" / "alpha.example").read_text() == OFFERED
    assert only(run(*changed, "--fingerprint", OFFERED, "--replace"))["exit_code"] == 30
    one = only(run(*changed, "--fingerprint", OTHER, "--replace"))
    assert one["exit_code"] == 0
    assert one["host_key"]["pinned_before"] == [OFFERED]
    assert (trust / "pins" / "alpha.example").read_text() == OTHER


def test_case_056_a_revoked_key_is_refused_whatever_is_given(run: Run, trust: Path) -> None:
    """Also with its own fingerprint."""
    result = run(
        "companion", "enrol", "--transport", "fake", "-o", "fake.revoked=true", "--fingerprint", OFFERED, "--replace"
    )
    assert result.return_value == 30
    assert "revoked" in result.stderr
    assert not trust.exists()


def test_a_key_that_is_pinned_already_is_held_against_the_fingerprint_that_is_given(run: Run) -> None:
    """Who says what it must be is told that it is another, although it is the pinned one."""
    assert run("companion", "enrol", "--transport", "fake", "--fingerprint", OFFERED).return_value == 0
    assert run("companion", "enrol", "--transport", "fake", "--fingerprint", OTHER).return_value == 30


def test_there_is_nothing_to_enrol_without_host_keys(run: Run) -> None:
    """The transport local knows none."""
    result = run("companion", "enrol", "--transport", "local")
    assert result.return_value == 2
    assert "has no host keys" in result.stderr


@pytest.mark.parametrize("fingerprint", ["MD5:aa:bb", "SHA256:short", "A" * 43, ""])
def test_a_fingerprint_of_another_form_is_a_usage_error(run: Run, fingerprint: str) -> None:
    """Only what ssh-keygen prints today."""
    import click

    with pytest.raises(click.UsageError, match="SHA256: and 43 characters"):
        run("companion", "enrol", "--transport", "fake", "--fingerprint", fingerprint)


def test_options_of_enrol_that_do_not_go_together(run: Run) -> None:
    """One fingerprint for two companions, and --replace alone."""
    with pytest.raises(UsageError, match="no two have one key"):
        run("companion", "enrol", "--all-companions", "--fingerprint", OFFERED)
    with pytest.raises(UsageError, match="without --fingerprint"):
        run("companion", "enrol", "--companion", "alpha", "--replace")


@pytest.mark.parametrize("option", [("--companion-host", "h"), ("--companion-port", "1"), ("--companion-user", "u")])
@pytest.mark.parametrize("chooser", [("--companion", "alpha"), ("--all-companions",)])
def test_a_companion_is_named_by_the_inventory_or_by_its_address(
    run: Run, chooser: tuple[str, ...], option: tuple[str, ...]
) -> None:
    """Not by both, and neither one by one and all at once."""
    with pytest.raises(UsageError, match=rf"{chooser[0]} and {option[0]} were both given"):
        run("companion", "status", *chooser, *option)
    with pytest.raises(UsageError, match="both given"):
        run("companion", "status", "--companion", "alpha", "--all-companions")


def test_an_unknown_companion_and_an_empty_inventory(run: Run, tmp_path: Path) -> None:
    """What is meant is suggested, what is there is listed."""
    with pytest.raises(UsageError, match="no companion alhpa; did you mean alpha") as caught:
        run("companion", "status", "--companion", "alhpa")
    assert caught.value.hint == "It has alpha, beta."
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(UsageError, match="the configuration file has no companion"):
        run("companion", "status", "--all-companions")


def test_case_133_a_table_that_no_companion_reads_is_refused(run: Run, tmp_path: Path) -> None:
    """A provider's settings are for all companions."""
    (tmp_path / "config.toml").write_text('[companions.alpha.xyz]\nurl = "u"')
    with pytest.raises(ConfigError, match="xyz has one setting for all companions"):
        run("companion", "status", "--companion", "alpha")


def test_status_has_a_line_for_each_fact(run: Run) -> None:
    """What a companion says can't move a cursor."""
    result = run("companion", "status", "--companion", "alpha")
    assert result.return_value == 0
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert ["address", "fake://alpha.example"] in lines
    assert ["id", "drone-7"] in lines
    assert ["agent", "1.2+abc"] in lines
    assert ["generation", "3-0123456789ab"] in lines
    assert ["python", "3.8.10"] in lines
    assert ["note", "all quiet"] in lines
    assert "free space  5.0 MB" in result.stdout
    assert f"host key    {OFFERED}" in result.stdout
    assert "\x1b" not in result.stdout
    one = only(run("companion", "status", "--companion", "alpha", "--json"))
    assert one["state"]["facts"]["python"] == "3.8.10"
    assert (one["name"], one["fingerprint"], one["address"]) == ("alpha", OFFERED, "fake://alpha.example")


def test_a_companion_that_can_t_be_built_is_31_with_each_reason(run: Run) -> None:
    """All that is known of it is shown all the same."""
    result = run("companion", "status", "--companion", "alpha", "-o", 'keeper.problems=["no space","read-only"]')
    assert result.return_value == 31
    for line in ("problem     no space", "problem     read-only", "id          drone-7"):
        assert line in result.stdout


def test_what_fails_on_one_companion_stops_no_other(run: Run, tmp_path: Path) -> None:
    """Each has its own lines; the exit code is that of the first that failed, in the order of the options."""
    more = (
        '[companions.gone]\ntransport = "fake"\nprovisioner = "keeper"\n[companions.gone.fake]\nfails = "no answer"\n'
    )
    (tmp_path / "config.toml").write_text(INVENTORY + more)
    result = run("companion", "status", "--companion", "gone", "--companion", "beta", "--companion", "gone")
    assert result.return_value == 30
    assert result.stdout.splitlines()[:2] == ["companion gone", "  address     fake://drone"]
    assert "companion beta" in result.stdout.splitlines()
    assert "  address     fake://beta.example" in result.stdout
    assert "  error: no answer" in result.stdout
    assert result.stderr == ""
    assert result.stdout.splitlines()[-3:] == ["gone  exit code 30  no answer", "beta  ok", "1 of 2 ok"]
    document = json.loads(run("companion", "status", "--all-companions", "--json").stdout)
    assert [(one["name"], one["exit_code"]) for one in document["companions"]] == [
        ("alpha", 0),
        ("beta", 0),
        ("gone", 30),
    ]
    assert document["companions"][2]["retryable"] is True


def test_what_is_not_recognised_is_that_companions_failure(run: Run, tmp_path: Path) -> None:
    """The others' outcomes and log lines are whole; alone it is raised as it is. None of the threads stays."""
    with pytest.raises(KeyError, match="a bug"):
        run("companion", "status", "--companion", "alpha", "-o", "fake.bug=true")
    before = set(threading.enumerate())
    bug = '[companions.odd]\ntransport = "fake"\nprovisioner = "keeper"\n[companions.odd.fake]\nbug = true\n'
    (tmp_path / "config.toml").write_text(INVENTORY + bug)
    for command in ("status", "verify", "enrol"):
        document = json.loads(run("companion", command, "--all-companions", "--json").stdout)
        told = {one["name"]: one for one in document["companions"]}
        assert told["odd"]["exit_code"] == 30
        assert "KeyError" in told["odd"]["message"]
        assert all("KeyError" not in told[name]["message"] for name in ("alpha", "beta"))
        assert "Traceback" not in json.dumps(document)
    assert not [one for one in set(threading.enumerate()) - before if one.name.startswith("companion-")]


def test_two_companions_that_are_one_and_the_same_are_refused(run: Run) -> None:
    """As when a setting of the environment stands above both."""
    with pytest.raises(UsageError, match=r"alpha and beta are one and the same: fake://one /one"):
        run("companion", "status", "--all-companions", "-o", "fake.host=one", "-o", "keeper.site=/one")
    assert run("companion", "status", "--all-companions", "-o", "fake.host=one").return_value == 0


def test_install_puts_the_program_there_and_says_what_is_there_now(run: Run) -> None:
    """As status shows it; where it can't run it is 31 with the reason."""
    result = run("companion", "install", "--companion", "alpha")
    assert result.return_value == 0
    assert "agent       1.2+abc" in result.stdout
    result = run("companion", "install", "--companion", "alpha", "-o", "keeper.unfit=Python 3.6 is too old")
    assert result.return_value == 31
    assert "Python 3.6 is too old" in result.stderr


def test_case_029_install_takes_the_companions_lock(run: Run, tmp_path: Path) -> None:
    """While a build has it, that companion's install is 50 and says whose it is; another's goes on."""
    locks = tmp_path / "data" / "locks"
    locks.mkdir(parents=True, mode=0o700)
    name = "fake://alpha.example /cache"
    with companion_lock(locks, name, timeout_s=0, operator="ada@desk", run_id="r1"):
        result = run("companion", "install", "--all-companions", "--json")
        companions = {one["name"]: one for one in json.loads(result.stdout)["companions"]}
        assert companions["alpha"]["exit_code"] == result.return_value == BuildLockHeldError.exit_code
        assert "ada@desk" in companions["alpha"]["message"]
        assert companions["beta"]["exit_code"] == 0
    assert run("companion", "install", "--companion", "alpha").return_value == 0


def test_a_provisioner_without_a_program_has_nothing_to_install(run: Run) -> None:
    """Nor a status of its own."""
    for command in ("install", "status"):
        with pytest.raises(UsageError, match="bare has no program of its own"):
            run("companion", command, "--companion", "alpha", "--provisioner", "bare")


def verify_ready(run: Run, *more: str) -> Result:
    """Ask the companion alpha about the tutorial's flight."""
    arguments = ["verify-ready", "--flight-file", str(FLIGHT), "--provider", "synthetic", "--quiet"]
    return run(*arguments, *(more if "--all-companions" in more else ("--companion", "alpha", *more)))


def test_verify_ready_is_0_only_for_this_flights_cache_verified_just_now(run: Run, tmp_path: Path) -> None:
    """Every check has its line; nothing is made on the workstation."""
    result = verify_ready(run, "-o", "keeper.up_to_date=true")
    assert result.return_value == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ok"] * 7 + ["ready"]
    assert "fake://alpha.example" in result.stdout
    assert OFFERED in result.stdout
    assert "every byte of 421 tiles (since boot)" in result.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("setting", "code", "words", "said"),
    [
        (
            "keeper.up_to_date=false",
            31,
            ["ok", "ok", "ok", "FAIL", "-", "-", "ok"],
            "this flight's cache has the content key",
        ),
        (
            "keeper.differs=it has other stages",
            31,
            ["ok", "ok", "ok", "FAIL", "-", "-", "ok"],
            "but it has other stages",
        ),
        ("keeper.damage=tile 1/2/3 is torn", 23, ["ok", "ok", "ok", "ok", "FAIL", "-", "ok"], "tile 1/2/3 is torn"),
        (
            "keeper.missing=/etc/cam.yaml is missing",
            31,
            ["ok", "ok", "ok", "ok", "ok", "ok", "FAIL"],
            "/etc/cam.yaml is missing",
        ),
        ("keeper.lacks=3", 31, ["ok", "ok", "ok", "ok", "ok", "FAIL", "ok"], "3 of 421 tiles are missing"),
        ("keeper.unfit=no space", 31, ["ok", "-", "FAIL", "-", "-", "-", "-"], "no space"),
        ("fake.fails=no answer", 30, ["FAIL", "-", "-", "-", "-", "-", "-"], "no answer"),
    ],
)
def test_verify_ready_says_what_is_not_as_it_must_be(
    run: Run, setting: str, code: int, words: list[str], said: str
) -> None:
    """The check that failed is named with what was seen; what could not be looked at is not called good."""
    lies_there = ("-o", "keeper.up_to_date=true") if "missing" in setting or "lacks" in setting else ()
    result = verify_ready(run, "-o", setting, *lies_there)
    assert result.return_value == code
    assert [line.split()[0] for line in result.stdout.splitlines()] == words
    assert said in result.stdout
    assert "not ready to fly" in result.stderr
    one = only(verify_ready(run, "-o", setting, *lies_there, "--json"))
    assert one["ready"] is False
    assert said in one["message"]
    assert [check["ok"] for check in one["checks"]] == [{"ok": True, "FAIL": False, "-": None}[word] for word in words]


@pytest.mark.parametrize(("allowed", "code"), [(2, 31), (3, 0), (4000, 0)])
def test_gaps_are_ready_only_where_this_very_command_allows_them(run: Run, allowed: int, code: int) -> None:
    """The number that is missing stands in the verdict; what the build allowed does not count."""
    there = ("-o", "keeper.up_to_date=true", "-o", "keeper.lacks=3", "--allow-gaps", str(allowed))
    one = only(verify_ready(run, *there, "--json"))
    assert (one["exit_code"], one["gaps"]["missing"]) == (code, 3)
    assert one["verdict"] == ("not ready" if code else "ready WITH GAPS")
    assert ("ready WITH GAPS" in verify_ready(run, *there).stdout) == (code == 0)


def test_a_cache_without_a_tile_is_never_ready(run: Run) -> None:
    """Whatever is allowed; and the next step isn't to allow more."""
    there = ("-o", "keeper.up_to_date=true", "-o", "keeper.lacks=421", "-o", "keeper.says=true", "--allow-gaps", "9999")
    one = only(verify_ready(run, *there, "--json"))
    assert (one["exit_code"], one["gaps"]["missing"]) == (31, 421)
    assert "--allow-gaps" not in one["remediation"]


def test_a_provisioner_that_does_not_count_leaves_the_gaps_unknown(run: Run) -> None:
    """It is told, in the verdict and in a note; it is no gap that was found."""
    there = ("-o", "keeper.up_to_date=true", "-o", "keeper.counts=false", "--json")
    one = only(verify_ready(run, *there))
    assert (one["exit_code"], one["gaps"], one["verdict"]) == (0, None, "ready, gaps unknown")
    assert len(one["notes"]) == 1
    assert [check["ok"] for check in one["checks"] if check["name"] == "gaps"] == [None]


def test_verify_ready_of_several_is_the_first_failure(run: Run, tmp_path: Path) -> None:
    """Each with its own checks, in the order of the inventory."""
    inventory = INVENTORY + "up_to_date = true\n"
    (tmp_path / "config.toml").write_text(inventory)
    result = verify_ready(run, "--all-companions", "--json")
    document = json.loads(result.stdout)
    assert result.return_value == document["exit_code"] == 31
    assert [(one["name"], one["ready"]) for one in document["companions"]] == [("alpha", False), ("beta", True)]
    told = verify_ready(run, "--all-companions")
    assert told.stderr == ""
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines[-3:-1]] == ["alpha", "beta"]
    assert lines[-1] == "1 of 2 ready"
    assert len({one["content_key"] for one in document["companions"]}) == 1


def test_verify_ready_of_several_where_one_can_t_be_made(run: Run, tmp_path: Path) -> None:
    """What is wrong with the settings of one keeps no other from being asked."""
    broken = INVENTORY.replace('host = "alpha.example"', "host = 7") + "up_to_date = true\n"
    (tmp_path / "config.toml").write_text(broken)
    result = verify_ready(run, "--all-companions", "--json")
    found = json.loads(result.stdout)["companions"]
    assert [(one["name"], one["exit_code"]) for one in found] == [("alpha", 11), ("beta", 0)]
    assert result.return_value == 11


def test_verify_ready_of_a_flight_that_is_not_there_is_the_flights_error(run: Run) -> None:
    """No companion is called unready for it."""
    result = run(
        "verify-ready", "--flight-file", "gone.plan", "--provider", "synthetic", "--companion", "alpha", "--json"
    )
    assert result.return_value == 94
    assert only(result)["checks"] == []
