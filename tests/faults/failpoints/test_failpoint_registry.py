"""The registries of failpoints: each name is reached at exactly one place, and nothing but a test build arms one."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

import operator_tool
import operator_tool_plugins
from operator_tool import failpoints
from operator_tool_plugins.provisioners.c10 import agent
from operator_tool_plugins.provisioners.c10.agent import failpoints as agent_failpoints
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.failpoint_runs import Fault, all_faults, armed_agent

AGENT = Path(agent.__file__).parent
WORKSTATION = [Path(operator_tool.__file__).parent, Path(next(iter(operator_tool_plugins.__path__)))]


def agent_files() -> list[Path]:
    """Return the files of the agent."""
    return sorted(AGENT.rglob("*.py"))


def workstation_files() -> list[Path]:
    """Return the files that run on the workstation."""
    return sorted(path for folder in WORKSTATION for path in folder.rglob("*.py") if AGENT not in path.parents)


def calls_in(files: list[Path]) -> list[str]:
    """Return the name in each call of ``failpoint``; one that can't be read from the text fails."""
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: a failpoint's name is a plain text"
                assert isinstance(name.value, str)
                found.append(name.value)
    return found


@pytest.mark.parametrize("side", ["workstation", "companion"])
def test_each_failpoint_is_at_exactly_one_place(side: str) -> None:
    """What is called is registered, what is registered is called, and a name says where one is."""
    if side == "workstation":
        calls, registered = calls_in(workstation_files()), [one.name for one in failpoints.FAILPOINTS]
    else:
        calls, registered = calls_in(agent_files()), [one.name for one in agent_failpoints.FAILPOINTS]
    assert Counter(calls) == Counter(registered)
    assert max(Counter(registered).values()) == 1


def test_there_are_enough_of_them() -> None:
    """A registry that shrinks is noticed here."""
    assert len(failpoints.FAILPOINTS) >= 16
    assert len(agent_failpoints.FAILPOINTS) >= 25


def test_each_failpoint_has_its_cases() -> None:
    """The full matrix has every name with every action."""
    names = {("workstation", one.name) for one in failpoints.FAILPOINTS}
    names |= {("companion", one.name) for one in agent_failpoints.FAILPOINTS}
    assert {(fault.side, fault.name, fault.action) for fault in all_faults()} == {
        (*name, action) for name in names for action in failpoints.ACTIONS
    }


def test_the_agent_that_is_installed_cannot_be_armed(tmp_path: Path) -> None:
    """The one file that arms it is in no bundle but a test's, which differs from the real one in nothing else."""
    with zipfile.ZipFile(io.BytesIO(agent_bundle().data)) as real:
        names = real.namelist()
    assert "c10_agent/failpoints.py" in names
    assert "c10_agent/armed.py" not in names
    with zipfile.ZipFile(io.BytesIO(armed_agent(Fault("companion", "publish.after_link", "raise"), tmp_path))) as test:
        assert sorted(test.namelist()) == sorted([*names, "c10_agent/armed.py"])


@pytest.mark.parametrize("files", [agent_files(), [Path(failpoints.__file__)]], ids=["companion", "workstation"])
def test_no_environment_and_no_setting_arms_one(files: list[Path]) -> None:
    """The module of the failpoints looks at no environment and no argument, and nothing of ours calls ``arm``."""
    for path in files:
        if path.name == "failpoints.py":
            text = path.read_text(encoding="utf-8")
            assert not {"environ", "getenv", "argv", "settings"} & set(text.replace(".", " ").replace("(", " ").split())
    arming = [
        path
        for path in [*workstation_files(), *agent_files()]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and _called(node) == "arm"
    ]
    assert {path.name for path in arming} <= {"desk.py", "receive.py", "artefacts.py"}, "the dead man's, nobody else's"


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


@pytest.mark.parametrize(("name", "action"), [("no.such", "raise"), ("plan.after_plan", "explode")])
def test_what_is_not_registered_cannot_be_armed(name: str, action: str, tmp_path: Path) -> None:
    """A case for a failpoint that is gone fails by itself."""
    with pytest.raises(ValueError, match="no failpoint"):
        failpoints.arm(name, action, str(tmp_path / "hit"))


def test_a_failpoint_that_is_not_armed_does_nothing(tmp_path: Path) -> None:
    """Neither where nothing is armed, nor where another one is; the marker tells of a hit, and of nothing else."""
    failpoints.failpoint("plan.after_plan")
    agent_failpoints.failpoint("publish.after_link")
    marker = tmp_path / "hit"
    program = (
        "from operator_tool import failpoints as f\n"
        f"f.arm('plan.after_plan', 'eio', {str(marker)!r}, nth=2)\n"
        "f.failpoint('plan.after_resolve'); f.failpoint('plan.after_plan'); print('still here', flush=True)\n"
        "f.failpoint('plan.after_plan')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "still here\n"
    assert "OSError: [Errno 5]" in done.stderr
    assert marker.exists()
