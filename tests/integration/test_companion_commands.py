"""The commands for companions against a real OpenSSH server, and against this machine."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from operator_tool.plugin_host.discovery import Discovery
from operator_tool.plugin_host.entry import Role
from tests.core.cli.terminal import at_a_terminal
from tests.support.c10_rig import snapshot
from tests.support.command import Ended, Workstation
from tests.support.real_parts import RealSshd, fingerprint, free_port, make_key, real_sshd

FLIGHT = Path(__file__).parents[2] / "docs" / "tutorial" / "first-flight.plan"
AREA = ("--provider", "synthetic", "--zoom", "14-15", "--corridor", "200", "--quiet")
OVER_SSH = [name for name in ("ssh", "openssh") if name in Discovery().names(Role.COMPANION_TRANSPORT)]
pytestmark = pytest.mark.real_parts


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


def reach(server: RealSshd, transport: str = "ssh") -> list[str]:
    """Return the options that name a server as an operator does, with no known host key."""
    options = ["--transport", transport, "--companion-host", server.host, "--companion-port", str(server.port)]
    return [*options, "--companion-user", server.user, "-o", f"{transport}.key_file={server.key_file}"]


def flight(command: str, workstation: Workstation, *more: str) -> list[str]:
    """Return a command for the tutorial's flight and this machine's cache root."""
    root = f"c10.cache_root={workstation.cache_root}"
    return [command, "--flight-file", str(FLIGHT), *AREA, "-o", root, *more]


def only(ended: Ended) -> dict[str, Any]:
    """Return the one companion of a JSON document, whose exit code is the command's."""
    document = json.loads(ended.out)
    assert document["exit_code"] == ended.code, ended.all
    (companion,) = document["companions"]
    return dict(companion)


