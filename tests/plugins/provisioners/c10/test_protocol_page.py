"""The page of the protocol names what the agent says, so that another program can be written from it."""

from __future__ import annotations

import re
from pathlib import Path

from operator_tool_plugins.provisioners.c10 import agent
from operator_tool_plugins.provisioners.c10.agent.desk import VERBS

PAGE = (Path(__file__).parents[4] / "docs/reference/agent-protocol.md").read_text()
SOURCE = "".join(path.read_text() for path in Path(agent.__file__).parent.rglob("*.py"))


def test_every_error_code_is_documented() -> None:
    """Each code that the agent can report stands in the page."""
    codes = set(re.findall(r'AgentError\(\s*"([a-z_]+)"', SOURCE)) | {"disk", "system"}
    assert len(codes) > 12
    assert [code for code in codes if f"`{code}`" not in PAGE] == []


def test_every_event_and_verb_is_documented() -> None:
    """Each event that the agent can say, and each verb, stands in the page."""
    events = set(re.findall(r'\.event\(\s*"([a-z]+)"', SOURCE))
    assert {"begin", "lacks", "stored", "made", "ready", "progress", "waiting", "stage"} <= events
    assert [event for event in events if f'"event":"{event}"' not in PAGE] == []
    assert [verb for verb in VERBS if f"`{verb}`" not in PAGE] == []


def test_every_field_of_a_request_is_documented() -> None:
    """Each field that the agent asks of a request stands in the page."""
    fields = set(re.findall(r'request\.(?:text|number|seconds|texts)\(\s*"([a-z_]+)"', SOURCE))
    assert "lock_wait_s" in fields
    assert [field for field in fields if f"`{field}`" not in PAGE] == []
