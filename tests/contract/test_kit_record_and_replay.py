"""The listener that records, and the transport that plays, keep to what the kit asks of any plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionTransport, RunContext
from operator_tool.testing import CompanionTransportContract, ListenerContract, PluginContract
from operator_tool.testing.making import MakeHost, Options
from operator_tool.testing.said import Said
from operator_tool_plugins.transports.local import make_companion_transport
from tests.support.recordings import recording


class TestRecord(ListenerContract):
    """It tells of sessions and not of events: its file has none."""

    plugin = "record"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """Where the recording goes."""
        return {"file": tmp_path / "recording.jsonl"}

    @pytest.fixture
    def unwritable_options(self, tmp_path: Path) -> Options:
        """A file in no folder."""
        return {"file": tmp_path / "no" / "recording.jsonl"}


class TestRecordedLocal(CompanionTransportContract):
    """All that a transport must do holds while it is recorded."""

    plugin = "local"

    @pytest.fixture
    def transport(self, made: CompanionTransport, context: RunContext, tmp_path: Path) -> Iterator[CompanionTransport]:
        """This machine, recorded."""
        with recording(tmp_path / "recording.jsonl", made, context) as recorded:
            yield recorded


class TestReplay(PluginContract):
    """What the kit asks of a transport's programs is asked of the recorded transport: a replay has no others."""

    plugin = "replay"
    role = "companion_transport"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """A recording of a session with this machine."""
        context = RunContext(run_id="recorded", state_dir=tmp_path / "local")
        file = tmp_path / "recording.jsonl"
        with recording(file, make_companion_transport(context), context) as made, made.connect():
            pass
        return {"file": file}

    @pytest.fixture
    def use(self, make_host: MakeHost) -> Callable[[Options, RunContext, Said], None]:
        """Play the session."""

        def run(options: Options, context: RunContext, said: Said) -> None:
            transport = make_host(options, context).companion_transport(self.plugin)
            said.note("its address", transport.address)
            with transport.connect() as session:
                said.note("its identity", str(session.identity))

        return run
