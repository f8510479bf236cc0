"""The test classes that look at the twins of companion transports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from operator_tool.testing import LinkedTransportContract
from tests.core.testing.twins.transport_twins import OPEN, TWINS


class TransportTwins(LinkedTransportContract):
    """For twins that reach this machine, by a link that breaks when it is told to."""

    @pytest.fixture
    def break_link(self) -> Callable[[], None]:
        """Break every session that is open."""

        def break_all() -> None:
            for session in tuple(OPEN):
                session.break_now()

        return break_all


def classes(names: Sequence[str]) -> dict[str, type]:
    """Return a test class for each of these twins."""
    return {
        f"Test{name}": type(
            f"Test{name}",
            (TransportTwins,),
            {"plugin": f"twin-{name}", "fails": TWINS[name].fails, **TWINS[name].more},
        )
        for name in names
    }
