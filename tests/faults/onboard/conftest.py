"""An older cache and the tiles of the next one, made once; parts of each trial's companion are played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.onboard_trial import Onboard, OnboardTrial, tile_of
from tests.support.played_agent import changed_agent, player_of
from tests.support.tile_server import tile_server


@pytest.fixture(scope="session")
def onboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Onboard]:
    """What every trial begins with."""
    with tile_server(tile_of) as server:
        yield Onboard(tmp_path_factory.mktemp("onboard"), server.template)


@pytest.fixture
def trial(onboard: Onboard, tmp_path: Path) -> OnboardTrial:
    """An operator, and a companion that has an older cache."""
    return onboard.trial(tmp_path / "operator")


@pytest.fixture
def played(tmp_path: Path) -> Callable[[str, str], Path]:
    """Make a program that plays one verb by a script; those before it are the real agent's."""
    return lambda verb, script: player_of(tmp_path / "player", verb, script)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], Path]:
    """Make a program that is the real agent with a part changed."""
    return lambda change: changed_agent(tmp_path / "changed", change)
