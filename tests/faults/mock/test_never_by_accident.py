"""A rehearsal is one on purpose, says so everywhere, and touches nothing but its own folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from operator_tool.api import LinkError, RunContext
from operator_tool_plugins.transports.mock import make_companion_transport
from operator_tool_plugins.transports.mock.settings import MockSettings
from tests.support.command import Ended
from tests.support.mock_rig import FLIGHT, MockRig

BUILD = ("build-cache", "--flight-file", str(FLIGHT), "--provider", "synthetic", "--zoom", "15-15")
READY = ("verify-ready", "--flight-file", str(FLIGHT), "--provider", "synthetic", "--zoom", "15-15")


@pytest.fixture
def rig(tmp_path: Path) -> MockRig:
    """A rig whose script is empty."""
    return MockRig(tmp_path)


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what lies below a folder, byte for byte, with its times."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.lstat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize(
    "command",
    [BUILD, (*BUILD, "--dry-run"), READY, ("companion", "status"), ("companion", "gc"), ("companion", "enrol")],
    ids=" ".join,
)
def test_case_132_no_configuration_selects_it(rig: MockRig, command: tuple[str, ...]) -> None:
    """One that names it is refused, whatever the command, and nothing of the companion is made."""
    rig.config.write_text('[companions.alpha]\ntransport = "mock"\n[companions.alpha.c10]\ncache_root = "cache"\n')
    refused = rig.run_plain(*command, "--companion", "alpha", *rig.settings("c10.cache_root="))
    assert refused.code == 11
    assert "[companions.alpha]: the transport mock reaches no drone but a simulated companion" in refused.all
    assert "only --transport on the command line may select it" in refused.all
    assert not rig.companion.exists()


def test_case_132_a_companion_of_the_configuration_is_rehearsed_when_asked_for(rig: MockRig) -> None:
    """With --transport the same companion is simulated, by its name and in a folder of its own."""
    rig.config.write_text('[companions.alpha]\ntransport = "ssh"\n[companions.alpha.c10]\ncache_root = "cache"\n')
    built = rig.run_plain(*BUILD, "--companion", "alpha", "--transport", "mock", "--json", "--quiet")
    assert built.code == 0
    folder = rig.folder / "data/plugins/mock/companion-alpha"
    assert f"SIMULATED COMPANION alpha (mock:{folder}): " in built.err
    assert (folder / "home/cache/current").is_symlink()


def test_case_132_every_output_says_that_there_is_no_drone(rig: MockRig) -> None:
    """The banner comes first however quiet; reports, checks, status and the workstation's log say it, and how."""
    by = f"programs of this machine behind the link of {rig.script}"
    banner = f"SIMULATED COMPANION mock:{rig.companion}: {by}; nothing reaches a drone\n"
    marked = f"mock:{rig.companion} (SIMULATED: {by})"
    built = rig.run(*BUILD, "--json", "--quiet")
    assert built.err == banner
    summary = built.report["companion"]
    assert (summary["transport"], summary["simulated"]) == ("mock", by)
    said: list[tuple[Ended, str]] = [
        (rig.run(*BUILD, "--quiet"), f"companion  {marked} "),
        (rig.run(*READY, "--quiet"), f"ok   reached       {marked}, "),
        (rig.run("companion", "status", "--quiet"), f"address     {marked}"),
        (rig.run("companion", "verify", "--quiet"), f"address     {marked}"),
    ]
    for ended, line in said:
        assert ended.code == 0
        assert ended.err == banner
        assert line in ended.out
    assert "the SIMULATED companion is ready to fly this flight" in said[1][0].out
    for command in (READY, ("companion", "status")):
        document = rig.run(*command, "--json").report
        assert document["companions"][0]["simulated"] == by
    log = [json.loads(line) for line in (rig.folder / "data/audit.jsonl").read_text().splitlines()]
    assert len(log) == 7
    assert {line["simulated"] for line in log} == {by}


def test_case_132_listeners_are_told(rig: MockRig) -> None:
    """A log of events has it as a notice, before anything is asked of the companion."""
    loud = rig.run(*BUILD)
    lines = loud.err.splitlines()
    told = lines.index(f"note: no drone takes part: mock:{rig.companion} is simulated")
    assert told < next(number for number, line in enumerate(lines) if line.startswith("companion: "))


def test_case_132_there_is_nothing_to_enrol(rig: MockRig) -> None:
    """A host key of nobody is not pinned."""
    enrolled = rig.run("companion", "enrol")
    assert enrolled.code == 2
    assert "the companion is simulated (programs of this machine" in enrolled.all
    assert "there is nothing to enrol" in enrolled.all
    assert not (rig.folder / "data/trust").exists()


@pytest.mark.parametrize("agent_dir", [(), ("-o", "c10.agent_dir=agent")], ids=["agent-beside", "agent-inside"])
def test_case_132_it_writes_no_real_seq(rig: MockRig, agent_dir: tuple[str, ...]) -> None:
    """A real cache of this machine stays as it is to the byte, though the same cache root is given to the mock."""
    real = rig.folder / "real"
    local = rig.run_plain(*BUILD, "--transport", "local", "-o", f"c10.cache_root={real}", "--json", "--quiet")
    assert local.report["companion"]["simulated"] == ""
    before = contents(real)
    refused = rig.run(*BUILD, "-o", f"c10.cache_root={real}", "--zoom", "15-16", "--json", "--quiet", *agent_dir)
    assert refused.code in (30, 31)
    told = refused.report["message"]
    assert f"outside of the simulated companion, which writes below {rig.home} alone; give it a relative path" in told
    assert contents(real) == before
    elsewhere = rig.folder / "elsewhere"
    refused = rig.run(*BUILD, "-o", f"c10.cache_root={elsewhere}", "--json", "--quiet", *agent_dir)
    assert "outside of the simulated companion" in refused.report["message"]
    assert not elsewhere.exists()


def test_case_132_a_real_cache_is_no_companion_s_folder(rig: MockRig) -> None:
    """A folder that holds anything but a mock's companion is not taken for one."""
    rig.companion.mkdir()
    (rig.companion / "current").symlink_to("generations/00000001-0123456789ab")
    refused = rig.build()
    assert (refused.code, refused.report["failure_exception_type"]) == (11, "ConfigError")
    assert "holds something, and not a mock's companion: nothing was written there" in refused.report["message"]
    assert os.listdir(rig.companion) == ["current"]


def test_case_132_files_come_and_go_inside_alone(tmp_path: Path) -> None:
    """Whatever a provisioner names, put and get stay in the companion's home."""
    settings = MockSettings(companion_dir=tmp_path / "companion")
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    with make_companion_transport(settings, RunContext(run_id="run", state_dir=tmp_path)).connect() as session:
        session.put(b"data", "folder/file")
        (tmp_path / "companion/home/way-out").symlink_to(tmp_path)
        for path in (str(outside), "../../outside", "way-out/outside"):
            with pytest.raises(LinkError, match="outside of the simulated companion's home") as refused:
                session.put(b"theirs", path)
            assert not refused.value.retryable
            with pytest.raises(LinkError, match="could not be read: it is outside"):
                session.get(path)
        assert session.get("folder/file") == b"data"
    assert outside.read_bytes() == b"mine"
    assert (tmp_path / "companion/home/folder/file").read_bytes() == b"data"
