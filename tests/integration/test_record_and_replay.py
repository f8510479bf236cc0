"""Whole commands recorded over real parts, and played again by another operator who has nothing but the file."""

from __future__ import annotations

import base64
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins._recording import Connected, Ended
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.command import Ended as CommandEnded
from tests.support.command import Workstation
from tests.support.companion_trial import Imagery, Trial
from tests.support.distributions import install_from_source
from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import RealSshd, make_key, real_sshd
from tests.support.recordings import records

FLIGHT = Path(__file__).parents[2] / "docs" / "tutorial" / "first-flight.plan"
AREA = ("--provider", "synthetic", "--zoom", "14-16", "--corridor", "300")
OF_A_RUN = {"run_id", "started_at", "duration_s", "plugins", "notes"}
OF_A_TRANSPORT = {"transport", "simulated"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The recording."""
    return tmp_path / "recording.jsonl"


@pytest.fixture
def rig(tmp_path: Path) -> Workstation:
    """Where it is made."""
    return _workstation(tmp_path / "rig")


@pytest.fixture
def desk(tmp_path: Path) -> Workstation:
    """Where it is played: with no tile, no companion and no key of the rig's."""
    return _workstation(tmp_path / "desk")


def _workstation(folder: Path) -> Workstation:
    folder.mkdir()
    return Workstation(folder)


def asked(workstation: Workstation, command: str, *more: str, area: Sequence[str] = AREA) -> list[str]:
    """Return a command for the tutorial's flight."""
    root = f"c10.cache_root={workstation.cache_root}"
    return [command, "--flight-file", str(FLIGHT), *area, "-o", root, "--json", *more]


def made(rig: Workstation, file: Path, *more: str, command: str = "build-cache") -> CommandEnded:
    """Run a command of the rig with its companion recorded, this machine itself if nothing else is said."""
    way = () if "--transport" in more else ("--transport", "local")
    return rig.run(*asked(rig, command, *way, "--record", str(file), *more))


def played(
    desk: Workstation, file: Path, *more: str, command: str = "build-cache", area: Sequence[str] = AREA
) -> CommandEnded:
    """Run a command of the desk on the recording."""
    way = ("--transport", "replay", "-o", f"replay.file={file}")
    return desk.run(*asked(desk, command, *way, *more, area=area))


def told(ended: CommandEnded) -> dict[str, Any]:
    """Return a report without what differs from run to run."""
    report = {key: value for key, value in ended.report.items() if key not in OF_A_RUN}
    report["companion"] = {k: v for k, v in report["companion"].items() if k not in OF_A_TRANSPORT}
    return report


class TestOverThisMachine:
    """A build by the transport ``local``."""

    def test_a_build_is_played_by_another_operator_with_an_empty_store(
        self, rig: Workstation, desk: Workstation, file: Path
    ) -> None:
        """Success, the same generation, the same report but for times; nothing is written to any companion.

        The desk's tiles become ready in other batches than the rig's, and a filled store's in others again.
        """
        built = made(rig, file)
        assert built.code == 0, built.all
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for _ in ("empty", "filled"):
            again = played(desk, file)
            assert again.code == 0, again.all
            report = again.report
            assert report["companion"]["generation_after"] == built.report["companion"]["generation_after"]
            assert report["companion"]["simulated"].startswith("a recording of local of 20")
            assert report["companion"]["transport"] == "replay"
            kept = ("tiles", "provider", "bytes")
            assert {k: v for k, v in told(again).items() if k not in kept} == {
                k: v for k, v in told(built).items() if k not in kept
            }
            assert report["bytes"]["sent"] == built.report["bytes"]["sent"]
            assert "clock" not in " ".join(report["notes"])
        assert not desk.cache_root.exists()

    def test_another_version_is_held_against_what_a_companion_said(
        self, rig: Workstation, desk: Workstation, file: Path
    ) -> None:
        """Whether the recorded version put its agent there or found it: the run ends as it did then, by the page's own
        command and without a configuration, and says which version and which agent it was."""
        files = (file.with_suffix(".first"), file)
        built = [made(rig, one) for one in files]
        assert [one.report["outcome"] for one in built] == ["success", "idempotent_no_op"]
        for one, then in zip(files, built, strict=True):
            older(one)
            again = desk.run(*of_the_page(one), *AREA[2:], "--json")
            assert again.code == 0, again.all
            assert again.report["outcome"] == then.report["outcome"]
            assert "operator-tool/0.0.1 made the recording" in again.err
            assert (
                f"the recorded program is c10-agent-{'0a' * 6}.pyz, and this run's is {agent_bundle().name}"
                in again.err
            )

    def test_another_flight_fails_and_says_what_differs(self, rig: Workstation, desk: Workstation, file: Path) -> None:
        """Fewer tiles, more tiles, other tiles of the same number: never a success."""
        assert made(rig, file).code == 0
        for zooms, code, words in (("14-15", 22, "are offered, and the recording"), ("14-17", 22, "more tiles")):
            other = played(desk, file, area=(*AREA[:2], "--zoom", zooms, *AREA[4:]))
            assert other.code == code, other.all
            assert words in other.report["message"]
            assert "--record" in other.report["remediation"]
            assert not other.report["retryable"]
        moved = played(desk, file, area=(*AREA[:4], "--corridor", "300.001"))
        assert (moved.code, moved.report["failure_phase"]) == (23, "verify"), moved.all

    def test_a_cache_that_was_there_already_is_there_for_its_own_flight_alone(
        self, rig: Workstation, desk: Workstation, file: Path
    ) -> None:
        """A recorded no-op is one; for another flight the verified cache of the recording is nobody's."""
        assert made(rig, file.with_suffix(".first")).code == 0
        assert made(rig, file).report["outcome"] == "idempotent_no_op"
        again = played(desk, file)
        assert (again.code, again.report["outcome"]) == (0, "idempotent_no_op"), again.all
        other = played(desk, file, area=(*AREA[:4], "--corridor", "200"))
        assert (other.code, other.report["failure_phase"]) == (30, "companion"), other.all
        assert "asks for the cache" in other.report["message"]

    def test_a_companion_that_is_not_ready_is_not_ready(self, rig: Workstation, desk: Workstation, file: Path) -> None:
        """The same code and reasons; what comes after the question is not in the recording."""
        rig.cache_root.mkdir()
        own = rig.cache_root / "companion.json"
        own.write_text('{"armed_command": ["/bin/false"]}')
        own.chmod(0o644)
        was, again = made(rig, file), played(desk, file)
        assert (was.code, again.code) == (31, 31), again.all
        assert again.report["message"] == was.report["message"]
        assert "armed" in again.report["message"]

    def test_other_commands_are_recorded_too(self, rig: Workstation, desk: Workstation, file: Path) -> None:
        """What a companion answers to verify-ready and to its keepers' questions."""
        assert made(rig, file.with_suffix(".first")).code == 0
        was, again = made(rig, file, command="verify-ready"), played(desk, file, command="verify-ready")
        assert (was.code, again.code) == (0, 0), again.all
        status = file.with_suffix(".status")
        way = ("-o", f"c10.cache_root={rig.cache_root}", "--json")
        kept = rig.run("companion", "status", "--transport", "local", "--record", str(status), *way)
        shown = desk.run("companion", "status", "--transport", "replay", "-o", f"replay.file={status}", *way)
        assert (kept.code, shown.code) == (0, 0), shown.all
        (one,), (other,) = kept.report["companions"], shown.report["companions"]
        for fact in ("companion_id", "generation", "holdings"):
            assert other["state"][fact] == one["state"][fact]
        assert other["simulated"].startswith("a recording of local")

    def test_a_signed_build_is_played_with_any_key_that_was_enrolled(
        self, rig: Workstation, desk: Workstation, file: Path, tmp_path: Path
    ) -> None:
        """The recorded companion's word on the signature is what counts; an unknown key is refused as then."""
        keys = [tmp_path / name for name in ("ours", "theirs")]
        for key in keys:
            make_key(key)
        rig.cache_root.mkdir()
        signers = rig.cache_root / "allowed_signers"
        signers.write_text(f"op {' '.join(keys[0].with_suffix('.pub').read_text().split()[:2])}\n")
        signers.chmod(0o644)
        signed = ("-o", f"c10.signing_key={keys[0]}")
        built, again = made(rig, file, *signed), played(desk, file, *signed)
        assert (built.code, again.code) == (0, 0), built.all + again.all
        assert again.report["companion"]["signer"] == built.report["companion"]["signer"] != ""
        refused = played(desk, file, "-o", f"c10.signing_key={keys[1]}")
        assert refused.code == 31, refused.all

    def test_a_run_that_was_killed_is_played_to_where_it_was_killed(
        self, rig: Workstation, desk: Workstation, file: Path
    ) -> None:
        """Its recording has whole lines and no end; the replay fails there and says why."""
        python = rig.folder / "slow-python"
        python.write_text(f'#!/bin/sh\ncase "$*" in *-c*) exec {sys.executable} "$@";; esac\nexec cat >&2\n')
        python.chmod(0o755)
        more = ("--transport", "local", "-o", f"c10.python={python}", "--record", str(file))
        with rig.start(*asked(rig, "build-cache", *more)) as build:
            _wait_until(lambda: file.exists() and b'"started"' in file.read_bytes())
            build.send_signal(signal.SIGKILL)
            _end_quietly(build)
        assert not isinstance(records(file)[-1], Ended)
        cut = played(desk, file, "-o", "replay.patience_s=0.3", "-o", f"c10.python={python}")
        assert cut.code == 30, cut.all
        assert "cut short" in cut.report["message"]

    def test_several_companions_are_in_one_file(self, rig: Workstation, desk: Workstation, file: Path) -> None:
        """Each is played by its name."""
        for workstation in (rig, desk):
            workstation.config.write_text(
                "".join(
                    f'[companions.{name}]\ntransport = "local"\n'
                    f'[companions.{name}.c10]\ncache_root = "{workstation.folder / name}"\n'
                    for name in ("left", "right")
                )
            )

        def both(workstation: Workstation, *more: str) -> CommandEnded:
            flight = ["build-cache", "--flight-file", str(FLIGHT), *AREA, "--all-companions", "--json"]
            return workstation.run(*flight, "--config", str(workstation.config), *more)

        built = both(rig, "--record", str(file))
        assert built.code == 0, built.all
        again = both(desk, "--transport", "replay", "-o", f"replay.file={file}")
        assert again.code == 0, again.all
        assert not (desk.folder / "left").exists()

    def test_what_can_not_be_recorded_or_played_is_an_error_of_the_configuration(
        self, rig: Workstation, desk: Workstation, file: Path
    ) -> None:
        """Before anything is connected: a file that is there, one that is no recording."""
        file.write_text("somebody's")
        for ended in (made(rig, file), played(desk, file)):
            assert ended.code == 11, ended.all
        assert file.read_text() == "somebody's"
        assert not rig.cache_root.exists()

    def test_no_secret_that_the_companion_says_is_in_the_recording(self, rig: Workstation, file: Path) -> None:
        """A key of this run that comes back from there in noise, errors and other forms is covered or withheld."""
        key = "canary/4711+Käse&key=%7E"
        forms = [key, urllib.parse.quote(key, safe=""), base64.b64encode(key.encode()).decode()]
        python = rig.folder / "babbling-python"
        words = " ".join(f"'{form}'" for form in [*forms, key[:11], key[11:]])
        python.write_text(
            f"#!/bin/sh\nprintf '%s\\n' {words}\necho '{key}' >&2\nexec {sys.executable} \"$@\"\n", encoding="utf-8"
        )
        python.chmod(0o755)
        also = ("--provider", "xyz", "-o", "xyz.url=http://127.0.0.1:9/{z}/{x}/{y}?key={api_key}")
        more = ("--transport", "local", "--record", str(file), "-o", f"c10.python={python}", *also)
        ended = rig.run(*asked(rig, "build-cache", *more), env={"OPERATOR_TOOL_XYZ_API_KEY": key})
        assert ended.code == 0, ended.all
        content = file.read_bytes().decode("utf-8")
        assert "***" in content
        assert not [form for form in [*forms, key[:11], key[11:]] if form in content]


def older(file: Path) -> None:
    """Make a recording one of another version of the tool, whose agent was another file."""
    ours, its = agent_bundle().sha256, "0a" * 32
    content = file.read_text()
    assert ours in content
    content = content.replace(ours, its).replace(ours[:12], its[:12])
    file.write_text(re.sub('"tool":"[^"]+"', '"tool":"operator-tool/0.0.1"', content, count=1))


def of_the_page(file: Path) -> list[str]:
    """Return the second command of docs/how-to/record-and-replay.md, for the tutorial's flight and a recording."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "record-and-replay.md").read_text()
    second = page.partition("```sh\n")[2].partition("\n```")[0].replace("\\\n", "").splitlines()[1]
    ours = {"survey.plan": str(FLIGHT), "satellite": "synthetic", "replay.file=left.jsonl": f"replay.file={file}"}
    words = shlex.split(second)
    assert set(ours) <= set(words)
    return [ours.get(word, word) for word in words[1:]]


def test_a_rigs_wrapper_that_hands_on_is_recorded(rig: Workstation, file: Path) -> None:
    """The wrapper that the documentation teaches, around a simulated companion: it stays one."""
    site = rig.folder / "site"
    install_from_source(Path(__file__).parents[1] / "distributions" / "acme-rig", site)
    asked_of = ("companion", "install", "--transport", "mock", "-o", "c10.cache_root=cache", "--json")
    ended = rig.run(
        *(*asked_of, "-o", f"mock.companion_dir={rig.folder / 'mock'}", "--record", str(file)),
        env={"PYTHONPATH": str(site), "OPERATOR_TOOL_LISTENERS": "acme-rig,progress"},
    )
    assert ended.code == 0, ended.all
    (one,) = ended.report["companions"]
    assert one["simulated"]
    assert "each line is held back" in ended.err
    assert [record for record in records(file) if isinstance(record, Ended)]


@pytest.mark.real_parts
class TestOverOpenSSH:
    """Builds on a companion behind a real OpenSSH server."""

    @pytest.mark.parametrize("transport", ["openssh", pytest.param("ssh", marks=pytest.mark.nightly)])
    def test_a_build_over_ssh_is_played_without_ssh(
        self, rig: Workstation, desk: Workstation, file: Path, sshd: RealSshd, transport: str
    ) -> None:
        """The replay has address and host key of the companion in its report, and connects to nobody."""
        options = [part for name, value in sshd.options().items() for part in ("-o", f"{transport}.{name}={value}")]
        built = made(rig, file, "--transport", transport, *options)
        assert built.code == 0, built.all
        again = played(desk, file)
        assert again.code == 0, again.all
        assert told(again) == told(built)
        assert again.report["companion"]["fingerprint"] == sshd.fingerprint

    def test_a_link_that_broke_breaks_again_and_is_taken_up_again(self, tmp_path: Path) -> None:
        """As often, and the replay ends as well as the run did: the next session goes on."""
        imagery = Imagery(tmp_path / "imagery", picture_bytes=30_000, metres=300)
        file = tmp_path / "recording.jsonl"
        with real_sshd(tmp_path / "sshd") as server:
            trial = Trial(tmp_path / "operator", server, "openssh", imagery, None)
            download = trial.workstation.run("download", *imagery.arguments(), *imagery.from_folder())
            assert download.code == 0, download.all
            with LinkProxy((server.host, server.port), cut_at_bytes=[imagery.bytes // 2]) as link:
                built = trial.run("--record", str(file), port=link.port, ends_s=60)
        assert (built.code, built.report["companion"]["reconnects"]) == (0, 1), built.all
        assert len([record for record in records(file) if isinstance(record, Connected)]) == 2
        again = trial.workstation.run(
            *("build-cache", *imagery.arguments(), *imagery.from_folder(), "--json", "--transport", "replay"),
            *("-o", f"replay.file={file}", "-o", f"c10.cache_root={trial.cache_root}"),
        )
        assert again.code == 0, again.all
        assert again.report["companion"]["reconnects"] == 1
        assert again.report["companion"]["generation_after"] == built.report["companion"]["generation_after"]


def test_a_disk_that_was_full_is_full_again(rig: Workstation, desk: Workstation, file: Path, tmp_path: Path) -> None:
    """A rehearsal with a mock is recorded like a drone: the failure, its code and its words are the recorded ones."""
    script = tmp_path / "script.toml"
    script.write_text('[[fault]]\nkind = "disk_full"\nphase = "transfer"\nleft_bytes = 40000\n')
    mock = ("--transport", "mock", "-o", f"mock.script={script}", "-o", f"mock.companion_dir={tmp_path / 'mock'}")
    was = rig.run(
        *("build-cache", "--flight-file", str(FLIGHT), *AREA, "--json", "--record", str(file)),
        *(*mock, "-o", "c10.cache_root=cache"),
    )
    assert was.code == 22, was.all
    again = played(desk, file)
    assert again.code == 22, again.all
    assert again.report["message"] == was.report["message"]


def _wait_until(true: Any) -> None:
    until_s = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def _end_quietly(build: subprocess.Popen[bytes]) -> None:
    build.communicate(timeout=20)
    assert build.returncode == -signal.SIGKILL
