"""A flight's imagery and an older cache, made once; and a companion for each trial, by each transport over SSH."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.companion_trial import Imagery, Trial, older_cache
from tests.support.real_parts import RealSshd, real_sshd

TRANSPORTS = ("ssh", "openssh")
ssh_by_day = pytest.mark.parametrize("transport", ["ssh", pytest.param("openssh", marks=pytest.mark.nightly)])
"""For what takes long: both ways in the nightly run, one in each run."""


@pytest.fixture(scope="session")
def imagery(tmp_path_factory: pytest.TempPathFactory) -> Imagery:
    """6 MB in 199 pictures of 30 kB."""
    return Imagery(tmp_path_factory.mktemp("imagery"), picture_bytes=30_000, metres=500)


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory, imagery: Imagery) -> Path:
    """The root of a companion that has a cache."""
    return older_cache(tmp_path_factory.mktemp("older") / "operator", imagery)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSshd]:
    """A real OpenSSH server for the trials of a module that need nothing special of it."""
    with real_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each way over SSH."""
    name: str = request.param
    return name


@pytest.fixture(params=["openssh", pytest.param("ssh", marks=pytest.mark.nightly)])
def one_transport(request: pytest.FixtureRequest) -> str:
    """One way over SSH, and nightly the other: for what happens on the companion alone."""
    name: str = request.param
    return name


@pytest.fixture
def make_trial(tmp_path: Path, server: RealSshd, imagery: Imagery, older: Path) -> Callable[[str], Trial]:
    """Make a trial by the name of its transport."""
    return lambda name: Trial(tmp_path / name, server, name, imagery, older)


@pytest.fixture
def trial(make_trial: Callable[[str], Trial], transport: str) -> Trial:
    """An operator, and a companion that has an older cache."""
    return make_trial(transport)