@pytest.mark.parametrize("transport", OVER_SSH)
class TestEnrolment:
    """From an unknown companion to one that is built."""

    def test_case_054_what_is_enrolled_is_reached_and_what_is_not_is_not(
        self, workstation: Workstation, sshd: RealSshd, transport: str
    ) -> None:
        """The refusal names the fingerprint and the command; that command, with the fingerprint, lets the next in."""
        ask = flight("verify-ready", workstation, *reach(sshd, transport), "--json")
        refused = only(workstation.run(*ask))
        assert refused["exit_code"] == 30
        assert sshd.fingerprint in refused["message"]
        assert "companion enrol" in refused["remediation"]

        enrol = ["companion", "enrol", *reach(sshd, transport), "--json"]
        unasked = only(workstation.run(*enrol))
        assert unasked["exit_code"] == 30
        assert sshd.fingerprint in unasked["message"]
        assert not (workstation.data / "trust").exists()

        enrolled = only(workstation.run(*enrol, "--fingerprint", sshd.fingerprint))
        assert enrolled["exit_code"] == 0, enrolled
        assert enrolled["host_key"]["label"] == f"[{sshd.host}]:{sshd.port}"
        pins = Path(enrolled["host_key"]["written_to"])
        assert pins.parent == workstation.data / "trust"
        assert (pins.stat().st_mode & 0o777, pins.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert sshd.host_key in pins.read_text()
        reached = only(workstation.run(*ask))
        assert reached["exit_code"] == 31
        assert reached["fingerprint"] == sshd.fingerprint

    def test_case_055_a_changed_key_is_shown_beside_the_pinned_one(
        self, workstation: Workstation, sshd: RealSshd, transport: str, tmp_path: Path
    ) -> None:
        """Nothing but the word, or fingerprint and --replace, pins the new one; then the companion is reached again."""
        workstation.run("companion", "enrol", *reach(sshd, transport), "--fingerprint", sshd.fingerprint)
        make_key(tmp_path / "older")
        older = (tmp_path / "older.pub").read_text().split()[:2]
        pins = workstation.data / "trust" / "known_hosts"
        pins.write_text(f"[{sshd.host}]:{sshd.port} {' '.join(older)}\n")
        enrol = ["companion", "enrol", *reach(sshd, transport), "--json", "--fingerprint", sshd.fingerprint]
        changed = only(workstation.run(*enrol))
        assert changed["exit_code"] == 30
        for shown in ("HOST KEY CHANGED", sshd.fingerprint, fingerprint(tmp_path / "older.pub")):
            assert shown in changed["message"]
        assert older[1] in pins.read_text()
        assert only(workstation.run(*enrol, "--replace"))["exit_code"] == 0
        assert older[1] not in pins.read_text()
        assert sshd.host_key in pins.read_text()

    def test_case_053_a_companion_that_is_not_there(self, workstation: Workstation, transport: str) -> None:
        """Nothing listens: 30, and worth another try."""
        where = ["--transport", transport, "--companion-host", "127.0.0.1", "--companion-port", str(free_port())]
        one = only(workstation.run("companion", "enrol", *where, "--json"))
        assert (one["exit_code"], one["retryable"]) == (30, True)

    def test_at_a_terminal_the_operator_confirms_what_the_companion_says_itself(
        self, workstation: Workstation, sshd: RealSshd, transport: str
    ) -> None:
        """The fingerprint that is asked about is the one that ssh-keygen prints there."""
        with at_a_terminal(["companion", "enrol", *reach(sshd, transport)], workstation.environment()) as terminal:
            terminal.expect("[y/N] ")
            assert sshd.fingerprint in terminal.shown
            terminal.type("y\n")
            assert terminal.ended() == 0
        assert sshd.host_key in (workstation.data / "trust" / "known_hosts").read_text()


def test_verify_ready_answers_both_questions_from_the_first_build_to_a_rotten_byte(
    workstation: Workstation, sshd: RealSshd
) -> None:
    """31 before the build and for another flight's cache, 0 after it, 23 when a byte has changed; it writes nothing."""
    options = reach(sshd)
    assert workstation.run("companion", "enrol", *options, "--fingerprint", sshd.fingerprint).code == 0
    ready = flight("verify-ready", workstation, *options, "--json")

    new = only(workstation.run(*ready))
    assert new["exit_code"] == 31, new
    assert not workstation.cache_root.exists()

    assert workstation.run(*flight("build-cache", workstation, *options)).code == 0
    before = snapshot(workstation.cache_root) | snapshot(workstation.data / "stores")
    built = only(workstation.run(*ready))
    assert (built["exit_code"], built["ready"]) == (0, True), built
    assert [check["ok"] for check in built["checks"]] == [True] * 7
    assert built["generation"]
    assert built["companion_id"]

    other = only(workstation.run(*ready, "--corridor", "201"))
    assert other["exit_code"] == 31
    assert built["generation"] in other["message"]
    assert other["content_key"] in other["message"]
    assert snapshot(workstation.cache_root) | snapshot(workstation.data / "stores") == before

    rot(workstation.cache_root / "current" / "tiles.mbtiles")
    damaged = only(workstation.run(*ready))
    assert damaged["exit_code"] == 23, damaged
    assert [check["ok"] for check in damaged["checks"]] == [True, True, True, True, False, None, True]


def test_an_operator_looks_goes_back_and_tidies_over_ssh(workstation: Workstation, sshd: RealSshd) -> None:
    """Two caches are built; the rotten one is found, gone back from, and not gone back to; all of it is logged."""
    options = reach(sshd)
    assert workstation.run("companion", "enrol", *options, "--fingerprint", sshd.fingerprint).code == 0
    for corridor in ("200", "201"):
        assert workstation.run(*flight("build-cache", workstation, *options, "--corridor", corridor)).code == 0
    there = [*options, "-o", f"c10.cache_root={workstation.cache_root}"]
    sound = only(workstation.run("companion", "verify", *there, "--all", "--json"))
    assert (sound["exit_code"], len(sound["soundness"]["generations"])) == (0, 2)

    rot(workstation.cache_root / "current" / "tiles.mbtiles")
    rotten = only(workstation.run("companion", "verify", *there, "--json"))
    assert (rotten["exit_code"], rotten["soundness"]["codes"]) == (23, ["verify"])
    assert "tiles.mbtiles" in rotten["message"]

    back = only(workstation.run("companion", "rollback", *there, "--json"))
    assert back["exit_code"] == 0, back
    assert back["rollback"]["to_generation"] == sound["soundness"]["generations"][1]["name"]
    forward = workstation.run("companion", "rollback", *there, "--to", "2")
    assert forward.code == 23
    assert (workstation.cache_root / "current").readlink().name == back["rollback"]["to_generation"]
    assert only(workstation.run("companion", "gc", *there, "--json"))["exit_code"] == 0

    lines = [json.loads(line) for line in (workstation.data / "audit.jsonl").read_text().splitlines()]
    assert [(line["command"], line["exit_code"]) for line in lines] == [
        ("companion enrol", 0),
        ("build-cache", 0),
        ("build-cache", 0),
        ("companion verify", 0),
        ("companion verify", 23),
        ("companion rollback", 0),
        ("companion rollback", 23),
        ("companion gc", 0),
    ]
    done, refused = (
        [json.loads(line) for line in (workstation.cache_root / name).read_text().splitlines()]
        for name in ("audit.jsonl", "refused.jsonl")
    )
    assert [line["event"] for line in done] == ["build", "build", "rollback", "quarantine"]
    assert [line["event"] for line in refused] == ["rollback"]
    theirs = [*done, *refused]
    assert {line["run_id"] for line in theirs} <= {line["run_id"] for line in lines}


def rot(database: Path) -> None:
    """Change one byte of one picture, as a bad sector does."""
    database.chmod(0o600)
    with sqlite3.connect(database) as connection:
        (picture,) = connection.execute("SELECT tile_data FROM tiles LIMIT 1").fetchone()
    connection.close()
    content = bytearray(database.read_bytes())
    content[content.index(picture[:64]) + 32] ^= 1  # a page holds only the beginning of it
    database.write_bytes(content)


def inventory(workstation: Workstation, servers: dict[str, RealSshd]) -> None:
    """Write the configuration of an operator who has these companions."""
    lines = []
    for name, server in servers.items():
        lines += [f"[companions.{name}.ssh]", f'host = "{server.host}"', f"port = {server.port}"]
        lines += [f'user = "{server.user}"', f'key_file = "{server.key_file}"']
        lines += [f"[companions.{name}.c10]", f'cache_root = "{workstation.folder / name}"']
    workstation.config.write_text("\n".join(lines))
    workstation.config.chmod(0o600)


def test_companions_of_the_inventory_are_enrolled_built_and_asked_by_name(
    workstation: Workstation, tmp_path: Path
) -> None:
    """Each by its own settings; one that is not enrolled fails alone, and its code is the command's."""
    with real_sshd(tmp_path / "a") as alpha, real_sshd(tmp_path / "b") as beta:
        inventory(workstation, {"alpha": alpha, "beta": beta})
        config = ("--config", str(workstation.config))
        enrol = ("companion", "enrol", *config, "--companion")
        assert workstation.run(*enrol, "alpha", "--fingerprint", alpha.fingerprint).code == 0
        arguments = ["--flight-file", str(FLIGHT), *AREA, "--all-companions", *config]
        ended = workstation.run("verify-ready", *arguments, "--json")
        found = {one["name"]: one for one in json.loads(ended.out)["companions"]}
        assert {name: one["exit_code"] for name, one in found.items()} == {"alpha": 31, "beta": 30}
        assert ended.code == 31
        assert workstation.run(*enrol, "beta", "--fingerprint", beta.fingerprint).code == 0
        assert workstation.run("build-cache", *arguments).code == 0
        ended = workstation.run("verify-ready", *arguments)
        assert ended.code == 0, ended.all
        assert ended.out.splitlines().count("ready to fly this flight") == 0
        assert ended.out.count("  ready to fly this flight") == 2
        assert alpha.fingerprint in ended.out
        assert beta.fingerprint in ended.out


def test_a_key_s_passphrase_is_asked_for_at_a_terminal_and_shown_by_nothing(
    workstation: Workstation, sshd: RealSshd
) -> None:
    """Unseen while it is typed; with it the companion is reached, and no sink has it."""
    passphrase = "correct horse battery"
    locked = sshd.folder / "locked_key"
    make_key(locked, passphrase=passphrase)
    with (sshd.folder / "authorized_keys").open("a") as file:
        file.write((sshd.folder / "locked_key.pub").read_text())
    options = [*reach(sshd), "-o", f"ssh.key_file={locked}", "-o", "ssh.use_agent=false"]
    assert workstation.run("companion", "enrol", *options, "--fingerprint", sshd.fingerprint).code == 0
    arguments = flight("verify-ready", workstation, *options, "--verbose")
    assert workstation.run(*arguments).code == 30
    with at_a_terminal(arguments, workstation.environment()) as terminal:
        terminal.expect("assphrase")
        terminal.type(f"{passphrase}\n")
        code = terminal.ended()
        assert code == 31, terminal.shown
        assert passphrase not in terminal.shown
    written = [path for path in workstation.data.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if passphrase.encode() in path.read_bytes()] == []
