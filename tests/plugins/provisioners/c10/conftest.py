"""What the tests of c10 share: the agent's file, a session with this machine, and programs that play a companion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionSession
from operator_tool_plugins.transports.local import LocalTransport
from tests.support.c10_rig import agent_file, context_of
from tests.support.played_agent import player_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The agent's zipapp."""
    (tmp_path / "bin").mkdir()
    return agent_file(tmp_path / "bin")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[CompanionSession]:
    """A session with this machine."""
    with LocalTransport(context_of(tmp_path)).connect() as session:
        yield session


@pytest.fixture
def player(tmp_path: Path) -> Callable[[str, str], str]:
    """Return what makes a program that plays one verb, or all of ``serve``; those before it are the real agent's."""
    return lambda verb, script: str(player_of(tmp_path / "player", verb, script))
