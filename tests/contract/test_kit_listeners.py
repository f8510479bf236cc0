"""The built-in listeners keep to the contract that the kit holds everybody's to, and so do two of other companies."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool.testing import ListenerContract
from operator_tool.testing.left_open import LeftOpen
from operator_tool.testing.making import MakeHost, Options
from operator_tool.testing.sample_events import a_run
from operator_tool.testing.services.flight_service import FlightAnswer, FlightService, running_service
from tests.support.distributions import install_from_source

DISTRIBUTIONS = Path(__file__).parents[1] / "distributions"


class TestProgress(ListenerContract):
    """Lines on standard error; the bars are drawn on a terminal, which their own tests have."""

    plugin = "progress"

    @pytest.fixture
    def unwritable_options(self) -> None:
        """Standard error is no setting."""


class TestJsonlog(ListenerContract):
    """A line for each event in a file."""

    plugin = "jsonlog"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """Where the file is."""
        return {"path": tmp_path / "events.jsonl"}

    @pytest.fixture
    def unwritable_options(self, tmp_path: Path) -> Options:
        """A file in no folder."""
        return {"path": tmp_path / "no" / "events.jsonl"}


class TestAcmeEvents(ListenerContract):
    """A distribution that pushes each event to an address."""

    plugin = "acme-events"

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Install it."""
        monkeypatch.syspath_prepend(install_from_source(DISTRIBUTIONS / "acme-events", tmp_path / "site"))

    @pytest.fixture
    def address(self) -> Iterator[FlightService]:
        """The address: it takes everything."""
        with running_service(lambda _path, _id, _waypoints: {}) as running:
            running.answer(FlightAnswer(status=204))
            yield running

    @pytest.fixture
    def plugin_options(self, address: FlightService) -> Options:
        """Where it is."""
        return {"url": f"{address.url}/events", "token": address.token}

    @pytest.fixture
    def unwritable_options(self) -> Options:
        """A port at which nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            return {"url": f"http://127.0.0.1:{free.getsockname()[1]}/"}

    @pytest.fixture
    def written(self, address: FlightService) -> Callable[[], bytes]:
        """The bodies that came; the token belongs into a header alone."""
        return lambda: b"\n".join(request.path.encode() + request.body for request in address.requests)

    def test_leaves_nothing_open_where_nobody_answers(
        self, make_host: MakeHost, plugin_options: Options, address: FlightService
    ) -> None:
        """What can't be posted in time is left, and the thread ends after the request that is under way."""
        address.answer(FlightAnswer(silent=True))
        open_now = LeftOpen()
        host = make_host({**plugin_options, "timeout_s": "0.2", "flush_s": "0.1"})
        self.start(host)
        self.tell(host, a_run())
        self.stop(host)
        assert not [one for one in open_now.since(0.2) if "thread" in one]


class TestAcmeRig(ListenerContract):
    """A distribution that wraps transports, and listens to nothing."""

    plugin = "acme-rig"

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Install it."""
        monkeypatch.syspath_prepend(install_from_source(DISTRIBUTIONS / "acme-rig", tmp_path / "site"))

    @pytest.fixture
    def unwritable_options(self) -> None:
        """It writes nowhere."""
