"""What the tests of power cuts share: benches on which a protocol can be carried out, prepared once each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.crash_states.bench import Bench
from tests.support.crash_states.protocols import Protocol, prepared


@pytest.fixture(scope="session")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Protocol], Bench]:
    """Return what gives a protocol's bench; nobody may change what lies on it."""
    benches: dict[str, Bench] = {}

    def give(protocol: Protocol) -> Bench:
        if protocol.name not in benches:
            benches[protocol.name] = prepared(protocol, tmp_path_factory.mktemp("prepared") / protocol.name)
        return benches[protocol.name]

    return give
